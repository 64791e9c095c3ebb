"""Add missing Date and Message-ID fields, as a submission server may (pure): RFC 6409 8.3 and 8.4.

They are put in front; no octet of the message is changed.  For submission listeners only: a relay leaves messages as
they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fopemta.mail.header import HeaderEnd
from fopemta.mail.received import date_time

# A header longer than this is abnormal; nothing is added, since it might already be there.
LONGEST_HEADER = 64 * 1024

# RFC 5322 2.2: printable ASCII except the colon; blanks before the colon are allowed by RFC 5322 4.5.
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_LONGEST_VALUE = 998


def submission_fields(now: float, message_id: str, hostname: str, sent_as: bytes = b"") -> dict[bytes, bytes]:
    """The line of each field, to be added if the field is missing.

    `now` in seconds since the epoch; `message_id` is the unique queue id; `sent_as` is a From field, added only for
    programs on this machine.
    """
    return {
        **({b"from": sent_as} if sent_as else {}),
        b"date": f"Date: {date_time(now)}\r\n".encode("ascii"),
        b"message-id": f"Message-ID: <{message_id}@{hostname}>\r\n".encode("ascii"),
    }


class SubmittedContent:
    """Passes on the content of a message, cut anywhere, with the missing fields in front.

    Holds content back until the header has ended, all wanted fields have been seen, or `LONGEST_HEADER` octets have
    come.  `fields` as made by `submission_fields`, names in lower case.
    """

    def __init__(self, fields: Mapping[bytes, bytes]) -> None:
        self._missing = dict(fields)
        self._held = bytearray()
        self._holding = True
        self._reader = HeaderReader()

    @property
    def header(self) -> HeaderReader:
        """The reader of the header, with what was read so far."""
        return self._reader

    def feed(self, data: bytes) -> bytes:
        """The octets to pass on now; possibly none."""
        self._reader.feed(data)
        if not self._holding:
            return data
        self._held += data
        for name in self._reader.names & self._missing.keys():
            del self._missing[name]
        if self._missing and not self._reader.ended:
            return b""
        return self._release()

    def finish(self) -> bytes:
        """The last octets to pass on, once the message has ended."""
        self._reader.finish()
        return self.feed(b"") if self._holding else b""

    def _release(self) -> bytes:
        # A first line that begins with a blank would continue the line put in front of it.
        added = (
            b"" if self._reader.overlong or self._held.startswith((b" ", b"\t")) else b"".join(self._missing.values())
        )
        released, self._holding = added + bytes(self._held), False
        self._held.clear()
        return released


class HeaderReader:
    """Reads a header incrementally: which fields there are, and the values of a few.

    `names` in lower case; `ended`: the header is complete; `overlong`: it was longer than `LONGEST_HEADER` octets and
    not read further.
    """

    _WANTED = frozenset({b"content-type", b"auto-submitted"})

    def __init__(self) -> None:
        self.names: set[bytes] = set()
        self.ended = False
        self.overlong = False
        self._end = HeaderEnd()
        self._values: dict[bytes, bytes] = {}
        self._rest = bytearray()
        self._searched = 0
        self._read = 0
        self._last = b""

    def feed(self, data: bytes) -> None:
        """Read the next octets; those after the header are ignored."""
        if self.ended:
            return
        self._rest += self._end.feed(data[: LONGEST_HEADER - self._read])
        self._read += len(data)
        start = 0
        while not self.ended and (end := self._rest.find(b"\r\n", max(start, self._searched))) >= 0:
            self._line(bytes(self._rest[start:end]))
            start = end + 2
        del self._rest[:start]
        # The CR of a line end may have come without its LF.
        self._searched = max(0, len(self._rest) - 1)
        if not self.ended and self._read >= LONGEST_HEADER:
            self.ended = self.overlong = True
        if self.ended:
            self._rest.clear()

    def finish(self) -> None:
        """The message has ended; a last line without line end counts too."""
        if not self.ended and self._rest:
            self._line(bytes(self._rest))
        self.ended = True

    @property
    def automatic(self) -> bool:
        """Whether the header marks a program as the author: a report (RFC 6522), or an automatic reply (RFC 3834 5)."""
        kind = self._values.get(b"content-type", b"").strip().lower()
        origin = self._values.get(b"auto-submitted", b"no").partition(b";")[0].strip().lower()
        return kind.partition(b";")[0].strip() == b"multipart/report" or origin not in (b"no", b"")

    def _line(self, line: bytes) -> None:
        if line[:1] in (b" ", b"\t"):
            self._continue(line)
            return
        field = _FIELD.fullmatch(line)
        if field is None:  # the empty line, or the body of a message without a header
            self.ended = True
            return
        name = field[1].lower()
        # The first of repeated fields counts.
        self._last = b"" if name in self.names else name
        self.names.add(name)
        if self._last in self._WANTED:
            self._values[name] = field[2][:_LONGEST_VALUE]

    def _continue(self, line: bytes) -> None:
        """A folded line (RFC 5322 2.2.3) belongs to the field before it."""
        if self._last in self._values:
            self._values[self._last] = (self._values[self._last] + line)[:_LONGEST_VALUE]
