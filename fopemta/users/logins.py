"""Logins: SASL exchanges from the client's first word to its identity."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from twisted.cred.credentials import ICredentials, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from fopemta import maillog
from fopemta.interfaces import IExchange, ILogins
from fopemta.mail.login import Challenge, LoggedIn
from fopemta.mail.reply import Reply
from fopemta.smtp.sasl import Claim, Fault, Login, PasswordDialogue, Plain, Rejected
from fopemta.smtp.scram import MECHANISM, ClientProof, Confirmed, Named, Scram
from fopemta.users.checkers import ISender, PasswordChecker, ScramChecker, ScramProof, UserRealm, Verifiers
from fopemta.users.hashing import PasswordChecks, RunInThread, TooBusy
from fopemta.users.slowdown import PAUSE_OF_PUT_OFF, AnySlowdown, Slowdown
from fopemta.users.user_file import UserFile

# The same text for every failure: an attacker learns nothing (RFC 4954 6).
_DENIED = Reply.of(535, "5.7.8", "Authentication credentials invalid")
_MALFORMED = Reply.of(501, "5.5.2", "Cannot decode the response")
_NOT_NOW = Reply.of(454, "4.7.0", "Temporary authentication failure")

Answer: TypeAlias = Challenge | LoggedIn | Reply
# Takes a name and its credentials; returns the login, or the refusal.
Admit: TypeAlias = Callable[[str, ICredentials], Awaitable[LoggedIn | Reply]]
# Fires when the accounts are up to date with their file.
LookedAt: TypeAlias = Callable[[], Awaitable[None]]


@implementer(ILogins)
class Logins:
    """Works with any portal whose avatars are ISender.  SCRAM is offered if there are `verifiers`; `slowdown` is given
    if failures are counted elsewhere; `looked_at` if users may have changed.
    """

    def __init__(
        self,
        portal: Portal,
        clock: IReactorTime,
        verifiers: Verifiers | None = None,
        slowdown: AnySlowdown | None = None,
        looked_at: LookedAt = lambda: succeed(None),
    ) -> None:
        self._portal = portal
        self._looked_at = looked_at
        self._clock = clock
        self._verifiers = verifiers
        self._slowdown: AnySlowdown = slowdown if slowdown is not None else Slowdown(clock)

    def mechanisms(self) -> tuple[str, ...]:
        """See ILogins."""
        return ("PLAIN", "LOGIN") if self._verifiers is None else (MECHANISM, "PLAIN", "LOGIN")

    def begin(self, mechanism: str, client: str) -> IExchange:
        """See ILogins."""

        async def admit(name: str, credentials: ICredentials) -> LoggedIn | Reply:
            return await self._admit(mechanism, client, name, credentials)

        if mechanism == MECHANISM and self._verifiers is not None:
            return _ScramExchange(client, Scram(secrets.token_urlsafe(18)), self._verifiers, admit, self._looked_at)
        return _PasswordExchange(mechanism, client, _DIALOGUES[mechanism](), admit)

    def known(self, name: str) -> Deferred[LoggedIn | None]:
        """See ILogins."""
        return Deferred.fromCoroutine(self._known(name))

    async def _known(self, name: str) -> LoggedIn | None:
        await self._looked_at()
        try:
            _, avatar, _ = await maybeDeferred(self._portal.realm.requestAvatar, name.encode("utf-8"), None, ISender)
        except UnauthorizedLogin:
            return None
        assert isinstance(avatar, LoggedIn)
        return avatar

    async def _admit(self, mechanism: str, client: str, name: str, credentials: ICredentials) -> LoggedIn | Reply:
        seconds = await maybeDeferred(self._slowdown.begin, client, name)
        if seconds is None:
            return await self._put_off(client, mechanism, name, "too many failed logins")
        try:
            if seconds:
                await deferLater(self._clock, seconds)
            return await self._ask_portal(mechanism, client, name, credentials)
        finally:
            self._slowdown.end(client)

    async def _ask_portal(self, mechanism: str, client: str, name: str, credentials: ICredentials) -> LoggedIn | Reply:
        await self._looked_at()
        try:
            _, avatar, _ = await self._portal.login(credentials, None, ISender)
        except UnauthorizedLogin as denied:
            failures = await maybeDeferred(self._slowdown.failed, client, name)
            maillog.login_failed(client, mechanism, name, str(denied), failures)
            return _DENIED
        except TooBusy:
            return await self._put_off(client, mechanism, name, "too many logins at a time")
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001  a checker may be anybody's: no login, and the client may come again
            maillog.failed_unexpectedly("checking a login")
            return _NOT_NOW
        self._slowdown.succeeded(client, name)
        assert isinstance(avatar, LoggedIn)
        return avatar

    async def _put_off(self, client: str, mechanism: str, name: str, why: str) -> Reply:
        """Defer the login without checking it: a client that sends one after the other still has to wait for each
        answer.
        """
        maillog.login_put_off(client, mechanism, name, why)
        await deferLater(self._clock, PAUSE_OF_PUT_OFF)
        return _NOT_NOW


_DIALOGUES: dict[str, Callable[[], PasswordDialogue]] = {"PLAIN": Plain, "LOGIN": Login}


@implementer(IExchange)
class _PasswordExchange:
    """PLAIN or LOGIN."""

    def __init__(self, mechanism: str, client: str, dialogue: PasswordDialogue, admit: Admit) -> None:
        self._mechanism = mechanism
        self._client = client
        self._dialogue = dialogue
        self._admit = admit

    def respond(self, response: bytes | None) -> Deferred[Answer]:
        """See IExchange."""
        return Deferred.fromCoroutine(self._respond(response))

    async def _respond(self, response: bytes | None) -> Answer:
        step = self._dialogue.respond(response)
        if isinstance(step, Claim):
            credentials = UsernamePassword(step.name.encode("utf-8"), step.password.encode("utf-8"))
            answer = await self._admit(step.name, credentials)
            if isinstance(answer, LoggedIn):
                maillog.logged_in(self._client, self._mechanism, answer.name)
            return answer
        return _rejected(self._client, self._mechanism, "", step) if isinstance(step, Rejected) else step


@implementer(IExchange)
class _ScramExchange:
    """SCRAM: the client's proof, then ours; the login succeeds only after the client has accepted ours."""

    def __init__(self, client: str, scram: Scram, verifiers: Verifiers, admit: Admit, looked_at: LookedAt) -> None:
        self._client = client
        self._scram = scram
        self._verifiers = verifiers
        self._admit = admit
        self._looked_at = looked_at
        self._name = ""
        self._login: LoggedIn | None = None

    def respond(self, response: bytes | None) -> Deferred[Answer]:
        """See IExchange."""
        return Deferred.fromCoroutine(self._respond(response))

    async def _respond(self, response: bytes | None) -> Answer:
        step = self._scram.respond(response)
        if isinstance(step, Named):
            self._name = step.name
            await self._looked_at()
            return self._scram.challenge(self._verifiers.of(step.name))
        if isinstance(step, ClientProof):
            return await self._judge(step)
        if step is Confirmed.CONFIRMED:
            assert self._login is not None
            maillog.logged_in(self._client, MECHANISM, self._login.name)
            return self._login
        return _rejected(self._client, MECHANISM, self._name, step) if isinstance(step, Rejected) else step

    async def _judge(self, proof: ClientProof) -> Answer:
        answer = await self._admit(proof.name, ScramProof(proof))
        if isinstance(answer, Reply):
            return answer
        self._login = answer
        return proof.answer()


def _rejected(client: str, mechanism: str, name: str, rejected: Rejected) -> Reply:
    maillog.login_failed(client, mechanism, name, rejected.why, 0)
    return _MALFORMED if rejected.fault is Fault.MALFORMED else _DENIED


def logins_of(
    file: UserFile,
    clock: IReactorTime,
    run_in_thread: RunInThread,
    scram_secret: bytes | None = None,
    slowdown: AnySlowdown | None = None,
) -> Logins:
    """Logins by the user file; with a `scram_secret`, SCRAM is offered too."""
    portal = Portal(UserRealm(file.accounts), [PasswordChecker(file.accounts, PasswordChecks(run_in_thread))])
    if scram_secret is None:
        return Logins(portal, clock, slowdown=slowdown, looked_at=file.looked_at)
    verifiers = Verifiers(file.accounts, scram_secret)
    portal.registerChecker(ScramChecker(verifiers))
    return Logins(portal, clock, verifiers, slowdown, file.looked_at)
