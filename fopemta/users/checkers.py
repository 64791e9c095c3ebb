"""Check credentials: `twisted.cred` over the user file.

An unknown name costs as much as a known one: one hash, or the two of SCRAM.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import Attribute, Interface, implementer

from fopemta.mail.login import LoggedIn
from fopemta.smtp.scram import ClientProof, Verifier, false_verifier
from fopemta.users.account import Accounts
from fopemta.users.hashing import PasswordChecks

# Returns the present accounts.
CurrentAccounts: TypeAlias = Callable[[], Accounts]


class Denied(UnauthorizedLogin):
    """The login is refused; the message is only for our log."""


class ISender(Interface):
    """The avatar of the portal: a `fopemta.mail.login.LoggedIn`."""

    name = Attribute("str: as the user file has it")
    senders = Attribute("frozenset[str]: what it may send from")


class IScramProof(ICredentials):
    """A proof that the client knows a password (RFC 5802)."""

    proof = Attribute("fopemta.smtp.scram.Proof")


@implementer(IScramProof)
@attrs.frozen
class ScramProof:
    """See IScramProof."""

    proof: ClientProof


@attrs.frozen
class Verifiers:
    """The verifiers for SCRAM challenges; a name without one gets a false one that is always the same."""

    accounts: CurrentAccounts
    secret: bytes = attrs.field(repr=False)

    def of(self, name: str) -> Verifier:
        """The verifier of a name, true or false; made by the same steps for both."""
        accounts = self.accounts()
        account = accounts.find(name)
        false = false_verifier(name, self.secret, accounts.iterations)
        return false if account is None or account.scram is None else account.scram


@implementer(ICredentialsChecker)
class PasswordChecker:
    """Checks PLAIN and LOGIN: the password against the argon2id hash."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, accounts: CurrentAccounts, checks: PasswordChecks) -> None:
        self._accounts = accounts
        self._checks = checks

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """The name of the account.  Fails with Denied, and TooBusy."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: Any) -> bytes:
        name, password = credentials.username.decode("utf-8"), credentials.password.decode("utf-8")
        accounts = self._accounts()
        account = accounts.find(name)
        good = await self._checks.verify(accounts.dummy_password if account is None else account.password, password)
        if account is None:
            raise Denied("no such user")
        if not good:
            raise Denied("wrong password")
        return account.name.encode("utf-8")


@implementer(ICredentialsChecker)
class ScramChecker:
    """Checks SCRAM: the proof against the verifier."""

    credentialInterfaces = (IScramProof,)

    def __init__(self, verifiers: Verifiers) -> None:
        self._verifiers = verifiers

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """The name of the account.  Fails with Denied."""
        return maybeDeferred(self._check, credentials.proof)

    def _check(self, proof: ClientProof) -> bytes:
        good = proof.fits(self._verifiers.of(proof.name))
        account = self._verifiers.accounts().find(proof.name)
        if account is None:
            raise Denied("no such user")
        if account.scram is None:
            raise Denied("the user has no SCRAM verifier: give the password anew")
        if not good:
            raise Denied("wrong password")
        return account.name.encode("utf-8")


@implementer(IRealm)
class UserRealm:
    """Its avatars are LoggedIn values, which need no logout."""

    def __init__(self, accounts: CurrentAccounts) -> None:
        self._accounts = accounts

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: Any) -> Any:
        """(ISender, LoggedIn, logout).  Raises Denied for a user that was just removed."""
        if ISender not in interfaces:
            raise NotImplementedError("ISender is the one thing a user is here")
        account = self._accounts().find(avatarId.decode("utf-8"))
        if account is None:
            raise Denied("no such user any more")
        avatar: LoggedIn = account.logged_in()
        return ISender, avatar, lambda: None
