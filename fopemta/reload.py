"""Reload (composition): configuration and certificates read anew, while mail goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred
from zope.interface import implementer

from fopemta import configuration_file, maillog, preflight
from fopemta.config.checks import cautions
from fopemta.config.errors import ConfigurationError, ConfigurationErrors
from fopemta.config.model import CertificateFiles, Configuration
from fopemta.interfaces import IQueue, IReload, Reloaded
from fopemta.tls.credentials import Credentials, CredentialsError
from fopemta.tls.server import ServerTls

# Attributes of the model that are looked at when the service starts, and not again.
AT_START = (
    "node.hostname",
    "node.spool",
    "node.state",
    "listeners",
    "tls_client.roots",
    "tls_client.fetch_private",
    "fetch",
    "tls_server.client_certificates",
    "tls_server.client_roots",
    "tls_server.client_eku",
    "tls_server.lowest",
    "dns",
    "delivery.port",
    "delivery.connections",
    "delivery.connections_per_destination",
    "limits.spool_free",
    "limits.client_ipv4",
    "limits.client_ipv6",
    "users",
    "control",
    "log",
)


class Reconfigured(Protocol):
    """Whoever goes by the configuration."""

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` from now on."""


@implementer(IReload)
class Reload:
    """`current` is what `targets` go by, as read from `path`; each of `server_tls` serves what `credentials` finds."""

    def __init__(
        self,
        path: str,
        current: Configuration,
        targets: Sequence[Reconfigured],
        server_tls: Sequence[ServerTls],
        credentials: Callable[[Configuration], Sequence[Credentials]],
        queue: IQueue | None = None,
        show: Callable[[Sequence[CertificateFiles]], None] = lambda _: None,
    ) -> None:
        self._queue = queue
        self._show = show
        self._path = path
        self._current = current
        self._targets = targets
        self._server_tls = server_tls
        self._credentials = credentials

    @property
    def current(self) -> Configuration:
        """What is gone by now."""
        return self._current

    def run(self, allow_lower: bool | None = None) -> Deferred[Reloaded]:
        """See IReload; the log says what came of it."""
        return Deferred.fromCoroutine(self._run(allow_lower))

    async def _run(self, allow_lower: bool | None) -> Reloaded:
        freed = 0
        try:
            found = configuration_file.read(self._path)
            errors = preflight.check(found)
            if errors:
                raise ConfigurationErrors(errors)
            usable, ignored = _merged(self._current, found)
            if self._queue is not None and allow_lower is not None:
                freed = await self._queue.freed_by(usable)
            if freed and not allow_lower:
                raise ConfigurationErrors([ConfigurationError("rules", _FREES.format(freed))])
            found_credentials = self._credentials(usable) if self._server_tls else []
            for each in self._server_tls:
                each.replace(found_credentials)
            # Last: the old routes' certificates are gone with it.
            self._show(shown_certificates(usable))
        except ConfigurationErrors as wrong:
            return _refused([str(error) for error in wrong.errors])
        except CredentialsError as error:
            return _refused([f"tls.server.certificates: {error}"])
        for target in self._targets:
            target.reconfigure(usable)
        if self._queue is not None and allow_lower is not None:
            self._queue.let_demands_fall()
        self._current = usable
        maillog.reloaded(self._path)
        if ignored:
            maillog.needs_restart(ignored)
        return Reloaded(
            cautions=tuple(str(each) for each in cautions(usable, time.time())), at_start=tuple(ignored), freed=freed
        )


def shown_certificates(configuration: Configuration) -> list[CertificateFiles]:
    """Those of ours that routes show to their hosts."""
    return [route.certificate for route in configuration.routes if route.certificate is not None]


_FREES = "less would be demanded for {} recipients of mail in the queue; if that is meant: fopemta reload --allow-lower"


def _refused(errors: list[str]) -> Reloaded:
    maillog.reload_failed(errors)
    return Reloaded(errors=tuple(errors))


def _merged(current: Configuration, found: Configuration) -> tuple[Configuration, list[str]]:
    """`found`, with what is read at start only as it is in `current`; and the keys that differ there."""
    ignored: list[str] = []
    for name in AT_START:
        before, after = _get(current, name), _get(found, name)
        if before != after:
            ignored += [_KEYS.get(each, each) for each in _differences(name, before, after)]
            found = _set(found, name.split("."), before)
    return found, ignored


def _get(configuration: Configuration, name: str) -> Any:
    value: Any = configuration
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _set(value: Any, parts: Sequence[str], new: Any) -> Any:
    first, *rest = parts
    return attrs.evolve(value, **{first: _set(getattr(value, first), rest, new) if rest else new})


def _differences(name: str, before: Any, after: Any) -> Iterator[str]:
    """The attributes below `name` that differ."""
    if not attrs.has(type(before)):
        yield name
        return
    for field in attrs.fields(type(before)):
        if getattr(before, field.name) != getattr(after, field.name):
            yield f"{name}.{field.name}"


# Keys of the file whose attributes have other names.
_KEYS = {"listeners": "listener", "tls_client.roots": "tls.client.roots"} | {
    f"tls_server.{name}": f"tls.server.{name}"
    for name in ("client_certificates", "client_roots", "client_eku", "lowest")
}
