"""Convert a message to seven bits, for a server without 8BITMIME (pure): RFC 6152 3, RFC 2045 6, RFC 1428.

Only leaf parts that need it are encoded, and only the headers that describe the encoding change; all other octets stay.
"""

from __future__ import annotations

import base64
import binascii
import re

import attrs

from fopemta.mail import lines
from fopemta.mail.header import split
from fopemta.mail.lines import CRLF as _CRLF
from fopemta.mime.fields import HeaderSection, header_section
from fopemta.mime.flaws import BOUNDS
from fopemta.mime.parameters import Structured, structured
from fopemta.mime.transfer import IDENTITY, encoding_of

_DEEPEST = 50
# Octets times depth: every level copies and searches its octets again.
_MOST_NESTED = 64 * 1024 * 1024
_ENCODING_FIELD = re.compile(rb"(?im)^content-transfer-encoding[ \t]*:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")
_PLAIN, _MESSAGE = "text/plain", "message/rfc822"
# Lines that may separate parts, at all levels together.
_MOST_DELIMITERS = 20_000
# RFC 2046 5.1.1 allows 70.
_LONGEST_BOUNDARY = 256


class CannotConvert(Exception):
    """The message cannot be converted without breaking something; the text says why."""


def seven_bit(content: bytes) -> bytes:
    """`content` as ASCII lines of at most 998 octets, each ended by CRLF.  Raises CannotConvert.

    Signed or encrypted content is not converted: a signature would become invalid.
    """
    try:
        return _entity(content, 0, _PLAIN, top=True)
    except RecursionError as error:
        raise CannotConvert("parts are nested too deeply") from error


def _entity(content: bytes, depth: int, default: str = _PLAIN, top: bool = False) -> bytes:
    """Convert a message or part; `default` is its media type if it names none."""
    if depth > _DEEPEST or depth * len(content) > _MOST_NESTED:
        raise CannotConvert("parts are nested too deeply")
    if _is_plain(content):
        return content
    header, body = split(content)
    if not _is_plain(header):
        raise CannotConvert("a header is not in ASCII")
    read = _read(header, default)
    if read.kind in ("multipart/signed", "multipart/encrypted"):
        raise CannotConvert("it is signed or encrypted")
    if read.encoding not in IDENTITY:
        raise CannotConvert("a part is not in the encoding that it names")
    if read.kind.startswith("multipart/"):
        return _with_encoding(header, b"7bit") + _CRLF + _multipart(body, read, depth)
    if read.kind == _MESSAGE:
        return _with_encoding(header, b"7bit") + _CRLF + _entity(body, depth + 1)
    return _leaf(header, body, read, top)


@attrs.frozen
class _Read:
    """What a header says about its body: `kind` is its media type in lower case."""

    fields: HeaderSection
    content_type: Structured
    kind: str
    encoding: str


def _read(header: bytes, default: str) -> _Read:
    """Raises CannotConvert where readers may differ: our output would be right for only some of them."""
    fields = header_section(header + _CRLF, 0, len(header) + len(_CRLF), BOUNDS)
    if any(each.bound for each in fields.flaws):
        raise CannotConvert("a header is too large")
    types = set(fields.all("content-type"))
    encodings = {encoding_of(each) for each in fields.all("content-transfer-encoding")}
    if len(types) > 1 or len(encodings) > 1:
        raise CannotConvert("a header says two things")
    content_type = structured(types.pop(), BOUNDS) if types else Structured(default, {})
    # RFC 2045 5.2: an invalid media type means plain text.
    kind = content_type.kind if "/" in content_type.kind else _PLAIN
    return _Read(fields, content_type, kind, encodings.pop() if encodings else "7bit")


def _leaf(header: bytes, body: bytes, read: _Read, top: bool) -> bytes:
    if _is_plain(body):
        return _with_encoding(header, b"7bit") + _CRLF + body
    if top and not read.fields.all("mime-version"):
        header += b"MIME-Version: 1.0\r\n"
        if not read.fields.all("content-type"):
            # RFC 1428: the charset of the octets is not declared.
            header += b"Content-Type: text/plain; charset=unknown-8bit\r\n"
    if read.kind.startswith("text/") and b"\0" not in body and not lines.BARE_LINE_END.search(body):
        return _with_encoding(header, b"quoted-printable") + _CRLF + _quoted_printable(body)
    if read.kind.startswith("message/"):
        raise CannotConvert("a part of a kind that must not be encoded is not in ASCII")
    return _with_encoding(header, b"base64") + _CRLF + _base64(body)


def _multipart(body: bytes, read: _Read, depth: int) -> bytes:
    """RFC 2046 5.1.1: the CRLF before a delimiter belongs to it."""
    boundaries = {each.octets for each in read.content_type.of("boundary")}
    boundary = boundaries.pop() if len(boundaries) == 1 and not read.content_type.flaws else b""
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY or not boundary.isascii():
        raise CannotConvert("a multipart has no boundary")
    if body.count(b"\r\n--") > _MOST_DELIMITERS:
        raise CannotConvert("it has too many parts")
    default = _MESSAGE if read.kind == "multipart/digest" else _PLAIN
    delimiter = re.compile(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r\n|\Z)")
    pieces: list[bytes] = []
    start, inside = 0, False
    for match in delimiter.finditer(body):
        pieces += [_piece(body[start : match.start()], inside, depth, default), match[0]]
        start, inside = match.end(), match[1] is None
        if match[1] is not None:
            break
    pieces.append(_piece(body[start:], inside, depth, default))
    return b"".join(pieces)


def _piece(octets: bytes, inside: bool, depth: int, default: str) -> bytes:
    """Convert a part, given with the CRLF that ends the delimiter before it, or the text around the parts."""
    if not inside:
        if not _is_plain(octets):
            raise CannotConvert("there is text that is not in ASCII around the parts")
        return octets
    return _CRLF + _entity(octets[2:], depth + 1, default) if octets.startswith(_CRLF) else octets


def _with_encoding(header: bytes, encoding: bytes) -> bytes:
    """The header with only that Content-Transfer-Encoding; 7bit is not added if there was no such field."""
    found = _ENCODING_FIELD.search(header)
    if found is None and encoding == b"7bit":
        return header
    return _ENCODING_FIELD.sub(b"", header) + b"Content-Transfer-Encoding: " + encoding + _CRLF


def _is_plain(octets: bytes) -> bool:
    """Whether it needs no change."""
    return octets.isascii() and lines.are_legal(octets)


def _quoted_printable(text: bytes) -> bytes:
    # b2a_qp writes soft line breaks with LF alone if the text's first line does not end with CRLF.
    coded = binascii.b2a_qp(text, quotetabs=False, istext=True)
    return coded.replace(_CRLF, b"\n").replace(b"\n", _CRLF)


def _base64(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", _CRLF).removesuffix(_CRLF)
