"""Whether a recipient exists, by the method that its route names."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from fopemta import maillog
from fopemta.address.mailbox import Mailbox
from fopemta.background import supervise
from fopemta.config.model import Configuration
from fopemta.interfaces import IAliases, IRecipients
from fopemta.mail.reply import Reply
from fopemta.policy import aliases as alias_rules
from fopemta.policy.aliases import NO_ALIASES, Aliases
from fopemta.policy.mailbox_name import maildir_of
from fopemta.policy.recipient_list import RecipientList, parse
from fopemta.policy.recipients import NO_SUCH_MAILBOX, NOT_KNOWN_NOW, by_callout, by_list, is_postmaster
from fopemta.recipients.calls import Calls
from fopemta.recipients.files import InThread, Parse, T, WatchedFile
from fopemta.routing.route import Route, Verify
from fopemta.routing.routes import is_local, route_for


@implementer(IRecipients, IAliases)
class RecipientVerifier:
    """By the routes of `config`; `calls` makes callouts, `now` gives the wall time; `clock` bounds the wait for a file
    that has not been read yet.
    """

    def __init__(
        self,
        config: Configuration,
        calls: Calls,
        in_thread: InThread,
        now: Callable[[], float],
        clock: IReactorTime | None = None,
    ) -> None:
        self._calls = calls
        self._in_thread = in_thread
        self._now = now
        self._clock = clock
        self._lists: dict[str, WatchedFile[RecipientList]] = {}
        self._aliases: WatchedFile[Aliases] | None = None
        self._config = config
        self.reconfigure(config)

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` from now on; files that are still named are not read again."""
        self._config = config
        paths = {each.recipients for each in config.routes if each.verify is Verify.LIST}
        self._lists = {each: self._lists.get(each) or self._watched(each, parse) for each in paths}
        # Always read again: whether aliases loop depends on which domains are local.
        path = config.aliases.file
        read = partial(alias_rules.parse, is_local=self._is_local)
        before, self._aliases = self._aliases, None
        if path != "off":
            self._aliases = self._watched(path, read)
            # Until it has been read: mail whose recipients were already verified is delivered by the old aliases.
            self._aliases.content = before.content if before is not None else None

    def _watched(self, path: str, read: Parse[T]) -> WatchedFile[T]:
        return WatchedFile(path, read, self._in_thread, self._clock)

    def _is_local(self, domain: str) -> bool:
        return is_local(domain, self._config.routes)

    def start(self) -> None:
        """Read all files in advance, so that no client has to wait for them."""
        if self._aliases is not None:
            _look_at(self._aliases)
        for file in self._lists.values():
            _look_at(file)

    def stop(self) -> None:
        """Nothing to stop."""

    # --- verify ----------------------------------------------------------------------------------------------------

    def verify(self, recipient: Mailbox) -> Deferred[Reply | None] | None:
        """See IRecipients."""
        route = route_for(recipient.domain, self._config.routes)
        if self._aliases is None and (route.verify is Verify.OFF or is_postmaster(recipient)):
            return None if _can_be_stored(recipient, route) else succeed(NO_SUCH_MAILBOX)
        return Deferred.fromCoroutine(self._verify(recipient, route))

    async def _verify(self, recipient: Mailbox, route: Route) -> Reply | None:
        try:
            return await self._judged(recipient, route)
        except Exception:  # noqa: BLE001  a bug of ours: nobody is told that he does not exist
            maillog.failed_unexpectedly("verifying a recipient")
            return NOT_KNOWN_NOW

    async def _judged(self, recipient: Mailbox, route: Route) -> Reply | None:
        local = route.is_local
        if local and self._aliases is not None:
            aliases = await self._aliases.current()
            if aliases is None:
                # If accepted now, it would go to the mailbox of that name instead of the alias's targets.
                return NOT_KNOWN_NOW
            if aliases.of(recipient) is not None:
                return None
        if not _can_be_stored(recipient, route):
            return NO_SUCH_MAILBOX
        if route.verify is Verify.OFF or is_postmaster(recipient):
            return None
        if route.verify is Verify.CALLOUT:
            return by_callout(await self._calls.known(recipient), route.unverified, self._now())
        if route.verify is Verify.LIST:
            return by_list(await self._listed(recipient, route, local))
        return by_list(await self._has_folder(recipient, route))

    async def _listed(self, recipient: Mailbox, route: Route, local: bool) -> bool | None:
        found = await self._lists[route.recipients].current()
        if found is None:
            return None
        # As in the Maildir courier; how another server treats "+detail" is unknown.
        plain = Mailbox(recipient.local_part.partition("+")[0], recipient.domain)
        return found.holds(recipient) or (local and found.holds(plain))

    async def _has_folder(self, recipient: Mailbox, route: Route) -> bool | None:
        path = maildir_of(route.maildir, recipient)
        return False if path is None else await self._in_thread(_is_folder, path)

    # --- aliases ---------------------------------------------------------------------------------------------------

    def weight(self, recipient: Mailbox) -> int:
        """See IAliases."""
        aliases = None if self._aliases is None else self._aliases.content
        return aliases.weight(recipient) if aliases is not None and self._is_local(recipient.domain) else 0

    def current(self) -> Aliases:
        """See IAliases: as the file was last read; a change causes it to be read again.

        A recipient that is an alias was verified before, by the file as it was then; postmaster was not.
        """
        if self._aliases is None:
            return NO_ALIASES
        aliases = self._aliases.content
        _look_at(self._aliases)
        return aliases or NO_ALIASES


def _can_be_stored(recipient: Mailbox, route: Route) -> bool:
    """Whether the courier could store it: refused later, its report would go to a possibly forged sender."""
    return not route.is_local or maildir_of(route.maildir, recipient) is not None


def _look_at(file: WatchedFile[Any]) -> None:
    supervise(file.current(), "looking at a file of recipients")


def _is_folder(path: str) -> bool | None:
    """Whether a folder exists; None if that cannot be found out.  Runs in a thread."""
    try:
        os.stat(os.path.join(path, ""))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return None
    return True
