"""`fopemta rules report`, as an operator reads it in a terminal of 80 columns."""

from __future__ import annotations

import json

import attrs
from click.testing import CliRunner, Result
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from fopemta.cli.main import main
from fopemta.queue.rule_counts import RuleCounts
from tests.queue.test_rule_counts import DELIVERED, FIRST
from tests.server.test_preflight import SMALLEST, Folder

RULES = """
[[rule]]
name = "bank"
when = { recipients = ["bank.test"] }
then = { action = "force_tls" }
[[rule]]
name = "never"
mode = "test"
then = { action = "force_tls" }
[[rule]]
name = "shop"
then = { action = "force_tls" }
"""
LONG = f"{'long-' * 10}name.test"


class RulesTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        (self.folder / "etc" / "rules.toml").write_text(RULES, encoding="utf-8")
        text = SMALLEST.replace("[node]", '[node]\nstate = "../state"')
        self.write(text=f'rules = "rules.toml"\n{text}')

    def report(self, *words: str) -> Result:
        done = CliRunner().invoke(main, ["rules", "report", *words, "--config", str(self.path)])
        self.assertEqual(done.exit_code, 0, done.output)
        return done

    def count(self) -> None:
        counts = RuleCounts(str(self.folder / "state"), Clock(), maybeDeferred)
        counts.attempted(FIRST)
        counts.attempted(attrs.evolve(DELIVERED, rules=(), overridden="x"), ("bank",))
        counts.attempted(attrs.evolve(DELIVERED, recipient=f"bob@{LONG}", rules=("bank", "gone")))
        counts.stop()

    def test_before_anything_was_counted(self) -> None:
        lines = self.report().stdout.splitlines()
        self.assertEqual([each.split(": ")[0] for each in lines[1:]], ["bank", "never", "shop"])
        self.assertIn("never: force_tls (test), never matched", lines)

    def test_a_table_that_fits(self) -> None:
        self.count()
        lines = self.report().stdout.splitlines()
        self.assertEqual(lines[0].split(), ["RULE", "MATCHED", "DELIVERED", "REFUSED", "FAILING", "WEAKENED", "LIFTED"])
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertEqual(lines[1], "bank: force_tls")
        self.assertEqual([each.split() for each in lines[2:4]], [
            ["bank.test", "1", "1", "-", "-", "-", "1"], [f"{LONG[:19]}...", "1", "1", "-", "-", "-", "-"],
        ])  # fmt: skip
        never = ["never: force_tls (test), never matched", "shop: force_tls, never matched"]
        self.assertEqual(lines[4:7], [*never, "gone: (gone)"])
        self.assertEqual(lines[7].split()[1:], ["1", "1", "-", "-", "-", "-"])
        self.assertEqual(len(lines), 8)

    def test_for_programs(self) -> None:
        self.count()
        found = [json.loads(line) for line in self.report("--json").stdout.splitlines()]
        self.assertEqual([(each["rule"], each["overridden"], each["mode"]) for each in found], [
            ("bank", 1, "enforce"), ("bank", 0, "enforce"), ("gone", 0, None),
        ])  # fmt: skip
