"""The command as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from fopemta import __version__
from fopemta.cli.main import main

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

    def test_says_what_it_can_without_loading_twisted(self) -> None:
        program = "import sys, fopemta.cli.main; sys.exit('twisted' in sys.modules or 'OpenSSL' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={}, check=False)
        self.assertEqual(done.returncode, 0)
