"""What callouts have found out survives a restart, and is no burden."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.policy.recipients import Remembered, Said
from fopemta.recipients import memory
from fopemta.recipients.memory import CalloutMemory

NOW = 1_000_000_000.0
DAY = 86400.0
BOB = Mailbox("bob", "d.test")


class MemoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.path = self.folder / "recipients.sqlite"

    def memory(self, most: int = 100) -> CalloutMemory:
        return CalloutMemory(str(self.path), most)

    def test_place(self) -> None:
        CalloutMemory.in_folder(str(self.folder)).note(BOB, Remembered(Said.BAD, NOW))
        self.assertEqual(self.memory().recall(BOB), Remembered(Said.BAD, NOW))

    def test_survives_a_restart(self) -> None:
        self.assertIsNone(self.memory().recall(BOB))
        for known in (
            Remembered(Said.GOOD, NOW, NOW),
            Remembered(Said.UNKNOWN, NOW + 1, NOW),
            Remembered(Said.BAD, 2.5),
        ):
            self.memory().note(BOB, known)
            self.assertEqual(self.memory().recall(BOB), known)
        self.assertIsNone(self.memory().recall(Mailbox("Bob", "d.test")))
        self.assertIsNone(self.memory().recall(Mailbox("bob", "e.test")))

    def test_is_bounded_and_the_oldest_goes_first(self) -> None:
        memory = self.memory(most=10)
        for number in range(101):
            memory.note(Mailbox(f"u{number}", "d.test"), Remembered(Said.GOOD, NOW + number, NOW + number))
        left = [number for number in range(101) if memory.recall(Mailbox(f"u{number}", "d.test")) is not None]
        self.assertEqual(left, list(range(91, 101)))

    def test_what_is_of_no_use_is_forgotten(self) -> None:
        self.memory().note(Mailbox("bad", "d.test"), Remembered(Said.BAD, NOW))
        self.memory().note(Mailbox("good", "d.test"), Remembered(Said.UNKNOWN, NOW, NOW))
        self.memory().note(BOB, Remembered(Said.GOOD, NOW + DAY, NOW + DAY))
        self.assertIsNone(self.memory().recall(Mailbox("bad", "d.test")))
        self.assertIsNotNone(self.memory().recall(Mailbox("good", "d.test")))

    def test_a_file_that_is_damaged_is_put_aside(self) -> None:
        self.memory().note(BOB, Remembered(Said.GOOD, NOW, NOW))
        whole = self.path.read_bytes()
        foreign = sqlite3.connect(self.folder / "foreign")
        foreign.execute("PRAGMA user_version = 99")
        foreign.execute("CREATE TABLE x (y)")
        foreign.close()
        newer = (self.folder / "foreign").read_bytes()
        damaged = (b"no database at all" * 100, whole[:100] + b"\xff" * (len(whole) - 100), newer)
        for content in damaged:
            self.path.write_bytes(content)
            self.assertIsNone(self.memory().recall(BOB))
            self.memory().note(BOB, Remembered(Said.BAD, NOW))
            self.assertEqual(self.memory().recall(BOB), Remembered(Said.BAD, NOW))
            self.assertEqual((self.folder / "recipients.sqlite.unsound").read_bytes(), content)

    def test_words_that_it_does_not_know_are_damage(self) -> None:
        self.memory().note(BOB, Remembered(Said.GOOD, NOW, NOW))
        with sqlite3.connect(self.path) as found:
            found.execute("UPDATE callout SET said = 'perhaps'")
        found.close()
        self.assertIsNone(self.memory().recall(BOB))
        self.assertTrue(os.path.exists(f"{self.path}.unsound"))

    def test_without_a_place_to_write_it_nothing_is_kept_and_nothing_breaks(self) -> None:
        self.folder.write_bytes(b"a file where the folder should be")
        self.memory().note(BOB, Remembered(Said.GOOD, NOW, NOW))
        self.assertIsNone(self.memory().recall(BOB))

    def test_what_is_no_fault_of_the_file_leaves_it_where_it_is(self) -> None:
        """Here a folder, which cannot be opened as one."""
        self.path.mkdir(parents=True)
        self.memory().note(BOB, Remembered(Said.GOOD, NOW, NOW))
        self.assertIsNone(self.memory().recall(BOB))
        self.assertEqual([each.name for each in self.folder.iterdir()], ["recipients.sqlite"])

    def test_a_lock_that_another_holds_is_no_damage(self) -> None:
        self.memory().note(BOB, Remembered(Said.GOOD, NOW, NOW))
        self.patch(memory, "_SECONDS", 0.0)
        other = sqlite3.connect(self.path)
        self.addCleanup(other.close)
        other.execute("BEGIN EXCLUSIVE")
        self.memory().note(BOB, Remembered(Said.BAD, NOW))
        other.rollback()
        self.assertEqual(self.memory().recall(BOB), Remembered(Said.GOOD, NOW, NOW))
        self.assertFalse(os.path.exists(f"{self.path}.unsound"))
