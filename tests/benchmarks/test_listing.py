"""Lists are timed, and one that is short is no figure."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.listing import COMMANDS, Timed, check, table


def runs(*wholes: float, lines: int = 3) -> dict[str, list[Timed]]:
    return {name: [Timed(whole / 2, whole, lines) for whole in wholes] for name in COMMANDS}


class TableTests(SynchronousTestCase):
    def test_medians_and_ranges_with_the_server_and_without(self) -> None:
        drawn = table(1234, runs(1, 9, 2), runs(5, 4, 100)).split("\n")
        self.assertIn("1,234 messages", drawn[0])
        self.assertEqual(
            drawn[2:], [f"| {name} | 1.00 | 2.0 (1.0-9.0) | 2.50 | 5.0 (4.0-100.0) |" for name in COMMANDS]
        )
        self.assertEqual({line.count("|") for line in drawn}, {6})


class CheckTests(SynchronousTestCase):
    def test_all_messages_are_listed(self) -> None:
        check(3, runs(1))

    def test_a_short_list_is_an_error(self) -> None:
        self.assertRaises(RuntimeError, check, 4, runs(1))

    def test_of_a_summary_nothing_is_said(self) -> None:
        found = runs(1)
        found["`queue summary`"] = [Timed(1, 1, 1)]
        check(3, found)
