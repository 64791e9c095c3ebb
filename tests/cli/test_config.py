"""`fopemta config`."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from fopemta.cli.main import main
from fopemta.config.example import example
from tests.server.test_preflight import Folder


class ConfigTests(Folder):
    def run_it(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["config", *words, "--config", str(self.path)])

    def test_one_key(self) -> None:
        self.write("[limits]\nhops = 30\n")
        done = self.run_it("show", "limits.hops")
        self.assertEqual(done.exit_code, 0)
        self.assertEqual(
            done.stdout,
            "limits.hops = 30\n"
            "\n"
            "  Received headers of a message, before it is taken for one that goes round in\n"
            "  circles (554 5.4.6); 0 for no limit.\n"
            "\n"
            "  from     the file\n"
            "  default  100\n"
            "  takes    whole number, 0 or more\n"
            "  since    0.1.0\n"
            "  reload   picks it up\n",
        )

    def test_what_there_is_to_say_of_others(self) -> None:
        self.write()
        for name, lines in (
            (
                "node.hostname",
                ["from     the file", "default  none: it must be set", "reload   no: it is read"],
            ),
            ("rules", ["rules is not set", "from     the default", "default  none", "docs/rules.md"]),
            ("listener.profile", ["from     tls.server.profile", 'default  "internet.nl"']),
            ("limits.spool_free", ["unit     octets", "takes    size"]),
            ("fetch.largest", ['fetch.largest = "32MB"', "unit     octets"]),
        ):
            shown = self.run_it("show", name).stdout
            self.assertEqual([each for each in lines if each not in shown], [], shown)
            self.assertLessEqual(max(map(len, shown.splitlines())), 80)

    def test_a_table_and_all(self) -> None:
        self.write('[retry]\nfirst = "1m"\n')
        lines = self.run_it("show", "retry").stdout.splitlines()
        self.assertEqual(lines[:2], ['* retry.first = "1m"', "  retry.factor = 2.0"])
        self.assertEqual(lines[-2:], ["", f"* set in {self.path}; all others have their defaults"])
        everything = self.run_it("show").stdout.splitlines()
        self.assertGreater(len(everything), 110)
        self.assertEqual([each for each in lines if each not in everything], [])

    def test_for_programs(self) -> None:
        self.write('[retry]\nfirst = "1m"\n')
        found = [json.loads(line) for line in self.run_it("show", "retry", "--json").stdout.splitlines()]
        self.assertEqual([each["key"] for each in found][:2], ["retry.first", "retry.factor"])
        self.assertEqual(
            found[0],
            {
                "key": "retry.first", "value": "1m", "set": True, "default": "5m", "required": False,
                "takes": "duration", "unit": "seconds", "since": "0.1.0", "reload": True, "meaning": "The first wait.",
            },
        )  # fmt: skip
        [one] = [json.loads(line) for line in self.run_it("show", "node.hostname", "--json").stdout.splitlines()]
        self.assertEqual((one["required"], one["default"], one["reload"]), (True, None, False))

    def test_a_name_that_is_none(self) -> None:
        self.write()
        done = self.run_it("show", "limits.hop")
        self.assertEqual(done.exit_code, 2)
        self.assertIn("there is no key limits.hop; did you mean limits.hops?", done.stderr)
        self.assertIn("there is no key q\n", self.run_it("show", "q").stderr)

    def test_a_file_that_is_wrong_or_missing(self) -> None:
        self.write('[limits]\nhops = "x"\n')
        done = self.run_it("show", "limits.hops")
        self.assertEqual((done.exit_code, done.stdout), (2, ""))
        self.assertIn("fopemta: limits.hops: must be a whole number", done.stderr)
        self.path.unlink()
        done = self.run_it("show")
        self.assertEqual((done.exit_code, done.stdout), (2, ""))
        self.assertIn("No such file", done.stderr)

    def test_default_is_the_example(self) -> None:
        done = CliRunner().invoke(main, ["config", "default"])
        self.assertEqual((done.exit_code, done.stdout), (0, example()))
