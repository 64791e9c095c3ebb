"""`fopemta roots`."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding

from fopemta.cli.main import main
from fopemta.testing.authority import Authority
from tests.server.test_preflight import Folder


class RootsTests(Folder):
    def trusting(self, *authorities: Authority) -> None:
        path = self.folder / "roots.pem"
        path.write_bytes(b"".join(each.root.public_bytes(Encoding.PEM) for each in authorities))
        self.write(f'\n[tls.client]\nroots = "{path.resolve()}"\n')

    def run_roots(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["roots", *arguments, "--config", str(self.path)])

    def test_list(self) -> None:
        self.trusting(Authority("good"), Authority("over", root_days=(-9, -2)))
        done = self.run_roots("list")
        self.assertEqual((done.exit_code, done.stderr), (0, ""))
        place, heading, *rows = done.stdout.splitlines()
        self.assertTrue(place.startswith("tls.client.roots: /"))
        self.assertEqual(heading.split(), ["EXPIRES", "CONDITION", "SHA-256", "SUBJECT"])
        found = [(row.split()[1], row.split()[-1]) for row in rows]
        self.assertEqual(found, [("expired", "CN=over"), ("good", "CN=good")])

    def test_check(self) -> None:
        self.trusting(Authority("good"), Authority("over", root_days=(-9, -2)), Authority("soon", root_days=(-9, 9)))
        lines = self.run_roots("check").stdout.splitlines()
        self.assertEqual(lines[1], "  3 roots, 2 of them of use today")
        self.assertRegex(lines[2], r"^  newest: CN=soon, since \d{4}-\d\d-\d\d$")
        self.assertRegex(lines[4], r"^  expired \(\d{4}-\d\d-\d\d\): CN=over$")
        self.assertRegex(lines[5], r"^  expires soon \(\d{4}-\d\d-\d\d\): CN=soon$")

    def test_for_programs(self) -> None:
        self.trusting(Authority("good"), Authority("over", root_days=(-9, -2)))
        listed = [json.loads(line) for line in self.run_roots("list", "--json").stdout.splitlines()]
        found = [(each["subject"], each["condition"]) for each in listed]
        self.assertEqual(found, [("CN=over", "expired"), ("CN=good", "good")])
        (checked,) = [json.loads(line) for line in self.run_roots("check", "--json").stdout.splitlines()]
        self.assertEqual((checked["count"], checked["usable"], checked["oldest"]["subject"]), (2, 1, "CN=good"))
        self.assertEqual([each["subject"] for each in checked["expired"]], ["CN=over"])

    def test_nobody_of_use(self) -> None:
        self.trusting(Authority("over", root_days=(-9, -2)))
        self.assertEqual([self.run_roots(each).exit_code for each in ("list", "check")], [1, 1])
        (self.folder / "roots.pem").write_bytes(b"")
        done = self.run_roots("check")
        self.assertEqual(done.exit_code, 1)
        self.assertIn("fopemta: tls.client.roots: ", done.stderr)
