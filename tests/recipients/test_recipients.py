"""Recipients: which route asks whom, and aliases."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
from twisted.internet.defer import execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import AliasFile, Configuration, Listener, Node
from fopemta.interfaces import IAliases, IRecipients
from fopemta.mail.envelope import Envelope
from fopemta.outbound.callout import LONGEST
from fopemta.policy.recipients import Said
from fopemta.policy.steps import House, through_aliases
from fopemta.recipients.calls import MOST_AT_ONCE, MOST_WAITING, Calls
from fopemta.recipients.memory import CalloutMemory
from fopemta.recipients.recipients import RecipientVerifier
from fopemta.routing.route import Route, Unverified, Verify, Via
from tests.recipients.test_calls import ScriptedCallout

NOW = 1_000_000_000.0
DAY = 86400.0


class RecipientsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        (self.folder / "mail" / "anna").mkdir(parents=True)
        self.write("list", "bob\n")
        self.write("aliases", "sales: anna, x@away.test\npostmaster: anna\n")
        self.now = NOW
        self.clock = Clock()
        self.callout = ScriptedCallout(Said.GOOD)
        template = str(self.folder / "mail" / "{local_part}")
        listed = str(self.folder / "list")
        self.config = Configuration(
            node=Node(hostname="us.test", postmaster=Mailbox("postmaster", "off.test")),
            listeners=(Listener(endpoint="tcp:25"),),
            routes=(
                Route(domain="off.test", via=Via.MAILDIR, maildir=template),
                Route(domain="folders.test", via=Via.MAILDIR, maildir=template, verify=Verify.MAILDIR),
                Route(domain="local.test", via=Via.MAILDIR, maildir=template, verify=Verify.LIST, recipients=listed),
                Route(domain="relay.test", verify=Verify.LIST, recipients=listed),
                Route(domain="call.test", verify=Verify.CALLOUT),
                Route(domain="strict.test", verify=Verify.CALLOUT, unverified=Unverified.DEFER),
            ),
            aliases=AliasFile(file=str(self.folder / "aliases")),
        )
        self.recipients = self.made(self.config)

    def write(self, name: str, text: str) -> None:
        beside = self.folder / f"{name}.new"
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, self.folder / name)

    def made(self, config: Configuration) -> RecipientVerifier:
        memory = CalloutMemory(str(self.folder / "state" / "recipients.sqlite"))
        calls = Calls(self.callout, memory, self.clock, execute, lambda: self.now)
        return RecipientVerifier(config, calls, execute, lambda: self.now)

    def verify(self, address: str) -> str | None:
        local_part, _, domain = address.rpartition("@")
        asking = self.recipients.verify(Mailbox(local_part, domain))
        if asking is None:
            return None
        self.clock.advance(0)
        reply = self.successResultOf(asking)
        return None if reply is None else f"{reply.code} {reply.enhanced}"

    def test_what_it_costs_to_find_out_for_whom_an_address_stands(self) -> None:
        self.recipients.current()
        self.clock.advance(0)
        for address, weight in (
            (Mailbox("sales", "local.test"), 2),
            (Mailbox("postmaster", "local.test"), 1),
            (Mailbox("anna", "local.test"), 0),
            (Mailbox("sales", "relay.test"), 0),
        ):
            self.assertEqual(self.recipients.weight(address), weight, address)
        without = self.made(attrs.evolve(self.config, aliases=AliasFile()))
        self.assertEqual(without.weight(Mailbox("sales", "local.test")), 0)

    def test_nobody_who_waits_for_a_callout_waits_longer_than_two_minutes(self) -> None:
        self.assertEqual((MOST_WAITING + MOST_AT_ONCE) / MOST_AT_ONCE * LONGEST, 120)

    def test_interfaces(self) -> None:
        verifyObject(IRecipients, self.recipients)
        verifyObject(IAliases, self.recipients)

    def test_whole_table(self) -> None:
        table = {
            "anybody@off.test": None,
            "anybody@elsewhere.test": None,
            "anna@folders.test": None,
            "ANNA+detail@folders.test": None,
            "bob@folders.test": "550 5.1.1",
            "../anna@folders.test": "550 5.1.1",
            "sales@folders.test": None,
            "bob@local.test": None,
            "Bob+detail@local.test": None,
            "anna@local.test": "550 5.1.1",
            "sales+x@local.test": None,
            "bob@relay.test": None,
            "bob+detail@relay.test": "550 5.1.1",
            "sales@relay.test": "550 5.1.1",
            "bob@call.test": None,
        } | {f"Postmaster@{each.domain}": None for each in self.config.routes}
        self.assertEqual({address: self.verify(address) for address in table}, table)
        self.assertEqual(self.callout.asked, [Mailbox("bob", "call.test")])

    def test_who_cannot_have_a_mailbox_is_refused_whether_recipients_are_verified_or_not(self) -> None:
        with_aliases = self.recipients
        without = self.made(attrs.evolve(self.config, aliases=AliasFile()))
        one = Route(domain="one.test", via=Via.MAILDIR, maildir=str(self.folder / "mail" / "one"))
        for self.recipients in (with_aliases, without):
            aliases = self.config.aliases if self.recipients is with_aliases else AliasFile()
            self.recipients.reconfigure(attrs.evolve(self.config, aliases=aliases, routes=(*self.config.routes, one)))
            for local_part in ("../x", "a/b", "a" * 65, "-x", "ü", ".x"):
                self.assertEqual(self.verify(f"{local_part}@off.test"), "550 5.1.1", local_part)
                # Whoever has one for a whole domain, or passes the mail on, has no such need.
                for domain in ("one.test", "elsewhere.test", "call.test"):
                    self.assertIsNone(self.verify(f"{local_part}@{domain}"), (local_part, domain))
            for local_part in ("o'neil", "O'Neil+x", "x&y"):
                self.assertIsNone(self.verify(f"{local_part}@off.test"), local_part)

    def test_what_cannot_be_looked_at_says_nothing_of_anybody(self) -> None:
        os.unlink(self.folder / "list")
        self.assertEqual(self.verify("bob@relay.test"), "451 4.3.0")
        self.write("aliases", "a: a\n")
        self.assertEqual(self.verify("anybody@off.test"), "451 4.3.0")
        self.assertIsNone(self.verify("anybody@elsewhere.test"))

    def test_files_are_read_anew(self) -> None:
        self.assertEqual(self.verify("carol@relay.test"), "550 5.1.1")
        self.write("list", "bob\ncarol\n")
        self.assertIsNone(self.verify("carol@relay.test"))
        self.write("list", "what is this\n")
        self.assertIsNone(self.verify("carol@relay.test"), "an error changes nothing")

    def test_accept_means_those_that_were_good_within_31_days(self) -> None:
        for domain, says in (("call.test", None), ("strict.test", "450 4.1.1")):
            self.now, self.callout.says = NOW, Said.GOOD
            self.assertIsNone(self.verify(f"bob@{domain}"))
            self.callout.says = Said.UNKNOWN
            self.now = NOW + 6 * DAY
            self.assertIsNone(self.verify(f"bob@{domain}"), "it is asked anew after 7 days only")
            self.now = NOW + 30 * DAY
            self.assertEqual(self.verify(f"bob@{domain}"), says)
            self.now = NOW + 31 * DAY
            self.assertEqual(self.verify(f"bob@{domain}"), "450 4.1.1")
            self.assertEqual(self.verify(f"new@{domain}"), "450 4.1.1")
            self.callout.says = Said.BAD
            self.assertEqual(self.verify(f"gone@{domain}"), "550 5.1.1")

    def led(self, recipient: Mailbox) -> list[str]:
        """To whom aliases lead, as they are known now."""
        envelope = through_aliases(
            Envelope(None, (recipient,)),
            House(self.config.routes, self.config.relay.domains, self.recipients.current()),
        )
        return [str(each) for each in envelope.recipients]

    def test_aliases_are_expanded(self) -> None:
        self.verify("anybody@off.test")
        sales = Mailbox("sales", "off.test")
        self.assertEqual(self.led(sales), ["anna@off.test", "x@away.test"])

    def test_postmaster_is_expanded_though_nobody_verifies_him(self) -> None:
        postmaster = Mailbox("postmaster", "off.test")
        self.recipients.start()
        self.assertEqual(self.led(postmaster)[0], "anna@off.test")
        self.write("aliases", "postmaster: bob\n")
        self.recipients.current()
        self.assertEqual(self.led(postmaster), ["bob@off.test"])
        self.recipients.stop()

    def test_goes_by_another_configuration(self) -> None:
        self.verify("anybody@off.test")
        routes = tuple(attrs.evolve(each, verify=Verify.OFF) for each in self.config.routes)
        self.recipients.reconfigure(attrs.evolve(self.config, routes=routes))
        sales = Mailbox("sales", "off.test")
        self.assertEqual(len(self.led(sales)), 2, "known before the file is read again")
        self.assertIsNone(self.verify("nobody@relay.test"))
        self.recipients.reconfigure(attrs.evolve(self.config, aliases=AliasFile()))
        self.assertEqual(self.led(sales), [str(sales)])
        self.assertEqual(self.verify("nobody@relay.test"), "550 5.1.1")
