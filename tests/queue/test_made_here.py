"""Messages that are made here go the same steps to their recipients as all others."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer
from zope.interface.verify import verifyObject

from fopemta.address.mailbox import Mailbox
from fopemta.config.rules import load_rules
from fopemta.interfaces import IAliases
from fopemta.mail.damage import PutAside
from fopemta.policy.aliases import Aliases, parse
from fopemta.trust.verdict import Result
from tests.queue.test_dispatcher import Base

BILLING, POSTMASTER = Mailbox("billing", "us.test"), Mailbox("postmaster", "us.test")


@implementer(IAliases)
class SomeAliases:
    def __init__(self, text: str) -> None:
        found = parse(text, lambda domain: domain == "us.test")
        assert isinstance(found, Aliases)
        self.known = found

    def weight(self, recipient: Mailbox) -> int:
        return 0

    def current(self) -> Aliases:
        return self.known


class NoticeTests(Base):
    ALIASES = "billing: carl\npostmaster: pat, pia@far.test\n"

    def make(self, **changes: Any) -> None:
        super().make(**changes)
        self.dispatcher.made_here.aliases = SomeAliases(self.ALIASES)

    def to(self) -> list[str]:
        """Who has been sent notices."""
        return [each for _, who in self.courier.carried for each in who.split() if not each.endswith("b.test")]

    def fails(self, sender: Mailbox | None = BILLING) -> None:
        self.courier.script["bob@b.test"] = [Result.FAILED]
        self.send(Mailbox("bob", "b.test"), sender=sender)

    def test_interface(self) -> None:
        verifyObject(IAliases, SomeAliases(""))

    def test_a_report_to_an_alias(self) -> None:
        self.courier.slow.add("us.test")
        self.fails()
        self.assertEqual(self.to(), ["carl@us.test"])
        [kept] = self.reports()
        options = kept.message.envelope.options_of(Mailbox("carl", "us.test"))
        self.assertEqual(options.stands_for, (BILLING,))

    def test_rules_redirect_and_copy_and_refuse_nobody(self) -> None:
        rules = """
[[rule]]
name = "r"
when = { recipients = ["billing@us.test"] }
then = { action = "redirect", to = ["eve@us.test"] }
[[rule]]
name = "c"
when = { senders = ["<>"], subject = ["could not be delivered"] }
then = { action = "bcc", to = ["audit@us.test"] }
[[rule]]
name = "no"
when = { senders = ["<>"] }
then = { action = "reject" }
"""
        self.make(rulebook=load_rules(rules, "/etc"))
        self.fails()
        self.assertEqual(self.to(), ["eve@us.test", "audit@us.test"])

    def test_postmaster_by_an_alias_is_told_of_double_bounces_and_of_nothing_more(self) -> None:
        """Who stands for postmaster cannot be told of his own failure: that would never end."""
        self.courier.script |= {"carl@us.test": [Result.FAILED], "pia@far.test": [Result.FAILED]}
        self.fails()
        self.wait(300)
        self.assertEqual(self.to(), ["carl@us.test", "pat@us.test", "pia@far.test"])
        [kept] = self.reports()
        states = {str(each.address): each.state.value for each in kept.message.recipients}
        self.assertEqual(states, {"pat@us.test": "delivered", "pia@far.test": "held"})

    def test_an_alias_of_postmaster_is_nothing_special_to_other_mail(self) -> None:
        self.courier.script["pia@far.test"] = [Result.FAILED]
        message_id = self.send(Mailbox("pia", "far.test"))
        self.assertEqual(self.results(message_id), [("pia@far.test", "failed")])

    def test_damage_is_told_to_whoever_is_postmaster(self) -> None:
        self.spool.damage = [PutAside("deferred/07/A.msg", "file is empty")]
        self.wait(60)
        self.assertEqual(self.to(), ["pat@us.test", "pia@far.test"])
