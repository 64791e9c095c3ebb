"""What an earlier version has written is read, and an older program is kept from what this one writes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.spool.looking.reader import PartitionReader
from fopemta.testing.disk import DoubleDisk
from tests.spool import earlier
from tests.spool.earlier import earlier_spool
from tests.spool.life import DIRECTORY, Life, broken_promises, watch

CONTENTS = {
    earlier.LOGGED: b"logged\r\n",
    earlier.FRESH: b"fresh\r\n",
    earlier.BODY: b"body" * 70_000,
    earlier.WAITING: b"waiting\r\n",
    earlier.WAITING_BODY: b"waits" * 60_000,
    earlier.BOTH: b"both\r\n",
}
ATTEMPTS = {
    earlier.LOGGED: 1, earlier.FRESH: 0, earlier.BODY: 0, earlier.WAITING: 2, earlier.WAITING_BODY: 1, earlier.BOTH: 1,
}  # fmt: skip


class EarlierTests(SynchronousTestCase):
    def check(self, life: Life) -> None:
        found = {message.id: message for message in life.start()}
        self.assertEqual({each: message.recipients[0].attempts for each, message in found.items()}, ATTEMPTS)
        self.assertEqual({each: life.content(each) for each in found}, CONTENTS)
        self.assertEqual(life.disk.tree(f"{DIRECTORY}/corrupt"), [])

    def test_every_message_is_there_with_its_outcomes_and_what_was_finished_is_not(self) -> None:
        disk = earlier_spool()
        life = Life(disk)
        self.check(life)
        life.pass_time(3)
        self.assertEqual([path for path in disk.tree(f"{DIRECTORY}/deferred") if earlier.WAITED in path], [])
        life.settle(life.spool.stop())
        again = Life(disk)
        self.check(again)
        for message_id in CONTENTS:
            again.finish(message_id)
        again.settle(again.spool.stop())
        self.assertEqual(list(Life(disk).start()), [])

    def test_whatever_the_power_cuts_short_while_it_is_taken_over(self) -> None:
        life = Life(earlier_spool())
        life.ledger.offered.update(CONTENTS)
        life.ledger.promised.update(CONTENTS)
        life.ledger.gone.update({earlier.DONE, earlier.WAITED})

        def cut(what: str, image: DoubleDisk) -> None:
            self.assertEqual(broken_promises(image, life.ledger), [], what)

        watch(life, cut)
        life.start()
        life.pass_time(3)
        life.settle(life.spool.stop())

    def test_it_is_read_from_outside_before_it_is_taken_over(self) -> None:
        disk = earlier_spool()
        reader = PartitionReader(DIRECTORY, disk)
        self.assertEqual({row["id"] for row in reader.listing().rows()}, set(CONTENTS))
        self.assertEqual({each: b"".join(reader.content(each)) for each in CONTENTS}, CONTENTS)
        self.assertEqual(disk.content(f"{DIRECTORY}/format"), b"fopemta spool 1\n")

    def test_it_has_the_new_format_before_anything_of_that_is_written(self) -> None:
        life = Life(earlier_spool())
        life.settle(life.spool.start())
        for what, image in life.disk.images():
            self.assertEqual(image.content(f"{DIRECTORY}/format"), b"fopemta spool 2\n", what)
