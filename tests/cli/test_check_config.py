"""`fopemta check-config`."""

from __future__ import annotations

import json
import os

from click.testing import CliRunner, Result

from fopemta.cli.main import main
from tests.config.test_load import SMALLEST
from tests.server.test_preflight import Folder


class CheckConfigTests(Folder):
    def check(self, *options: str) -> Result:
        return CliRunner().invoke(main, ["check-config", "--config", str(self.path), *options])

    def test_good(self) -> None:
        self.write()
        done = self.check()
        var = self.folder / "var"
        paths = f"spool     {var}/spool\nstate     {var}/state\n"
        self.assertEqual((done.exit_code, done.stdout, done.stderr), (0, f"{paths}{self.path}: good\n", ""))

    def test_every_error_is_told(self) -> None:
        self.write("[limits]\nrecipients = 1\nrecipient = 1\n")
        done = self.check()
        self.assertEqual((done.exit_code, done.stdout), (2, ""))
        self.assertEqual(
            done.stderr.splitlines(),
            [
                "error: limits.recipients: must be a whole number from 100 to 1000000, not 1",
                'error: limits.recipient: is not known; did you mean "recipients"?',
            ],
        )

    def test_machine_is_looked_at(self) -> None:
        self.write('[tls.client]\nroots = "none.pem"\n')
        done = self.check()
        self.assertEqual(done.exit_code, 2)
        self.assertIn("error: tls.client.roots: ", done.stderr)

    def test_addresses_that_this_machine_has_not(self) -> None:
        self.write(text=SMALLEST.replace("tcp:25", "tcp:25:interface=192.0.2.9"))
        done = self.check()
        self.assertEqual(
            (done.exit_code, done.stderr), (2, "error: listener[0].endpoint: this machine has no address 192.0.2.9\n")
        )
        self.write('[delivery]\nsource_addresses = ["192.0.2.9"]\n')
        done = self.check()
        self.assertEqual(done.exit_code, 0)
        self.assertIn("caution: delivery.source_addresses[0]: this machine has no address 192.0.2.9", done.stderr)

    def test_caution_is_told_and_no_error(self) -> None:
        self.write('[relay]\nnetworks = ["::/0"]\n')
        done = self.check()
        self.assertEqual(done.exit_code, 0)
        self.assertIn("caution: relay.networks[0]: ::/0: anyone may relay", done.stderr)

    def test_json(self) -> None:
        self.write('[relay]\nnetworks = ["::/0"]\n')
        found = json.loads(self.check("--json").stdout)
        self.assertEqual((found["good"], found["path"], found["errors"]), (True, str(self.path), []))
        self.assertEqual([each["key"] for each in found["cautions"]], ["relay.networks[0]"])
        self.write("[limits]\nrecipients = 1\n")
        done = self.check("--json")
        found = json.loads(done.stdout)
        self.assertEqual((done.exit_code, found["good"]), (2, False))
        self.assertEqual([each["key"] for each in found["errors"]], ["limits.recipients"])

    def test_missing_file(self) -> None:
        done = self.check()
        self.assertEqual((done.exit_code, done.stderr), (2, f"error: {self.path}: No such file or directory\n"))

    def test_variable(self) -> None:
        self.write()
        done = CliRunner(env={"FOPEMTA_CONFIG": os.fspath(self.path)}).invoke(main, ["check-config"])
        self.assertEqual(done.exit_code, 0)
