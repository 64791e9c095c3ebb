"""Ways that lead back."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.policy.circles import circles


def found(ways: dict[str, str]) -> list[str]:
    return ["".join(each) for each in circles(ways, lambda name: ways.get(name, ""))]


class CircleTests(SynchronousTestCase):
    def test_table(self) -> None:
        for ways, expected in (
            ({}, []),
            ({"a": "b", "b": "c"}, []),
            ({"a": "a"}, ["aa"]),
            ({"a": "b", "b": "a"}, ["aba"]),
            ({"a": "b", "b": "c", "c": "b"}, ["bcb"]),
            ({"a": "bc", "b": "d", "c": "d", "d": "e"}, []),
            ({"a": "bc", "b": "a", "c": "a"}, ["aba", "aca"]),
            ({"a": "b", "b": "aa"}, ["aba", "aba"]),
        ):
            self.assertEqual(found(ways), expected, ways)

    def test_a_long_chain_takes_each_step_once(self) -> None:
        asked: list[int] = []

        def following(number: int) -> list[int]:
            asked.append(number)
            return [number + 1] if number < 50_000 else [0]

        [circle] = circles(range(50_000), following)
        self.assertEqual((len(circle), circle[0], circle[-1], len(asked)), (50_002, 0, 0, 50_001))
