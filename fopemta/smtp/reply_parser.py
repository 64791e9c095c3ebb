"""Replies of a server out of a stream of bytes (pure).

RFC 5321 4.2, RFC 2034, RFC 3463.  Reading is laxer than the RFC in two things: a line may end with LF alone, and a code
may stand without any text.
"""

from __future__ import annotations

import functools
import re

import attrs

from fopemta.mail.reply import Reply

# Longer than any honest server's; beyond it somebody is filling our memory.
LONGEST_LINE = 4096
MOST_LINES = 200
# What is no longer than this may be remembered.
_SHORT = 80

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
# Printable ASCII as it is, a tab as a space, anything else as "?".
_CLEAN = bytes(byte if 32 <= byte < 127 else ord(" " if byte == 9 else "?") for byte in range(256))
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s+|$)")


@attrs.frozen
class Garbage:
    """What came is no reply; after it nothing more can be trusted (C086).  `text` is cleaned for the log."""

    text: str


class ReplyParser:
    """Collects bytes and gives replies; once there was garbage it gives nothing more."""

    def __init__(self) -> None:
        self._data = b""
        self._lines: list[bytes] = []
        self._code = b""
        self._spoilt = False

    def feed(self, data: bytes) -> None:
        """Add bytes, cut anywhere."""
        if not self._spoilt:
            self._data += data

    @property
    def empty(self) -> bool:
        """Nothing is left over, not even a part of a reply."""
        return not self._data and not self._lines

    def next_reply(self) -> Reply | Garbage | None:
        """The next whole reply, None until more bytes come."""
        while not self._spoilt:
            line, found, rest = self._data.partition(b"\n")
            if not found:
                return self._garbage(line) if len(line) > LONGEST_LINE else None
            self._data = rest
            reply = self._take(line.removesuffix(b"\r"))
            if reply is not None:
                return reply
        return None

    def _take(self, line: bytes) -> Reply | Garbage | None:
        if not self._lines and len(line) <= _SHORT and (reply := _short(line)) is not None:
            return reply
        match = _LINE.fullmatch(line)
        if match is None or len(line) > LONGEST_LINE or (self._code and match[1] != self._code):
            return self._garbage(line)
        self._code = match[1]
        self._lines.append(match[3] or b"")
        if match[2] == b"-":
            return self._garbage(line) if len(self._lines) >= MOST_LINES else None
        reply = _reply(int(self._code), self._lines)
        self._code, self._lines = b"", []
        return reply

    def _garbage(self, line: bytes) -> Garbage:
        self._spoilt = True
        self._data = b""
        return Garbage(clean(line[:200]))


def clean(text: bytes) -> str:
    """Text of a peer, fit for logs and reports: printable ASCII, anything else as "?"."""
    return text.translate(_CLEAN).decode("ascii")


@functools.lru_cache(maxsize=512)  # "250 2.1.0 Ok": a server says the same again and again
def _short(line: bytes) -> Reply | None:
    """The reply that is this one line alone; None where there is more to see about it."""
    match = _LINE.fullmatch(line)
    return None if match is None or match[2] == b"-" else _reply(int(match[1]), [match[3] or b""])


def _reply(code: int, lines: list[bytes]) -> Reply:
    texts = [clean(line) for line in lines]
    first = _ENHANCED.match(texts[0])
    # An enhanced code of another class than the reply's contradicts it and is only text.
    if first is None or first[1] != str(code)[0]:
        return Reply(code, None, tuple(texts))
    enhanced = _plain(first)
    return Reply(code, enhanced, tuple(_without(enhanced, text) for text in texts))


def _plain(enhanced: re.Match[str]) -> str:
    """Without leading zeros (RFC 3463 2)."""
    return ".".join(str(int(part)) for part in enhanced.groups())


def _without(enhanced: str, text: str) -> str:
    found = _ENHANCED.match(text)
    return text[found.end() :] if found and _plain(found) == enhanced else text
