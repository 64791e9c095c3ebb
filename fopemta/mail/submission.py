"""What a submission server may mend in a message (pure): Date and Message-ID that are missing.

RFC 6409 8.3 and 8.4.  They are put in front; no octet of the message is altered.  For listeners of kind submission
only: a server that relays leaves a message as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fopemta.mail.header import HeaderEnd
from fopemta.mail.received import date_time

# A header that has not ended here is no person's; then nothing is added rather than something twice.
LONGEST_HEADER = 64 * 1024

# RFC 5322 2.2: printable ASCII but the colon; blanks before the colon are RFC 5322 4.5's.
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_LONGEST_VALUE = 998


def submission_fields(now: float, message_id: str, hostname: str) -> dict[bytes, bytes]:
    """Each field with its line, as they are to be where they are missing.

    `now` in seconds since the epoch, `message_id` the queue id, of which no other message has the same.
    """
    return {
        b"date": f"Date: {date_time(now)}\r\n".encode("ascii"),
        b"message-id": f"Message-ID: <{message_id}@{hostname}>\r\n".encode("ascii"),
    }


class SubmittedContent:
    """Takes the content of a message, cut anywhere, and gives it on with what its header lacks in front.

    Holds back until the header has ended, all wanted fields have been seen, or `LONGEST_HEADER` octets have come.
    `fields` as `submission_fields` makes them, names in lower case.
    """

    def __init__(self, fields: Mapping[bytes, bytes]) -> None:
        self._missing = dict(fields)
        self._held = bytearray()
        self._holding = True
        self._reader = HeaderReader()

    @property
    def header(self) -> HeaderReader:
        """The header, as far as it has come."""
        return self._reader

    def feed(self, data: bytes) -> bytes:
        """What goes on now; possibly nothing."""
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
        """The message has ended; what goes on after all that has gone."""
        self._reader.finish()
        return self.feed(b"") if self._holding else b""

    def _release(self) -> bytes:
        # What begins with a blank would become part of the line that is put in front of it.
        added = (
            b"" if self._reader.overlong or self._held.startswith((b" ", b"\t")) else b"".join(self._missing.values())
        )
        released, self._holding = added + bytes(self._held), False
        self._held.clear()
        return released


class HeaderReader:
    """Reads the header of a message as it comes: which fields there are, and what a few of them say.

    `names` in lower case; `ended`: no more will come; `overlong`: it was left unread from `LONGEST_HEADER` octets on.
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
        """The next octets; those behind the header are passed over."""
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
        """The message has ended; a last line without its end counts, too."""
        if not self.ended and self._rest:
            self._line(bytes(self._rest))
        self.ended = True

    @property
    def automatic(self) -> bool:
        """The header says that a program wrote this: a report (RFC 6522), or an answer of its own (RFC 3834 5)."""
        kind = self._values.get(b"content-type", b"").strip().lower()
        origin = self._values.get(b"auto-submitted", b"no").partition(b";")[0].strip().lower()
        return kind.partition(b";")[0].strip() == b"multipart/report" or origin not in (b"no", b"")

    def _line(self, line: bytes) -> None:
        if line[:1] in (b" ", b"\t"):
            self._continue(line)
            return
        field = _FIELD.fullmatch(line)
        if field is None:  # the empty line, or the body of a message that has no header
            self.ended = True
            return
        name = field[1].lower()
        # Of a field that stands twice the first counts.
        self._last = b"" if name in self.names else name
        self.names.add(name)
        if self._last in self._WANTED:
            self._values[name] = field[2][:_LONGEST_VALUE]

    def _continue(self, line: bytes) -> None:
        """A folded line (RFC 5322 2.2.3) belongs to the field before it."""
        if self._last in self._values:
            self._values[self._last] = (self._values[self._last] + line)[:_LONGEST_VALUE]
