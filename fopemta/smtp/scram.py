"""The server side of SCRAM-SHA-256 (pure): RFC 5802, RFC 7677; the stored verifier: RFC 5803.

The client proves that it knows the password, and we prove that we know the verifier; neither is sent.  There is no
channel binding (no -PLUS), so a client that demands it is refused and a client that merely supports it is not (RFC 5802
6).
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import hmac
import re
from typing import TypeAlias

import attrs

from fopemta.mail.login import Challenge
from fopemta.smtp.sasl import Fault, Rejected, same_name, text_of

MECHANISM = "SCRAM-SHA-256"
# RFC 7677 4 requires 4096; more slows each login, and each guess with a stolen user file.
LEAST_ITERATIONS = 10_000
ITERATIONS = 20_000
_MOST_ITERATIONS = 10_000_000
_SHORTEST_SALT = 8
_DIGEST = 32

_GS2_HEADER = re.compile(rb"([ny]|p=[A-Za-z0-9.-]+),(?:a=([^,]+))?,")
# RFC 5802 7: client-first-message-bare.  The reserved extension "m=" in front of the name is refused.
_FIRST = re.compile(rb"n=([^,]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,]+)*")
_FINAL = re.compile(rb"(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,]+)*),p=([A-Za-z0-9+/=]+)")
_SASLNAME = re.compile(rb"(?:[^=]|=2C|=3D)+")
_VERIFIER = re.compile(rf"{MECHANISM}\$([0-9]{{1,8}}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")
# A longer one adds no security.
_LONGEST_NONCE = 256


class NotAVerifier(Exception):
    """The text is not a usable verifier; the message says why, without the text."""


@attrs.frozen
class Verifier:
    """The stored form of a password, enough to verify it and no more.  Fields are octets."""

    iterations: int
    salt: bytes
    stored_key: bytes = attrs.field(repr=False)
    server_key: bytes = attrs.field(repr=False)

    @classmethod
    def of(cls, password: str, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
        """The verifier of a prepared password; slow by design."""
        salted = hashlib.pbkdf2_hmac("sha256", password.encode("utf-8"), salt, iterations)
        stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
        return cls(iterations, salt, stored_key, _hmac(salted, b"Server Key"))

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Parse the RFC 5803 form.  Raises NotAVerifier."""
        match = _VERIFIER.fullmatch(text)
        if match is None:
            raise NotAVerifier(f"is not {MECHANISM}$iterations:salt$StoredKey:ServerKey (RFC 5803)")
        salt, stored_key, server_key = [_octets(part.encode("ascii")) for part in match.groups()[1:]]
        if salt is None or stored_key is None or server_key is None:
            raise NotAVerifier("holds what is not base64")
        if len(salt) < _SHORTEST_SALT:
            raise NotAVerifier(f"has a salt of less than {_SHORTEST_SALT} octets")
        if len(stored_key) != _DIGEST or len(server_key) != _DIGEST:
            raise NotAVerifier("has keys of another length than those of SHA-256")
        if not LEAST_ITERATIONS <= int(match[1]) <= _MOST_ITERATIONS:
            raise NotAVerifier(f"must have from {LEAST_ITERATIONS} to {_MOST_ITERATIONS} iterations")
        return cls(int(match[1]), salt, stored_key, server_key)

    def text(self) -> str:
        """The verifier in the form of RFC 5803."""
        salt, stored, server = [_text(each) for each in (self.salt, self.stored_key, self.server_key)]
        return f"{MECHANISM}${self.iterations}:{salt}${stored}:{server}"


def false_verifier(name: str, secret: bytes, iterations: int, salt_length: int = 16) -> Verifier:
    """A verifier for an unknown name, the same at every attempt so that it looks real; no password matches it."""
    name = name.lower()
    parts = [_hmac(secret, f"{what} {name}".encode()) for what in ("salt", "stored key", "server key")]
    return Verifier(iterations, parts[0][:salt_length], parts[1], parts[2])


@attrs.frozen
class Named:
    """The client has given its user name; continue with `Scram.challenge` and the verifier of that user."""

    name: str


@attrs.frozen
class ClientProof:
    """The client's proof, to be compared with the stored verifier."""

    name: str
    message: bytes = attrs.field(repr=False)
    proof: bytes = attrs.field(repr=False)
    # The verifier of the challenge: if it has changed since, the proof does not count.
    challenged_by: Verifier

    def fits(self, verifier: Verifier) -> bool:
        """Whether the client knows the password of `verifier`.  Constant time, whatever is wrong."""
        signature = _hmac(verifier.stored_key, self.message)
        client_key = bytes(one ^ other for one, other in zip(self.proof, signature, strict=True))
        good = hmac.compare_digest(hashlib.sha256(client_key).digest(), verifier.stored_key)
        return good and verifier == self.challenged_by

    def answer(self) -> Challenge:
        """The server-final-message with our own proof, sent after the client's was accepted."""
        return Challenge(b"v=" + base64.b64encode(_hmac(self.challenged_by.server_key, self.message)))


class Confirmed(enum.Enum):
    """The client has accepted our proof; the exchange is over."""

    CONFIRMED = "confirmed"


ScramStep: TypeAlias = Challenge | Named | ClientProof | Confirmed | Rejected


class _State(enum.Enum):
    FIRST = "first"  # the client-first-message is awaited
    NAMED = "named"  # the verifier of the name is awaited from the caller
    FINAL = "final"  # the client-final-message is awaited
    PROVEN = "proven"  # the empty response to our proof is awaited


class Scram:
    """One exchange: Named, then `challenge`; Proof, then its `answer`; then Confirmed.

    `nonce` is ours: printable ASCII without commas, never used before.
    """

    def __init__(self, nonce: str) -> None:
        self._own_nonce = nonce.encode("ascii")
        self._state = _State.FIRST
        self._gs2_header = b""
        self._first_bare = b""
        self._server_first = b""
        self._nonce = b""
        self._name = ""
        self._verifier: Verifier | None = None

    def respond(self, response: bytes | None) -> ScramStep:
        """Process the client's next response; None if AUTH brought no initial response."""
        if self._state is _State.FIRST:
            return Challenge(b"") if response is None else self._read_first(response)
        if self._state is _State.FINAL and response is not None:
            return self._read_final(response)
        if self._state is _State.PROVEN and response == b"":
            return Confirmed.CONFIRMED
        return _malformed("a response out of place")

    def challenge(self, verifier: Verifier) -> Challenge:
        """The server-first-message, for the user in Named."""
        assert self._state is _State.NAMED
        self._state = _State.FINAL
        self._verifier = verifier
        salt = base64.b64encode(verifier.salt)
        self._server_first = b"r=%b,s=%b,i=%d" % (self._nonce, salt, verifier.iterations)
        return Challenge(self._server_first)

    def _read_first(self, response: bytes) -> ScramStep:
        header = _GS2_HEADER.match(response)
        if header is None:
            return _malformed("the GS2 header is not one")
        if header[1].startswith(b"p="):
            return Rejected(Fault.DENIED, "demands channel binding")
        bare = _FIRST.fullmatch(response, header.end())
        if bare is None or len(bare[2]) > _LONGEST_NONCE:
            return _malformed("the client-first-message is not one")
        name = _name_of(bare[1])
        other = _name_of(header[2]) if header[2] is not None else name
        if isinstance(name, Rejected) or isinstance(other, Rejected):
            return name if isinstance(name, Rejected) else other  # type: ignore[return-value]  # one of them is
        self._gs2_header, self._first_bare = header[0], response[header.end() :]
        self._nonce = bare[2] + self._own_nonce
        self._name = name
        self._state = _State.NAMED
        return Named(name) if same_name(name, other) else Rejected(Fault.DENIED, "requests another identity")

    def _read_final(self, response: bytes) -> ScramStep:
        match = _FINAL.fullmatch(response)
        proof = _octets(match[4]) if match else None
        if match is None or proof is None or len(proof) != _DIGEST:
            return _malformed("the client-final-message is not one")
        if match[3] != self._nonce or _octets(match[2]) != self._gs2_header:
            # The final message contradicts the first one: someone is in the middle.
            return Rejected(Fault.DENIED, "the nonce or the GS2 header has changed")
        assert self._verifier is not None
        self._state = _State.PROVEN
        message = b",".join((self._first_bare, self._server_first, match[1]))
        return ClientProof(self._name, message, proof, self._verifier)


def _malformed(why: str) -> Rejected:
    return Rejected(Fault.MALFORMED, why)


def _name_of(saslname: bytes) -> str | Rejected:
    """RFC 5802 5.1: "=2C" is a comma, "=3D" an equals sign, any other "=" an error."""
    if not _SASLNAME.fullmatch(saslname):
        return _malformed("the name is not a saslname")
    return text_of(saslname.replace(b"=2C", b",").replace(b"=3D", b"="))


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _octets(text: bytes) -> bytes | None:
    """Base64 decoded, None where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
