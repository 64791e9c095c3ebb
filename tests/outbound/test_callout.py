"""Callouts: what servers say of a recipient, and what is never said to them."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import DeliveryTimeouts
from fopemta.config.rules import load_rules
from fopemta.interfaces import ICallout
from fopemta.mail.reply import Reply
from fopemta.outbound.callout import LONGEST, LONGEST_STEP, Callout, CalloutDemands, hurried, said_by
from fopemta.policy.recipients import Said
from fopemta.smtp.client_effects import Phase, RecipientResult
from fopemta.testing.network import SILENT
from fopemta.testing.peers import StartTls
from fopemta.trust.levels import Level
from tests.outbound.delivery import BOB, OTHER_NAME, Delivery, peer

TLS_VERBS = ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "RSET", "QUIT"]


class Call:
    """A callout to the servers of a Delivery."""

    def __init__(self, *servers: Any, level: Level | None = None) -> None:
        self.delivery = Delivery(*servers, level=level)
        self.delivery.manager.reconfigure(hurried(self.delivery.config))
        demands = CalloutDemands(self.delivery.config, self.delivery.manager.context.now)
        self.delivery.manager.context = attrs.evolve(self.delivery.manager.context, demands=demands)
        self.callout = Callout(self.delivery.manager, demands)

    def ask(self, recipient: Mailbox = BOB, seconds: float = 0) -> Said | None:
        said: list[Said] = []
        self.callout.ask(recipient).addCallback(said.append)
        self.delivery.network.flush(seconds)
        return said[0] if said else None


class AnswerTests(SynchronousTestCase):
    def test_interface(self) -> None:
        verifyObject(ICallout, Call(peer()).callout)

    def test_whole_table_of_answers(self) -> None:
        cases = {
            ("RCPT", "250 OK"): Said.GOOD,
            ("RCPT", "251 forwarded"): Said.GOOD,
            ("RCPT", "450 4.7.1 greylisted"): Said.UNKNOWN,
            ("RCPT", "421 closing"): Said.UNKNOWN,
            ("RCPT", "550 5.1.1 unknown"): Said.BAD,
            ("RCPT", "552 full"): Said.UNKNOWN,
            ("RCPT", "drop"): Said.UNKNOWN,
            ("MAIL", "550 5.7.1 no bounces here"): Said.UNKNOWN,
            ("MAIL", "451 later"): Said.UNKNOWN,
            ("greeting", "554 go away"): Said.UNKNOWN,
            ("EHLO", "drop"): Said.UNKNOWN,
        }
        for extensions in (("PIPELINING", "8BITMIME"), ()):
            found = {
                (stage, said): Call(peer(replies={stage: said}, extensions=extensions)).ask() for stage, said in cases
            }
            self.assertEqual(found, cases, extensions)

    def test_only_what_is_said_to_rcpt_is_about_the_recipient(self) -> None:
        reply = Reply.of(550, "5.1.1", "x")
        found = {phase for phase in Phase if said_by(RecipientResult(BOB, False, phase, reply)) is Said.BAD}
        self.assertEqual(found, {Phase.RCPT})

    def test_what_is_said(self) -> None:
        for extensions in (("PIPELINING", "SIZE 1000"), ()):
            for answer in ("250 OK", "550 unknown"):
                server = peer(replies={"RCPT": answer}, extensions=extensions)
                Call(server).ask()
                self.assertEqual(server.verbs, [TLS_VERBS])
                lines = [each[3:] for each in server.transcripts[0] if each.startswith("C: ")]
                self.assertEqual(lines[3:5], ["MAIL FROM:<>", "RCPT TO:<bob@d.test>"])
                self.assertEqual(server.messages, [])

    def test_the_next_host_is_asked_where_the_first_does_not_answer(self) -> None:
        self.assertEqual(Call(None, peer()).ask(), Said.GOOD)
        self.assertEqual(Call(None, peer(replies={"RCPT": "550 unknown"})).ask(), Said.BAD)

    def test_nobody_there(self) -> None:
        self.assertEqual(Call(None).ask(), Said.UNKNOWN)
        nowhere = Call(peer())
        nowhere.delivery.resolver.mx.clear()
        self.assertEqual(nowhere.ask(), Said.UNKNOWN)

    def test_a_bug_of_ours_says_nothing_of_the_recipient(self) -> None:
        call = Call(peer())

        def broken(_: Any) -> None:
            raise LookupError("a bug")

        call.delivery.manager.plan = broken  # type: ignore[method-assign,assignment]
        self.assertIs(call.ask(), Said.UNKNOWN)
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_a_new_configuration_is_hurried_too(self) -> None:
        call = Call(peer(replies={"RCPT": "550 5.1.1 no"}))
        config = attrs.evolve(call.delivery.config, node=attrs.evolve(call.delivery.config.node, hostname="new.test"))
        call.callout.reconfigure(config)
        self.assertEqual(call.delivery.manager.context.config, hurried(config))
        self.assertIs(call.ask(), Said.BAD)
        self.assertIn("C: EHLO new.test", call.delivery.servers[0].transcripts[0])

    def test_what_is_not_trusted_any_more_is_forgotten(self) -> None:
        call, told = Call(peer()), list[str]()
        call.delivery.manager.context.pool.close = lambda: told.append("pool")  # type: ignore[method-assign]
        call.delivery.manager.context.resumptions.clear = lambda: told.append("tickets")  # type: ignore[method-assign]
        call.callout.distrust()
        self.assertEqual(told, ["pool", "tickets"])

    def test_utf8_is_said_to_those_who_know_it(self) -> None:
        juergen = Mailbox("jürgen", "d.test")
        server = peer(extensions=("8BITMIME", "SMTPUTF8"))
        self.assertEqual(Call(server).ask(juergen), Said.GOOD)
        self.assertIn("C: MAIL FROM:<> SMTPUTF8", server.transcripts[0])
        self.assertEqual(Call(peer()).ask(juergen), Said.UNKNOWN)


class TlsTests(SynchronousTestCase):
    def test_obeys_the_level_of_the_route(self) -> None:
        """Who may not have the mail is not even asked."""
        servers: dict[str, dict[str, Any]] = {
            "none": {"starttls": StartTls.NOT_OFFERED},
            "refused": {"starttls": StartTls.REFUSED},
            "dropped": {"starttls": StartTls.DROP},
            "other name": {"creator": OTHER_NAME},
            "good": {},
        }
        may = {
            Level.OPPORTUNISTIC: set(servers),
            Level.ENCRYPT: {"other name", "good"},
            Level.AUTHENTICATED: {"good"},
        }
        for level, good in may.items():
            for name, behaviour in servers.items():
                server = peer(**behaviour)
                said = Call(server, level=level).ask(seconds=1)
                self.assertEqual(said, Said.GOOD if name in good else Said.UNKNOWN, (level, name))
                asked = any("MAIL" in verbs for verbs in server.verbs)
                self.assertEqual(asked, name in good, (level, name))

    def test_obeys_the_rules_that_name_the_recipient(self) -> None:
        when, then = 'when = { recipients = ["%s"] }', 'then = { action = "force_tls", revocation = "soft" }'
        rule = f'[[rule]]\nname = "x"\n{when}\n{then}\n'
        for pattern, server, said in (
            ("d.test", peer(StartTls.NOT_OFFERED), Said.UNKNOWN),
            ("d.test", peer(creator=OTHER_NAME), Said.UNKNOWN),
            ("d.test", peer(), Said.GOOD),
            ("elsewhere.test", peer(StartTls.NOT_OFFERED), Said.GOOD),
        ):
            call = Call(server)
            config = attrs.evolve(call.delivery.config, rulebook=load_rules(rule % pattern, "/etc"))
            call.callout.reconfigure(config)
            self.assertIs(call.ask(seconds=1), said, pattern)
            self.assertEqual(any("MAIL" in verbs for verbs in server.verbs), said is Said.GOOD, pattern)


class TimeTests(SynchronousTestCase):
    def test_nobody_waits_longer_than_half_a_minute(self) -> None:
        for server in (
            SILENT,
            peer(replies={"greeting": ""}),
            peer(starttls=StartTls.HANG),
            peer(replies={"RCPT": ""}),
        ):
            call = Call(server, server, server, server, server)
            said: list[Said] = []
            call.callout.ask(BOB).addCallback(said.append)
            call.delivery.network.flush(LONGEST - 1)
            call.delivery.network.flush(1)
            self.assertEqual(said, [Said.UNKNOWN])

    def test_no_connection_is_left_behind(self) -> None:
        server = peer(replies={"greeting": ""})
        call = Call(*[server] * 5)
        self.assertEqual(call.ask(seconds=LONGEST + 2 * LONGEST_STEP), Said.UNKNOWN)
        self.assertEqual(call.delivery.network.getDelayedCalls(), [])

    def test_steps_are_hurried_and_never_slowed(self) -> None:
        config = Delivery(peer()).config
        quick = attrs.evolve(config, delivery=attrs.evolve(config.delivery, timeouts=DeliveryTimeouts(rcpt=3.0)))
        timeouts = hurried(quick).delivery.timeouts
        self.assertEqual((timeouts.rcpt, timeouts.greeting, timeouts.quit), (3.0, LONGEST_STEP, 5.0))
