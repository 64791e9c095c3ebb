"""Diagnose a failed handshake from OpenSSL's words and the way the connection ended (pure).

OpenSSL's words have no stable codes and change between versions: old and new wordings are listed; for an unknown text
the diagnosis is `handshake_failed`, and the caller keeps the text.
"""

from __future__ import annotations

import enum

from fopemta.trust.diagnosis import Diagnosis


class Ending(enum.Enum):
    """How a handshake ended."""

    ERROR = "error"  # OpenSSL raised an error with words
    DROPPED = "dropped"  # the connection was closed or reset without an alert
    TIMEOUT = "timeout"


# First match wins; in lower case, with blanks for underscores.
_WORDS: tuple[tuple[str, Diagnosis], ...] = (
    ("unexpected eof", Diagnosis.CONNECTION_DROPPED),
    ("unrecognized name", Diagnosis.SNI_REFUSED),
    ("dh key too small", Diagnosis.DH_TOO_SMALL),
    ("bad dh value", Diagnosis.DH_TOO_SMALL),
    ("modulus too small", Diagnosis.DH_TOO_SMALL),
    ("ee key too small", Diagnosis.WEAK_KEY),
    ("ca md too weak", Diagnosis.WEAK_KEY),
    ("alert protocol version", Diagnosis.NO_COMMON_PROTOCOL),
    ("unsupported protocol", Diagnosis.NO_COMMON_PROTOCOL),
    ("wrong ssl version", Diagnosis.NO_COMMON_PROTOCOL),
    ("version too low", Diagnosis.NO_COMMON_PROTOCOL),
    ("inappropriate fallback", Diagnosis.NO_COMMON_PROTOCOL),
    ("no protocols available", Diagnosis.NO_COMMON_PROTOCOL),
    ("unsafe legacy renegotiation", Diagnosis.NO_COMMON_PROTOCOL),
    ("alert insufficient security", Diagnosis.NO_COMMON_CIPHER),
    # TLS 1.2 and 1.3 servers answer this when there is no common suite, group or signature (RFC 8446 4.1.1).
    ("alert handshake failure", Diagnosis.NO_COMMON_CIPHER),
    ("no shared cipher", Diagnosis.NO_COMMON_CIPHER),
    ("no ciphers available", Diagnosis.NO_COMMON_CIPHER),
    ("no cipher match", Diagnosis.NO_COMMON_CIPHER),
    ("wrong cipher returned", Diagnosis.NO_COMMON_CIPHER),
    ("unknown cipher returned", Diagnosis.NO_COMMON_CIPHER),
    ("no suitable key share", Diagnosis.NO_COMMON_CIPHER),
    ("no suitable signature algorithm", Diagnosis.NO_COMMON_CIPHER),
    ("wrong signature type", Diagnosis.NO_COMMON_CIPHER),
    ("legacy sigalg disallowed", Diagnosis.NO_COMMON_CIPHER),
    ("wrong curve", Diagnosis.NO_COMMON_CIPHER),
    ("unsupported elliptic curve", Diagnosis.NO_COMMON_CIPHER),
    ("bad key share", Diagnosis.NO_COMMON_CIPHER),
    ("alert illegal parameter", Diagnosis.NO_COMMON_CIPHER),
    ("missing extension", Diagnosis.NO_COMMON_CIPHER),
    ("certificate required", Diagnosis.CLIENT_CERTIFICATE_WANTED),
    ("alert bad certificate", Diagnosis.CLIENT_CERTIFICATE_WANTED),
    ("alert unknown ca", Diagnosis.CLIENT_CERTIFICATE_WANTED),
    ("alert certificate", Diagnosis.CLIENT_CERTIFICATE_WANTED),
    ("alert unsupported certificate", Diagnosis.CLIENT_CERTIFICATE_WANTED),
    ("alert no certificate", Diagnosis.CLIENT_CERTIFICATE_WANTED),
    ("certificate verify failed", Diagnosis.CERT_UNUSABLE),
    # Plain text where a record should be.
    ("wrong version number", Diagnosis.NOT_TLS),
    ("packet length too long", Diagnosis.NOT_TLS),
    ("unknown record type", Diagnosis.NOT_TLS),
    ("record layer failure", Diagnosis.NOT_TLS),
    ("http request", Diagnosis.NOT_TLS),
)

# After the server's hello, only the message with its certificates can be that large.
_TOO_LARGE = "excessive message size"
_MISSES_CERTIFICATE = ("alert handshake failure", "alert decode error")

# Step down a rung only after an alert about version, cipher or parameters, or a hang or drop; never after a verdict on
# a certificate, ours or theirs.  An unclear alert ("internal error", "decode error") and protocol violations of the
# peer count as parameter problems: weaker TLS is better than plain text.
_STEP_DOWN = frozenset(
    {
        Diagnosis.NO_COMMON_PROTOCOL,
        Diagnosis.NO_COMMON_CIPHER,
        Diagnosis.DH_TOO_SMALL,
        Diagnosis.CONNECTION_DROPPED,
        Diagnosis.HANDSHAKE_TIMEOUT,
        Diagnosis.HANDSHAKE_FAILED,
    }
)
# The failures that a lenient hello may fix: not a version mismatch, and not a silent server.
_LENIENT = _STEP_DOWN - {Diagnosis.NO_COMMON_PROTOCOL, Diagnosis.HANDSHAKE_TIMEOUT}
_SMALL_HELLO = frozenset({Diagnosis.CONNECTION_DROPPED, Diagnosis.HANDSHAKE_TIMEOUT})


def diagnose(ending: Ending, words: str = "", *, past_hello: bool = False) -> Diagnosis:
    """The diagnosis of a handshake with this ending, and OpenSSL's `words` if it raised.

    An OpenSSL error without words means the end of the stream, not an alert.  `past_hello`: the server's hello had
    arrived, so version and suite were agreed; in TLS 1.2 a server that requires our certificate can then only say
    "handshake failure" (RFC 5246 7.4.6); GnuTLS says "decode error".
    """
    if ending is Ending.TIMEOUT:
        return Diagnosis.HANDSHAKE_TIMEOUT
    text = words.lower().replace("_", " ")
    if past_hello and any(alert in text for alert in _MISSES_CERTIFICATE):
        return Diagnosis.CLIENT_CERTIFICATE_WANTED
    if past_hello and _TOO_LARGE in text:
        return Diagnosis.CHAIN_TOO_LARGE
    for part, diagnosis in _WORDS:
        if part in text:
            return diagnosis
    return Diagnosis.CONNECTION_DROPPED if ending is Ending.DROPPED or not text else Diagnosis.HANDSHAKE_FAILED


def permits_step_down(diagnosis: Diagnosis) -> bool:
    """Whether a lower rung may help."""
    return diagnosis in _STEP_DOWN


def permits_lenient_rung(diagnosis: Diagnosis) -> bool:
    """Whether permitting what OpenSSL refuses by default may help."""
    return diagnosis in _LENIENT


def permits_nameless_hello(diagnosis: Diagnosis) -> bool:
    """Whether the server's name in our ClientHello caused the failure."""
    return diagnosis is Diagnosis.SNI_REFUSED


def permits_small_hello(diagnosis: Diagnosis) -> bool:
    """Whether the size of our ClientHello may have caused the failure."""
    return diagnosis in _SMALL_HELLO
