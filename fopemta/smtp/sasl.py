"""The server side of SASL's password mechanisms (pure): PLAIN (RFC 4616) and LOGIN.

A dialogue takes each response of the client and returns the next step: a challenge, the client's claim, or a rejection.
It holds no stored password and decides nothing.  SCRAM has a file of its own.
"""

from __future__ import annotations

import enum
from typing import Protocol, TypeAlias

import attrs

from fopemta.mail.login import Challenge
from fopemta.smtp.saslprep import NotPreparable, prepared

# RFC 4616 2 requires at least 255 octets; the cost of hashing needs a bound.
_LONGEST = 1024


class Fault(enum.Enum):
    """What is wrong with a response."""

    MALFORMED = "malformed"  # not in the mechanism's grammar
    DENIED = "denied"  # valid syntax, but never granted


@attrs.frozen
class Rejected:
    """The dialogue has failed.  `why` is for our log and is not sent to the client."""

    fault: Fault
    why: str


@attrs.frozen
class Claim:
    """The name and password that the client gave, both prepared by SASLprep."""

    name: str
    password: str = attrs.field(repr=False)


Step: TypeAlias = Challenge | Claim | Rejected


class PasswordDialogue(Protocol):
    """One AUTH exchange.  It is over after a Claim or Rejected."""

    def respond(self, response: bytes | None) -> Step:
        """Process the next response; None if AUTH brought no initial response."""


class Plain:
    """PLAIN: a single response, [authzid] NUL authcid NUL password."""

    def respond(self, response: bytes | None) -> Step:
        """See PasswordDialogue."""
        if response is None:
            return Challenge(b"")
        parts = response.split(b"\0")
        if len(parts) != 3:
            return Rejected(Fault.MALFORMED, "is not authzid NUL authcid NUL password")
        acting_as, name, password = parts
        claim = _claim(name, password)
        if acting_as and isinstance(claim, Claim):
            return _as_oneself(acting_as, claim)
        return claim


class Login:
    """LOGIN (draft-murchison-sasl-login): asks for the name, then for the password.

    Some old programs support nothing else.  They compare the words of the challenge, so these are the usual ones.
    """

    def __init__(self) -> None:
        self._name: bytes | None = None

    def respond(self, response: bytes | None) -> Step:
        """See PasswordDialogue.  Some clients send the name with AUTH."""
        if response is None:
            return Challenge(b"Username:")
        if self._name is None:
            self._name = response
            return Challenge(b"Password:")
        return _claim(self._name, response)


def text_of(octets: bytes) -> str | Rejected:
    """A name or password as sent, prepared by SASLprep."""
    if not octets or len(octets) > _LONGEST:
        return Rejected(Fault.MALFORMED, "a name or password is empty or too long")
    try:
        return prepared(octets.decode("utf-8"))
    except UnicodeDecodeError:
        return Rejected(Fault.MALFORMED, "a name or password is not UTF-8")
    except NotPreparable as error:
        return Rejected(Fault.MALFORMED, f"a name or password {error}")


def same_name(one: str, other: str) -> bool:
    """Whether two user names are equal; matching is case-insensitive."""
    return one.lower() == other.lower()


def _claim(name: bytes, password: bytes) -> Claim | Rejected:
    prepared_name, prepared_password = text_of(name), text_of(password)
    if isinstance(prepared_name, Rejected):
        return prepared_name
    if isinstance(prepared_password, Rejected):
        return prepared_password
    return Claim(prepared_name, prepared_password)


def _as_oneself(acting_as: bytes, claim: Claim) -> Claim | Rejected:
    """Reject an authorisation identity other than the user's own."""
    other = text_of(acting_as)
    if isinstance(other, Rejected):
        return other
    if not same_name(other, claim.name):
        return Rejected(Fault.DENIED, "requests another identity")
    return claim
