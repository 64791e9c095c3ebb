"""Reads the intake log (shell): which of its messages are unfinished, and what in it is damaged.  Changes nothing."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterable, Iterator

import attrs

from fopemta.formats.layout import SpoolLayout
from fopemta.formats.message_json import (
    StoredFacts,
    completion_from_json,
    facts_from_json,
    identity_from_json,
    outcome_from_json,
)
from fopemta.formats.record import SEGMENT_HEADER_SIZE, VERSION, Damage, Record, RecordKind, scan, segment_header
from fopemta.formats.waiting_file import message_of, verdicts_in
from fopemta.mail.queued import QueuedMessage, Unfinished
from fopemta.spool.disk import Disk, read_file
from fopemta.spool.log.segment import parse_segment_name
from fopemta.trust.verdict import VerdictRecord


@attrs.frozen(eq=False)
class ScannedSegment:
    """A segment that was read.  `damages` with the octets that each is about."""

    path: str
    sequence: int
    tag: bytes
    size: int
    damages: tuple[tuple[Damage, bytes], ...]


@attrs.define(eq=False)
class LoggedMessage:
    """An unfinished message in the log: where its record lies, and its outcomes so far (JSON), each once and oldest
    first.
    """

    facts: StoredFacts
    segment: ScannedSegment
    record: Record
    # After a failed flush an outcome may have been written twice: in order, and each in one step.
    outcomes: dict[bytes, None] = attrs.Factory(dict)

    @property
    def verdicts(self) -> list[VerdictRecord]:
        """All that were recorded, oldest first."""
        return [verdict for each in self.outcomes for verdict in verdicts_in(each)]

    @property
    def entry(self) -> Unfinished:
        """What the queue keeps of it.  Most have no outcome yet, and need not be made a message for this."""
        if self.outcomes:
            return Unfinished.of(self.message)
        facts, envelope = self.facts, self.facts.envelope
        domains = () if envelope.held else sorted({each.domain for each in envelope.recipients})
        return Unfinished(facts.id, facts.arrived, None if envelope.held else 0.0, tuple(domains), envelope.bound)

    @property
    def message(self) -> QueuedMessage:
        """As the queue sees it."""
        return message_of(self.facts, tuple(self.outcomes))


@attrs.define(eq=False)
class IntakeScan:
    """`live` by id in order of arrival; `made_here` where the reports are, finished ones too; `unsound` files that are
    no segments, with the reason; `empty` what a crash left of a segment that was about to be made.

    Of messages that have been moved: `outcomes` (JSON) recorded since, each once and oldest first, with the segment.
    Of any: `finished`, with the segment that says so.
    """

    segments: list[ScannedSegment] = attrs.Factory(list)
    live: dict[str, LoggedMessage] = attrs.Factory(dict)
    made_here: dict[str, ScannedSegment] = attrs.Factory(dict)
    outcomes: dict[str, dict[bytes, ScannedSegment]] = attrs.Factory(dict)
    finished: dict[str, ScannedSegment] = attrs.Factory(dict)
    unsound: list[tuple[str, str]] = attrs.Factory(list)
    empty: list[str] = attrs.Factory(list)


def scan_intake(disk: Disk, layout: SpoolLayout, go_on: Callable[[], None] = lambda: None) -> IntakeScan:
    """Read every segment, oldest first.  Raises OSError when the folder cannot be read; `go_on` is called at each
    record and may raise, too.

    On a spool in use a segment that goes away meanwhile had nothing unfinished left in it.
    """
    result = IntakeScan()
    names = [name for name in disk.names(layout.intake) if name != os.path.basename(layout.reserve)]
    for name in names:
        path = os.path.join(layout.intake, name)
        if (parsed := parse_segment_name(name)) is None:
            result.unsound.append((path, "not a file of the intake log"))
            continue
        try:
            data = read_file(disk, path)
        except FileNotFoundError:
            continue
        _read_segment(result, path, *parsed, data, go_on)
    return result


def _read_segment(
    result: IntakeScan, path: str, sequence: int, tag: bytes, data: bytes, go_on: Callable[[], None]
) -> None:
    header_is_sound = data[:SEGMENT_HEADER_SIZE] == segment_header(tag)
    findings = scan(data, tag)
    if not header_is_sound and not any(isinstance(each, Record) for each in findings):
        if data.count(0) == len(data):
            result.empty.append(path)
        else:
            result.unsound.append((path, _other_version(data) or "neither a segment's header nor records in it"))
        return
    records, damages = _sort_out(findings, data, go_on)
    if not header_is_sound:
        why = _other_version(data) or "segment header is damaged"
        damages.insert(0, Damage(0, SEGMENT_HEADER_SIZE, why, acknowledged=True))
    segment = ScannedSegment(
        path, sequence, tag, len(data), tuple((each, data[each.offset : each.end]) for each in damages)
    )
    result.segments.append(segment)
    for record, meaning in records:
        _fold(result, segment, record, meaning)


def _sort_out(
    findings: Iterable[Record | Damage], data: bytes, go_on: Callable[[], None]
) -> tuple[list[tuple[Record, _Meaning]], list[Damage]]:
    """Records with what they say, and damages."""
    records: list[tuple[Record, _Meaning]] = []
    damages: list[Damage] = []
    for finding in findings:
        go_on()
        if isinstance(finding, Damage):
            damages.append(finding)
            continue
        try:
            records.append((finding, _meaning(finding)))
        except ValueError as error:
            end = finding.content_offset + finding.content_size
            damages.append(Damage(finding.offset, end, str(error), acknowledged=True))
    return records, damages


def _other_version(data: bytes) -> str | None:
    """What is said of a segment whose header is not ours but may be a newer one's."""
    words, _, _ = data[:SEGMENT_HEADER_SIZE].partition(b"\n")
    if words.startswith(b"fopemta intake segment ") and words != b"fopemta intake segment %d" % VERSION:
        return f"segment of another version: {words!r}"
    return None


@attrs.frozen
class _Meaning:
    """What a record says of the message `id`."""

    id: str
    facts: StoredFacts | None = None
    finished: bool = False


def _meaning(record: Record) -> _Meaning:
    """Raises ValueError."""
    if record.kind is RecordKind.MESSAGE:
        facts = facts_from_json(record.meta)
        return _Meaning(facts.id, facts)
    if record.kind is RecordKind.OUTCOME:
        return _Meaning(outcome_from_json(record.meta).id)
    if record.kind is RecordKind.COMPLETION:
        message_id, finished = completion_from_json(record.meta)
        return _Meaning(message_id, None, finished)
    return _Meaning(identity_from_json(record.meta))


def _fold(result: IntakeScan, segment: ScannedSegment, record: Record, meaning: _Meaning) -> None:
    """In order of writing: a record may speak of an earlier one, and an id may come again after a cancel."""
    if meaning.facts is not None:
        result.live[meaning.id] = LoggedMessage(meaning.facts, segment, record)
        _forget(result, meaning.id)
        if meaning.facts.envelope.arrival is None:
            result.made_here[meaning.id] = segment
    elif record.kind is RecordKind.OUTCOME:
        if (logged := result.live.get(meaning.id)) is not None:
            logged.outcomes[record.meta] = None
        else:
            result.outcomes.setdefault(meaning.id, {}).setdefault(record.meta, segment)
    else:
        result.live.pop(meaning.id, None)
        if record.kind is RecordKind.CANCEL:
            result.made_here.pop(meaning.id, None)
            _forget(result, meaning.id)
        elif meaning.finished:
            _forget(result, meaning.id)
            result.finished[meaning.id] = segment


def _forget(result: IntakeScan, message_id: str) -> None:
    """What was said of an earlier life of that id, or counts no more."""
    result.outcomes.pop(message_id, None)
    result.finished.pop(message_id, None)


def unacknowledged(segments: Iterable[ScannedSegment]) -> Iterator[tuple[ScannedSegment, int]]:
    """(segment, number of records) that a crash left half written in it."""
    for segment in segments:
        count = sum(not damage.acknowledged for damage, _ in segment.damages)
        if count:
            yield segment, count
