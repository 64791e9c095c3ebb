"""Puts a spool in order after whatever ended the process before (shell).  `docs/spool.md` tells why each step is safe.

Runs off the reactor thread, once, on a spool that is locked, before anything is written to it.
"""

from __future__ import annotations

import gc
import os.path
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import attrs

from fopemta import maillog
from fopemta.formats.layout import SpoolLayout
from fopemta.formats.record import HEADER_SIZE
from fopemta.formats.waiting import WaitingMessage, waiting_of
from fopemta.formats.waiting_file import verdicts_in
from fopemta.interfaces import SpoolStopped
from fopemta.mail.queued import Unfinished
from fopemta.spool.catalog import LoggedEntry, Unwritten
from fopemta.spool.disk import Disk, remove_if_there
from fopemta.spool.log.scan import IntakeScan, LoggedMessage, ScannedSegment, scan_intake, unacknowledged
from fopemta.spool.log.segment import Position, Segment
from fopemta.spool.quarantine import Quarantine
from fopemta.spool.waiting.folder import DeferredFolder
from fopemta.spool.waiting.scan import Unreadable, read_waiting


@attrs.define(eq=False)
class Recovered:
    """What the log says, with those of its messages that are in `deferred/`, too.

    `messages` unfinished ones, oldest first; `logged` those in the log alone; `deferred` those in both places, by id in
    brief (JSON): `twice` ids whose log record is to be completed first.  `unwritten` are outcomes of messages that wait
    and `finished` segments that say of a message that it is finished: of each there may still be files.
    """

    messages: list[Unfinished] = attrs.Factory(list)
    segments: list[Segment] = attrs.Factory(list)
    last_sequence: int = 0
    logged: dict[str, LoggedEntry] = attrs.Factory(dict)
    deferred: dict[str, bytes] = attrs.Factory(dict)
    unwritten: dict[str, Unwritten] = attrs.Factory(dict)
    finished: dict[str, Segment] = attrs.Factory(dict)
    twice: set[str] = attrs.Factory(set)


class Recovery:
    """One run of it.  Raises OSError when the spool as a whole cannot be read, SpoolStopped after `stop`."""

    def __init__(self, disk: Disk, layout: SpoolLayout, quarantine: Quarantine, now: float) -> None:
        self._disk = disk
        self._layout = layout
        self._now = now
        self._quarantine = quarantine
        self._waiting = DeferredFolder(disk, layout.deferred)
        self._result = Recovered()
        self._stopped = False

    def stop(self) -> None:
        """Read no further; from any thread.  What has been done is right by itself, as after a crash at this point."""
        self._stopped = True

    def go_on(self) -> None:
        """Asked at each record and each file.  Raises SpoolStopped."""
        if self._stopped:
            raise SpoolStopped("stopped while it was read")

    def run(self) -> Recovered:
        """Read everything, put aside what is damaged, remove what nobody was promised."""
        # Hundreds of thousands of values are made and kept: looking for cycles in them would take longer than reading.
        gc.disable()
        try:
            return self._run()
        finally:
            gc.enable()

    def _run(self) -> Recovered:
        intake = scan_intake(self._disk, self._layout, self.go_on)
        self._put_aside_damage(intake)
        self._look_in_both_places(intake)
        self._check_bodies(intake)
        self._adopt(intake)
        self._result.messages.sort(key=lambda each: (each.arrived, each.id))
        return self._result

    def _put_aside_damage(self, intake: IntakeScan) -> None:
        """Damage goes to `corrupt/`; what a crash left of an unflushed batch was never promised, and is told of."""
        for path, why in intake.unsound:
            self._put_file(path, why)
        youngest = max((each.path for each in intake.segments), default="")
        for path in intake.empty:
            if path > youngest:
                self._careful(partial(remove_if_there, self._disk, path))  # a crash while it was being made
            else:
                self._put_file(path, "segment is empty")
        for segment in intake.segments:
            for damage, octets in segment.damages:
                if damage.acknowledged:
                    name = f"{os.path.basename(segment.path)}-{damage.offset}"
                    self._put_octets(name, octets, f"{segment.path} at {damage.offset}", damage.why)
        for segment, records in unacknowledged(intake.segments):
            maillog.dropped_unacknowledged(segment.path, records)

    def _look_in_both_places(self, intake: IntakeScan) -> None:
        """Of a message in the log there may be files in `deferred/`: it has moved, or its move was interrupted."""
        for message_id in self._with_files(intake.live):
            self.go_on()
            found = read_waiting(self._disk, self._layout.deferred, message_id)
            if isinstance(found, WaitingMessage):
                self._take_waiting(found, intake)
            elif isinstance(found, Unreadable):
                maillog.corrupt(found.path, f"cannot be read, left where it is: {found.why}")
            else:
                self._careful(partial(self._waiting.undo, message_id))

    def _with_files(self, message_ids: Iterable[str]) -> list[str]:
        """Those of which there are files, whichever: many names are read sooner than many files are asked for."""
        by_folder: dict[str, list[str]] = {}
        for message_id in message_ids:
            by_folder.setdefault(self._waiting.folder_of(message_id), []).append(message_id)
        found: list[str] = []
        for folder, its in by_folder.items():
            self.go_on()
            try:
                there = {name.rpartition(".")[0] for name in self._disk.names(folder)}
            except (FileNotFoundError, NotADirectoryError):
                continue
            found += [each for each in its if each in there]
        return found

    def _take_waiting(self, waiting: WaitingMessage, intake: IntakeScan) -> None:
        """The waiting one counts, with whatever outcomes only the log knows of."""
        waiting = self._merge(waiting, intake.live.pop(waiting.id))
        self._result.twice.add(waiting.id)
        if waiting.entry is not None and waiting.brief is not None:
            self._result.deferred[waiting.id] = waiting.brief
            self._result.messages.append(waiting.entry)

    def _merge(self, waiting: WaitingMessage, logged: LoggedMessage) -> WaitingMessage:
        known = {verdict for line in waiting.lines for verdict in verdicts_in(line)}
        missing = [each for each in logged.outcomes if not known.issuperset(verdicts_in(each))]
        if waiting.finished or not missing:
            return waiting
        self._waiting.append(waiting.id, missing)
        return waiting_of(waiting.head, (*waiting.lines, *missing))

    def _check_bodies(self, intake: IntakeScan) -> None:
        """A body that no record names was never promised; a record without its body is damage."""
        wanted = {logged.facts.id: logged for logged in intake.live.values() if logged.facts.separate}
        for name in self._disk.names(self._layout.bodies):
            if name not in wanted and name not in self._result.twice:
                self._careful(partial(remove_if_there, self._disk, self._layout.body(name)))
        for message_id, logged in wanted.items():
            why = self._fault_of_body(message_id, logged.facts.size)
            if why is not None:
                self._put_bodiless(intake.live.pop(message_id), why)

    def _fault_of_body(self, message_id: str, size: int) -> str | None:
        try:
            file = self._disk.open(self._layout.body(message_id))
        except FileNotFoundError:
            return "its body is gone"
        try:
            actual = self._disk.size_of(file)
        finally:
            self._disk.close(file)
        return None if actual == size else f"its body has {actual} octets, should have {size}"

    def _put_bodiless(self, logged: LoggedMessage, why: str) -> None:
        where = f"{logged.segment.path} at {logged.record.offset}, message {logged.facts.id}"
        self._put_octets(f"{logged.facts.id}.record", logged.record.meta, where, why)
        path = self._layout.body(logged.facts.id)
        if os.path.basename(path) in self._disk.names(self._layout.bodies):
            self._put_file(path, why)

    def _adopt(self, intake: IntakeScan) -> None:
        """Open the segments for reading; none of them is ever written to again."""
        segments = {each: self._open(each) for each in intake.segments}
        for message_id, scanned in intake.made_here.items():
            segments[scanned].made_here.add(message_id)
        for logged in intake.live.values():
            self.go_on()
            segment = segments[logged.segment]
            segment.live += 1
            self._result.logged[logged.facts.id] = LoggedEntry(
                _position(segment, logged),
                self._now,
                logged.facts.separate,
                list(logged.outcomes),
            )
            self._result.messages.append(logged.entry)
        self._adopt_waiting(intake, segments)
        self._result.segments = list(segments.values())
        self._result.last_sequence = max((each.sequence for each in intake.segments), default=0)

    def _adopt_waiting(self, intake: IntakeScan, segments: Mapping[ScannedSegment, Segment]) -> None:
        """Each segment stays as long as what it says of waiting messages is nowhere else."""
        for message_id, outcomes in intake.outcomes.items():
            unwritten = self._result.unwritten[message_id] = Unwritten(self._now, doubtful=True)
            for outcome, scanned in outcomes.items():
                unwritten.add(outcome, segments[scanned])
        for message_id, scanned in intake.finished.items():
            self._result.finished[message_id] = segments[scanned]
            segments[scanned].live += 1

    def _open(self, scanned: ScannedSegment) -> Segment:
        return Segment(
            scanned.path,
            scanned.sequence,
            scanned.tag,
            self._disk.open(scanned.path),
            self._now,
            scanned.size,
            scanned.size,
            scanned.size,
            retired=True,
        )

    def _put_file(self, path: str, why: str) -> None:
        try:
            self._quarantine.put_file(path, why)
        except OSError as error:
            maillog.corrupt(path, f"{why}; cannot be put aside: {error}")

    def _put_octets(self, name: str, octets: bytes, where: str, why: str) -> None:
        try:
            self._quarantine.put_octets(name, octets, where, why)
        except OSError as error:
            maillog.corrupt(where, f"{why}; cannot be put aside: {error}")

    def _careful(self, removal: Callable[[], None]) -> None:
        """Remove what nobody was promised; if that fails, the next start does it."""
        try:
            removal()
        except OSError:
            pass


def _position(segment: Segment, logged: LoggedMessage) -> Position:
    record = logged.record
    return Position(segment, record.offset + HEADER_SIZE, len(record.meta), record.content_size)
