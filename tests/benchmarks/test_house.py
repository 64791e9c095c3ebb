"""What is said of how the program is cut, on a small one whose answers are plain."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.house import circles, house, sources, spread

PROGRAM = {
    "fopemta/__init__.py": '"""All."""\n',
    "fopemta/a/__init__.py": '"""A room."""\n',
    "fopemta/a/one.py": """
from fopemta.a import two
from fopemta.b.three import Thing

class Thing2:
    def short(self):
        \"\"\"Says it.\"\"\"
        return 1

    async def long(self):
        x = 1

        def inner(): pass
        return x
""",
    "fopemta/a/two.py": "def late():\n    from fopemta.a.one import Thing2\n    return Thing2\n\nclass _Own: ...\n",
    "fopemta/b/three.py": "import fopemta.seam\nclass Thing: ...\nclass _Own: ...\n",
    "fopemta/seam.py": "import os\nfrom fopemta.a.four import x\nclass Thing: ...\n",
    "fopemta/a/four.py": "import fopemta.a.four\n",
}  # fmt: skip


class HouseTests(SynchronousTestCase):
    def test_of_a_small_program(self) -> None:
        found = house(PROGRAM)
        self.assertEqual(found.files, [1, 1, 14, 5, 3, 3, 1])
        self.assertEqual(sorted(found.functions), [1, 3, 3, 5])
        self.assertEqual(found.of_one_statement, 2)
        self.assertEqual(found.module_circles, [["fopemta.a.one", "fopemta.a.two"]])
        self.assertEqual(found.room_circles, [["a", "b", "seam"]])
        self.assertEqual(found.repeated, ["Thing"])
        self.assertEqual(
            [figure for _, figure in found.rows()],
            ["7", "28", "3 / 14 / 14", "4", "3 / 5 / 5", "50%", "1", "1", "1"],
        )

    def test_of_nothing(self) -> None:
        self.assertEqual(house({}).rows()[1:5], [("lines", "0"), *house({}).rows()[2:5]])
        self.assertEqual(spread([]), "0 / 0 / 0")

    def test_spread(self) -> None:
        self.assertEqual(spread(list(range(100, 0, -1))), "51 / 91 / 100")

    def test_circles(self) -> None:
        graph = {"a": ["b", "d"], "b": ["c"], "c": ["a"], "d": ["e"], "e": [], "f": ["g"], "g": ["f"]}
        self.assertEqual(circles(graph), [["a", "b", "c"], ["f", "g"]])
        self.assertEqual(circles({"a": ["b"], "b": []}), [])

    def test_the_program_here_is_found(self) -> None:
        self.assertIn("fopemta/answer.py", sources())
