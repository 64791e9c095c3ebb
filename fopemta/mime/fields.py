"""Split a header section into fields, as lenient readers do (pure)."""

from __future__ import annotations

import re

import attrs

from fopemta.mime.flaws import ContentBounds, Flaw, beyond

# Every line end that some reader accepts.  Only BINARYMIME keeps bare CR and LF.
_LINE_END = rb"(?:\r\n|\n|\r)"
_EMPTY_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_LINE_ENDS = re.compile(_LINE_END)
_UNFOLDED = re.compile(rb"\n(?![ \t])")
_BLANK_LINE = re.compile(rb"\n[ \t]+(?:\n|\Z)")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
# RFC 5322 2.2; blanks before the colon are allowed by RFC 5322 4.5, and every reader accepts them.
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
# With characters in its name that some readers drop.
_ODD_FIELD = re.compile(rb"([^:\n]{1,200}):")
_NAME_OCTETS = re.compile(rb"[^!-9;-~]+")
# Further fields are not read: the ten thousandth has nothing of interest.
_MOST_FIELDS = 10_000
# How much of a body may be header to a reader that skips an empty line.
_MOST_OF_BODY = 64 << 10


@attrs.frozen
class Field:
    """One field: `name` in lower case, `value` the octets after the colon, where a fold is LF and a blank or tab."""

    name: str
    value: bytes


@attrs.frozen
class HeaderSection:
    """The fields of a header; `body` is where the body begins, None if the section exceeds its bound."""

    fields: tuple[Field, ...]
    flaws: tuple[Flaw, ...]
    body: int | None

    def all(self, name: str) -> list[bytes]:
        """The values of all fields with that lower-case name."""
        return [each.value for each in self.fields if each.name == name]


def header_section(octets: bytes, start: int, end: int, bounds: ContentBounds, complete: bool = True) -> HeaderSection:
    """Read the section that begins at `start`; `complete`: the message ends at `end`."""
    first = _LINE_ENDS.match(octets, start, end)
    if first is not None:
        return HeaderSection((), (), first.end())
    limit = min(end, start + bounds.header)
    found = _EMPTY_LINE.search(octets, start, min(end, limit + 4))
    if found is not None:
        fields, flaws = _fields(octets[start : found.start()], bounds)
        return HeaderSection(fields, flaws, found.end())
    fields, flaws = _fields(octets[start:limit], bounds)
    if limit < end or not complete:
        return HeaderSection(fields, (*flaws, beyond("header", "the header is larger than what is looked at")), None)
    return HeaderSection(fields, flaws, end)


def fields_of_body(octets: bytes, start: int, end: int, bounds: ContentBounds) -> tuple[Field, ...]:
    """The fields that a reader sees in the body if it skips an empty line."""
    limit = min(end, start + _MOST_OF_BODY)
    while (empty := _LINE_ENDS.match(octets, start, limit)) is not None and start < limit:
        start = empty.end()
    found = _EMPTY_LINE.search(octets, start, limit)
    return _fields(octets[start : limit if found is None else found.start()], bounds)[0]


def has_bare_line_ends(octets: bytes) -> bool:
    """Whether there is a bare CR or LF."""
    return _BARE.search(octets) is not None


def _fields(section: bytes, bounds: ContentBounds) -> tuple[tuple[Field, ...], tuple[Flaw, ...]]:
    flaws = []
    if has_bare_line_ends(section):
        flaws.append(Flaw("a line of the header ends with a bare CR or LF"))
    text = _LINE_ENDS.sub(b"\n", section).removesuffix(b"\n")
    if not text:
        return (), tuple(flaws)
    if _BLANK_LINE.search(text):
        flaws.append(Flaw("a line of the header is blank"))
    pieces = _UNFOLDED.split(text, _MOST_FIELDS)
    if len(pieces) > _MOST_FIELDS:
        flaws.append(Flaw(f"the header has more than {_MOST_FIELDS} fields", "fields"))
        pieces.pop()
    found = []
    for piece in pieces:
        field, flaw = _field(piece, bounds)
        if field is not None:
            found.append(field)
        if flaw is not None:
            flaws.append(flaw)
    return tuple(found), tuple(dict.fromkeys(flaws))


def _field(piece: bytes, bounds: ContentBounds) -> tuple[Field | None, Flaw | None]:
    if len(piece) > bounds.field:
        return None, beyond("field", "a field of the header is larger than what is looked at")
    match = _FIELD.match(piece)
    if match is not None:
        return Field(match[1].decode("ascii").lower(), piece[match.end() :]), None
    odd = _ODD_FIELD.match(piece)
    if odd is None:
        return None, Flaw("a line of the header is no field")
    name = _NAME_OCTETS.sub(b"", odd[1]).decode("ascii").lower()
    return Field(name, piece[odd.end() :]), Flaw("a field of the header has no valid name")
