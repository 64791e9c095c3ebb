"""Which local parts can name a mailbox."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.policy.mailbox_name import mailbox_name, maildir_of

NAMES = {
    "bob": "bob", "Bob+list": "bob", "b.o-b_1": "b.o-b_1", "o'neil": "o'neil", "O'Neil+x": "o'neil", "a&b": "a&b",
    "prvs=1": "prvs=1", "a~b": "a~b", "_x": "_x", "1": "1", "a" * 64: "a" * 64, "a.": "a.",
    "..": None, ".": None, ".bob": None, "a/b": None, "/a": None, "../../etc": None, "": None, "+x": None,
    "a b": None, "a\0b": None, "a\nb": None, "{domain}": None, "a{local_part}": None, "bob%other.test": None,
    "a" * 65: None, "-x": None, "'x": None, "~root": None, "=x": None, "a*": None, "a?": None, "$a": None, "a$b": None,
    "a|b": None, "`a`": None, "a!b": None, "ü": None, "a\u200bb": None, "a@b": None, 'a"b': None, "a\\b": None,
}  # fmt: skip


class MailboxNameTests(SynchronousTestCase):
    def test_table(self) -> None:
        self.assertEqual({each: mailbox_name(Mailbox(each, "d.test")) for each in NAMES}, NAMES)

    def test_in_a_template(self) -> None:
        for local_part, name in NAMES.items():
            recipient = Mailbox(local_part, "d.test")
            expected = None if name is None else f"/m/d.test/{name}/in"
            self.assertEqual(maildir_of("/m/{domain}/{local_part}/in", recipient), expected)
            # One mailbox for all: whoever it is has it.
            self.assertEqual(maildir_of("/m/{domain}", recipient), "/m/d.test")
            self.assertIsNone(maildir_of(None, recipient))
