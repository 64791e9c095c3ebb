"""The lines of an AUTH exchange (pure): base64 of SASL octets, RFC 4954 4."""

from __future__ import annotations

import base64
import binascii

from fopemta.mail.reply import Reply

BAD_BASE64 = Reply.of(501, "5.5.2", "That is not base64")
CANCELLED = Reply.of(501, "5.7.0", "Authentication cancelled")


def initial_response(argument: str | None) -> bytes | Reply | None:
    """The initial response of AUTH in octets, None if absent; "=" is an empty one."""
    if argument is None:
        return None
    return b"" if argument == "=" else response(argument.encode("ascii"))


def response(line: bytes) -> bytes | Reply:
    """The octets of a response line, or the refusal of an invalid one; "*" cancels."""
    if line == b"*":
        return CANCELLED
    try:
        return base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        return BAD_BASE64


def challenge(octets: bytes) -> Reply:
    """The 334 reply with `octets`."""
    return Reply.of(334, None, base64.b64encode(octets).decode("ascii"))
