"""Replies on the wire."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.reply import Reply


class ReplyTests(SynchronousTestCase):
    def test_one_line(self) -> None:
        self.assertEqual(Reply.of(250, "2.1.0", "Ok").render(), b"250 2.1.0 Ok\r\n")

    def test_enhanced_code_stands_on_each_line(self) -> None:
        reply = Reply.of(550, "5.7.1", "No.", "Really not.")
        self.assertEqual(reply.render(), b"550-5.7.1 No.\r\n550 5.7.1 Really not.\r\n")

    def test_without_enhanced_code(self) -> None:
        self.assertEqual(Reply.of(220, None, "Ready to start TLS").render(), b"220 Ready to start TLS\r\n")

    def test_kinds(self) -> None:
        table = {250: (True, False), 354: (True, False), 451: (False, True), 550: (False, False)}
        found = {code: (Reply.of(code, None).positive, Reply.of(code, None).temporary) for code in table}
        self.assertEqual(found, table)

    def test_text_for_logs_is_one_line(self) -> None:
        self.assertEqual(Reply.of(550, None, "No.", "", "Really not.").text, "No. Really not.")
