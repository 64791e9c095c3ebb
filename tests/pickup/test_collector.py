"""What lies in the drop folder is taken into the spool, once, whenever the server is killed."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.interfaces import SpoolFailing
from fopemta.mail.reply import Reply
from fopemta.pickup.collector import INTERVAL
from fopemta.sendmail.dropped import DroppedLetter, Head
from tests.pickup.house import CONTENT, LETTER, House, says

NO_SUCH = Reply.of(550, "5.1.1", "There is no such mailbox")
LATER = Reply.of(450, "4.1.1", "Nobody knows yet")
DAY = 86400.0


class CollectorTests(SynchronousTestCase):
    def house(self, **more: Any) -> House:
        house = House(os.path.abspath(self.mktemp()), **more)
        self.addCleanup(lambda: house.collector.stop())
        return house

    # --- when ------------------------------------------------------------------------------------------------------

    def test_what_came_while_the_server_was_down_is_taken_at_the_start(self) -> None:
        house = self.house()
        house.drop()
        house.collector.start()
        [message] = house.kept()
        self.assertEqual(house.queue.messages, [message])
        self.assertTrue(house.empty)
        self.assertEqual(house.names("damaged"), [])

    def test_what_comes_later_is_taken_at_the_next_look(self) -> None:
        house = self.house()
        house.collector.start()
        house.drop()
        house.clock.advance(INTERVAL - 0.1)
        self.assertEqual(house.kept(), [])
        house.clock.advance(0.2)
        self.assertEqual(len(house.kept()), 1)
        house.drop()
        house.clock.advance(INTERVAL)
        self.assertEqual(len(house.kept()), 2)

    def test_who_asks_hears_at_once(self) -> None:
        house = self.house()
        house.collector.start()
        name = house.drop()
        [reply] = house.answer(name)
        [message] = house.kept()
        self.assertEqual(reply.whole, f"250 2.0.0 Ok: queued as {message.id}")
        self.assertEqual(house.queue.messages, [message])

    def test_who_asks_for_what_was_taken_is_not_refused(self) -> None:
        house = self.house()
        house.collector.start()
        self.assertEqual([each.code for each in house.answer("f" * 32)], [250])

    def test_more_than_one_look_takes(self) -> None:
        house = self.house()
        for _ in range(45):
            house.drop()
        house.collector.start()
        self.assertEqual(len(house.queue.messages), 45)
        self.assertTrue(house.empty)

    def test_all_that_a_killed_server_has_left_is_taken_at_once(self) -> None:
        house = self.house()
        for _ in range(3):
            for _ in range(15):
                house.drop()
            house.folder.claim((), 15, lambda: f"BCDFGHJK{len(house.names('taken')):04d}")
        house.collector.start()
        self.assertEqual(len(house.queue.messages), 45)

    def test_who_asks_brings_no_second_round_of_looks(self) -> None:
        house = self.house()
        house.collector.start()
        for _ in range(3):
            house.answer(house.drop())
        self.assertEqual(len(house.clock.getDelayedCalls()), 1)

    def test_nothing_is_taken_after_the_end(self) -> None:
        house = self.house()
        house.collector.start()
        house.collector.stop()
        name = house.drop()
        house.clock.advance(10 * INTERVAL)
        self.assertEqual([each.code for each in house.answer(name)], [250])
        self.assertEqual(house.kept(), [])
        self.assertEqual(house.names("new"), [name])
        self.assertEqual(house.clock.getDelayedCalls(), [])

    def test_who_asks_while_a_message_is_on_its_way_is_heard_afterwards(self) -> None:
        waiting: Deferred[Reply | None] = Deferred()
        answers = [waiting, None]

        class Slow:
            def verify(self, _: object) -> Any:
                return answers.pop(0)

        house = self.house(parts={"recipients": Slow()})
        house.collector.start()
        first = house.answer(house.drop())
        second = house.answer(house.drop())
        self.assertEqual((first, second), ([], []))
        waiting.callback(None)
        house.clock.advance(0)
        self.assertEqual([each.code for each in (*first, *second)], [250, 250])

    def test_who_waits_at_the_end_is_told(self) -> None:
        house = self.house(parts={"recipients": type("Never", (), {"verify": lambda *_: Deferred()})()})
        house.collector.start()
        first, second = house.answer(house.drop()), house.answer(house.drop())
        house.collector.stop()
        self.assertEqual([each.code for each in (*first, *second)], [250, 250])

    # --- the order of steps --------------------------------------------------------------------------------------

    def test_the_queue_hears_of_it_when_the_file_is_gone(self) -> None:
        """Else it might be finished, and forgotten, with the file still there."""
        house = self.house()
        house.drop()
        house.collector.start()
        steps = [each for each in house.steps if each in ("claim", "open", "remove", "accepted")]
        self.assertEqual(steps[:4], ["claim", "open", "remove", "accepted"])

    def test_killed_at_any_step_nothing_is_lost_or_doubled(self) -> None:
        moments = [f"{when} {step}" for when in ("before", "after") for step in ("claim", "open", "_piece", "remove")]
        for moment in moments:
            house = self.house()
            house.drop()

            house.dies = moment.__eq__
            house.collector.start()
            house.dies = lambda _: False
            delivered = [*house.queue.messages]
            # What the spool holds at its next start is delivered without us.
            delivered += [each for each in house.kept() if each not in delivered]
            house.again()
            house.collector.start()
            delivered += house.queue.messages
            self.assertEqual(len(delivered), 1, moment)
            self.assertEqual(len(house.kept()), 1, moment)
            self.assertTrue(house.empty, moment)

    def test_killed_behind_the_removal_it_is_not_taken_again_when_it_is_finished(self) -> None:
        house = self.house()
        house.drop()
        house.dies = "before remove".__eq__
        house.collector.start()
        [message] = house.kept()
        # Nobody was told of it, so it cannot be finished.
        self.assertEqual(house.queue.messages, [])
        house.dies = lambda _: False
        house.again()
        house.collector.start()
        # It is in the spool alone, whatever becomes of it there.
        house.spool.kept.clear()
        house.clock.pump([INTERVAL] * 30)
        self.assertEqual(house.kept(), [], message.id)

    def test_a_file_that_cannot_be_removed_is_taken_once_all_the_same(self) -> None:
        house = self.house()
        house.drop()
        real = house.folder.remove

        def remove(_: object) -> None:
            raise OSError(30, "Read-only file system")

        house.folder.remove = remove  # type: ignore[assignment]
        house.collector.start()
        house.clock.pump([INTERVAL] * 30)
        self.assertEqual((len(house.kept()), len(house.queue.messages)), (1, 1))
        house.folder.remove = real  # type: ignore[method-assign]

    # --- what cannot be taken now ----------------------------------------------------------------------------------

    def test_a_spool_that_fails_keeps_it_here(self) -> None:
        house = self.house()
        house.collector.start()
        for trouble in ("full", "failing"):
            setattr(house.spool, trouble, True)
            replies = house.answer(house.drop())
            self.assertEqual([each.code for each in replies], [250])
            self.assertEqual((len(house.names("taken")), house.kept()), (1, []))
            setattr(house.spool, trouble, False)
            house.clock.pump([INTERVAL] * 11)
            self.assertEqual(house.kept(), [])
            house.clock.pump([INTERVAL] * 3)
            self.assertEqual(len(house.kept()), 1)
            self.assertTrue(house.empty)
            house.spool.kept.clear()

    def test_what_is_put_off_waits_for_its_time_over_a_restart(self) -> None:
        house = self.house(parts={"recipients": says({"bob@peer.test": LATER})})
        name = house.drop()
        os.utime(house.path / "new" / name, (house.now, house.now))
        house.collector.start()
        for day in range(5):
            house.now += DAY if day else 0
            house.clock.pump([INTERVAL] * 14)
            self.assertEqual((house.kept(), house.reported), ([], []), day)
        house.again()
        house.now += DAY
        house.collector.start()
        [(_, handed_in, _)] = house.reported
        self.assertEqual(handed_in.refused, (("bob@peer.test", LATER),))
        [report] = house.queue.messages
        self.assertEqual([str(each) for each in report.envelope.recipients], ["anna@us.test"])
        self.assertIsNone(report.envelope.sender)
        self.assertIn(b"Status: 5.4.7", house.contents()[0])
        self.assertTrue(house.empty)

    def test_a_folder_that_cannot_be_read_is_looked_at_again(self) -> None:
        house = self.house()
        name = house.drop()
        os.rename(house.path / "new", house.path / "hidden")
        house.collector.start()
        replies = house.answer(name)
        self.assertEqual([each.code for each in replies], [250])
        os.rename(house.path / "hidden", house.path / "new")
        house.clock.advance(INTERVAL)
        self.assertEqual(len(house.kept()), 1)

    def test_a_fault_of_ours_hurts_no_other(self) -> None:
        house = self.house()
        receive = house.spool.receive
        broken = [True]

        def receiving(message_id: str) -> Any:
            if broken and broken.pop():
                raise RuntimeError("a bug")
            return receive(message_id)

        house.spool.receive = receiving  # type: ignore[method-assign]
        house.drop()
        house.drop()
        house.collector.start()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(len(house.kept()), 1)
        house.clock.pump([INTERVAL] * 14)
        self.assertEqual(len(house.kept()), 2)
        self.assertTrue(house.empty)

    # --- what is refused -------------------------------------------------------------------------------------------

    def test_who_waits_is_told_of_a_refusal_and_gets_no_report(self) -> None:
        house = self.house(parts={"recipients": says({"bob@peer.test": NO_SUCH})})
        house.collector.start()
        self.assertEqual(house.answer(house.drop()), [NO_SUCH])
        self.assertEqual((house.kept(), house.reported), ([], []))
        self.assertTrue(house.empty)

    def test_who_does_not_gets_a_report(self) -> None:
        house = self.house(parts={"recipients": says({"bob@peer.test": NO_SUCH})})
        house.drop()
        house.collector.start()
        [report] = house.queue.messages
        self.assertEqual([str(each) for each in report.envelope.recipients], ["anna@us.test"])
        self.assertIn(b"550 5.1.1 There is no such mailbox", house.contents()[0])
        self.assertIn(b"Lines end as here.\r\n", house.contents()[0])
        self.assertTrue(house.empty)

    def test_of_several_those_who_can_get_it_and_the_sender_hears_of_the_others(self) -> None:
        for waits in (True, False):
            house = self.house(parts={"recipients": says({"bob@peer.test": NO_SUCH})})
            if waits:
                house.collector.start()
            name = house.drop(DroppedLetter(sender="anna", recipients=("carl@peer.test", "bob@peer.test")))
            if waits:
                [reply] = house.answer(name)
                self.assertEqual(reply.code, 250)
            else:
                house.collector.start()
            report, message = house.queue.messages
            self.assertEqual([str(each) for each in message.envelope.recipients], ["carl@peer.test"])
            self.assertEqual([str(each) for each in report.envelope.recipients], ["anna@us.test"])
            self.assertIn(b"<bob@peer.test>", house.contents()[0])
            self.assertIn(b"Lines end as here.\r\n", house.contents()[0])
            self.assertNotIn(b"carl", house.contents()[0])
            self.assertTrue(house.contents()[1].endswith(b"\r\n\r\nLines end as here.\r\n"))

    def test_a_report_that_cannot_be_kept_keeps_the_message_here(self) -> None:
        house = self.house(parts={"recipients": says({"bob@peer.test": NO_SUCH})})
        submit = house.spool.submit

        def failing(*_: Any) -> Deferred[Any]:
            failed: Deferred[Any] = Deferred()
            failed.errback(SpoolFailing("EIO"))
            return failed

        house.spool.submit = failing  # type: ignore[method-assign]
        house.drop()
        house.drop(DroppedLetter(sender="anna", recipients=("carl@peer.test", "bob@peer.test")))
        house.collector.start()
        self.assertEqual((house.kept(), len(house.names("taken"))), ([], 2))
        house.spool.submit = submit  # type: ignore[method-assign]
        house.clock.pump([INTERVAL] * 14)
        self.assertEqual(len(house.queue.messages), 3)
        self.assertTrue(house.empty)

    # --- what is no message ----------------------------------------------------------------------------------------

    def test_damage_is_put_aside_and_stops_nothing(self) -> None:
        house = self.house()
        (house.path / "new" / "README").write_text("x" * 200)
        name = house.drop()
        path = house.path / "new" / name
        octets = bytearray(path.read_bytes())
        octets[-3] ^= 1
        path.write_bytes(octets)
        good = house.drop()
        house.collector.start()
        self.assertEqual(len(house.names("damaged")), 2)
        self.assertEqual(len(house.kept()), 1)
        self.assertTrue(house.empty)
        self.assertNotIn(good, house.names("new"))

    def test_who_has_dropped_damage_hears_of_it(self) -> None:
        house = self.house()
        house.collector.start()
        (house.path / "new" / ("a" * 32)).write_bytes(Head(1, 1, 1).octets())
        self.assertEqual([each.code for each in house.answer("a" * 32)], [554])

    def test_a_file_that_shrinks_while_it_is_read_is_no_message(self) -> None:
        house = self.house()
        name = house.drop(content=b"x" * 600_000 + b"\n")

        def shrink(now: str) -> bool:
            if now == "after open":
                [message_id] = house.names("taken")
                os.truncate(house.path / "taken" / message_id, 300_000)
            return False

        house.dies = shrink
        house.collector.start()
        self.assertEqual(house.kept(), [])
        self.assertEqual(len(house.names("damaged")), 1)
        self.assertNotIn(name, house.names("new"))

    def test_a_large_message_passes_in_pieces(self) -> None:
        house = self.house()
        body = b"".join(b"%07d\n" % each for each in range(100_000))
        house.drop(content=b"Subject: x\n\n" + body)
        house.collector.start()
        self.assertTrue(house.contents()[0].endswith(body.replace(b"\n", b"\r\n")))
        self.assertGreaterEqual(house.steps.count("_piece"), 5)

    def test_the_letter_is_as_it_was(self) -> None:
        house = self.house()
        house.drop(LETTER, CONTENT)
        house.collector.start()
        [message] = house.kept()
        self.assertEqual(str(message.envelope.sender), "anna@us.test")
        assert message.envelope.arrival is not None
        self.assertEqual(message.envelope.arrival.uid, os.getuid())
