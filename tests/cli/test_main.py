"""The command as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from fopemta import __version__
from fopemta.cli.main import COMMANDS, main
from fopemta.cli.queue import ORDERS

ROOT = Path(__file__).resolve().parents[2]


class MainTests(SynchronousTestCase):
    def test_names_its_commands(self) -> None:
        done = CliRunner().invoke(main, ["--help"])
        self.assertEqual(done.exit_code, 0)
        for command in ("check-config", "queue", "demo"):
            self.assertIn(f"  {command} ", done.output)

    def test_version(self) -> None:
        self.assertIn(__version__, CliRunner().invoke(main, ["--version"]).output)

    def test_wrong_usage_is_status_2(self) -> None:
        for arguments in (["nonsense"], ["queue", "nonsense"], ["queue", "show"], ["check-config", "--nonsense"]):
            self.assertEqual(CliRunner().invoke(main, arguments).exit_code, 2, arguments)

    def test_a_table_says_of_each_command_what_the_command_says_of_itself(self) -> None:
        for entry in (*COMMANDS.values(), *ORDERS.values()):
            command = entry.command()
            said = (entry.summary, entry.hidden)
            self.assertEqual((command.get_short_help_str(1000), command.hidden), said, entry.place)

    def test_an_order_stands_with_the_commands_of_its_group(self) -> None:
        self.assertIn("--override-tls", CliRunner().invoke(main, ["queue", "release", "--help"]).output)


class OverrideTests(SynchronousTestCase):
    def test_what_is_not_named_is_asked_for_before_tls_is_lifted(self) -> None:
        lift = ["queue", "release", "--override-tls", "--reason", "ticket 7"]
        for chosen in (["--all"], ["--recipient", "b@bank.test"]):
            for answer in ("n\n", ""):
                done = CliRunner().invoke(main, [*lift, *chosen, "--config", "/nowhere"], input=answer)
                self.assertEqual((done.exit_code, "Lift what rules demand" in done.output), (1, True), chosen)
                self.assertNotIn("nowhere", done.output)
            for words, answer in (([], "y\n"), (["--yes"], "")):
                done = CliRunner().invoke(main, [*lift, *chosen, *words, "--config", "/nowhere"], input=answer)
                self.assertEqual((done.exit_code, "nowhere" in done.output), (2, True), words)
        for plain in ([*lift, "0vyKfVczdK5G1f"], ["queue", "release", "--all"]):
            self.assertNotIn("Lift", CliRunner().invoke(main, [*plain, "--config", "/nowhere"]).output)


class LightTests(SynchronousTestCase):
    """What only looks at files loads none of the libraries that take longer than it does."""

    HEAVY = frozenset({"twisted", "OpenSSL", "dns", "cryptography", "service_identity", "argon2", "attrs", "attr"})

    def loaded(self, *arguments: str, status: int = 0) -> set[str]:
        """The top packages that the command has loaded when it ends."""
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, *arguments], cwd=ROOT, env={}, check=False, capture_output=True, text=True
        )
        self.assertEqual(done.returncode, status, done.stderr)
        return set(done.stderr.split())

    def test_help_and_version(self) -> None:
        for arguments in (["--help"], ["--version"]):
            self.assertEqual(self.loaded(*arguments) & self.HEAVY, set(), arguments)

    def test_help_of_a_command(self) -> None:
        for arguments in (["queue", "--help"], ["check-config", "--help"], ["users", "--help"]):
            self.assertEqual(self.loaded(*arguments) & (self.HEAVY - {"attrs", "attr"}), set(), arguments)


# Names what is loaded on standard error when the command has ended, however it has.
_PROGRAM = """
import atexit, sys
from fopemta.cli.main import main
atexit.register(lambda: print(*{each.partition(".")[0] for each in sys.modules}, file=sys.stderr))
main(prog_name="fopemta")
"""
