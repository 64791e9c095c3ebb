"""Replies on the wire."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.reply import Reply, text_lines


class ReplyTests(SynchronousTestCase):
    def test_one_line(self) -> None:
        self.assertEqual(Reply.of(250, "2.1.0", "Ok").render(), b"250 2.1.0 Ok\r\n")

    def test_enhanced_code_stands_on_each_line(self) -> None:
        reply = Reply.of(550, "5.7.1", "No.", "Really not.")
        self.assertEqual(reply.render(), b"550-5.7.1 No.\r\n550 5.7.1 Really not.\r\n")

    def test_without_enhanced_code(self) -> None:
        self.assertEqual(Reply.of(220, None, "Ready to start TLS").render(), b"220 Ready to start TLS\r\n")

    def test_an_operators_text(self) -> None:
        for text, lines in {
            "No.": ("No.",), "Für Größe, naïve – ☃": ("Fur Grosse, naive - ?",), "a  b": ("a  b",), " ": ("",),
            "x" * 1000: ("x" * 480, "x" * 480, "x" * 40),
            "word " * 200: (("word " * 96)[:-1],) * 2 + ("word " * 7 + "word",),
        }.items():  # fmt: skip
            self.assertEqual(text_lines(text), lines, text)

    def test_kinds(self) -> None:
        table = {250: (True, False), 354: (True, False), 451: (False, True), 550: (False, False)}
        found = {code: (Reply.of(code, None).positive, Reply.of(code, None).temporary) for code in table}
        self.assertEqual(found, table)

    def test_text_for_logs_is_one_line(self) -> None:
        self.assertEqual(Reply.of(550, None, "No.", "", "Really not.").text, "No. Really not.")

    def test_whole(self) -> None:
        self.assertEqual(Reply.of(550, "5.7.1", "No.", "Really not.").whole, "550 5.7.1 No. Really not.")
        self.assertEqual(Reply.of(550, None).whole, "550")

    def test_a_subject_in_the_other_class_stays_what_it_is(self) -> None:
        for reply, digit, wanted in (
            (Reply.of(451, "4.7.1", "x"), "4", "4.7.1"),
            (Reply.of(552, "5.5.3", "x"), "4", "4.5.3"),
            (Reply.of(451, None, "5.7.3 x"), "4", "4.7.3"),
            (Reply.of(451, None, "5.07.30"), "4", "4.7.30"),
            (Reply.of(554, None, "4.4.7 x"), "5", "5.4.7"),
            (Reply.of(451, None, "x 5.7.3"), "4", "4.0.0"),
            (Reply.of(451, None, "5.7.3.1 x"), "4", "4.0.0"),
            (Reply.of(451, None, "3.7.3 x"), "4", "4.0.0"),
            (Reply.of(550, None), "5", "5.0.0"),
        ):
            self.assertEqual(reply.enhanced_in(digit), wanted, reply)

    def test_shortened(self) -> None:
        for lines, most, wanted in (
            (("abc", "def"), 6, ("abc", "def")),
            (("abc", "def"), 5, ("abc", "de... (1 more characters)")),
            (("abc", "def"), 3, ("abc... (3 more characters)",)),
            (("abc", "def"), 1, ("a... (5 more characters)",)),
            (("", "abc"), 2, ("", "ab... (1 more characters)")),
            (("abc", "", "def"), 3, ("abc... (3 more characters)",)),
        ):
            reply = Reply.of(250, "2.0.0", *lines)
            self.assertEqual(reply.shortened(most), Reply.of(250, "2.0.0", *wanted), (lines, most))
        self.assertIs(reply.shortened(6), reply)
