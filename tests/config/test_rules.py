"""rules.toml: what it may say, and every error with its dotted key."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.rules import load_rules
from fopemta.policy.action import (
    WORDS,
    AddHeader,
    AllowWeaker,
    Bcc,
    Defer,
    ForceTls,
    Hold,
    Redirect,
    Reject,
    RequireTls,
    RouteVia,
)
from fopemta.policy.facts import Direction, Fact
from fopemta.policy.rulebook import Mode
from fopemta.settings.errors import ConfigurationErrors
from fopemta.trust.demand import NameSource, Revocation
from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung

ALL = """
[[rule]]
name = "bank"
mode = "test"
direction = "outbound"
expires = 2027-01-01
owner = "security"
reason = "contract"
[rule.then]
action = "force_tls"
opportunistic_for_unspecified = true
level = "encrypt"
names = "domain"
lowest_rung = "strong256"
roots = "bank.pem"
revocation = "soft"
hold = "12h"
warn_after = "1h"
tell_sender = true
report = "bare"
[rule.when]
senders = ["us.test"]
recipients = ["bank.test", "*.bank.test"]
clients = ["192.0.2.0/24"]
users = ["*"]
subject = ["secret"]
headers = { "X-Class" = ["red"], "X-Other" = ["/./"] }
body = ["secret"]
attachments = ["*.pdf"]
size_over = "10MB"
recipients_over = 5

[[rule]]
name = "require"
unless = { clients = ["192.0.2.0/24"] }
[rule.then]
action = "require_tls"
level = "authenticated"
names = ["mx.bank.test"]
issuers = ["CN=X"]
fingerprints = ["sha256:AB%s"]

  [[ rule ]]
name = "reject"
then = { action = "reject", text = "No" }

[[rule]]
name = "defer"
then = { action = "defer" }

[[rule]]
name = "hold"
then = { action = "hold" }

[[rule]]
name = "redirect"
then = { action = "redirect", to = ["a@us.test"] }

[[rule]]
name = "bcc"
then = { action = "bcc", to = ["a@us.test", "b@us.test"] }

[[rule]]
name = "header"
then = { action = "add_header", name = "X-Seen", value = "yes" }

[[rule]]
name = "route"
then = { action = "route", via = "smtp:192.0.2.1:26" }

[[rule]]
name = "weaker"
owner = "me"
reason = "old printer"
expires = 2027-06-30T12:00:00
then = { action = "allow_weaker", level = "plain" }
""" % (":ab" * 31)


def errors(text: str) -> list[str]:
    try:
        load_rules(text, "/etc/fopemta")
    except ConfigurationErrors as found:
        return [str(each) for each in found.errors]
    return []


class RulesTests(SynchronousTestCase):
    def test_everything(self) -> None:
        book = load_rules(ALL, "/etc/fopemta")
        bank, require, *others = book.rules
        self.assertEqual(
            bank.then,
            ForceTls(
                opportunistic_for_unspecified=True, level=Level.ENCRYPT, names=NameSource.DOMAIN,
                lowest_rung=Rung.STRONG_256, roots="/etc/fopemta/bank.pem", revocation=Revocation.SOFT, hold=43200.0,
                warn_after=3600.0, tell_sender=True, bare_report=True,
            ),
        )  # fmt: skip
        self.assertEqual((bank.mode, bank.direction, bank.expires), (Mode.TEST, Direction.OUTBOUND, 1_798_761_600.0))
        self.assertEqual({each.reads for each in bank.when}, set(Fact) - {Fact.TLS, Fact.DIRECTION})
        self.assertEqual(require.then, RequireTls(level=Level.AUTHENTICATED, names=("mx.bank.test",), issuers=("CN=X",),
                                                  fingerprints=("ab" * 32,)))  # fmt: skip
        self.assertEqual(
            [type(each.then) for each in others],
            [Reject, Defer, Hold, Redirect, Bcc, AddHeader, RouteVia, AllowWeaker],
        )
        self.assertEqual({type(each.then) for each in book.rules}, set(WORDS))
        self.assertEqual([each.line for each in book.rules[:3]], [2, 33, 43])

    def test_defaults(self) -> None:
        (rule,) = load_rules('[[rule]]\nname = "x"\nthen = { action = "force_tls" }\n', "/").rules
        self.assertEqual(rule.then, ForceTls())
        self.assertEqual(
            (ForceTls().hold, ForceTls().warn_after, ForceTls().lowest_rung), (86400.0, 14400.0, Rung.STRONG_128)
        )

    def test_a_time_with_a_zone_is_another_moment(self) -> None:
        rule = '[[rule]]\nname = "x"\nthen = { action = "hold" }\nexpires = 2027-06-30T12:00:00'
        moments = [load_rules(rule + zone, "/etc").rules[0].expires or 0.0 for zone in ("", "Z", "+02:00")]
        self.assertEqual([each - moments[0] for each in moments], [0.0, 0.0, -7200.0])

    def test_an_exception_must_be_known_in_time_too(self) -> None:
        rule = '[[rule]]\nname = "x"\nthen = { action = "require_tls" }\nunless = { subject = ["a"] }'
        [error] = errors(rule)
        self.assertIn('"require_tls" is decided at RCPT', error)

    def test_no_rules(self) -> None:
        self.assertEqual(load_rules("", "/").rules, ())

    def test_errors(self) -> None:
        table = {
            '[[rule]]\nthen = { action = "hold" }': "rule[0].name: is missing",
            '[[rule]]\nname = "x"': "rule[0].then: is missing",
            '[[rule]]\nname = "x"\nthen = { action = "add_header", name = "Content-Type", value = "text/html" }': (
                "rule[0].then.name: "
            ),
            '[[rule]]\nname = "x"\nthen = { action = "add_header", name = "X", value = "%s" }' % ("v" * 4001): (
                "rule[0].then.value: must have at most 4000 characters, not 4001"
            ),
            '[[rule]]\nname = "x"\nthen = { action = "reject", text = "%s" }' % ("v" * 2001): (
                "rule[0].then.text: must have at most 2000 characters, not 2001"
            ),
            '[[rule]]\nname = "x"\nthen = { action = "drop" }': "rule[0].then.action: must be one of",
            '[[rule]]\nname = "x"\nthen = { action = "force_tsl" }': '"allow_weaker", not "force_tsl"',
            '[[rule]]\nname = "x"\nthen = { action = "hold", hold = "1h" }': "rule[0].then.hold: is not known",
            '[[rule]]\nname = "x"\nthen = { action = "redirect" }': "rule[0].then.to: is missing",
            '[[rule]]\nname = "x"\nthen = { action = "bcc", to = [] }': "rule[0].then.to: must name at least one",
            '[[rule]]\nname = "x\\ny"\nthen = { action = "hold" }': "rule[0].name: must",
            '[[rule]]\nname = "x"\nexpires = "soon"\nthen = { action = "hold" }': "rule[0].expires: must be a date",
            '[[rule]]\nname = "x"\nwhen = { body = ["/(/"] }\nthen = { action = "hold" }': "rule[0].when.body[0]:",
            '[[rule]]\nname = "x"\nwhen = { recipients = [] }\nthen = { action = "hold" }': "rule[0].when.recipients:",
            '[[rule]]\nname = "x"\nwhen = { headers = { "a b" = ["x"] } }\nthen = { action = "hold" }': "is no name",
            '[[rule]]\nname = "x"\nthen = { action = "force_tls", names = [] }': "rule[0].then.names: must name",
            '[[rule]]\nname = "x"\nthen = { action = "force_tls", pins = ["ab"] }': "rule[0].then.pins[0]:",
            '[[rule]]\nname = "x"\nthen = { action = "force_tls", opportunistic_for_unspecified = true }':
                "rule[0].then.opportunistic_for_unspecified: needs when.recipients",
            '[[rule]]\nname = "x"\nthen = { action = "allow_weaker", level = "encrypt" }': "rule[0].owner: must",
            '[[rule]]\nname = "x"\nwhen = { body = ["y"] }\nthen = { action = "require_tls" }':
                'rule[0].when: "require_tls" is decided at RCPT',
            '[[rule]]\nname = "x"\ndirection = "outbound"\nthen = { action = "require_tls" }': "rule[0].direction:",
            '[[rule]]\nname = "x"\nthen = { action = "hold" }\n[[rule]]\nname = "x"\nthen = { action = "hold" }':
                'rule[1].name: "x" is the name of an earlier rule (the rule in line 4)',
            "[rule]\nname = 1": "rule: must be written with two brackets",
            "rules = 1": "rules: is not known",
            "[[rule": "not TOML",
        }  # fmt: skip
        for text, wanted in table.items():
            found = errors(text)
            self.assertTrue(any(wanted in each for each in found), (text, found))
