"""Which value counts, and whether the file has set it."""

from __future__ import annotations

import tomllib

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.in_force import KeyInForce, in_force
from fopemta.config.load import load
from fopemta.config.reference import deciding_files

TEXT = """
[node]
hostname = "mx.example.org"
spool = "s"
[tls.server]
profile = "mail"
[[listener]]
endpoint = "tcp:25"
[[listener]]
endpoint = "tcp:587"
profile = "bsi"
[[route]]
domain = "example.org"
tls = "encrypt"
roots = "a.pem"
[limits.timeouts]
data = "1m"
"""


def found() -> dict[str, KeyInForce]:
    return {each.name: each for each in in_force(tomllib.loads(TEXT), "/etc")}


class InForceTests(SynchronousTestCase):
    def test_values_and_where_they_come_from(self) -> None:
        values = found()
        for name, value, is_set in (
            ("node.hostname", "mx.example.org", True),
            ("node.spool", "/etc/s", True),
            ("node.state", "/var/state", False),
            ("node.postmaster", None, False),
            ("tls.server.profile", "mail", True),
            ("tls.server.lowest", "TLSv1.2", False),
            ("listener[0].profile", "mail", False),
            ("listener[1].profile", "bsi", True),
            ("listener[1].client_certificates", "ignore", False),
            ("route[0].tls", "encrypt", True),
            ("route[0].roots", "/etc/a.pem", True),
            ("route[0].certificate", None, False),
            ("route[0].recipients", "off", False),
            ("limits.timeouts.data", "1m", True),
            ("limits.timeouts.command", "5m", False),
            ("rules", None, False),
            ("log.text", "stdout", False),
            ("delivery.private", [], False),
        ):
            self.assertEqual((values[name].value, values[name].is_set), (value, is_set), name)

    def test_lines(self) -> None:
        values = found()
        self.assertEqual(values["limits.timeouts.data"].line, 'limits.timeouts.data = "1m"')
        self.assertEqual(values["rules"].line, "rules is not set")

    def test_names(self) -> None:
        for wanted, count in (
            ("node.spool", 1), ("listener.profile", 2), ("listener[1].profile", 1), ("listener[1]", 17),
            ("listener", 34), ("limits.timeouts", 4), ("tls", 13), ("node.s", 0), ("route[1]", 0), ("lim", 0),
        ):  # fmt: skip
            self.assertEqual(sum(each.is_meant_by(wanted) for each in found().values()), count, wanted)


class DecidingTests(SynchronousTestCase):
    def test_files_that_decide(self) -> None:
        text = TEXT.replace('hostname = "mx.example.org"', 'hostname = "mx.example.org"\npostmaster = "p@example.org"')
        text = text.replace('tls = "encrypt"', 'via = "maildir:/m/{local_part}"')
        self.assertEqual(list(deciding_files(load(text, "/etc"))), [("route[0].roots", "/etc/a.pem")])
        more = '[users]\nfile = "u"\n[tls.client]\nroots = "system"\n'
        found = list(deciding_files(load(f'rules = "r.toml"\n{text}{more}', "/etc")))
        self.assertEqual(found, [("rules", "/etc/r.toml"), ("users.file", "/etc/u"), ("route[0].roots", "/etc/a.pem")])
