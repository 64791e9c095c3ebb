"""Reload the configuration and certificates (composition), while mail goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredLock, maybeDeferred
from zope.interface import implementer

from fopemta import maillog
from fopemta.config.checks import cautions
from fopemta.config.model import Configuration
from fopemta.config.reference import read_at_start
from fopemta.interfaces import IReload, Reloaded
from fopemta.server import configuration_file, preflight
from fopemta.server.changeable import changeable
from fopemta.server.following import AnyFollowing
from fopemta.server.kept_rules import KeptRules
from fopemta.settings.errors import ConfigurationError, ConfigurationErrors

# Read at start only: attributes that lead to it, and its name in the file.
AT_START = tuple(read_at_start())


@implementer(IReload)
class Reload:
    """Reads the file `path` for the server that is `following` it; one reload at a time, and the last one read wins.
    `kept` stores the rules before they take effect.
    """

    def __init__(
        self,
        path: str,
        following: AnyFollowing,
        in_thread: Callable[..., Any] = maybeDeferred,
        kept: KeptRules | None = None,
    ) -> None:
        self._path = path
        self._following = following
        self._in_thread = in_thread
        self._kept = kept
        self._turn = DeferredLock()

    @property
    def current(self) -> Configuration:
        """The configuration in use."""
        return self._following.current

    def run(self, allow_lower: bool | None = None, who: str = "") -> Deferred[Reloaded]:
        """See IReload; the result is logged."""
        return Deferred.fromCoroutine(self._run_and_tell(allow_lower, who))

    async def _run_and_tell(self, allow_lower: bool | None, who: str) -> Reloaded:
        done: Reloaded = await self._turn.run(lambda: Deferred.fromCoroutine(self._run(allow_lower, who)))
        if allow_lower is None and not done.errors:
            # Nobody asked who would be told.
            for caution in done.cautions:
                maillog.caution(*caution.split(": ", 1))
            await self.tell_what_keeps()
        return done

    async def _run(self, allow_lower: bool | None, who: str) -> Reloaded:
        freed: int | None = 0
        try:
            # Thousands of rules take a second, and a disk may be slow: mail goes on meanwhile.
            found, noted = await self._in_thread(_read, self._path)
            usable, ignored = _merged(self.current, found)
            if allow_lower is not None:
                freed = await self._following.freed_by(usable)
            if freed != 0 and not allow_lower:
                words = _UNKNOWN if freed is None else _FREES.format(freed, "" if freed == 1 else "s")
                raise ConfigurationErrors([ConfigurationError("rules", words)])
        except ConfigurationErrors as wrong:
            return _refused([str(error) for error in wrong.errors])
        wrong_elsewhere = await self._following.prepare(usable)
        if wrong_elsewhere:
            return _refused(wrong_elsewhere)
        if self._kept is not None:
            usable = self._kept.following(self.current, usable, lowered=bool(allow_lower))
            await self._in_thread(self._kept.keep, usable)
        self._following.take(usable, lowered_by=who or _SOMEBODY if allow_lower else None)
        maillog.reloaded(self._path)
        if ignored:
            maillog.needs_restart(ignored)
        return Reloaded(cautions=noted, at_start=tuple(ignored), freed=freed or 0)

    async def tell_what_keeps(self) -> None:
        """After SIGHUP or a restart, log how much queued mail keeps higher demands than new mail, since there is nobody
        to ask.  Counted after the reload, and without delaying another one: stricter demands must not wait until a long
        queue has been read.
        """
        kept = await self._following.freed_by(self.current)
        if kept:
            maillog.caution("rules", _KEEPS.format(kept, "" if kept == 1 else "s"))


def _read(path: str) -> tuple[Configuration, tuple[str, ...]]:
    """The configuration in the files, and warnings about it.  Raises ConfigurationErrors.  Runs in a thread."""
    found = configuration_file.read(path)
    errors = preflight.check(found)
    if errors:
        raise ConfigurationErrors(errors)
    return found, tuple(str(each) for each in (*cautions(found, time.time()), *changeable(path, found)))


_SOMEBODY = "the operator"
_FREES = "TLS demands would be lowered for {} queued recipient{}; to permit that: fopemta reload --allow-lower"
_KEEPS = (
    "TLS demands on new mail are lower; {} queued recipient{} keep the old ones (to lower those, too: "
    "fopemta reload --allow-lower)"
)
_UNKNOWN = "a worker does not report whether TLS demands on its queued mail would be lowered: try again in a moment"


def _refused(errors: Sequence[str]) -> Reloaded:
    maillog.reload_failed(errors)
    return Reloaded(errors=tuple(errors))


def _merged(current: Configuration, found: Configuration) -> tuple[Configuration, list[str]]:
    """`found`, with the keys that are read at start as in `current`; and those of them that differ."""
    ignored: list[str] = []
    for path, name in AT_START:
        before = _get(current, path)
        if before != _get(found, path):
            ignored.append(name)
            found = _set(found, path, before)
    return found, ignored


def _get(configuration: Configuration, path: Sequence[str]) -> Any:
    value: Any = configuration
    for name in path:
        value = getattr(value, name)
    return value


def _set(value: Any, path: Sequence[str], new: Any) -> Any:
    first, *rest = path
    return attrs.evolve(value, **{first: _set(getattr(value, first), rest, new) if rest else new})
