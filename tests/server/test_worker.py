"""A worker's process, before it is one."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

import fopemta
from tests.processes import ROOT


class VersionTests(SynchronousTestCase):
    def run_with(self, *arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "fopemta.server.worker", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        return done.returncode, done.stderr.strip()

    def test_a_program_that_was_exchanged_meanwhile_does_not_begin(self) -> None:
        words = f"fopemta: version {fopemta.__version__} is installed, 0.0.9 runs: restart the server"
        self.assertEqual(self.run_with("0.0.9"), (1, words))

    def test_it_is_no_command(self) -> None:
        status, words = self.run_with()
        self.assertEqual((status, "no server has begun this" in words), (1, True))
