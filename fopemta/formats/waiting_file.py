r"""The two files of a waiting message as octets (pure): its head, and its journal of outcomes.

Both are lines that an administrator can read.  A line carries a checksum of its JSON, so that a torn end is known.

    ID.msg    fopemta-message 1 CHECKSUM {"id":...,"envelope":...}\n  and then the content
    ID.jnl    CHECKSUM {"id":...,"verdicts":[...]}\n  for each transaction
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import attrs

from fopemta.formats.message_json import StoredFacts, facts_to_json, outcome_from_json
from fopemta.mail.queued import QueuedMessage
from fopemta.trust.verdict import VerdictRecord

_WORD = b"fopemta-message"
_VERSION = b"1"
_CHECKSUM_SIZE = 16


class Unsound(ValueError):
    """A file is not what it should be; the text says why."""


@attrs.frozen
class Journal:
    """`lines` are the good ones' JSON, `length` how many octets they take: what follows is torn and to be cut."""

    lines: tuple[bytes, ...]
    length: int

    def lines_with(self, unwritten: Sequence[bytes]) -> tuple[bytes, ...]:
        """And behind them those of `unwritten` outcomes, JSON too, that have not been added to it by now."""
        known = set(self.lines) if unwritten else ()
        return (*self.lines, *(each for each in unwritten if each not in known))

    @property
    def finished(self) -> bool:
        """No recipient is left.  The word is looked for first: most journals need not be parsed for this."""
        return b'"finished"' in self.lines[-1] and outcome_from_json(self.lines[-1]).finished


def pack_head(facts: StoredFacts) -> bytes:
    """The first line of a message's file."""
    return b"%s %s %s" % (_WORD, _VERSION, pack_line(facts_to_json(facts)))


def parse_head_text(data: bytes) -> tuple[bytes, int] | None:
    """(JSON of the facts, length of the head) of a file that begins with `data`; None when its end is not in it.

    Raises Unsound.
    """
    if not data.strip(b"\0"):
        raise Unsound("file is empty")
    if data[: len(_WORD)] != _WORD:
        raise Unsound("not a message file")
    line, newline, _ = data.partition(b"\n")
    if not newline:
        return None
    words = line.split(b" ", 2)
    if len(words) != 3 or words[1] != _VERSION:
        raise Unsound(f"message file of another version: {line[:40]!r}")
    text = _checked(words[2])
    if text is None:
        raise Unsound("checksum of the head is wrong")
    return text, len(line) + 1


def pack_line(text: bytes) -> bytes:
    """A line of the journal."""
    return b"%s %s\n" % (_checksum(text), text)


def parse_journal(data: bytes) -> Journal:
    """The good lines.  Raises Unsound when there is none, or when a bad one is followed by a good one.

    Whom the bad line told of is unknown then; only at the end it is what a crash leaves, and counts as never written.
    """
    lines: list[bytes] = []
    length, torn = 0, False
    # Behind the last line's end there is nothing, or what was torn.
    for line in data.split(b"\n")[:-1]:
        text = _checked(line)
        if text is None:
            torn = True
        elif torn:
            raise Unsound("journal is damaged in the middle")
        else:
            lines.append(text)
            length += len(line) + 1
    if not lines:
        raise Unsound("no line of the journal is whole" if data else "journal is empty")
    return Journal(tuple(lines), length)


def ends_soundly(end: bytes, all_of_it: bool) -> bool | None:
    """Whether the last line of a journal is good, of which `end` is the end, or `all_of_it`; None when that line begins
    before it.
    """
    if not end.endswith(b"\n"):
        return False
    start = end.rfind(b"\n", 0, -1) + 1
    if start == 0 and not all_of_it:
        return None
    return _checked(end[start:-1]) is not None


def newest_lines(data: bytes) -> Iterator[bytes]:
    """The good lines of a journal from its end on, for who needs the last ones alone: those before are not looked at.

    What is torn at the end is passed over, as by `parse_journal`.
    """
    # Behind the last line's end there is nothing, or what was torn.
    for line in reversed(data.split(b"\n")[:-1]):
        if (text := _checked(line)) is not None:
            yield text


def message_of(facts: StoredFacts, lines: Sequence[bytes]) -> QueuedMessage:
    """The message with each recipient's newest verdict.  Raises Unsound.

    Read from the end and no further than needed: at start this is done for each of perhaps 100,000 messages.
    """
    addresses = {str(each): each for each in facts.envelope.recipients}
    newest: dict[str, VerdictRecord] = {}
    for line in reversed(lines):
        for verdict in reversed(verdicts_in(line)):
            if verdict.recipient not in newest and verdict.recipient in addresses:
                newest[verdict.recipient] = verdict
        if len(newest) == len(addresses):
            break
    return QueuedMessage.fresh(facts.id, facts.arrived, facts.size, facts.envelope).after(newest.values())


def verdicts_in(line: bytes) -> tuple[VerdictRecord, ...]:
    """The verdicts of one line of a journal.  Raises Unsound."""
    try:
        return outcome_from_json(line).verdicts
    except ValueError as error:
        raise Unsound(f"journal: {error}") from error


def content_digest(content: bytes) -> str:
    """The checksum of content that stands behind its head."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _checksum(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=8).hexdigest().encode("ascii")


def _checked(line: bytes) -> bytes | None:
    """The JSON of a line without its end, or None."""
    text = line[_CHECKSUM_SIZE + 1 :]
    return text if line[: _CHECKSUM_SIZE + 1] == _checksum(text) + b" " else None
