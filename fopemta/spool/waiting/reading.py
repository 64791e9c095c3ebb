"""Reads `deferred/` while mail is taken already, a little at a time (shell, reactor thread)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from fopemta import maillog
from fopemta.formats.layout import MessageFiles
from fopemta.formats.message_json import outcome_to_json
from fopemta.formats.record import Draft, RecordKind
from fopemta.formats.waiting import WaitingMessage, waiting_of
from fopemta.formats.waiting_file import Unsound
from fopemta.interfaces import SpoolStopped, SpoolTrouble
from fopemta.mail.queued import Unfinished
from fopemta.spool.catalog import Catalog
from fopemta.spool.disk import Disk, remove_if_there
from fopemta.spool.log.segment import Segment
from fopemta.spool.log.writer import LogWriter
from fopemta.spool.quarantine import Quarantine
from fopemta.spool.removal import Removal
from fopemta.spool.threads import Threads
from fopemta.spool.waiting.scan import Finding, Remnant, Spoilt, Unreadable, scan_deferred

# Some milliseconds: whoever has mail for us meanwhile should hardly notice.
_SLICE = 16
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 30.0


class Reading:
    """One run of it, on a spool that has started.  `finished`: ids of which the log says so, with the segment."""

    def __init__(
        self,
        disk: Disk,
        root: str,
        threads: Threads,
        clock: IReactorTime,
        catalog: Catalog,
        quarantine: Quarantine,
        writer: LogWriter,
        removal: Removal,
        finished: dict[str, Segment],
    ) -> None:
        self._disk = disk
        self._root = root
        self._threads = threads
        self._clock = clock
        self._catalog = catalog
        self._quarantine = quarantine
        self._writer = writer
        self._removal = removal
        self._finished = finished
        self._unreadable: set[str] = set()
        # What the log knows, or has known since the start, is not news, wherever it is by now.
        self._known = {*catalog.logged, *catalog.deferred}
        self._stopped = False
        self._waiting: list[Deferred[None]] = []
        self.begun = False
        self.over = False

    def keep_out(self, message_id: str) -> None:
        """A message that has been taken since."""
        self._known.add(message_id)

    def knows(self, message_id: str) -> bool:
        """It is no waiting message that is still to be found: it is in the log, or has been, or is finished."""
        return message_id in self._known or message_id in self._finished

    def stop(self) -> None:
        """Read no further."""
        self._stopped = True

    async def until_over(self) -> None:
        """Wait until everything has been read, or reading has ended without."""
        if not self.over:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting

    async def run(self, take: Callable[[Sequence[Unfinished]], None]) -> int:
        """Read it all; `take` is given what was found, some messages at a time; how many there were.

        What cannot be read now, folders or because descriptors are used up, is read later.  Raises SpoolStopped.
        """
        self.begun = True
        count, wait = 0, _FIRST_WAIT
        try:
            findings = self._scan()
            while (found := await self._next(findings)) != []:
                if found is None:
                    await self._pause(wait)
                    findings, wait = self._scan(), min(2 * wait, _LONGEST_WAIT)
                    continue
                entries = [entry for each in found if (entry := await self._judge(each)) is not None]
                count += len(entries)
                if entries:
                    take(entries)
                await self._pause(0)
            self._let_go()
        finally:
            self.over = True
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.callback(None)
        return count

    def _scan(self) -> Iterator[Finding]:
        return scan_deferred(self._disk, self._root, self._known)

    async def _next(self, findings: Iterator[Finding]) -> list[Finding] | None:
        """Some more, none at the end; None when they cannot be read now."""
        try:
            return await self._threads.files(lambda: list(self._some(findings)))
        except OSError as error:
            maillog.spool_trouble(f"what waits cannot be read: {error}")
            return None

    def _some(self, findings: Iterator[Finding]) -> Iterator[Finding]:
        for finding in islice(findings, _SLICE):
            self._check()
            yield finding

    def _check(self) -> None:
        if self._stopped:
            raise SpoolStopped("stopped while it was read")

    async def _pause(self, seconds: float) -> None:
        paused: Deferred[None] = Deferred()
        self._clock.callLater(seconds, paused.callback, None)
        await paused
        self._check()

    async def _judge(self, finding: Finding) -> Unfinished | None:
        """What of it the queue should know."""
        if isinstance(finding, Unreadable):
            maillog.corrupt(finding.path, f"cannot be read, left where it is: {finding.why}")
            self._unreadable.add(finding.id)
            return None
        if finding.id is not None:
            self._known.add(finding.id)
        if finding.id is not None and (segment := self._finished.pop(finding.id, None)) is not None:
            self._removal.finished(finding.id, [segment])
        elif isinstance(finding, Spoilt):
            await self._put_aside(finding.paths, finding.why)
        elif isinstance(finding, Remnant):
            await self._threads.files(partial(self._remove, finding.paths))
        elif finding.finished:
            await self._end(finding.id)
        else:
            return await self._take(finding)
        return None

    async def _take(self, waiting: WaitingMessage) -> Unfinished | None:
        unwritten = self._catalog.unwritten_of(waiting.id)
        missing = [each for each in unwritten if each not in waiting.lines]
        try:
            if missing:
                waiting = waiting_of(waiting.head, (*waiting.lines, *missing))
        except Unsound as error:
            files = MessageFiles(self._root, waiting.id)
            await self._put_aside([each for each in files.all if each != files.temporary], str(error))
            return None
        if waiting.brief is not None:
            self._catalog.deferred.keep(waiting.id, waiting.brief)
        return waiting.entry

    async def _end(self, message_id: str) -> None:
        """Its journal says that it is finished, as an earlier version wrote it: now the log says so, too."""
        draft = Draft(RecordKind.COMPLETION, message_id, outcome_to_json(message_id, (), True))
        try:
            position = await self._writer.append(draft, durable=False)
        except SpoolTrouble:
            return  # the next start finds it again
        position.segment.live += 1
        self._removal.finished(message_id, [position.segment])

    async def _put_aside(self, paths: Sequence[str], why: str) -> None:
        for path in paths:
            try:
                await self._threads.files(partial(self._quarantine.put_file, path, why))
            except OSError as error:
                maillog.corrupt(path, f"{why}; cannot be put aside: {error}")

    def _remove(self, paths: Sequence[str]) -> None:
        """Of what nobody was promised; if that fails, the next start does it.  Blocks."""
        for path in paths:
            try:
                remove_if_there(self._disk, path)
            except OSError:
                return

    def _let_go(self) -> None:
        """What the log says of messages of which there is nothing any more need not be kept."""
        for message_id in list(self._catalog.unwritten):
            if message_id not in self._catalog.deferred and message_id not in self._unreadable:
                self._catalog.forget(message_id)
        for message_id, segment in self._finished.items():
            if message_id not in self._unreadable:
                segment.live -= 1
