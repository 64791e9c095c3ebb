"""Facts as people read them."""

from __future__ import annotations

import io
import shutil

from twisted.trial.unittest import SynchronousTestCase

from fopemta.cli.table import age, escaped, lines_of, size_words, terminal_width, until


class TableTests(SynchronousTestCase):
    def test_columns_are_aligned_and_only_the_last_is_never_cut(self) -> None:
        rows = [("a", "x" * 50, "y" * 90), ("bb", "z", "")]
        self.assertEqual(
            list(lines_of(("ID", "WHO", "WHY"), rows)),
            ["ID  WHO" + " " * 39 + "WHY", "a   " + "x" * 37 + "...  " + "y" * 90, "bb  z"],
        )

    def test_nothing_disturbs_the_terminal(self) -> None:
        [_, line] = lines_of(("ID", "WHY"), [("a\x1b[2J", "b\r\n\x9bc")])
        self.assertEqual(line, r"a\x1b[2J  b\r\n\x9bc")
        self.assertEqual(escaped("grün <a@b>"), "grün <a@b>")

    def test_only_a_terminal_has_a_width(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        columns = shutil.get_terminal_size().columns
        self.assertEqual([terminal_width(each) for each in (None, io.StringIO(), Terminal())], [None, None, columns])

    def test_ages(self) -> None:
        given = (-1, 0, 59.9, 60, 3599, 3600, 3660, 86399, 86400, 5 * 86400 + 7200)
        self.assertEqual(
            [age(each) for each in given],
            ["0s", "0s", "59s", "1m", "59m", "1h", "1h 1m", "23h 59m", "1d", "5d 2h"],
        )

    def test_moments(self) -> None:
        self.assertEqual([until(each, 100.0) for each in (None, 99.0, 100.0, 400.0)], ["now", "now", "now", "in 5m"])

    def test_sizes(self) -> None:
        given = (0, 999, 1000, 4250, 10_400, 150_000_000, 7_200_000_000_000)
        self.assertEqual(
            [size_words(each) for each in given], ["0 B", "999 B", "1.0 kB", "4.2 kB", "10 kB", "150 MB", "7200 GB"]
        )
