"""Parse a server's replies from a stream of bytes (pure).

RFC 5321 4.2, RFC 2034, RFC 3463.  Reading is laxer than the RFC where the reply can mean only one thing: a line may end
with LF alone or with several CRs, blank lines and NULs at the ends of a line are ignored, a tab may replace the space,
and a code may have no text.
"""

from __future__ import annotations

import functools
import re

import attrs

from fopemta.mail.reply import Reply

# More than any honest server sends; these bound our memory.  Octets and lines are per reply, ignored lines included.
LONGEST_LINE = 4096
MOST_LINES = 200
MOST_OCTETS = 64 * 1024
# Replies up to this length are cached.
_SHORT = 80

# The third form is "250<bob@d.test> , sender ok." (MDaemon 7).
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ \t-])(.*)|()([^0-9A-Za-z].*)?)", re.DOTALL)
_GLUED = re.compile(rb"([2-5][0-9]{2})()([A-Za-z].*)", re.DOTALL)
# Stripped from a line; also ignored when left over after a reply.
_NOTHING = b"\r\0 \t"
# Printable ASCII as it is, a tab as a space, anything else as "?".
_CLEAN = bytes(byte if 32 <= byte < 127 else ord(" " if byte == 9 else "?") for byte in range(256))
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s+|$)")


@attrs.frozen
class Garbage:
    """The input is not a reply.  Nothing after it can be matched to a command.  `text` is safe for logs."""

    text: str


class ReplyParser:
    """Collects bytes and returns replies; after garbage it returns nothing more.

    `patient`: one reply is awaited and no further command has been sent, so lines that are no reply may be skipped, and
    a reply with differing codes is read by its last line.  With pipelined commands that would shift all replies.
    """

    def __init__(self, patient: bool = False) -> None:
        self.patient = patient
        self._data = b""
        self._at = 0
        self._lines: list[bytes] = []
        self._heard = self._octets = 0
        self._codes: set[bytes] = set()
        self._spoilt = False
        self._given_back: Reply | Garbage | None = None

    def feed(self, data: bytes) -> None:
        """Add bytes, cut anywhere."""
        if not self._spoilt:
            self._data = self._data[self._at :] + data
            self._at = 0

    @property
    def empty(self) -> bool:
        """Whether nothing is left over, not even part of a reply."""
        rest = self._data[self._at :].strip(_NOTHING + b"\n")
        return not rest and not self._lines and self._given_back is None

    def give_back(self, reply: Reply | Garbage) -> None:
        """Return what `next_reply` gave last, to be read again later."""
        self._given_back = reply

    def next_reply(self, early: bool = False) -> Reply | Garbage | None:
        """The next complete reply, or None until more bytes come.  `early`: none is awaited, so no line may be
        skipped.
        """
        given_back, self._given_back = self._given_back, None
        if given_back is not None:
            return given_back
        while not self._spoilt:
            end = self._data.find(b"\n", self._at)
            if end < 0:
                return self._too_much() if len(self._data) - self._at > LONGEST_LINE else None
            line = self._data[self._at : end]
            self._at = end + 1
            reply = self._take(line.strip(_NOTHING), early)
            if reply is not None:
                return reply
        return None

    def _take(self, line: bytes, early: bool) -> Reply | Garbage | None:
        if not self._heard and len(line) <= _SHORT and (reply := _short(line)) is not None:
            return reply
        self._heard += 1
        self._octets += len(line)
        if len(line) > LONGEST_LINE or self._heard > MOST_LINES or self._octets > MOST_OCTETS:
            return self._too_much()
        match = self._match(line)
        return self._no_reply(line, early) if match is None else self._one_line(line, match)

    def _match(self, line: bytes) -> re.Match[bytes] | None:
        return _LINE.fullmatch(line) or (_GLUED.fullmatch(line) if self.patient else None)

    def _no_reply(self, line: bytes, early: bool) -> Garbage | None:
        """Handle a line that does not belong to a reply."""
        if not line:
            return None
        if not self.patient or (early and not self._lines):
            return self._garbage(line)
        if self._lines:
            # Text without its code: a folded line.
            self._lines.append(line)
        return None

    def _one_line(self, line: bytes, match: re.Match[bytes]) -> Reply | Garbage | None:
        code, last = match[1], match[2] != b"-"
        self._codes.add(code)
        self._lines.append(_text(match))
        if len(self._codes) > 1 and not (self.patient and (not last or _may_end(self._codes, code))):
            return self._garbage(line)
        if not last:
            return None
        reply = _reply(int(code), self._lines)
        self._codes, self._lines = set(), []
        self._heard = self._octets = 0
        return reply

    def _too_much(self) -> Garbage:
        bounds = f"{MOST_LINES} lines, {LONGEST_LINE} octets in one, or {MOST_OCTETS} in all"
        return self._garbage(f"more than {bounds}".encode())

    def _garbage(self, line: bytes) -> Garbage:
        self._spoilt = True
        self._data, self._at = b"", 0
        return Garbage(clean(line[:200]))


def _text(match: re.Match[bytes]) -> bytes:
    return next((each for each in match.groups()[2:] if each), b"")


def _may_end(codes: set[bytes], code: bytes) -> bool:
    """Whether `code` may end a reply: an error may follow success ("220-laposte", "421 4.2.1"), never the reverse."""
    return code >= b"4" or max(codes) < b"4"


def clean(text: bytes) -> str:
    """A peer's text made safe for logs and reports: printable ASCII, anything else as "?"."""
    return text.translate(_CLEAN).decode("ascii")


@functools.lru_cache(maxsize=512)  # servers repeat replies such as "250 2.1.0 Ok"
def _short(line: bytes) -> Reply | None:
    """The reply, if it is this one line alone; None if it needs the full parser."""
    match = _LINE.fullmatch(line)
    return None if match is None or match[2] == b"-" else _reply(int(match[1]), [_text(match)])


def _reply(code: int, lines: list[bytes]) -> Reply:
    texts = [clean(line) for line in lines]
    first = _ENHANCED.match(texts[0])
    # An enhanced code of another class than the reply code contradicts it, and is only text.
    if first is None or first[1] != str(code)[0]:
        return Reply(code, None, tuple(texts))
    enhanced = _plain(first)
    return Reply(code, enhanced, tuple(_without(enhanced, text) for text in texts))


def _plain(enhanced: re.Match[str]) -> str:
    """The enhanced code without leading zeros (RFC 3463 2)."""
    return ".".join(str(int(part)) for part in enhanced.groups())


def _without(enhanced: str, text: str) -> str:
    found = _ENHANCED.match(text)
    return text[found.end() :] if found and _plain(found) == enhanced else text
