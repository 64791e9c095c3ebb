"""What happens to a spool by itself."""

from __future__ import annotations

import errno

import orjson
from twisted.trial.unittest import SynchronousTestCase

from fopemta.interfaces import SpoolFailing, SpoolFull
from fopemta.spool.disk import Room
from fopemta.spool.limits import RoomGauge, SpoolLimits
from fopemta.spool.waiting import mover
from fopemta.testing.disk import Call, DoubleDisk
from tests.spool.contract import REPORT
from tests.spool.life import DIRECTORY, Life


class UpkeepTests(SynchronousTestCase):
    """Time passes."""

    def setUp(self) -> None:
        self.life = Life(DoubleDisk())
        self.life.start()

    def pass_time(self, seconds: int) -> None:
        self.life.pass_time(seconds)

    def files(self, folder: str) -> list[str]:
        return [path for path in self.life.disk.tree(f"{DIRECTORY}/{folder}") if not path.endswith("reserve")]

    def test_a_message_without_its_first_round_moves_after_5_minutes(self) -> None:
        ids = [self.life.put(b"slow round\r\n") for _ in range(200)]
        self.pass_time(299)
        self.assertEqual(self.files("deferred"), [])
        self.pass_time(21)
        self.assertEqual(len(self.files("deferred")), 2 * len(ids))
        self.assertEqual(self.life.content(ids[0]), b"slow round\r\n")

    def test_of_a_backlog_the_old_move_after_20_seconds(self) -> None:
        self.patch(mover, "_BACKLOG", 10)
        for _ in range(10):
            self.life.put(b"old\r\n")
        self.pass_time(40)
        self.assertEqual(self.files("deferred"), [])
        self.life.put(b"one more\r\n")
        self.pass_time(10)
        self.assertEqual(len(self.files("deferred")), 2 * 10)

    def test_what_cannot_be_moved_now_is_moved_later(self) -> None:
        for _ in range(3):
            self.life.put(b"stuck\r\n")

        def fail(call: Call) -> None:
            if call.name == "rename":
                raise OSError(errno.EIO, "fault")

        self.life.disk.before = fail
        self.pass_time(320)
        self.assertEqual(self.files("deferred"), [])
        self.life.disk.before = lambda call: None
        self.pass_time(10)
        self.assertEqual(len(self.files("deferred")), 6)

    def test_a_report_is_known_as_long_as_its_segment_lives(self) -> None:
        """So that it is not made twice, and yet not remembered for ever."""
        for _ in range(2):
            self.life.report(b"report\r\n", "0BCDFGHJKM9999")
        self.life.finish("0BCDFGHJKM9999")
        self.assertIsNone(self.life.settle(self.life.spool.submit("0BCDFGHJKM9999", REPORT, b"")))
        self.life.put(b"x" * 16_000)
        self.assertIsNotNone(self.life.settle(self.life.spool.submit("0BCDFGHJKM9999", REPORT, b"")))

    def test_old_segments_die(self) -> None:
        """After ten minutes nothing is left of a segment, whatever its messages came to."""
        self.life.put(b"stuck\r\n")
        (first,) = self.files("intake")
        for _ in range(70):
            self.life.finish(self.life.put(b"through\r\n"))
            self.pass_time(10)
        self.assertNotIn(first, self.files("intake"))
        self.assertEqual(len(self.files("intake")), 1)

    def test_C114_the_clock_on_the_wall_moves_nothing(self) -> None:
        """It stamps arrivals alone; it may have been anything when a message came."""
        for shift in (-86400.0, 365 * 86400.0):
            life = Life(DoubleDisk(), shift=shift)
            life.start()
            life.put(b"from another time\r\n")
            arrived = life.settle(life.spool.load("0BCDFGHJKM0001")).arrived
            self.assertEqual(arrived, life.clock.seconds() + shift)
            life.settle(life.spool.stop())
            self.life = Life(life.disk)
            self.life.start()
            self.pass_time(290)
            self.assertEqual(self.files("deferred"), [])
            self.pass_time(30)
            self.assertEqual(len(self.files("deferred")), 2)
            self.assertEqual(self.life.settle(self.life.spool.load("0BCDFGHJKM0001")).arrived, arrived)

    def test_a_segment_dies_when_all_its_messages_are_finished(self) -> None:
        ids = [self.life.put(b"x" * 10_000) for _ in range(4)]
        self.assertEqual(len(self.files("intake")), 4)
        for message_id in (ids[1], ids[2]):
            self.life.finish(message_id)
        self.assertEqual(len(self.files("intake")), 4)
        self.life.finish(ids[0])
        self.assertEqual(len(self.files("intake")), 1)


class RoomGaugeTests(SynchronousTestCase):
    """452 while there is room left."""

    def trouble(self, room: Room) -> object:
        disk = DoubleDisk()
        disk.room = lambda path: room
        clock = Life(disk).clock
        return RoomGauge(disk, "/", SpoolLimits(spool_free=256, message_size=150), clock).trouble()

    def test_what_stays_free(self) -> None:
        self.assertIsNone(self.trouble(Room(406, None)))
        self.assertIsInstance(self.trouble(Room(405, None)), SpoolFull)
        self.assertIsNone(self.trouble(Room(406, 1000)))
        self.assertIsInstance(self.trouble(Room(406, 999)), SpoolFull)

    def test_a_spool_without_room_takes_no_mail_and_takes_it_again(self) -> None:
        life = Life(DoubleDisk())
        life.start()
        life.disk.inodes = 5
        life.clock.advance(1)
        self.assertRaises(SpoolFull, life.begin, b"x")
        life.disk.inodes = 5000
        self.assertRaises(SpoolFull, life.begin, b"x")
        life.clock.advance(1)
        life.put(b"x")

    def test_room_that_is_kept_free_takes_reports(self) -> None:
        life = Life(DoubleDisk())
        life.start()
        life.disk.inodes = 5
        life.clock.advance(1)
        self.assertRaises(SpoolFull, life.begin, b"x")
        # What waits to be reported would never leave the queue otherwise, and nothing make room any more.
        life.report(b"report\r\n", "R" * 18)
        self.assertEqual([orjson.loads(each)["id"] for each in life.spool.listing()], ["R" * 18])

    def test_room_that_cannot_be_measured(self) -> None:
        def room(path: str) -> Room:
            raise OSError(5, "fault")

        disk = DoubleDisk()
        disk.room = room
        gauge = RoomGauge(disk, "/", SpoolLimits(), Life(disk).clock)
        self.assertIsInstance(gauge.trouble(), SpoolFailing)
