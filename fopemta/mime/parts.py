"""The parts of a message (pure): RFC 2045 and 2046, and how mail readers treat deviations."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from fopemta.mime.fields import HeaderSection, header_section
from fopemta.mime.flaws import ContentBounds, Exceeded, Flaw, Work, beyond
from fopemta.mime.parameters import Structured, structured
from fopemta.mime.transfer import Decoded, encoding_of, unencoded

_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`{|}~0-9a-z-]+/[!#$%&'*+.^_`{|}~0-9a-z-]+")
_PLAIN = Structured("text/plain", {})
_MESSAGE = Structured("message/rfc822", {})
_MESSAGES = frozenset({"message/rfc822", "message/global", "message/news"})
# RFC 2046 5.1.1 allows 70.
_LONGEST_BOUNDARY = 256
# Further fields of one name are not read.
_MOST_OF_A_KIND = 4
# Lines that look like a delimiter, for each part that a message may have.
_MOST_LINES = 4


@attrs.frozen
class LeafPart:
    """A part without sub-parts.  `media_type` in lower case; `sure` is false if its header contradicts itself."""

    media_type: str
    content_type: Structured
    disposition: Structured
    content: Decoded
    sure: bool = True


@attrs.define
class Parts:
    """The parts of a message.  `asides` are texts before, after or instead of parts; `nested` the headers of messages
    in it, `kinds` the content types of all parts.
    """

    leaves: list[LeafPart] = attrs.Factory(list)
    asides: list[bytes] = attrs.Factory(list)
    nested: list[HeaderSection] = attrs.Factory(list)
    kinds: list[Structured] = attrs.Factory(list)
    flaws: list[Flaw] = attrs.Factory(list)


def parts_of(octets: bytes, header: HeaderSection, bounds: ContentBounds, work: Work, whole: bool) -> Parts:
    """The parts of the message with that header, as far as bounds and work allow."""
    walk = _Walk(bounds, work, whole)
    try:
        if header.body is not None:
            walk.entity(octets, header.body, len(octets), header, 0, _PLAIN)
        walk.check_lines()
    except Exceeded as exceeded:
        walk.found.flaws.append(exceeded.flaw)
    return walk.found


class _Walk:
    def __init__(self, bounds: ContentBounds, work: Work, whole: bool) -> None:
        self.found = Parts()
        self._bounds = bounds
        self._work = work
        self._whole = whole
        self._count = 0
        self._boundaries: set[bytes] = set()
        self._odd_lines: set[bytes] = set()

    def entity(
        self, octets: bytes, start: int, end: int, header: HeaderSection, depth: int, default: Structured
    ) -> None:
        """Read a message or part, with its body from `start` to `end`."""
        self._count += 1
        if self._count > self._bounds.parts:
            raise Exceeded(beyond("parts", "the message has more parts than are looked at"))
        if depth > self._bounds.depth:
            raise Exceeded(beyond("depth", "parts are nested more deeply than is looked at"))
        self._work.spend(end - start)
        content_type = self._content_type(header, default)
        encodings = self._encodings(header)
        if content_type.kind.startswith("multipart/"):
            self._multipart(octets, start, end, content_type, encodings[0], depth)
        elif content_type.kind in _MESSAGES:
            for encoding in encodings:
                self._message(octets, start, end, encoding, depth)
        else:
            dispositions = self._all(header, "content-disposition")
            disposition = dispositions[0] if dispositions else Structured("", {})
            sure = len(encodings) == 1 and len(set(header.all("content-type"))) <= 1
            for encoding in encodings:
                content = unencoded(octets[start:end], encoding)
                self._work.spend(end - start)
                self.found.leaves.append(LeafPart(content_type.kind, content_type, disposition, content, sure))

    def check_lines(self) -> None:
        """Report each line that looks like a delimiter but belongs to no part."""
        for line in self._odd_lines:
            if line not in self._boundaries and line.removesuffix(b"--") not in self._boundaries:
                self._flaw("a line is almost a boundary of parts")

    # --- fields ----------------------------------------------------------------------------------------------------

    def _flaw(self, why: str) -> None:
        self.found.flaws.append(Flaw(why))

    def _all(self, header: HeaderSection, name: str) -> list[Structured]:
        """Every field of that name; two that differ are a flaw."""
        values = list(dict.fromkeys(header.all(name)))
        if len(values) > 1:
            self._flaw("a part has different fields of one name")
        found = [structured(each, self._bounds) for each in values[:_MOST_OF_A_KIND]]
        for each in found:
            self.found.flaws += each.flaws
        return found

    def _content_type(self, header: HeaderSection, default: Structured) -> Structured:
        """RFC 2045 5.2: an invalid media type means plain text.  Readers may choose any of several."""
        all_types = self._all(header, "content-type")
        if not all_types:
            return default
        chosen = next((each for each in all_types if each.kind.startswith(("multipart/", "message/"))), all_types[0])
        if not _MEDIA_TYPE.fullmatch(chosen.kind):
            self._flaw("a content type is not valid")
            chosen = attrs.evolve(chosen, kind=_PLAIN.kind)
        self.found.kinds.append(chosen)
        return chosen

    def _encodings(self, header: HeaderSection) -> list[str]:
        values = header.all("content-transfer-encoding")
        found = list(dict.fromkeys(encoding_of(each) for each in values[:_MOST_OF_A_KIND]))
        if len(found) > 1 or len(values) > _MOST_OF_A_KIND:
            self._flaw("a part has different content transfer encodings")
        return found or ["7bit"]

    # --- parts of parts --------------------------------------------------------------------------------------------

    def _message(self, octets: bytes, start: int, end: int, encoding: str, depth: int) -> None:
        """Read a nested message; RFC 2046 5.2.1 forbids encoding it, but some senders do."""
        content = unencoded(octets[start:end], encoding)
        self._work.spend(end - start)
        if content.flaw is not None:
            self.found.flaws.append(content.flaw)
        for each in (content.octets, *content.otherwise):
            header = header_section(each, 0, len(each), self._bounds)
            self.found.nested.append(header)
            self.found.flaws += header.flaws
            if header.body is not None:
                self.entity(each, header.body, len(each), header, depth + 1, _PLAIN)

    def _multipart(
        self, octets: bytes, start: int, end: int, content_type: Structured, encoding: str, depth: int
    ) -> None:
        values = list(dict.fromkeys(each.octets for each in content_type.of("boundary")))
        boundary = values[0] if values else b""
        if not 0 < len(boundary) <= _LONGEST_BOUNDARY or len(values) > 1:
            self._flaw("a multipart has no boundary that is valid")
            self._aside(octets[start:end])
            return
        self._boundaries.add(boundary)
        content = unencoded(octets[start:end], encoding)
        if content.octets is not octets and content.octets != octets[start:end] and b"--" + boundary in content.octets:
            self._flaw("a multipart is encoded")
            octets, start, end = content.octets, 0, len(content.octets)
        default = _MESSAGE if content_type.kind == "multipart/digest" else _PLAIN
        for begin, stop in self._pieces(octets, start, end, boundary):
            header = header_section(octets, begin, stop, self._bounds)
            self.found.flaws += header.flaws
            if header.body is not None:
                self.entity(octets, header.body, stop, header, depth + 1, default)

    def _pieces(self, octets: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
        """The beginning and end of each part; text around them is collected."""
        pieces: list[tuple[int, int]] = []
        begun: int | None = None
        outside, closed = start, False
        for at, after, closing in self._delimiters(octets, start, end, boundary):
            if begun is not None:
                # An empty part ends where it begins.
                pieces.append((min(begun, at), at))
            else:
                self._aside(octets[outside:at])
            if closed:
                self._flaw("a multipart goes on after its end")
            begun, outside = (None, after) if closing else (after, outside)
            closed = closed or closing
        if begun is not None:
            pieces.append((begun, end))
        else:
            self._aside(octets[outside:end])
        if self._whole and not closed:
            self._flaw("a multipart does not end" if pieces else "a multipart has no parts")
        return pieces

    def _delimiters(self, octets: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int, bool]]:
        """For each delimiter: where its preceding line end begins, where the next line begins, whether it ends the last
        part.
        """
        delimiter = b"--" + boundary
        found: list[tuple[int, int, bool]] = []
        for number, place in enumerate(_lines_with(delimiter, octets, start, end)):
            if number >= _MOST_LINES * self._bounds.parts:
                raise Exceeded(beyond("parts", "the message has more boundaries than are looked at"))
            after = place + len(delimiter)
            line_end = octets.find(b"\n", after, end)
            line_end = end if line_end < 0 else line_end
            tail = octets[after:line_end].rstrip(b" \t\r")
            if tail in (b"", b"--"):
                found.append((_before(octets, start, place), min(line_end + 1, end), tail == b"--"))
            else:
                self._odd_lines.add((boundary + tail)[: 2 * _LONGEST_BOUNDARY])
        return found

    def _aside(self, octets: bytes) -> None:
        if octets.strip():
            self.found.asides.append(octets)


def _lines_with(beginning: bytes, octets: bytes, start: int, end: int) -> Iterator[int]:
    """Where lines with that beginning start."""
    if octets.startswith(beginning, start, end):
        yield start
    place = octets.find(b"\n" + beginning, start, end)
    while place >= 0:
        yield place + 1
        place = octets.find(b"\n" + beginning, place + 1, end)


def _before(octets: bytes, start: int, place: int) -> int:
    """Where the line end before a delimiter begins, which belongs to it (RFC 2046 5.1.1); at `start` there is none."""
    return max(start, place - (2 if octets[place - 2 : place - 1] == b"\r" else 1))
