"""Files of waiting messages: what is added to a journal comes behind its good lines, wherever they end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.formats.layout import MessageFiles
from fopemta.formats.message_json import StoredFacts
from fopemta.formats.waiting_file import Unsound, pack_line, parse_journal
from fopemta.mail.identifiers import is_message_id
from fopemta.spool.waiting.folder import Copy, DeferredFolder
from fopemta.testing.disk import DoubleDisk
from tests.spool.contract import ENVELOPE, ID

# Of lines, such as are read at once, and such as are not.
SIZES = (1, 100, 4078, 4079, 4080, 4095, 4096, 4097, 16_384, 70_000)
TORN = (
    b"",
    b"x",
    b"0123456789abcdef ",
    b"0" * 5000,
    b"0123456789abcdef {}\n",
    b"x" * 5000 + b"\n",
    pack_line(b"torn")[:-1] + b" ",
)


class JournalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.assertTrue(is_message_id(ID))
        self.disk = DoubleDisk()
        self.disk.make_folder("/d")
        self.folder = DeferredFolder(self.disk, "/d")
        self.path = MessageFiles("/d", ID).journal

    def keep(self, first: bytes) -> None:
        copy = Copy(StoredFacts(ID, 1.0, 1, ENVELOPE), b"x", None, [first])
        self.assertEqual(self.folder.keep([lambda: copy]), [None])

    def tear(self, end: bytes) -> None:
        file = self.disk.open(self.path, writing=True)
        self.disk.write_at(file, end, self.disk.size_of(file))
        self.disk.close(file)

    def test_added_lines_are_all_there_and_what_was_torn_is_not(self) -> None:
        for size in SIZES:
            for end in TORN:
                lines = [b"f" * size, b"s" * size, b"third", b"l" * size]
                self.keep(lines[0])
                for line in lines[1:]:
                    self.tear(end)
                    self.folder.append(ID, [line])
                journal = parse_journal(self.disk.content(self.path))
                self.assertEqual(journal.lines, tuple(lines), (size, end[:20]))
                self.assertEqual(journal.length, len(self.disk.content(self.path)))

    def test_nothing_is_added_to_a_journal_without_a_good_line(self) -> None:
        for octets in (b"", b"\n", b"torn", b"0123456789abcdef {}\n"):
            self.keep(b"first")
            file = self.disk.open(self.path, writing=True)
            self.disk.truncate(file, 0)
            self.disk.write_at(file, octets, 0)
            self.disk.close(file)
            self.assertRaises(Unsound, self.folder.append, ID, [b"more"])
            self.assertEqual(self.disk.content(self.path), octets)

    def test_damage_before_the_end_is_found_by_who_reads_it_all(self) -> None:
        self.keep(b"first")
        self.tear(b"damaged\n" + pack_line(b"last"))
        self.folder.append(ID, [b"more"])
        self.assertTrue(self.disk.content(self.path).endswith(pack_line(b"more")))
        self.assertRaises(Unsound, self.folder.journal, ID)
