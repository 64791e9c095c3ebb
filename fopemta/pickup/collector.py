"""Moves messages from the drop folder into the spool (shell): at start, every few seconds, and on request.

For each file, each step durable before the next: it is moved to taken/ under the queue id of its future message; the
message is stored in the spool under that id, or a report of its refusal is; the file is removed; the queue is informed.
After a crash, files that are left are taken again unless the spool has that id, and no file is left of a message that
the spool has finished with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fopemta import maillog
from fopemta.background import supervise
from fopemta.few_at_once import InThread
from fopemta.interfaces import HandedIn, ILocalIntake, IQueue, ISpool, Later, SpoolTrouble
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.reply import Reply
from fopemta.pickup.content import DroppedContent
from fopemta.pickup.folder import DropFolder, OpenedFile, Unusable
from fopemta.sendmail.dropped import Damaged

INTERVAL = 5.0
# Seconds until a failed file is tried again.
_PATIENCE = 60.0
# Files taken at once.
_AT_ONCE = 20

_KEPT = Reply.of(250, "2.0.0", "Ok: it will be taken later")
_DAMAGED = Reply.of(554, "5.6.0", "That is no message")
# Another round was faster; a refusal is then reported by mail.
_GONE = Reply.of(250, "2.0.0", "Ok: it has been taken")

# Called with a message that some or all recipients do not get: its id, the result, when it was written, and its
# beginning.  Fires with the report, once durable, or None if there is no one to report to.
Report = Callable[[str, HandedIn, float, bytes], Deferred[QueuedMessage | None]]


@attrs.frozen
class _Done:
    """The file of a message can be removed; then `message`, or the report of its refusal, goes to the queue, and
    waiting programs are answered.
    """

    message_id: str
    message: QueuedMessage | None
    reply: Reply


class Collector:
    """An Attendant.  `ids` returns new queue ids, `now` the wall time, `clock` is steady; `lifetime` returns how many
    seconds a message may wait before it is refused.
    """

    def __init__(
        self,
        folder: DropFolder,
        intake: ILocalIntake,
        spool: ISpool,
        queue: IQueue,
        report: Report,
        clock: IReactorTime,
        ids: Callable[[], str],
        now: Callable[[], float],
        lifetime: Callable[[], float],
        in_thread: InThread,
    ) -> None:
        self._folder = folder
        self._intake = intake
        self._spool = spool
        self._queue = queue
        self._report = report
        self._clock = clock
        self._ids = ids
        self._now = now
        self._lifetime = lifetime
        self._in_thread = in_thread
        self._running = False
        self._busy = False
        self._call: IDelayedCall | None = None
        # The ids in taken/, each with the time of its next try.
        self._taken: dict[str, float] = {}
        # Programs that wait for an answer, by the name of their file, and later by its id.
        self._wanted: dict[str, list[Deferred[Reply]]] = {}
        self._waiting: dict[str, list[Deferred[Reply]]] = {}
        self._trouble = ""

    def start(self) -> None:
        """The spool has been read, and none of its messages was delivered yet: now its content is known."""
        self._running = True
        try:
            left = self._folder.left()
        except OSError as error:
            self._tell_trouble(str(error))
            return
        ended = [each for each in left if self._spool.holds(each)]
        self._taken = {each: 0.0 for each in left if each not in ended}
        try:
            self._folder.remove(ended)
        except OSError as error:
            self._tell_trouble(str(error))
        self._look()

    def stop(self) -> None:
        """Stop; files in progress are found at the next start."""
        self._running = False
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._answer_all(_KEPT)
        if not self._busy:
            self._folder.rest()

    def collect(self, name: str) -> Deferred[Reply]:
        """Take that file at once; fires with the result, `_KEPT` if it has to wait.  Does not fail."""
        if not self._running:
            return succeed(_KEPT)
        answer: Deferred[Reply] = Deferred()
        self._wanted.setdefault(name, []).append(answer)
        if not self._busy:
            self._look()
        return answer

    # --- looking -----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._busy = True
        supervise(self._round().addBoth(self._looked), "collecting dropped messages")

    def _looked(self, result: object) -> object:
        self._busy = False
        if self._running:
            self._call = self._clock.callLater(0.0 if self._wanted else INTERVAL, self._look)
        else:
            self._folder.rest()
        return result

    def _round(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._collect_all())

    async def _collect_all(self) -> None:
        """Repeat while there are new files."""
        while self._running:
            claimed = await self._claim()
            now = self._clock.seconds()
            due = [each for each, moment in self._taken.items() if moment <= now][:_AT_ONCE]
            if not due:
                return
            await self._take_all(due)
            if not claimed and len(due) < _AT_ONCE and not self._wanted:
                return

    async def _claim(self) -> bool:
        """Move files to taken/."""
        wanted, self._wanted = self._wanted, {}
        try:
            claimed = await self._in_thread(self._folder.claim, list(wanted), _AT_ONCE, self._ids)
        except (OSError, Unusable) as error:
            self._tell_trouble(str(error))
            _fire([each for waiting in wanted.values() for each in waiting], _KEPT)
            return False
        self._trouble = ""
        for name, message_id in claimed:
            self._taken[message_id] = 0.0
            if (waiting := wanted.pop(name, None)) is not None:
                self._waiting[message_id] = waiting
        for waiting in wanted.values():
            _fire(waiting, _GONE)
        return bool(claimed)

    async def _take_all(self, message_ids: Sequence[str]) -> None:
        found = await gatherResults([Deferred.fromCoroutine(self._taken_from(each)) for each in message_ids])
        done = [each for each in found if each is not None]
        try:
            await self._in_thread(self._folder.remove, [each.message_id for each in done])
        except OSError as error:
            # They are in the spool: if found again here after it has finished with them, they would be sent twice.
            self._tell_trouble(str(error))
        for each in done:
            self._taken.pop(each.message_id, None)
            if each.message is not None:
                self._hand_on(each.message)
            self._answer(each.message_id, each.reply)

    def _hand_on(self, message: QueuedMessage) -> None:
        # After the queue has stopped, it finds the message in the spool at the next start.
        if self._running:
            self._queue.accepted(message)

    # --- one file ----------------------------------------------------------------------------------------------------

    async def _taken_from(self, message_id: str) -> _Done | None:
        """None if the file stays, for later or for good."""
        try:
            opened = await self._in_thread(self._folder.open, message_id)
        except FileNotFoundError:
            self._forget(message_id, _GONE)
            return None
        except Damaged as damage:
            await self._put_aside(message_id, str(damage))
            return None
        except OSError as error:
            self._later(message_id, str(error))
            return None
        content = DroppedContent(opened, self._in_thread)
        try:
            return await self._judged(message_id, opened, content)
        except Damaged as damage:
            await self._put_aside(message_id, str(damage))
        except (SpoolTrouble, OSError) as error:
            self._later(message_id, str(error))
        except Exception:  # noqa: BLE001  a fault of ours: the others are not to suffer, and nothing is to be lost
            maillog.failed_unexpectedly("taking a dropped message")
            self._later(message_id, "a fault of ours")
        finally:
            content.close()
        return None

    async def _judged(self, message_id: str, opened: OpenedFile, content: DroppedContent) -> _Done | None:
        """Raises Damaged, SpoolTrouble or OSError."""
        if self._spool.holds(message_id):
            # It was stored, and a later step failed.
            message = await self._spool.load(message_id)
            return _Done(message_id, message, Reply.of(250, "2.0.0", f"Ok: queued as {message_id}"))
        try:
            handed_in = await self._intake.take(
                message_id,
                opened.letter,
                opened.uid,
                content.piece,
                lambda some: Deferred.fromCoroutine(self._refuse(message_id, some, opened, content)),
            )
        except Later as later:
            if self._now() - opened.written < self._lifetime():
                self._later(message_id, str(later))
                return None
            handed_in = later.handed_in
        return await self._reported(message_id, handed_in, opened, content)

    async def _refuse(self, message_id: str, some: HandedIn, opened: OpenedFile, content: DroppedContent) -> None:
        """Some of several recipients are refused: the report to the sender is stored before the others get the
        message.
        """
        maillog.drop_refused(message_id, opened.uid, some.refused)
        report = await self._report(message_id, some, opened.written, content.beginning)
        if report is not None:
            self._hand_on(report)

    async def _reported(
        self, message_id: str, handed_in: HandedIn, opened: OpenedFile, content: DroppedContent
    ) -> _Done:
        """Raises as `_judged`.  Who waits for the answer is told of a refusal, and is sent no report of it."""
        message, refused = handed_in.message, handed_in.refused
        if message is not None:
            maillog.accepted(message)
            maillog.drop_collected(message_id, opened.uid)
            return _Done(message_id, message, Reply.of(250, "2.0.0", f"Ok: queued as {message_id}"))
        maillog.drop_refused(message_id, opened.uid, refused)
        report = None
        if message_id not in self._waiting:
            beginning = await content.begun()
            report = await self._report(message_id, handed_in, opened.written, beginning)
        return _Done(message_id, report, refused[0][1])

    async def _put_aside(self, message_id: str, why: str) -> None:
        maillog.drop_damaged(message_id, why)
        try:
            await self._in_thread(self._folder.put_aside, message_id)
        except OSError as error:
            self._tell_trouble(str(error))
            self._later(message_id, why)
        else:
            self._forget(message_id, _DAMAGED)

    def _later(self, message_id: str, why: str) -> None:
        maillog.drop_kept(message_id, why)
        self._taken[message_id] = self._clock.seconds() + _PATIENCE
        self._answer(message_id, _KEPT)

    def _forget(self, message_id: str, reply: Reply) -> None:
        self._taken.pop(message_id, None)
        self._answer(message_id, reply)

    # --- answers -----------------------------------------------------------------------------------------------------

    def _answer(self, message_id: str, reply: Reply) -> None:
        _fire(self._waiting.pop(message_id, ()), reply)

    def _answer_all(self, reply: Reply) -> None:
        waiting = [each for all_of_one in (*self._wanted.values(), *self._waiting.values()) for each in all_of_one]
        self._wanted.clear()
        self._waiting.clear()
        _fire(waiting, reply)

    def _tell_trouble(self, why: str) -> None:
        """Log each trouble once, not at every round."""
        if why != self._trouble:
            self._trouble = why
            maillog.drop_trouble(why)


def _fire(waiting: Sequence[Deferred[Reply]], reply: Reply) -> None:
    for each in waiting:
        each.callback(reply)
