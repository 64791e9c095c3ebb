"""What a message with thousands of recipients costs whose outcomes come one by one: what they say, wherever it is."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import orjson
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.formats.layout import SpoolLayout
from fopemta.formats.message_json import outcome_to_json
from fopemta.formats.record import Draft, RecordKind
from fopemta.mail.envelope import Envelope
from fopemta.mail.listed import brief
from fopemta.mail.queued import QueuedMessage
from fopemta.spool.log.intake_log import IntakeLog
from fopemta.spool.looking.reader import PartitionReader
from fopemta.spool.turns import Turns
from fopemta.spool.waiting import briefs
from fopemta.spool.waiting.briefs import KeptBriefs
from fopemta.testing.disk import DoubleDisk
from fopemta.trust.verdict import Result
from tests.spool.contract import ALICE, ID, verdict
from tests.spool.life import DIRECTORY, Life
from tests.steps import LINEAR, steps_a_pair

# All in one: the double looks at all its files whenever one is made.
LARGE_SEGMENT = 16 * 1024 * 1024


def recipients(size: int) -> tuple[Mailbox, ...]:
    return tuple(Mailbox(f"u{number}", "b.test") for number in range(size))


def laden(size: int, waits: bool) -> Life:
    """A spool with one message, in the log or in `deferred/`."""
    life = Life(DoubleDisk(), segment=LARGE_SEGMENT)
    life.start()
    incoming = life.spool.receive(ID)
    life.settle(incoming.commit(Envelope(ALICE, recipients(size))))
    if waits:
        life.settle(life.spool.defer(ID))
    return life


def tell(life: Life, size: int, said: str = "") -> None:
    """An outcome for each recipient, one by one."""
    for each in recipients(size):
        told = attrs.evolve(verdict(each, Result.DEFERRED), text=said)
        life.settle(life.spool.record(ID, [told], False))


class CostTests(SynchronousTestCase):
    def assert_linear(self, prepared: Callable[[int], Callable[[], object]]) -> None:
        self.assertLess(steps_a_pair(prepared, 100), LINEAR)

    def test_outcomes_that_are_written_down_one_by_one(self) -> None:
        for waits in (False, True):

            def telling(size: int, waits: bool = waits) -> Callable[[], object]:
                life = laden(size, waits)
                return lambda: tell(life, size)

            self.assert_linear(telling)

    def test_long_outcomes_that_are_written_down_one_by_one(self) -> None:
        def telling(size: int) -> Callable[[], object]:
            life = laden(size, waits=True)
            return lambda: tell(life, size, "x" * 5000)

        self.assert_linear(telling)

    def test_a_start(self) -> None:
        for waits in (False, True):

            def starting(size: int, waits: bool = waits) -> Callable[[], object]:
                life = laden(size, waits)
                tell(life, size)
                life.settle(life.spool.stop())
                again = Life(life.disk)

                def start() -> None:
                    (message,) = again.start()
                    self.assertEqual([each.attempts for each in message.recipients], [1] * size)

                return start

            self.assert_linear(starting)

    def test_loading_it_and_looking_at_it_from_outside(self) -> None:
        for waits, largest in ((False, 0), (True, 0), (True, 2**30)):
            # All briefs are kept in memory, or none: where the one begins is no matter of what a recipient costs.
            self.patch(briefs, "LARGEST", largest)

            def loading(size: int, waits: bool = waits) -> Callable[[], object]:
                life = laden(size, waits)
                tell(life, size)

                def load() -> None:
                    message = life.settle(life.spool.load(ID))
                    self.assertEqual([each.attempts for each in message.recipients], [1] * size)
                    self.assertEqual(len(list(life.spool.listing())), 1)
                    found = PartitionReader(DIRECTORY, life.disk).find(ID)
                    assert found is not None
                    self.assertEqual((found.message, len(found.history)), (message, size))

                return load

            self.assert_linear(loading)

    def test_what_is_owed_after_a_failed_flush(self) -> None:
        def owing(size: int) -> Callable[[], object]:
            log = IntakeLog(DoubleDisk(), SpoolLayout(DIRECTORY), 0)
            drafts = [Draft(RecordKind.OUTCOME, ID, b"%d" % number) for number in range(size)]
            return lambda: [log.owe(each) for each in drafts]

        self.assert_linear(owing)

    def test_many_who_wait_for_their_turn(self) -> None:
        def waiting(size: int) -> Callable[[], object]:
            def work() -> None:
                turns, had = Turns(), []

                async def take(number: int) -> None:
                    await turns.begin(ID)
                    had.append(number)
                    turns.end(ID)

                self.successResultOf(Deferred.fromCoroutine(turns.begin(ID)))
                taking = [Deferred.fromCoroutine(take(number)) for number in range(size)]
                turns.end(ID)
                self.assertEqual((had, [each.called for each in taking]), (list(range(size)), [True] * size))
                self.assertFalse(turns.busy(ID))

            return work

        self.assert_linear(waiting)


class TurnsTests(SynchronousTestCase):
    def test_thousands_of_turns_that_end_at_once_fill_no_stack(self) -> None:
        turns = Turns()

        async def take() -> None:
            await turns.begin(ID)
            turns.end(ID)

        self.successResultOf(Deferred.fromCoroutine(turns.begin(ID)))
        taking = [Deferred.fromCoroutine(take()) for _ in range(3000)]
        turns.end(ID)
        for each in taking:
            self.successResultOf(each)

    def test_nobody_comes_between(self) -> None:
        turns, had = Turns(), []

        async def take(name: str) -> None:
            await turns.begin(ID)
            had.append(name)

        for name in "abc":
            Deferred.fromCoroutine(take(name))
        for expected in ("a", "ab", "abc"):
            self.assertEqual("".join(had), expected)
            self.assertTrue(turns.busy(ID))
            turns.end(ID)
        self.assertFalse(turns.busy(ID))
        Deferred.fromCoroutine(take("d"))
        self.assertEqual(had[-1], "d")


class KeptBriefsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.who = recipients(60)
        self.message = QueuedMessage.fresh(ID, 1_700_000_000.0, 5, Envelope(ALICE, self.who))
        self.briefs = KeptBriefs({ID: orjson.dumps(brief(self.message))})

    def test_an_outcome_is_seen_at_once(self) -> None:
        after = self.message
        for number in range(120):
            told = [verdict(self.who[number // 5], Result.DEFERRED, attempt=number)]
            after = after.after(told)
            self.briefs.recorded(ID, outcome_to_json(ID, told))
            if number % 7 == 0:
                self.assertEqual(orjson.loads(self.briefs.get(ID) or b""), orjson.loads(orjson.dumps(brief(after))))
        self.assertEqual(orjson.loads(self.briefs.get(ID) or b""), orjson.loads(orjson.dumps(brief(after))))

    def test_what_waits_to_be_folded_in_takes_little_room(self) -> None:
        for each in self.who * 3:
            self.briefs.recorded(ID, outcome_to_json(ID, [verdict(each, Result.DEFERRED)]))
            later = self.briefs._later.get(ID)
            if later is not None:
                self.assertLess(4 * later.size, len(self.briefs._briefs[ID]))

    def test_what_is_large_is_read_from_the_files(self) -> None:
        self.patch(briefs, "LARGEST", 2000)
        asked: list[str] = []
        kept = KeptBriefs({ID: b"x" * 2000}, lambda message_id: (asked.append(message_id), b"read")[1])
        self.assertEqual((kept.get(ID), asked), (b"x" * 2000, []))
        kept.keep(ID, b"x" * 2001)
        kept.recorded(ID, outcome_to_json(ID, [verdict(self.who[0], Result.DEFERRED)]))
        self.assertEqual((kept.get(ID), asked, kept._later), (b"read", [ID], {}))
        self.assertEqual((ID in kept, list(kept)), (True, [ID]))
        self.assertEqual(KeptBriefs({ID: b"x" * 2001}, lambda _: b"read").get(ID), b"read")
        self.assertTrue(kept.drop(ID))
        self.assertIsNone(kept.get(ID))

    def test_a_message_with_many_recipients_is_listed_as_it_is(self) -> None:
        self.patch(briefs, "LARGEST", 100)
        life = Life(DoubleDisk(), segment=LARGE_SEGMENT)
        life.start()
        message_id = life.put(b"x\r\n")
        life.settle(life.spool.defer(message_id))
        for attempt in range(1, 4):
            life.deferred_once(message_id, attempt)
            if attempt == 2:
                life.pass_time(21)  # one outcome is in the log alone
            message = life.settle(life.spool.load(message_id))
            self.assertEqual(
                [orjson.loads(each) for each in life.spool.listing()], [orjson.loads(orjson.dumps(brief(message)))]
            )
        self.assertEqual(life.spool._catalog.deferred._briefs, {message_id: b""})

    def test_one_that_has_gone_is_not_here(self) -> None:
        outcome = outcome_to_json(ID, [verdict(self.who[0], Result.DEFERRED)])
        self.briefs.recorded(ID, outcome)
        self.assertEqual((ID in self.briefs, list(self.briefs)), (True, [ID]))
        self.assertTrue(self.briefs.drop(ID))
        self.assertFalse(self.briefs.drop(ID))
        self.briefs.recorded(ID, outcome)
        self.assertEqual((ID in self.briefs, list(self.briefs), self.briefs.get(ID)), (False, [], None))
        self.briefs.keep(ID, orjson.dumps(brief(self.message)))
        self.assertEqual(orjson.loads(self.briefs.get(ID) or b""), orjson.loads(orjson.dumps(brief(self.message))))
