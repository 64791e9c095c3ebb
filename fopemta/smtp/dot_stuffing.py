"""Convert message content between its wire form and its stored form (pure): RFC 5321 4.5.2.

Chunks may be cut anywhere, at the cost of a few C-level passes each; no result depends on where they were cut.
"""

from __future__ import annotations

from io import IncrementalNewlineDecoder

CRLF = b"\r\n"
# Line ends that a good text may have: none, or CRLF only.
_GOOD_ENDS = (None, "\r\n")
# Ends of a chunk that may be the beginning of the end of data, or of a CRLF.
_UNDECIDED = (b"\r\n.\r", b"\r\n.", b"\r")


class Unstuffer:
    """The receiving side: takes the octets after DATA, returns the content, and finds its end.

    Only CRLF.CRLF ends it; the start counts as after a CRLF.  The first dot of a longer line is removed.  A bare CR or
    LF becomes CRLF, and NUL is dropped, *after* the dots have been looked at, so neither can end the data or hide a
    dot.  Lines of any length pass.
    """

    def __init__(self) -> None:
        self._line_start = True
        self._held = b""
        self.ended = False
        # The octets after the end of data; b"" until `ended`.
        self.rest = b""
        # Whether a bare CR or LF, or a NUL, has been seen.
        self.bare = self.nul = False

    def feed(self, data: bytes) -> bytes:
        """Process `data`; returns the content that is certain so far.  Must not be called once `ended`."""
        # With the CRLF of the previous line in front, a dot at the start of a line always follows a CRLF.
        skip = 2 if self._line_start else 0
        text = (CRLF + self._held + data) if skip else (self._held + data if self._held else data)
        first_dot = text.find(b"\r\n.")
        end = text.find(b"\r\n.\r\n", first_dot) if first_dot >= 0 else -1
        if end >= 0:
            self.ended = True
            self.rest = text[end + 5 :]
            self._held = b""
            text = text[: end + 2]
        else:
            text = self._hold_back(text)
        # Usually the first dot is the one that ends the data.
        if 0 <= first_dot != end:
            text = text.replace(b"\r\n.", CRLF)
        content, bare, nul = _plain_text(text[skip:] if skip else text)
        self.bare, self.nul = self.bare or bare, self.nul or nul
        return content

    def _hold_back(self, text: bytes) -> bytes:
        for undecided in _UNDECIDED:
            if text.endswith(undecided):
                self._held = undecided.removeprefix(CRLF)
                text = text[: -len(self._held)]
                break
        else:
            self._held = b""
        self._line_start = text.endswith(CRLF)
        return text


class ChunkText:
    """Text without dot-stuffing, as in BDAT (RFC 3030): a bare CR or LF becomes CRLF, NUL is dropped."""

    def __init__(self) -> None:
        self._held = b""
        # As in Unstuffer.
        self.bare = self.nul = False

    def feed(self, data: bytes, last: bool) -> bytes:
        """Process `data`; returns the content that is certain so far, all of it if `last`."""
        text = self._held + data
        # A CR at the end may be followed by its LF in the next chunk.
        self._held = b"\r" if text.endswith(b"\r") and not last else b""
        content, bare, nul = _plain_text(text[:-1] if self._held else text)
        self.bare, self.nul = self.bare or bare, self.nul or nul
        return content


class Stuffer:
    """The sending side: takes content, returns what follows DATA on the wire.

    Received content has only CRLF as line end, and no NUL.  Content from any other source is normalised here, before
    dots are stuffed, so that no receiving server can find an end of data in it that we do not see.
    """

    def __init__(self) -> None:
        self._text = ChunkText()
        self._line_start = True

    def feed(self, data: bytes) -> bytes:
        """The wire form of the next piece of content: dots at the start of a line doubled."""
        return self._stuffed(self._text.feed(data, last=False))

    def finish(self) -> bytes:
        """The end of data, after a CRLF if the content did not end with one."""
        rest = self._stuffed(self._text.feed(b"", last=True))
        return rest + (b".\r\n" if self._line_start else b"\r\n.\r\n")

    def _stuffed(self, text: bytes) -> bytes:
        if not text:
            return b""
        # A line may begin at the border of two pieces, but no CRLF is split.
        first = b"." if self._line_start and text[:1] == b"." else b""
        self._line_start = text.endswith(CRLF)
        return first + text.replace(b"\r\n.", b"\r\n..")


def _plain_text(text: bytes) -> tuple[bytes, bool, bool]:
    """`text`, cut so that no CRLF is split, with bare CR and LF turned into CRLF and NUL removed; and whether there was
    a bare line end, or a NUL.

    A server that drops NUL would see an end of data in CRLF NUL dot CRLF, so NUL goes before dots are stuffed.  Line
    ends are looked at first: CR NUL LF is two of them, wherever the text is cut.
    """
    text, bare = _with_crlf_only(text)
    nul = b"\0" in text
    return (text.replace(b"\0", b"") if nul else text), bare, nul


def _with_crlf_only(text: bytes) -> tuple[bytes, bool]:
    # Python's universal newlines find in one pass which line ends occur; counting each kind takes three passes and four
    # times as long.
    ends = IncrementalNewlineDecoder(None, translate=False)
    ends.decode(text.decode("latin-1"), final=True)
    if ends.newlines in _GOOD_ENDS:
        return text, False
    return text.replace(CRLF, b"\n").replace(b"\r", b"\n").replace(b"\n", CRLF), True
