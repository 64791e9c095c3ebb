"""`fopemta explain`: the rules, the split and the ways, for people and for programs."""

from __future__ import annotations

import json

import attrs
from click.testing import CliRunner
from click.testing import Result as Done
from twisted.internet.task import Clock

from fopemta.address.mailbox import Mailbox
from fopemta.cli.main import main
from fopemta.mail.envelope import Envelope, RecipientOptions
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.spool.threads import SameThread
from fopemta.trust.demand import Demand, Demanded
from fopemta.trust.levels import Level
from fopemta.trust.verdict import Result, VerdictRecord
from tests.server.test_preflight import Folder
from tests.spool.contract import verdict

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


MESSAGE = "0BCDFGHJKM0001"
ADDRESSED = ("--from", "a@us.test", "--to", "bob@us.test")
DEMANDED = Demanded(demands=(Demand(level=Level.AUTHENTICATED, source="rule old"),), rules=("old",))


class ExplainTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.write(
            '[relay]\nauthenticated_users = true\n[users]\nfile = "users"\n[aliases]\nfile = "aliases"\n'
            '[[route]]\ndomain = "us.test"\nvia = "maildir:m/{local_part}"\n'
            '[[route]]\ndomain = "listed.test"\nvia = "maildir:m/{local_part}"\nverify = "list"\nrecipients = "list"\n'
        )
        etc = self.path.parent
        (etc / "aliases").write_text("sales: one\none: bob@bank.example, anna\n")
        (etc / "list").write_text("carol@listed.test\n")
        done = CliRunner().invoke(
            main,
            ["users", "add", "a", "--sender", "@us.test", "--password-stdin", "--config", str(self.path)],
            input="secret\n",
        )
        assert done.exit_code == 0, done.output
        text = self.path.read_text()
        self.path.write_text('rules = "rules.toml"\n' + text)
        (self.path.parent / "rules.toml").write_text(RULES)

    def explain(self, *words: str, stdin: bytes | None = None) -> Done:
        arguments = ["explain", *words, "--offline", "--config", str(self.path)]
        return CliRunner().invoke(main, arguments, input=stdin)

    def test_for_people(self) -> None:
        done = self.explain(
            "--from", "a@us.test", "--to", "bob@bank.example", "--to", "carol@shop.example",
            "--user", "a", "--message", "-", stdin=b"Subject: a secret\n\nhello\n",
        )  # fmt: skip
        self.assertEqual((done.exit_code, done.stderr), (0, ""))
        for line in (
            "message from <a@us.test>",
            "<bob@bank.example>, outbound",
            "  matches     bank  (force_tls, line 2): recipient <bob@bank.example> is named by bank.example",
            "  matches     secret  (force_tls, only tested, line 6): Subject has secret",
            "  no match    spam  (reject, line 11): sender <a@us.test> is none of spam.example",
            "split into 2 envelopes over one stored message",
            "  demanded   authenticated (rule bank)",
            "  proof      a certificate for bank.example, revocation hard",
            "  clock      given up 12h after the first failure of TLS, the sender is warned after 4h",
            "  preferred  authenticated: tried at every host first",
            "  tested     authenticated (rule secret), recorded and not enforced",
        ):
            self.assertIn(line, done.stdout.splitlines())

    def test_a_rule_that_names_another_recipient(self) -> None:
        rules = self.path.parent / "rules.toml"
        words = ("--from", "a@us.test", "--to", "bob@bank.example", "--to", "carol@shop.example", "--user", "a")
        note = "  not named  by rule bank, which binds all recipients of a message for some"
        for option, told in (("true", 0), ("false", 1)):
            rules.write_text(RULES.replace("unspecified = true", f"unspecified = {option}"))
            self.assertEqual(self.explain(*words).stdout.splitlines().count(note), told, option)

    def test_grounds_of_a_demand(self) -> None:
        """Without a message a rule about the subject demands TLS of all: what the server does is another thing."""
        rules = self.path.parent / "rules.toml"
        rules.write_text(rules.read_text().replace('mode = "test"\n', ""))
        words = ("--from", "a@us.test", "--to", "carol@shop.example", "--user", "a")
        unsure = "  unsure     rule secret cannot tell, so its demand applies"
        for given, stdin, demanded, told in (
            ((), None, "authenticated (rule secret)", True),
            (("--message", "-"), b"Subject: a secret\n\nhello\n", "authenticated (rule secret)", False),
            (("--message", "-"), b"Subject: news\n\nhello\n", "opportunistic (default)", False),
        ):
            lines = self.explain(*words, *given, stdin=stdin).stdout.splitlines()
            self.assertIn(f"  demanded   {demanded}", lines)
            self.assertEqual((unsure in lines, any("  stored " in each for each in lines)), (told, False))

    def test_who_has_not_said_who_sends_asks_as_a_stranger(self) -> None:
        words = ("--from", "a@us.test", "--to", "carol@shop.example")
        note = "  sent by a stranger, 192.0.2.1; for one of your own, give --client IP or --user NAME"
        for given, told in (((), True), (("--user", "a"), False), (("--client", "192.0.2.1"), False)):
            lines = self.explain(*words, *given).stdout.splitlines()
            self.assertEqual(note in lines, told, given)

    def test_for_programs(self) -> None:
        done = self.explain("--from", "", "--to", "gone@us.test", "--user", "a", "--json")
        found = json.loads(done.stdout)
        self.assertEqual((found["sender"], found["refused"], found["refusal"]), ("", [], None))
        [way] = found["recipients"]
        self.assertEqual((way["address"], way["stands_for"]), ("bob@bank.example", ["gone@us.test"]))
        self.assertEqual(way["direction"], "outbound")
        self.assertEqual([each["answer"] for each in found["rules"]], ["yes", "cannot be told", "no", "yes"])
        self.assertEqual((way["level"], way["rules"]), ("authenticated", ["bank"]))

    def test_refusals(self) -> None:
        """What the server refuses is refused here, at the same place."""
        far = ("--from", "x@far.example")
        for words, line in (
            (("--from", "x@spam.example", "--to", "bob@us.test"), "refused at MAIL: 550 5.7.1"),
            ((*far, "--to", "bob@bank.example"), "refused at RCPT  <bob@bank.example>: 550 5.7.1 Relaying denied"),
            ((*far, "--to", "nobody@listed.test"), "refused at RCPT  <nobody@listed.test>: 550 5.1.1"),
            (("--from", "x@other.example", "--to", "bob@us.test", "--user", "a"), "refused at MAIL: 553 5.7.1"),
            (
                ("--from", "a@us.test", "--to", "bob@us.test", "--user", "mallory"),
                "refused at AUTH  mallory: 535 5.7.8",
            ),
        ):
            done = self.explain(*words)
            self.assertEqual(done.exit_code, 1, done.output)
            self.assertIn(line, done.stdout)

    def test_one_of_several_is_refused_and_the_others_are_explained(self) -> None:
        done = self.explain("--from", "x@far.example", "--to", "nobody@listed.test", "--to", "carol@listed.test")
        self.assertEqual(done.exit_code, 1)
        self.assertIn("\naccepted\n", done.stdout)
        self.assertIn("\n<carol@listed.test>, inbound\n", done.stdout)

    def test_aliases_are_followed(self) -> None:
        done = self.explain("--from", "x@far.example", "--to", "sales@us.test")
        self.assertEqual(done.exit_code, 0, done.output)
        for line in (
            "<bob@bank.example> in place of <sales@us.test>, by way of <one@us.test>, outbound",
            "  demanded   authenticated (rule bank)",
            "<anna@us.test> in place of <sales@us.test>, by way of <one@us.test>, inbound",
        ):
            self.assertIn(line, done.stdout.splitlines())

    def test_a_message_of_a_person_has_a_sender(self) -> None:
        words = ("--from", "", "--to", "bob@us.test", "--user", "a", "--message", "-")
        done = self.explain(*words, stdin=b"Subject: hello\n\nI am nobody\n")
        self.assertEqual(done.exit_code, 1)
        self.assertIn("refused at the message: 550 5.7.1", done.stdout)
        done = self.explain(*words, stdin=b"Subject: away\nAuto-Submitted: auto-replied\n\nI am away\n")
        self.assertEqual(done.exit_code, 0, done.output)

    def queued(self, envelope: Envelope, *verdicts: VerdictRecord) -> str:
        clock = Clock()
        spool = Spool(
            str(self.folder / "var" / "spool"), SpoolLimits(spool_free=0, message_size=0), clock, SameThread(),
            now=lambda: 1_700_000_000.0,
        )  # fmt: skip
        spool.start()
        spool.submit(MESSAGE, envelope, b"Subject: a secret\r\n\r\nhello\r\n")
        clock.advance(5)
        if verdicts:
            spool.record(MESSAGE, verdicts, False)
            clock.advance(5)
        spool.stop()
        return MESSAGE

    def test_a_message_in_the_queue(self) -> None:
        envelope = Envelope(
            Mailbox("a", "us.test"), (Mailbox("x", "far.example"),),
            options=((Mailbox("x", "far.example"), RecipientOptions(demanded=DEMANDED)),),
        )  # fmt: skip
        message_id = self.queued(envelope)
        done = self.explain(message_id)
        self.assertEqual(done.exit_code, 0, done.output)
        # What was demanded when it came stands, whatever the rules say now.
        lines = done.stdout.splitlines()
        self.assertIn("  demanded   authenticated (rule old)", lines)
        self.assertIn("  stored     rule old: with the message, by earlier rules; present ones demand less", lines)
        self.assertIn("  tested     authenticated (rule secret), recorded and not enforced", done.stdout.splitlines())
        self.assertEqual(self.explain("0BCDFGHJKM9999").exit_code, 1)
        self.assertEqual(self.explain("not an id").exit_code, 2)
        self.assertEqual(self.explain(message_id, "--from", "a@us.test").exit_code, 2)

    def of_the_queue(self, envelope: Envelope, *verdicts: VerdictRecord) -> tuple[object, object]:
        """What is demanded and preferred for each recipient that waits, and the notes."""
        found = json.loads(self.explain(self.queued(envelope, *verdicts), "--json").stdout)
        return [(each["address"], each["level"], each["preferred"]) for each in found["recipients"]], found["notes"]

    def test_rules_see_those_who_have_got_it(self) -> None:
        bob, x = Mailbox("bob", "bank.example"), Mailbox("x", "far.example")
        done = verdict(bob, Result.DELIVERED, MESSAGE)
        self.assertEqual(
            self.of_the_queue(Envelope(Mailbox("a", "us.test"), (bob, x)), done),
            ([("x@far.example", "opportunistic", "authenticated")], []),
        )

    def test_what_an_operator_has_lifted(self) -> None:
        bob = Mailbox("bob", "bank.example")
        lifted = attrs.evolve(verdict(bob, Result.DEFERRED, MESSAGE), overridden="by telephone")
        envelope = Envelope(Mailbox("a", "us.test"), (bob,), options=((bob, RecipientOptions(demanded=DEMANDED)),))
        self.assertEqual(
            self.of_the_queue(envelope, lifted),
            ([("bob@bank.example", "opportunistic", None)], ["TLS is lifted for <bob@bank.example>: by telephone"]),
        )

    def test_what_a_notice_has_inherited(self) -> None:
        envelope = Envelope(None, (Mailbox("x", "far.example"),), inherited=DEMANDED.demands)
        self.assertEqual(self.of_the_queue(envelope), ([("x@far.example", "authenticated", None)], []))

    def test_a_mailbox_here_and_usage(self) -> None:
        self.assertIn(
            "a mailbox on this machine", self.explain("--from", "a@far.example", "--to", "bob@us.test").stdout
        )
        for words in (
            (),
            ("--from", "a@b", "--to", "not an address"),
            ("--to", "a@us.test"),
            (*ADDRESSED, "--client", "999.1.1.1"),
        ):
            self.assertEqual(self.explain(*words).exit_code, 2)
