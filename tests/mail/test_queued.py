"""A queued message and what verdicts make of it."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Envelope
from fopemta.mail.queued import QueuedMessage, RecipientState
from fopemta.trust.verdict import Result, VerdictRecord
from tests.steps import LINEAR, steps_a_pair

BOB = Mailbox("bob", "example.org")
EVE = Mailbox("eve", "example.net")


def verdict(recipient: Mailbox, result: Result, attempt: int = 1, next_try: float | None = None) -> VerdictRecord:
    return VerdictRecord(
        time=1000.0, message="M", sender="a@example.com", recipient=str(recipient), attempt=attempt,
        result=result, code=250, enhanced="2.0.0", text="", next_try=next_try,
    )  # fmt: skip


class QueuedMessageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.message = QueuedMessage.fresh("M", 900.0, 10, Envelope(Mailbox("a", "example.com"), (BOB, EVE)))

    def test_fresh_is_queued_and_due(self) -> None:
        self.assertEqual([each.state for each in self.message.recipients], [RecipientState.QUEUED] * 2)
        self.assertEqual([each.next_try for each in self.message.recipients], [None, None])
        self.assertFalse(self.message.finished)

    def test_verdict_finds_its_recipient(self) -> None:
        after = self.message.after([verdict(EVE, Result.DELIVERED)])
        self.assertEqual([each.state.value for each in after.recipients], ["queued", "delivered"])
        self.assertEqual([each.address for each in after.pending], [BOB])
        self.assertEqual([each.attempts for each in after.recipients], [0, 1])

    def test_deferred_stays_open_with_its_next_try(self) -> None:
        after = self.message.after([verdict(BOB, Result.DEFERRED, next_try=1300.0)])
        self.assertEqual(after.recipients[0].next_try, 1300.0)
        self.assertEqual(after.recipients[0].state, RecipientState.QUEUED)

    def test_finished_recipient_has_no_next_try(self) -> None:
        after = self.message.after([verdict(BOB, Result.FAILED, next_try=1300.0)])
        self.assertIsNone(after.recipients[0].next_try)

    def test_finished_when_no_recipient_is_open(self) -> None:
        after = self.message.after([verdict(BOB, Result.FAILED), verdict(EVE, Result.DELIVERED)])
        self.assertTrue(after.finished)

    def test_attempts_follow_the_verdicts_own_count(self) -> None:
        # Records that a crash kept twice, or a compacted history, must not lose count.
        after = self.message.after([verdict(BOB, Result.DEFERRED, attempt=7)])
        self.assertEqual(after.recipients[0].attempts, 7)

    def test_warned_as_the_newest_verdict_says(self) -> None:
        self.assertFalse(self.message.recipients[0].warned)
        after = self.message.after([attrs.evolve(verdict(BOB, Result.DEFERRED), warned=True)])
        self.assertEqual([each.warned for each in after.recipients], [True, False])

    def test_held_by_a_verdict_until_another_is_recorded(self) -> None:
        held = self.message.after([attrs.evolve(verdict(BOB, Result.DEFERRED), held=True)])
        self.assertEqual((held.recipients[0].state, held.due), (RecipientState.HELD, 0.0))  # eve was never tried
        both = held.after([attrs.evolve(verdict(EVE, Result.DEFERRED), held=True)])
        self.assertIsNone(both.due)
        released = both.after([verdict(BOB, Result.DEFERRED, next_try=1300.0)])
        self.assertEqual((released.recipients[0].state, released.due), (RecipientState.QUEUED, 1300.0))

    def test_held_is_open(self) -> None:
        held = attrs.evolve(self.message.recipients[0], state=RecipientState.HELD)
        self.assertTrue(held.open)

    def test_what_is_counted_is_handed_on(self) -> None:
        message = self.message
        for result, recipient in ((Result.DEFERRED, BOB), (Result.DELIVERED, BOB), (Result.FAILED, EVE)):
            message = message.after([verdict(recipient, result)])
            fresh = attrs.evolve(message)
            self.assertEqual(message.finished, fresh.finished)
            self.assertEqual(message.finished, not message.pending)
            self.assertEqual([message.status_of(str(each)) for each in (BOB, EVE)], list(message.recipients))
        self.assertTrue(message.finished)

    def test_an_end_that_is_recorded_twice_counts_once(self) -> None:
        done = verdict(BOB, Result.DELIVERED)
        self.assertFalse(self.message.after([done]).after([done]).finished)
        self.assertFalse(self.message.after([done, done]).finished)

    def test_with_other_recipients_it_is_counted_anew(self) -> None:
        self.assertFalse(self.message.finished)
        done = attrs.evolve(self.message.recipients[0], state=RecipientState.DELIVERED)
        self.assertTrue(attrs.evolve(self.message, recipients=(done,)).finished)

    def test_a_verdict_on_somebody_else_changes_nothing(self) -> None:
        other = Mailbox("bob", "example.net")
        self.assertEqual(self.message.after([verdict(other, Result.FAILED)]), self.message)
        self.assertRaises(KeyError, self.message.status_of, str(other))

    def test_of_two_verdicts_the_later_counts(self) -> None:
        both = [verdict(BOB, Result.DEFERRED, 3, 1300.0), verdict(BOB, Result.DEFERRED, 2, 1400.0)]
        (status, _) = self.message.after(both).recipients
        self.assertEqual((status.last, status.attempts), (both[1], 3))

    def test_outcomes_one_by_one_cost_what_they_say(self) -> None:
        """Not what the message is: with 5,000 recipients that was the difference of a second and ten minutes."""

        def one_by_one(size: int) -> Callable[[], object]:
            who = tuple(Mailbox(f"u{number}", "example.org") for number in range(size))
            message = QueuedMessage.fresh("M", 900.0, 10, Envelope(None, who))
            verdicts = [verdict(each, Result.DELIVERED) for each in who]

            def work() -> None:
                after = message
                for each in verdicts:
                    after = after.after([each])
                    after.status_of(each.recipient)
                    self.assertEqual(after.finished, each is verdicts[-1])

            return work

        self.assertLess(steps_a_pair(one_by_one), LINEAR)
