"""Which partitions there are, and who opens them."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.interfaces import SpoolUnusable
from fopemta.spool import partitions


class PartitionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = self.mktemp()

    def make(self, *names: str) -> None:
        for name in names:
            (Path(self.root) / "workers" / name).mkdir(parents=True)

    def test_worker_1_has_the_spool_of_one_process(self) -> None:
        self.assertEqual(partitions.folder_of("/spool", 1), "/spool")
        self.assertEqual(partitions.folder_of("/spool", 3), "/spool/workers/3")

    def test_what_is_there(self) -> None:
        self.assertEqual(partitions.numbers_in(self.root), [1])
        self.make("10", "2", "lost+found", "1", "0", "\u0663", "07", "+8", "9 ", "9999999999")
        self.assertEqual(partitions.numbers_in(self.root), [1, 2, 10])
        self.assertEqual(partitions.folders_in(self.root)[1:], [f"{self.root}/workers/2", f"{self.root}/workers/10"])

    def test_every_partition_has_one_worker_whatever_the_count_was(self) -> None:
        for there in range(1, 9):
            numbers = list(range(1, there + 1))
            for count in range(1, 9):
                opened = [
                    number
                    for worker in range(1, count + 1)
                    for number in (worker, *partitions.adopted_by(worker, count, numbers))
                ]
                self.assertEqual(sorted(opened), list(range(1, max(there, count) + 1)))

    def test_own_first(self) -> None:
        self.make("2", "3", "4")
        found = [os.path.relpath(each, self.root) for each in partitions.folders_for(self.root, 2, 2)]
        self.assertEqual(found, ["workers/2", "workers/4"])

    def test_a_lock_is_held_by_whoever_has_the_descriptor(self) -> None:
        held = os.dup(first := partitions.lock(self.root))
        os.close(first)
        with self.assertRaises(SpoolUnusable):
            partitions.lock(self.root)
        os.close(held)
        os.close(partitions.lock(self.root))
