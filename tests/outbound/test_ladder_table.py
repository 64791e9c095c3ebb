"""R11: kinds of server × level × fallback → what is tried in which order, and how it ends: docs/ladder.md."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback
from tests.outbound.ladder import KINDS, cell

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ladder.md"
_BEGIN, _END = "<!-- table -->\n", "<!-- end of table -->\n"


def table() -> str:
    lines = ["| server | level | tried, and how it ends |", "|---|---|---|"]
    for kind in KINDS:
        for head, words in _rows(kind):
            lines.append(f"| {head} | {words} |")
            kind = ""
    return "\n".join(lines) + "\n"


def _rows(kind: str) -> list[tuple[str, str]]:
    """Cells that are equal share a row."""
    found: dict[str, list[str]] = {}
    for word, level, fallback in CELLS:
        found.setdefault(cell(kind, level, fallback), []).append(word)
    rows = [(", ".join(_short(words)), outcome) for outcome, words in found.items()]
    return [(f"{kind if number == 0 else ''} | {head}", outcome) for number, (head, outcome) in enumerate(rows)]


def _short(words: list[str]) -> list[str]:
    """A level whose fallback does not matter stands there alone, else with those that are alike."""
    short = []
    for level in Level:
        fallbacks = [each.partition(",")[2] for each in words if each.startswith(f"{level.word},")]
        if fallbacks:
            short.append(level.word + (f" ({', '.join(fallbacks)})" if len(fallbacks) < len(Fallback) else ""))
    return short


CELLS = [
    (f"{level.word},{fallback.value}", level, fallback)
    for level in Level
    for fallback in (Fallback.IMMEDIATE, Fallback.AFTER_DEFERRAL, Fallback.NEVER)
]


class LadderTableTests(SynchronousTestCase):
    maxDiff = None

    def test_the_page_shows_what_happens(self) -> None:
        """FOPEMTA_REFRESH=1 writes the page anew; the difference is to be read."""
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(_BEGIN)
        shown, after = rest.split(_END)
        found = table()
        if os.environ.get("FOPEMTA_REFRESH"):
            PAGE.write_text(before + _BEGIN + found + _END + after, encoding="utf-8")
        else:
            self.assertEqual(shown, found)

    def test_what_must_hold_in_every_cell(self) -> None:
        """Whatever the page shows."""
        for kind in KINDS:
            for _, level, fallback in CELLS:
                words = cell(kind, level, fallback)
                if level >= Level.ENCRYPT:
                    self.assertNotIn("plain", words, kind)
                if level is Level.AUTHENTICATED and "certificate" in kind and "client" not in kind:
                    self.assertNotIn("delivered", words, kind)
                self.assertLessEqual(words.count(","), 5, words)

    def test_the_legacy_rung(self) -> None:
        """Off by default; opportunistic alone, and marked as weak."""
        rungs = "strong256, strong128, compatible"
        for lowest, level, wanted in (
            ("compatible", None, f"{rungs}, plain → delivered (no_common_protocol)"),
            ("legacy", None, f"{rungs}, legacy → delivered (weak_protocol)"),
            ("legacy", Level.ENCRYPT, f"{rungs} → deferred (no_common_protocol)"),
            ("legacy", Level.AUTHENTICATED, f"{rungs} → deferred (no_common_protocol)"),
        ):
            self.assertEqual(cell("only TLS 1.0", level, Fallback.IMMEDIATE, lowest), wanted)
        self.assertEqual(cell("good", None, Fallback.IMMEDIATE, "legacy"), "strong256 → delivered")
