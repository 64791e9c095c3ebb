"""A field with parameters (pure): Content-Type, Content-Disposition; RFC 2045 5.1, RFC 2231.

One pass over the value.  Octets are held as latin-1 characters until they are decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import attrs

from fopemta.mime.charsets import Text, text_of
from fopemta.mime.flaws import ContentBounds, Flaw, beyond
from fopemta.mime.words import field_text

_PLAIN = re.compile(r'[^;"(]+')
# The closing quote may be missing.
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)("?)', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_IN_COMMENT = re.compile(r"[^()\\]*(?:\\.[^()\\]*)*", re.DOTALL)
_NAME = re.compile(r"([^*]{1,60})(?:\*([0-9]{1,6}))?(\*)?")
_CHARSET = re.compile(r"([^']{0,60})'[^']{0,60}'")

_UNENDED = Flaw("a quote or comment in a field does not end")
_ODD = Flaw("a parameter of a field is not valid")


@attrs.frozen
class Value:
    """The value of one parameter; `charset` is "" if none is declared."""

    octets: bytes
    charset: str = ""

    @property
    def text(self) -> Text:
        """As mail readers show it; many senders use encoded words here, against RFC 2231."""
        return text_of(self.octets, self.charset) if self.charset else field_text(self.octets)


@attrs.frozen
class Structured:
    """`kind` is the lower-case text before the parameters; each parameter, by its lower-case name, has all values
    given.
    """

    kind: str
    parameters: dict[str, tuple[Value, ...]]
    flaws: tuple[Flaw, ...] = ()

    def of(self, name: str) -> tuple[Value, ...]:
        """All values of a parameter."""
        return self.parameters.get(name, ())

    def word(self, name: str) -> str:
        """The first value of a parameter, in lower case; "" if absent."""
        return next((each.octets.decode("latin-1").strip().lower() for each in self.of(name)), "")


def structured(value: bytes, bounds: ContentBounds) -> Structured:
    """Parse the value of a field, in which a fold is LF and a blank or tab."""
    flaws: list[Flaw] = []
    first, *segments = _segments(value.decode("latin-1"), bounds.parameters + 2, flaws)
    if len(segments) > bounds.parameters:
        flaws.append(beyond("parameters", "a field of the header has more parameters than are looked at"))
        segments = segments[: bounds.parameters]
    found: dict[str, list[Value]] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for segment in segments:
        name, equals, text = segment.partition("=")
        match = _NAME.fullmatch(name.strip().lower())
        if match is None or not equals:
            flaws += [_ODD] if segment.strip() else []
        elif match[2] is not None or match[3]:
            _piece(match, text.strip(), pieces, flaws)
        else:
            found.setdefault(match[1], []).append(Value(text.strip().encode("latin-1")))
    for base, numbered in pieces.items():
        found.setdefault(base, []).append(_whole(numbered, flaws))
    kind = "".join(first.split()).lower()
    return Structured(kind, {name: tuple(values) for name, values in found.items()}, tuple(flaws))


def _segments(text: str, most: int, flaws: list[Flaw]) -> Iterator[str]:
    """The text between semicolons, without quotes and comments; at most `most` pieces."""
    place, segment, number = 0, [], 1
    while place < len(text) and number <= most:
        plain = _PLAIN.match(text, place)
        if plain is not None:
            segment.append(plain[0])
            place = plain.end()
        elif text[place] == ";":
            yield "".join(segment)
            place, segment, number = place + 1, [], number + 1
        elif text[place] == "(":
            place = _after_comment(text, place, flaws)
        else:
            quoted = _QUOTED.match(text, place)
            assert quoted is not None
            segment.append(_QUOTED_PAIR.sub(r"\1", quoted[1]))
            flaws += [] if quoted[2] else [_UNENDED]
            place = quoted.end()
    yield "".join(segment)


def _after_comment(text: str, place: int, flaws: list[Flaw]) -> int:
    """The place after a comment; they nest (RFC 5322 3.2.2)."""
    depth = 0
    while place < len(text):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
        inner = _IN_COMMENT.match(text, place + 1)
        place = place + 1 if inner is None else inner.end()
        if text[place : place + 1] == "\\":
            break
    flaws.append(_UNENDED)
    return len(text)


def _piece(match: re.Match[str], text: str, pieces: dict[str, dict[int, tuple[str, bool]]], flaws: list[Flaw]) -> None:
    """Add a part of a value, or one with a charset (RFC 2231 3 and 4); number -1 is an undivided value."""
    number = -1 if match[2] is None else int(match[2])
    numbered = pieces.setdefault(match[1], {})
    if number in numbered:
        flaws.append(_ODD)
    numbered[number] = (text, bool(match[3]))


def _whole(numbered: dict[int, tuple[str, bool]], flaws: list[Flaw]) -> Value:
    order = sorted(numbered)
    if order not in ([-1], list(range(len(order)))):
        flaws.append(_ODD)
    charset, octets = "", []
    for place, number in enumerate(order):
        text, extended = numbered[number]
        if extended and place == 0:
            match = _CHARSET.match(text)
            flaws += [] if match is not None else [_ODD]
            charset, text = ("", text) if match is None else (match[1], text[match.end() :])
        octets.append(unquote_to_bytes(text.encode("latin-1")) if extended else text.encode("latin-1"))
    return Value(b"".join(octets), charset)
