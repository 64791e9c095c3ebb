"""Where the configuration is found, and what comes with it."""

from __future__ import annotations

import os
from typing import Any

from fopemta.server import configuration_file
from fopemta.settings.errors import ConfigurationErrors
from tests.server.test_preflight import Folder


class FindTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)

    def test_order(self) -> None:
        """As given, else the variable, else the first place where there is one."""
        variable = {"FOPEMTA_CONFIG": "by/variable.toml"}
        self.assertEqual(configuration_file.find("given.toml", variable), str(self.folder / "given.toml"))
        self.assertEqual(configuration_file.find(None, variable), str(self.folder / "by" / "variable.toml"))
        self.write()
        self.assertEqual(configuration_file.find(None, {}), str(self.path))

    def test_none_anywhere_names_the_places(self) -> None:
        with self.assertRaises(ConfigurationErrors) as raised:
            configuration_file.find(None, {})
        self.assertIn("./etc/fopemta.toml, /etc/fopemta/fopemta.toml", str(raised.exception))


class ReadTests(Folder):
    def test_relative_paths_count_from_the_file(self) -> None:
        self.assertEqual(configuration_file.read(self.write()).node.spool, str(self.folder / "var" / "spool"))

    def test_file_that_is_missing_or_no_text(self) -> None:
        with self.assertRaisesRegex(ConfigurationErrors, "fopemta.toml: No such file or directory"):
            configuration_file.read(str(self.path))
        self.path.write_bytes(b"# \xff")
        with self.assertRaisesRegex(ConfigurationErrors, "not UTF-8 at octet 2"):
            configuration_file.read(str(self.path))


class RulesTests(Folder):
    def read(self, rules: str) -> Any:
        self.write()
        self.path.write_text('rules = "rules.toml"\n' + self.path.read_text())
        (self.path.parent / "rules.toml").write_text(rules)
        return configuration_file.read(str(self.path)).rulebook

    def test_a_rule_that_wants_a_certificate_needs_a_listener_that_asks(self) -> None:
        rule = '[[rule]]\nname = "x"\nwhen = {{ {} }}\nthen = {{ action = "require_tls", {} }}\n'
        wants = 'names = ["mx.d.test"]'
        with self.assertRaisesRegex(ConfigurationErrors, r"rules, line 1 \(x\): wants .*, and listener\[0\] asks"):
            self.read(rule.format('senders = ["d.test"]', wants))
        self.read(rule.format('senders = ["d.test"]', 'level = "encrypt"'))
        self.read(rule.format('users = ["bob"]', wants))

    def test_rules_come_with_the_configuration(self) -> None:
        (rule,) = self.read('[[rule]]\nname = "x"\nthen = { action = "reject" }\n').rules
        self.assertEqual((rule.name, rule.line), ("x", 1))

    def test_errors_name_the_file(self) -> None:
        with self.assertRaisesRegex(ConfigurationErrors, r"rules.toml: rule\[0\].then: is missing"):
            self.read('[[rule]]\nname = "x"\n')
