"""Decode a part's Content-Transfer-Encoding (pure): RFC 2045 6, and the deviations that readers accept."""

from __future__ import annotations

import binascii
import re

import attrs

from fopemta.mime.flaws import Flaw

# The octets are unchanged.
IDENTITY = frozenset({"7bit", "8bit", "binary", ""})
_TOKEN = re.compile(rb"[A-Za-z0-9-]+")
_LONGEST = 40
_COMMENTS = re.compile(rb"\([^()]*\)")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_BLANKS = b" \t\r\n"
# "=" followed by neither two hex digits nor the end of a line.
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r?(?:\n|\Z))")
_BLANKS_AT_END = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
_BAD_BASE64 = Flaw("a part in base64 holds other octets")


@attrs.frozen
class Decoded:
    """`octets` as most readers decode them; `otherwise` as others may."""

    octets: bytes
    otherwise: tuple[bytes, ...] = ()
    flaw: Flaw | None = None


def encoding_of(value: bytes) -> str:
    """The token of a Content-Transfer-Encoding, in lower case; lenient readers ignore anything after it."""
    text = _COMMENTS.sub(b"", value).strip(b' \t\n";')
    token = _TOKEN.match(text)
    return (text[:_LONGEST] if token is None else token[0]).decode("latin-1").lower()


def unencoded(octets: bytes, encoding: str) -> Decoded:
    """Decode `octets`; `encoding` in lower case."""
    if encoding in IDENTITY:
        return Decoded(octets)
    if encoding == "base64":
        return base64_decoded(octets)
    if encoding == "quoted-printable":
        return _quoted_printable(octets)
    return Decoded(octets, flaw=Flaw("an unknown content transfer encoding"))


def base64_decoded(octets: bytes) -> Decoded:
    """Skips octets outside the alphabet, as most readers do; some stop at the first padding."""
    letters = octets.translate(None, _NOT_BASE64)
    whole, padding, rest = letters.partition(b"=")
    first = _piece(whole)
    clean = len(whole) % 4 == len(padding) == 0 or len(whole) % 4 in (2, 3)
    clean = clean and len(letters) % 4 == 0 and not rest.strip(b"=")
    clean = clean and len(octets.translate(None, _BLANKS)) == len(letters)
    if clean:
        return Decoded(first)
    # Both readings: each piece between paddings by itself, and all letters as if there were no padding.
    pieces = b"".join(_piece(each) for each in letters.split(b"="))
    others = dict.fromkeys((pieces, _piece(letters.replace(b"=", b"")), octets))
    return Decoded(first, tuple(each for each in others if each != first), _BAD_BASE64)


def _piece(letters: bytes) -> bytes:
    """Decode letters of the alphabet; a lone one at the end gives no octet."""
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _quoted_printable(octets: bytes) -> Decoded:
    # RFC 2045 6.7 (3): blanks at the end of a line were added in transit.
    decoded = binascii.a2b_qp(_BLANKS_AT_END.sub(b"", octets))
    if _BAD_ESCAPE.search(octets):
        return Decoded(decoded, (octets,), Flaw("a part in quoted-printable holds other escapes"))
    return Decoded(decoded)
