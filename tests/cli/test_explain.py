"""`fopemta explain`: the rules, the split and the ways, for people and for programs."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from fopemta.cli.main import main
from tests.test_preflight import Folder

RULES = """
[[rule]]
name = "bank"
when = { recipients = ["bank.example"] }
then = { action = "force_tls", opportunistic_for_unspecified = true, names = "domain", hold = "12h" }
[[rule]]
name = "secret"
mode = "test"
when = { subject = ["secret"] }
then = { action = "force_tls" }
[[rule]]
name = "spam"
when = { senders = ["spam.example"] }
then = { action = "reject" }
[[rule]]
name = "gone"
when = { recipients = ["gone@us.test"] }
then = { action = "redirect", to = ["bob@bank.example"] }
"""


class ExplainTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.write(
            '[relay]\nauthenticated_users = true\n[[route]]\ndomain = "us.test"\nvia = "maildir:m/{local_part}"\n'
        )
        text = self.path.read_text()
        self.path.write_text('rules = "rules.toml"\n' + text)
        (self.path.parent / "rules.toml").write_text(RULES)

    def explain(self, *words: str, stdin: bytes | None = None) -> Result:
        arguments = ["explain", *words, "--offline", "--config", str(self.path)]
        return CliRunner().invoke(main, arguments, input=stdin)

    def test_for_people(self) -> None:
        done = self.explain(
            "--from", "a@us.test", "--to", "bob@bank.example", "--to", "carol@shop.example",
            "--user", "a", "--message", "-", stdin=b"Subject: a secret\n\nhello\n",
        )  # fmt: skip
        self.assertEqual((done.exit_code, done.stderr), (0, ""))
        for line in (
            "message from <a@us.test>, outbound",
            "  matches     bank  (force_tls, line 2): recipient <bob@bank.example> is named by bank.example",
            "  matches     secret  (force_tls, only tested, line 6): Subject has secret",
            "  does not    spam  (reject, line 11): sender <a@us.test> is none of spam.example",
            "split into 2 envelopes over one stored message",
            "  demanded   authenticated (rule bank)",
            "  proof      a certificate for bank.example, revocation hard",
            "  clock      given up 12h after the first failure of TLS, the sender is warned after 4h",
            "  preferred  authenticated: tried at every host first",
            "  tested     authenticated (rule secret), recorded and not enforced",
        ):
            self.assertIn(line, done.stdout.splitlines())

    def test_for_programs(self) -> None:
        done = self.explain("--from", "", "--to", "gone@us.test", "--user", "a", "--json")
        found = json.loads(done.stdout)
        self.assertEqual((found["sender"], found["direction"], found["refusal"]), ("", "outbound", None))
        [way] = found["recipients"]
        self.assertEqual((way["address"], way["stands_for"]), ("bob@bank.example", ["gone@us.test"]))
        self.assertEqual([each["answer"] for each in found["rules"]], ["no", "cannot be told", "no", "yes"])
        self.assertEqual((way["level"], way["rules"]), ("opportunistic", []))

    def test_refusals(self) -> None:
        done = self.explain("--from", "x@spam.example", "--to", "bob@us.test")
        self.assertEqual(done.exit_code, 1)
        self.assertIn("refused  550 5.7.1", done.stdout)
        done = self.explain("--from", "x@far.example", "--to", "bob@bank.example")
        self.assertEqual(done.exit_code, 1)
        self.assertIn("refused at RCPT  <bob@bank.example>: 550 5.7.1 Relaying denied", done.stdout)

    def test_a_mailbox_here_and_usage(self) -> None:
        self.assertIn(
            "a mailbox on this machine", self.explain("--from", "a@far.example", "--to", "bob@us.test").stdout
        )
        for words in ((), ("--from", "a@b", "--to", "not an address"), ("--to", "a@us.test")):
            self.assertEqual(self.explain(*words).exit_code, 2)
