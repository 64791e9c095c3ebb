"""The server's side of SASL's password mechanisms (pure): PLAIN (RFC 4616) and LOGIN.

A dialogue is told each response of the client and says what comes next: a challenge, who the client claims to be, or
what is wrong.  It holds no password of ours and decides nothing.  SCRAM has a file of its own.
"""

from __future__ import annotations

import enum
from typing import Protocol, TypeAlias

import attrs

from fopemta.mail.login import Challenge
from fopemta.smtp.saslprep import NotPreparable, prepared

# RFC 4616 2 wants 255 octets to be taken at least; what is hashed must have an end.
_LONGEST = 1024


class Fault(enum.Enum):
    """What is wrong with a response."""

    MALFORMED = "malformed"  # not in the mechanism's grammar
    DENIED = "denied"  # well said, and not granted whoever it is


@attrs.frozen
class Rejected:
    """The dialogue is over.  `why` is for our log; the client is not told."""

    fault: Fault
    why: str


@attrs.frozen
class Claim:
    """Who the client says it is, and its proof: a password.  Both prepared by SASLprep."""

    name: str
    password: str = attrs.field(repr=False)


Step: TypeAlias = Challenge | Claim | Rejected


class PasswordDialogue(Protocol):
    """One exchange.  After a Claim or Rejected it is over."""

    def respond(self, response: bytes | None) -> Step:
        """The next response; None when AUTH brought none."""


class Plain:
    """PLAIN: everything in one response, as [authzid] NUL authcid NUL password."""

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

    Old programs know nothing else.  They look at the words of the challenge, so these are the ones that all use.
    """

    def __init__(self) -> None:
        self._name: bytes | None = None

    def respond(self, response: bytes | None) -> Step:
        """See PasswordDialogue.  Some clients send the name along with AUTH."""
        if response is None:
            return Challenge(b"Username:")
        if self._name is None:
            self._name = response
            return Challenge(b"Password:")
        return _claim(self._name, response)


def text_of(octets: bytes) -> str | Rejected:
    """A name or password as it was sent, prepared."""
    if not octets or len(octets) > _LONGEST:
        return Rejected(Fault.MALFORMED, "a name or password is empty or too long")
    try:
        return prepared(octets.decode("utf-8"))
    except UnicodeDecodeError:
        return Rejected(Fault.MALFORMED, "a name or password is not UTF-8")
    except NotPreparable as error:
        return Rejected(Fault.MALFORMED, f"a name or password {error}")


def same_name(one: str, other: str) -> bool:
    """Names are compared without case: mail programs and people write them either way."""
    return one.lower() == other.lower()


def _claim(name: bytes, password: bytes) -> Claim | Rejected:
    prepared_name, prepared_password = text_of(name), text_of(password)
    if isinstance(prepared_name, Rejected):
        return prepared_name
    if isinstance(prepared_password, Rejected):
        return prepared_password
    return Claim(prepared_name, prepared_password)


def _as_oneself(acting_as: bytes, claim: Claim) -> Claim | Rejected:
    """Nobody acts as somebody else here."""
    other = text_of(acting_as)
    if isinstance(other, Rejected):
        return other
    if not same_name(other, claim.name):
        return Rejected(Fault.DENIED, "wants to act as somebody else")
    return claim
