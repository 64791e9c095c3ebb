"""What is looked at on the machine before the start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fopemta import preflight
from fopemta.config.errors import ConfigurationErrors
from fopemta.testing.authority import Authority
from tests.config.test_load import SMALLEST


class Folder(SynchronousTestCase):
    """A test with a folder for its configuration."""

    def setUp(self) -> None:
        self.folder = Path(os.path.abspath(self.mktemp()))
        (self.folder / "etc").mkdir(parents=True)
        self.path = self.folder / "etc" / "fopemta.toml"

    def write(self, more: str = "", text: str = SMALLEST) -> str:
        self.path.write_text(text.replace("maildir:/mail", "maildir:../mail") + more, encoding="utf-8")
        return str(self.path)


class FindTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)

    def test_order(self) -> None:
        """As given, else the variable, else the first place where there is one."""
        variable = {"FOPEMTA_CONFIG": "by/variable.toml"}
        self.assertEqual(preflight.find("given.toml", variable), str(self.folder / "given.toml"))
        self.assertEqual(preflight.find(None, variable), str(self.folder / "by" / "variable.toml"))
        self.write()
        self.assertEqual(preflight.find(None, {}), str(self.path))

    def test_none_anywhere_names_the_places(self) -> None:
        with self.assertRaises(ConfigurationErrors) as raised:
            preflight.find(None, {})
        self.assertIn("./etc/fopemta.toml, /etc/fopemta/fopemta.toml", str(raised.exception))


class ReadTests(Folder):
    def test_relative_paths_count_from_the_file(self) -> None:
        self.assertEqual(preflight.read(self.write()).node.spool, str(self.folder / "var" / "spool"))

    def test_file_that_is_missing_or_no_text(self) -> None:
        with self.assertRaisesRegex(ConfigurationErrors, "fopemta.toml: No such file or directory"):
            preflight.read(str(self.path))
        self.path.write_bytes(b"# \xff")
        with self.assertRaisesRegex(ConfigurationErrors, "not UTF-8 at octet 2"):
            preflight.read(str(self.path))


class RulesTests(Folder):
    def read(self, rules: str) -> Any:
        self.write()
        self.path.write_text('rules = "rules.toml"\n' + self.path.read_text())
        (self.path.parent / "rules.toml").write_text(rules)
        return preflight.read(str(self.path)).rulebook

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


class CheckTests(Folder):
    def errors(self, more: str = "", text: str = SMALLEST) -> list[str]:
        found = preflight.check(preflight.read(self.write(more, text)))
        return [str(error).replace(str(self.folder), "") for error in found]

    def test_nothing_is_wrong_and_nothing_is_changed(self) -> None:
        self.assertEqual(self.errors(), [])
        self.assertEqual([path.name for path in self.folder.iterdir()], ["etc"])

    def test_all_at_once(self) -> None:
        (self.folder / "file").write_text("in the way")
        (self.folder / "etc" / "none.pem").write_text("no certificate")
        found = self.errors(
            '[tls.server]\ncertificates = [{ chain = "missing.pem", key = "missing.key" }]\n'
            '[tls.client]\nroots = "none.pem"\n[log]\ntext = "log/fopemta.log"\n',
            SMALLEST.replace("[node]", '[node]\nspool = "../file/spool"\n').replace(
                "[[route]]", '[[listener]]\nendpoint = "systemd:domain=INET:index=7"\n[[route]]'
            ),
        )
        self.assertEqual(
            found,
            [
                "listener[1].endpoint: Twisted cannot use 'systemd:domain=INET:index=7': list index out of range",
                "tls.server.certificates[0]: /etc/missing.pem: No such file or directory",
                "tls.client.roots: /etc/none.pem: holds no PEM certificates that can be read",
                "node.spool: /file: is not a folder",
                "log.text: /etc/log: there is no such folder",
            ],
        )

    def test_user_file(self) -> None:
        users = '[users]\nfile = "users"\n'
        # Not there yet: `fopemta users add` makes it.
        self.assertEqual(self.errors(users), [])
        path = self.folder / "etc" / "users"
        path.write_text("alice\nbob password=x\n")
        path.chmod(0o600)
        found = self.errors(users)
        self.assertEqual([each.partition("password=")[0] for each in found], [
            "users.file: /etc/users: line 1: needs ", "users.file: /etc/users: line 2: ",
        ])  # fmt: skip
        path.chmod(0o644)
        self.assertIn("others may read or change it", self.errors(users)[0])

    def test_lists_of_recipients_and_aliases(self) -> None:
        text = '[aliases]\nfile = "aliases"\n[[route]]\ndomain = "d.test"\nverify = "list"\nrecipients = "list"\n'
        missing = [each.split(": ")[0::2] for each in self.errors(text)]
        self.assertEqual(
            missing, [[key, "No such file or directory"] for key in ("route[1].recipients", "aliases.file")]
        )
        (self.folder / "etc" / "list").write_text("anna\nx y\n", encoding="utf-8")
        (self.folder / "etc" / "aliases").write_text("a: b\nb: |x\nc: |y\n", encoding="utf-8")
        keys = [(each.split(": ")[0], each.split(": ")[2]) for each in self.errors(text)]
        self.assertEqual(
            keys, [("route[1].recipients", "line 2"), ("aliases.file", "line 2"), ("aliases.file", "line 3")]
        )
        (self.folder / "etc" / "list").write_text("anna\n", encoding="utf-8")
        (self.folder / "etc" / "aliases").write_text("a: b\nb: a\n", encoding="utf-8")
        self.assertIn("leads back to itself", self.errors(text)[0])
        (self.folder / "etc" / "aliases").write_text("a: b\n", encoding="utf-8")
        self.assertEqual(self.errors(text), [])

    def test_sockets_from_systemd_are_not_looked_for_by_hand(self) -> None:
        text = SMALLEST.replace("tcp:25", "systemd:domain=INET:index=7")
        configuration = preflight.read(self.write(text=text))
        self.assertEqual(preflight.check(configuration, adopting=False), ())
        self.assertEqual(len(preflight.check(configuration)), 1)

    def test_missing_roots(self) -> None:
        self.assertEqual(
            self.errors('[tls.client]\nroots = "missing.pem"\n'),
            ["tls.client.roots: /etc/missing.pem: No such file or directory"],
        )

    def test_roots_and_certificate_of_a_route(self) -> None:
        route = '[[route]]\ndomain = "d.test"\nroots = "none.pem"\ncertificate = { chain = "us.pem", key = "us.key" }\n'
        self.assertEqual(self.errors(route), ["route[1].roots: /etc/none.pem: No such file or directory"])
        authority = Authority()
        authority.write_root(self.folder / "etc", "none")
        [error] = self.errors(route)
        self.assertTrue(error.startswith("route[1].certificate: /etc/us.pem: "), error)
        authority.leaf("us.test").write(self.folder / "etc", "us")
        self.assertEqual(self.errors(route), [])

    def test_certificates_and_roots_that_are_good(self) -> None:
        authority = Authority()
        authority.leaf("mx.example.org").write(self.folder / "etc", "mx")
        authority.write_root(self.folder / "etc", "roots")
        self.assertEqual(
            self.errors(
                '[tls.server]\ncertificates = [{ chain = "mx.pem", key = "mx.key" }]\n'
                '[tls.client]\nroots = "roots.pem"\n'
            ),
            [],
        )
