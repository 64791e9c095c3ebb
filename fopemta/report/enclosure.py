"""The part of the message that a report returns (pure): all of it, or its headers.

RFC 3461 4.3, RFC 6522 4, RFC 6533 4.
"""

from __future__ import annotations

import enum
import re

import attrs

from fopemta.mail import lines
from fopemta.mail.envelope import BodyType, Returned
from fopemta.mail.queued import QueuedMessage
from fopemta.report.kinds import Kind
from fopemta.report.multipart import Part

# A message up to this size is returned whole, of a larger one only the headers.
LARGEST_ENCLOSED = 50 * 1024

# Octets that no line may contain; a bare LF ends the headers.
_NO_TEXT = re.compile(rb"\0|\r(?!\n)")
# The lines up to the first that belongs to no header: a body without a blank line before it is left out.
_HEADERS = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\n]*\r\n(?:[ \t][^\n]*\r\n)*)*")


class Enclosed(enum.Enum):
    """How much of a message is returned."""

    NOTHING = "nothing"
    HEADERS = "headers"
    WHOLE = "whole"


@attrs.frozen
class Back:
    """How much is returned; `why_not` tells a sender who may have expected all of it why not, else ""."""

    extent: Enclosed
    why_not: str = ""


def extent(kind: Kind, message: QueuedMessage, most: Enclosed = Enclosed.WHOLE, original: bytes = b"") -> Back:
    """How much to return, at most `most`, whatever the sender has requested; `original` as in `enclosure`."""
    if most is Enclosed.NOTHING:
        return Back(most, "The message was to travel protected: nothing of it is enclosed.")
    # RFC 3461 4.3: RET applies to failures; other notices return the headers.
    if kind not in (Kind.FAILURE, Kind.DOUBLE_BOUNCE) or message.envelope.returned is Returned.HEADERS:
        return Back(Enclosed.HEADERS)
    if most is Enclosed.HEADERS:
        return Back(most, "The message was to travel protected: only its headers are enclosed.")
    if message.size > LARGEST_ENCLOSED:
        return Back(Enclosed.HEADERS, "The message is too large to come back whole: its headers are enclosed.")
    if message.envelope.body_type is BodyType.BINARY_MIME or not lines.are_legal(original):
        # It could be returned only by BINARYMIME, which few servers support.  RFC 2045 2.8: a NUL, a bare CR or LF and
        # a long line are binary too, whatever MAIL declared; servers refuse or change them.  And an enclosed message
        # must not be encoded (RFC 2046 5.2.1).
        return Back(Enclosed.HEADERS, "The message has a form that cannot come back whole: its headers are enclosed.")
    return Back(Enclosed.WHOLE)


def enclosure(message: QueuedMessage, original: bytes, extent: Enclosed, *, utf8: bool) -> Part | None:
    """The third part; None if nothing of the message can be read, or may be returned.

    `original` is the content, or its first LARGEST_ENCLOSED octets; `utf8`: the report is sent with SMTPUTF8.
    """
    if extent is Enclosed.NOTHING:
        return None
    whole = extent is Enclosed.WHOLE
    headers = _headers(original)
    shown = original if whole else headers
    if not shown:
        return None
    description = "The message" if whole else "The headers of the message"
    if not message.envelope.smtputf8 or headers.isascii():
        return Part.as_it_is("message/rfc822" if whole else "text/rfc822-headers", description, shown)
    # RFC 6533 4: UTF-8 in headers; as quoted-printable it needs no SMTPUTF8.
    make = Part.as_it_is if utf8 else Part.in_ascii
    return make("message/global" if whole else "message/global-headers", description, shown)


def _headers(original: bytes) -> bytes:
    match = _HEADERS.match(original)
    return _NO_TEXT.sub(b"?", match[0]) if match else b""
