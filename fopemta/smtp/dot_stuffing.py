"""Message content between its form on the wire and its form in the spool (pure): RFC 5321 4.5.2.

Chunks may be cut anywhere, at a cost of a few C-level passes each; no result depends on where they were cut.
"""

from __future__ import annotations

from io import IncrementalNewlineDecoder

CRLF = b"\r\n"
# Line ends that may be in a text: none, or this one and no other beside it.
_GOOD_ENDS = (None, "\r\n")
# What may be the beginning of the end of data, or of a CRLF, when a chunk stops there.
_UNDECIDED = (b"\r\n.\r", b"\r\n.", b"\r")


class Unstuffer:
    """The receiving side: takes what follows DATA, gives the content, and knows where it ends.

    Only CRLF.CRLF ends it; the start counts as after a CRLF.  The first dot of a line that has more is removed.  A bare
    CR or LF becomes CRLF, and a NUL goes, *after* the dots have been looked at, so they can neither end the data nor
    hide a dot.  Lines of any length pass; nothing here depends on lines being short.
    """

    def __init__(self) -> None:
        self._line_start = True
        self._held = b""
        self.ended = False
        # What came behind the end of data; b"" until `ended`.
        self.rest = b""
        # A bare CR or LF has been seen, and a NUL.
        self.bare = self.nul = False

    def feed(self, data: bytes) -> bytes:
        """The content that is now certain.  Must not be called once `ended`."""
        # With the CRLF of the line before in front, a dot at the start of a line always follows a CRLF in the text.
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
        # Mostly the first dot is the one that ends the data.
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
    """Text without stuffed dots, as in BDAT (RFC 3030): a bare CR or LF becomes CRLF, a NUL goes."""

    def __init__(self) -> None:
        self._held = b""
        # As of Unstuffer.
        self.bare = self.nul = False

    def feed(self, data: bytes, last: bool) -> bytes:
        """The content that is now certain; all of it once `last`."""
        text = self._held + data
        # A CR at the end may still get its LF with the next chunk.
        self._held = b"\r" if text.endswith(b"\r") and not last else b""
        content, bare, nul = _plain_text(text[:-1] if self._held else text)
        self.bare, self.nul = self.bare or bare, self.nul or nul
        return content


class Stuffer:
    """The sending side: takes content, gives what follows DATA on the wire.

    Content that came in has CRLF alone for line ends, and no NUL.  What has come about in any other way is brought to
    that here, before dots are stuffed, so that no next server can find an end of data in it that we do not see.
    """

    def __init__(self) -> None:
        self._text = ChunkText()
        self._line_start = True

    def feed(self, data: bytes) -> bytes:
        """The wire form of the next piece of content: dots at the start of a line doubled."""
        return self._stuffed(self._text.feed(data, last=False))

    def finish(self) -> bytes:
        """The end of data, after a CRLF that is added only where the content did not end with one."""
        rest = self._stuffed(self._text.feed(b"", last=True))
        return rest + (b".\r\n" if self._line_start else b"\r\n.\r\n")

    def _stuffed(self, text: bytes) -> bytes:
        if not text:
            return b""
        # A line may begin at the border of two pieces, but no CRLF is divided.
        first = b"." if self._line_start and text[:1] == b"." else b""
        self._line_start = text.endswith(CRLF)
        return first + text.replace(b"\r\n.", b"\r\n..")


def _plain_text(text: bytes) -> tuple[bytes, bool, bool]:
    """`text`, cut so that no CRLF is divided, with every bare CR or LF turned into CRLF and without NUL; and whether
    there was one of either.

    A server that drops NUL would see an end of data in CRLF NUL dot CRLF: it goes before dots are stuffed.  But line
    ends are looked at first: CR NUL LF is two of them, wherever the text is cut.
    """
    text, bare = _with_crlf_only(text)
    nul = b"\0" in text
    return (text.replace(b"\0", b"") if nul else text), bare, nul


def _with_crlf_only(text: bytes) -> tuple[bytes, bool]:
    # What Python's text files use to tell which line ends have come: one pass, where counting each kind takes three,
    # and four times as long.
    ends = IncrementalNewlineDecoder(None, translate=False)
    ends.decode(text.decode("latin-1"), final=True)
    if ends.newlines in _GOOD_ENDS:
        return text, False
    return text.replace(CRLF, b"\n").replace(b"\r", b"\n").replace(b"\n", CRLF), True
