"""Reports in the queue: made once, safe before they count, and never without end."""

from __future__ import annotations

from email import message_from_bytes
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail

from fopemta.address.mailbox import Mailbox
from fopemta.interfaces import SpoolFailing, SpoolFull, SpoolTrouble, UnknownMessage
from fopemta.mail.envelope import Arrival, BodyType, Envelope, Notify, RecipientOptions
from fopemta.mail.queued import Unfinished
from fopemta.retry.settings import Retry
from fopemta.spool.memory import Kept
from fopemta.trust.verdict import Result
from tests.queue.test_dispatcher import ALICE, BOB, CAROL, IDS, Base
from tests.queue.test_traffic import DEAD, World

POSTMASTER = Mailbox("postmaster", "us.test")
ARRIVAL = Arrival("192.0.2.7", "client.us.test", "ESMTP")
HOUR = 3600.0
ALL = RecipientOptions(frozenset({Notify.SUCCESS, Notify.FAILURE, Notify.DELAY}))
NEVER = RecipientOptions(frozenset({Notify.NEVER}))


class ReportBase(Base):
    """The mailboxes of the sender and of postmaster are slow, so that what comes for them stays in the spool."""

    def setUp(self) -> None:
        super().setUp()
        self.courier.slow.add("us.test")

    def send_with(self, *recipients: Mailbox, **changes: Any) -> str:
        """Send a message that came from a client, with more said of it."""
        envelope = attrs.evolve(Envelope(ALICE, recipients, arrival=ARRIVAL), **changes)
        return self.send_envelope(envelope)

    def send_envelope(self, envelope: Envelope, content: bytes = b"Subject: x\r\n\r\n") -> str:
        message_id = next(self.numbers)
        message = self.successResultOf(self.spool.submit(message_id, envelope, content))
        assert message is not None
        self.dispatcher.accepted(message)
        return message_id

    def told(self) -> list[tuple[str, str, str]]:
        """To whom, the action and about whom, of each report in the spool."""
        found = []
        for each in self.reports():
            status = message_from_bytes(each.content).get_payload()[1]  # type: ignore[index]
            for fields in status.get_payload()[1:]:  # type: ignore[union-attr]
                to = str(each.message.envelope.recipients[0])
                found.append((to, fields["Action"], fields["Final-Recipient"].partition("; ")[2]))
        return found


class NotifyTests(ReportBase):
    def test_each_wish_is_obeyed(self) -> None:
        self.courier.script[str(BOB)] = [Result.FAILED]
        self.courier.script[str(CAROL)] = [Result.FAILED]
        self.send_with(BOB, CAROL, options=((BOB, NEVER), (CAROL, ALL)))
        self.assertEqual(self.told(), [("alice@us.test", "failed", "carol@c.test")])

    def test_never_is_silent_and_the_message_ends(self) -> None:
        self.courier.script[str(BOB)] = [Result.FAILED]
        message_id = self.send_with(BOB, options=((BOB, NEVER),))
        self.assertEqual((self.told(), self.spool.finished), ([], [message_id]))

    def test_success_is_told_where_it_was_asked_for(self) -> None:
        self.send_with(BOB, CAROL, options=((BOB, ALL),))
        self.assertEqual(self.told(), [("alice@us.test", "delivered", "bob@b.test")])

    def test_recipients_that_end_together_share_a_report(self) -> None:
        bill = Mailbox("bill", "b.test")
        for each in (BOB, bill):
            self.courier.script[str(each)] = [Result.FAILED]
        self.send_with(BOB, bill)
        self.assertEqual(len(self.reports()), 1)
        self.assertEqual([about for _, _, about in self.told()], ["bob@b.test", "bill@b.test"])


class WarningTests(ReportBase):
    def setUp(self) -> None:
        super().setUp()
        self.courier.script[str(BOB)] = [Result.DEFERRED]

    def restart(self) -> None:
        """As after a stop: only the spool remembers."""
        messages = [each.message for each in self.spool.kept.values() if each.message.id in IDS]
        self.make()
        self.dispatcher.start(messages)

    def test_C102_once_then_the_failure(self) -> None:
        self.make(retry=Retry(lifetime=86400.0))
        self.send_with(BOB)
        self.wait(4 * HOUR - 60)
        self.assertEqual(self.told(), [])
        self.wait(8 * HOUR)
        self.assertEqual(self.told(), [("alice@us.test", "delayed", "bob@b.test")])
        self.wait(14 * HOUR)
        self.assertEqual([action for _, action, _ in self.told()], ["delayed", "failed"])

    def test_not_again_after_a_restart_though_the_report_is_long_gone(self) -> None:
        message_id = self.send_with(BOB)
        self.wait(9 * HOUR)
        (report,) = self.reports()
        del self.spool.kept[report.message.id]
        self.restart()
        self.wait(40 * HOUR)
        self.assertEqual(self.told(), [])
        self.assertTrue(self.spool.kept[message_id].message.recipients[0].warned)

    def test_report_made_before_a_crash_is_not_made_again(self) -> None:
        message_id = self.send_with(BOB)
        self.wait(4 * HOUR - 60)
        before = attrs.evolve(self.spool.kept[message_id])
        self.wait(8 * HOUR)
        self.assertTrue(self.spool.kept[message_id].message.recipients[0].warned)
        self.spool.kept[message_id] = before
        self.restart()
        self.wait(8 * HOUR)
        self.assertEqual(len(self.reports()), 1)

    def test_off(self) -> None:
        self.make(retry=Retry(warn_after=None))
        self.send_with(BOB)
        self.wait(20 * HOUR)
        self.assertEqual(self.told(), [])

    def test_spool_that_has_no_room_is_asked_again_at_the_next_attempt(self) -> None:
        submit = self.spool.submit
        message_id = self.send_with(BOB)
        self.spool.submit = lambda *_: fail(SpoolFull("no room"))  # type: ignore[method-assign]
        self.wait(6 * HOUR)
        self.assertFalse(self.spool.kept[message_id].message.recipients[0].warned)
        self.spool.submit = submit  # type: ignore[method-assign]
        self.wait(5 * HOUR)
        self.assertEqual(self.told(), [("alice@us.test", "delayed", "bob@b.test")])


class NullSenderTests(ReportBase):
    def setUp(self) -> None:
        super().setUp()
        self.courier.script[str(BOB)] = [Result.FAILED]

    def test_C104_failing_notice_from_elsewhere_is_told_to_nobody(self) -> None:
        message_id = self.send_with(BOB, sender=None)
        self.assertEqual((self.told(), self.spool.finished), ([], [message_id]))

    def test_C104_failing_notice_of_ours_goes_to_postmaster_and_no_further(self) -> None:
        self.courier.slow.clear()
        self.courier.script["alice@us.test"] = [Result.FAILED]
        self.send_with(BOB)
        carried = [who for _, who in self.courier.carried]
        self.assertEqual(carried, ["bob@b.test", "alice@us.test", "postmaster@us.test"])
        self.assertEqual((len(self.spool.finished), self.spool.kept), (3, {}))

    def test_double_bounce_encloses_the_notice(self) -> None:
        self.courier.slow.clear()
        self.courier.slow.add("us.test")
        self.send_envelope(Envelope(None, (BOB,)), b"Subject: Your message could not be delivered\r\n\r\nSorry\r\n")
        (report,) = self.reports()
        self.assertEqual(report.message.envelope.recipients, (POSTMASTER,))
        self.assertIsNone(report.message.envelope.sender)
        self.assertIn(b"\r\nSorry\r\n", report.content)


class PostmasterTests(ReportBase):
    """Mail for postmaster is held rather than given up: nobody else would hear of it."""

    def setUp(self) -> None:
        super().setUp()
        self.courier.slow.clear()
        self.courier.script[str(POSTMASTER)] = [Result.FAILED]

    def test_C104_what_cannot_reach_postmaster_is_held_and_never_told(self) -> None:
        for envelope in (Envelope(None, (POSTMASTER,)), Envelope(ALICE, (POSTMASTER,), arrival=ARRIVAL)):
            message_id = self.send_envelope(envelope)
            self.wait(6 * 86400, step=600)
            self.assertEqual(self.state(message_id), ["held"])
            self.assertEqual(self.reports(), [])
        self.assertEqual(len(self.courier.carried), 2)

    def test_life_that_is_over_holds_too(self) -> None:
        self.courier.script[str(POSTMASTER)] = [Result.DEFERRED]
        message_id = self.send_envelope(Envelope(None, (POSTMASTER,)))
        self.wait(6 * 86400, step=600)
        self.assertEqual((self.state(message_id), self.reports()), (["held"], []))

    def test_held_after_a_restart_and_delivered_once_released(self) -> None:
        message_id = self.send_envelope(Envelope(None, (POSTMASTER,)))
        self.make()
        kept = self.spool.kept[message_id]
        self.dispatcher.start([Unfinished.of(kept.message)])
        self.wait(86400, step=600)
        self.assertEqual(len(self.courier.carried), 1)
        self.courier.script[str(POSTMASTER)] = [Result.DELIVERED]
        last = kept.message.recipients[0].last
        assert last is not None
        self.spool.record(message_id, [attrs.evolve(last, held=False)], False)
        self.make()
        self.dispatcher.start([Unfinished.of(kept.message)])
        self.wait(60)
        self.assertEqual(self.spool.kept, {})

    def test_double_bounce_that_fails_goes_no_further(self) -> None:
        self.courier.script[str(BOB)] = [Result.FAILED]
        self.courier.script[str(ALICE)] = [Result.FAILED]
        self.send_with(BOB)
        self.wait(6 * 86400, step=600)
        (kept,) = self.spool.kept.values()
        self.assertEqual(kept.message.envelope.recipients, (POSTMASTER,))
        self.assertEqual(len(self.spool.finished), 2)

    def test_other_recipients_of_the_same_message_are_not_kept(self) -> None:
        self.courier.script[str(BOB)] = [Result.FAILED]
        message_id = self.send_with(BOB, POSTMASTER, CAROL)
        self.assertEqual(self.state(message_id), ["failed", "held", "delivered"])


class EnvelopeTests(ReportBase):
    """How a report travels."""

    def report_to(self, sender: Mailbox, content: bytes = b"Subject: x\r\n\r\n", **changes: Any) -> Kept:
        self.courier.script[str(BOB)] = [Result.FAILED]
        self.courier.slow.add(sender.domain)
        self.send_envelope(attrs.evolve(Envelope(sender, (BOB,), arrival=ARRIVAL), **changes), content)
        (report,) = self.reports()
        return report

    def test_C106_null_sender_and_one_recipient(self) -> None:
        envelope = self.report_to(ALICE).message.envelope
        self.assertEqual(envelope, Envelope(None, (ALICE,)))

    def test_eight_bit_content_is_declared(self) -> None:
        report = self.report_to(ALICE, "Subject: x\r\n\r\nGrüße\r\n".encode())
        self.assertIs(report.message.envelope.body_type, BodyType.EIGHT_BIT_MIME)

    def test_sender_with_utf8_needs_smtputf8(self) -> None:
        report = self.report_to(Mailbox("josé", "us.test"), smtputf8=True)
        self.assertTrue(report.message.envelope.smtputf8)

    def test_ascii_sender_of_a_message_with_utf8_does_not(self) -> None:
        content = "Subject: été\r\n\r\n".encode()
        envelope = self.report_to(ALICE, content, smtputf8=True).message.envelope
        self.assertEqual(envelope, Envelope(None, (ALICE,)))

    def test_what_was_to_travel_protected_comes_back_protected_and_without_its_body(self) -> None:
        report = self.report_to(ALICE, b"Subject: x\r\n\r\nsecret\r\n", require_tls=True)
        self.assertTrue(report.message.envelope.require_tls)
        self.assertNotIn(b"secret", report.content)


class TroubleTests(ReportBase):
    def test_failure_is_not_recorded_before_its_report_is_safe(self) -> None:
        self.courier.script[str(BOB)] = [Result.FAILED]
        submit = self.spool.submit
        message_id = next(self.numbers)
        message = self.successResultOf(submit(message_id, Envelope(ALICE, (BOB,), arrival=ARRIVAL), b"\r\n"))
        assert message is not None
        self.spool.submit = lambda *_: fail(SpoolFull("no room"))  # type: ignore[method-assign]
        self.dispatcher.accepted(message)
        self.wait(100, step=1)
        self.assertEqual(self.state(message_id), ["queued"])
        self.spool.submit = submit  # type: ignore[method-assign]
        self.wait(60, step=1)
        self.assertEqual(
            (self.told(), self.spool.finished), ([("alice@us.test", "failed", "bob@b.test")], [message_id])
        )

    def test_success_does_not_wait_for_room(self) -> None:
        # A delivery that is not recorded would be made again.
        message_id = next(self.numbers)
        envelope = Envelope(ALICE, (BOB,), arrival=ARRIVAL, options=((BOB, ALL),))
        message = self.successResultOf(self.spool.submit(message_id, envelope, b"\r\n"))
        assert message is not None
        self.spool.submit = lambda *_: fail(SpoolFull("no room"))  # type: ignore[method-assign]
        self.dispatcher.accepted(message)
        self.assertEqual((self.told(), self.spool.finished), ([], [message_id]))

    def test_report_is_delivered_once_the_outcome_is_written(self) -> None:
        # Until then it is in the spool, where it cannot be made a second time.
        self.courier.slow.clear()
        self.courier.script[str(BOB)] = [Result.FAILED]
        record = self.spool.record
        self.spool.record = lambda *_: fail(SpoolFailing("disk"))  # type: ignore[method-assign]
        self.send_with(BOB)
        self.assertEqual([who for _, who in self.courier.carried], ["bob@b.test"])
        self.spool.record = record  # type: ignore[method-assign]
        self.wait(10, step=1)
        self.assertEqual([who for _, who in self.courier.carried], ["bob@b.test", "alice@us.test"])

    def test_message_that_cannot_be_read_any_more_is_reported_without_it(self) -> None:
        for trouble, seconds in ((SpoolFailing("read error"), 10), (UnknownMessage("gone"), 0)):
            self.make()
            self.courier.script[str(BOB)] = [Result.FAILED]
            self.spool.kept.clear()

            def content(_: str, trouble: SpoolTrouble = trouble) -> Deferred[Any]:
                return fail(trouble)

            self.spool.content = content  # type: ignore[method-assign]
            self.send_with(BOB)
            self.wait(seconds, step=1)
            (report,) = self.reports()
            self.assertEqual(len(message_from_bytes(report.content).get_payload()), 2)

    def test_reading_is_tried_again_after_a_pause(self) -> None:
        self.courier.script[str(BOB)] = [Result.FAILED]
        content, tries = self.spool.content, list[float]()

        def failing_twice(message_id: str) -> Deferred[Any]:
            tries.append(self.clock.seconds())
            return fail(SpoolFailing("busy")) if len(tries) < 3 else content(message_id)

        self.spool.content = failing_twice  # type: ignore[method-assign]
        self.send_with(BOB)
        self.assertEqual((len(tries), self.reports()), (1, []))
        self.wait(10, step=1)
        (report,) = self.reports()
        self.assertEqual((len(tries), len(message_from_bytes(report.content).get_payload())), (3, 3))

    def test_content_that_comes_in_pieces_comes_back_whole(self) -> None:
        whole = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 50
        self.courier.script[str(BOB)] = [Result.FAILED]
        kept_content = self.spool.content

        def content(message_id: str) -> Deferred[Any]:
            def slowly(found: Any) -> Any:
                read = found.read
                found.read = lambda size: read(min(size, 7))
                return found

            return kept_content(message_id).addCallback(slowly)

        self.spool.content = content  # type: ignore[method-assign]
        self.send_envelope(Envelope(ALICE, (BOB,), arrival=ARRIVAL), whole)
        (report,) = self.reports()
        self.assertIn(whole, report.content)

    def test_of_two_transactions_each_is_told(self) -> None:
        self.courier.script[str(BOB)] = [Result.FAILED]
        self.courier.script[str(CAROL)] = [Result.FAILED]
        self.send_with(BOB, CAROL)
        self.assertEqual(sorted(about for _, _, about in self.told()), ["bob@b.test", "carol@c.test"])
        self.assertEqual(len({each.message.id for each in self.reports()}), 2)


class RestingTests(World):
    def test_who_waits_behind_others_for_a_dead_destination_is_warned_too(self) -> None:
        self.courier.places["dead.test"] = DEAD
        messages = [self.keep("dead.test") for _ in range(30)]
        for message in messages:
            kept = self.spool.kept[message.id]
            kept.message = attrs.evolve(message, envelope=attrs.evolve(message.envelope, sender=ALICE))
        self.start(*[self.spool.kept[message.id].message for message in messages])
        self.pass_time(4 * HOUR, step=30)
        self.assertEqual(len(self.courier.tried("us.test")), 0)
        self.pass_time(24 * HOUR, step=30)
        self.assertEqual(len(self.courier.tried("us.test")), 30)
        self.assertEqual(len(self.spool.kept), 30)
