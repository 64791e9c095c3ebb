"""Mailboxes as text."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.ip import canonical_ip_address
from fopemta.address.mailbox import Mailbox, path_text


class MailboxTests(SynchronousTestCase):
    def test_C075_text_is_quoted_where_it_cannot_do_without(self) -> None:
        table = {
            "bob": "bob@example.org",
            "bob.o'neill+list": "bob.o'neill+list@example.org",
            "two words": '"two words"@example.org',
            # As those write it who have such an address.
            ".bob": ".bob@example.org",
            "bob.": "bob.@example.org",
            "bob..x": "bob..x@example.org",
            ".": '"."@example.org',
            "..": '".."@example.org',
            'a"b': '"a\\"b"@example.org',
            "a\\b": '"a\\\\b"@example.org',
            "a@b": '"a@b"@example.org',
            "": '""@example.org',
            "jürgen": "jürgen@example.org",
            "jür gen": '"jür gen"@example.org',
        }
        self.assertEqual({local: str(Mailbox(local, "example.org")) for local in table}, table)

    def test_literals_are_known(self) -> None:
        self.assertTrue(Mailbox("bob", "[192.0.2.1]").is_literal)
        self.assertFalse(Mailbox("bob", "example.org").is_literal)

    def test_null_path_is_empty_text(self) -> None:
        self.assertEqual(path_text(None), "")
        self.assertEqual(path_text(Mailbox("bob", "example.org")), "bob@example.org")

    def test_ip_addresses_are_written_in_one_way(self) -> None:
        table = {
            "192.0.2.1": "192.0.2.1",
            "::ffff:192.0.2.1": "192.0.2.1",
            "2001:DB8:0::1": "2001:db8::1",
            "fe80::1%eth0": "fe80::1",
            "unknown": "unknown",
        }
        self.assertEqual({text: canonical_ip_address(text) for text in table}, table)
