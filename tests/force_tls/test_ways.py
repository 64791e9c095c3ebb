"""Which way each recipient's copy goes, and what rules may still change while it waits."""

from __future__ import annotations

from datetime import timedelta

from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import RecipientOptions
from fopemta.mail.orders import Obeyed, Order, OrderKind
from tests.force_tls.test_table import OFF, ON
from tests.force_tls.world import BOB, CAROL, HOUR, World
from tests.tls.handshakes import AUTHORITY

EVE = Mailbox("eve", "bank.test")
EXCEPTION = """
[[rule]]
name = "old server"
owner = "it"
reason = "until they have a certificate"
expires = 2099-01-01
when = { recipients = ["bank.test"] }
then = { action = "allow_weaker", level = "encrypt" }
"""
TEST = ON.replace("[[rule]]", '[[rule]]\nmode = "test"')


class SplitTests(SynchronousTestCase):
    def test_one_stored_message_two_envelopes(self) -> None:
        """Recipients with different demands never share a transaction; there is one stored message."""
        rules = ON.replace('"bank.test"', '"bob@bank.test"')
        world = World(rules)
        world.send(BOB, EVE)
        self.assertEqual([each.recipients for each in world.taken("bank")], [(str(BOB),), (str(EVE),)])
        self.assertEqual(len({each.message for each in world.spool.verdicts}), 1)
        # Without the option nothing is split.
        world = World(rules.replace("true", "false"))
        world.send(BOB, EVE)
        self.assertEqual([each.recipients for each in world.taken("bank")], [(str(BOB), str(EVE))])

    def test_a_server_that_takes_both_splits_what_it_can_prove(self) -> None:
        world = World(ON.replace('"bank.test"', '"bob@bank.test"'), bank="expired")
        world.send(BOB, EVE)
        self.assertEqual((world.state(BOB), world.state(EVE)), ("queued", "encrypted"))

    def test_the_record_names_rule_level_and_sources(self) -> None:
        world = World(ON)
        world.send(BOB, CAROL)
        bob, carol = world.verdicts(BOB)[0], world.verdicts(CAROL)[0]
        self.assertEqual((bob.rules, bob.level, bob.sources), (("bank",), "authenticated", ("rule bank",)))
        self.assertEqual((carol.rules, carol.level), (("bank",), "opportunistic"))
        self.assertEqual((bob.names, bob.authenticated_by), (("mx.bank.test",), "pkix"))

    def test_the_connection_is_one_and_no_mail_command_before_the_proof(self) -> None:
        world = World(ON, bank="expired", other="expired")
        world.send(BOB, CAROL)
        [session] = world.peers["bank"][0].verbs
        self.assertNotIn("MAIL", session)
        # Less than is preferred, but good enough: the same session goes on.
        self.assertEqual(len(world.peers["other"][0].verbs), 1)

    def test_names(self) -> None:
        for names, bank, wanted in (
            ('"mx"', "good", "authenticated"),
            ('"domain"', "good", "queued"),
            ('["mx.other.test"]', "good", "authenticated"),
            ('["x.test", "y.test"]', "good", "queued"),
        ):
            world = World(ON.replace("= true }", f"= true, names = {names} }}"), bank=bank)
            world.send(BOB)
            self.assertEqual(world.state(BOB), wanted, names)

    def test_level_encrypt(self) -> None:
        for bank, wanted in (("expired", "encrypted"), ("none", "queued")):
            world = World(ON.replace("= true }", '= true, level = "encrypt" }'), bank=bank)
            world.send(BOB)
            self.assertEqual(world.state(BOB), wanted)


class ChangeTests(SynchronousTestCase):
    def test_what_a_rule_has_added_does_not_fall_in_silence_before_an_attempt(self) -> None:
        world = World("", bank="unreachable")
        world.send(BOB)
        world.reconfigure(world.configured(ON))
        self.assertEqual(self.successResultOf(world.dispatcher.freed_by(world.configured(""))), 1)
        self.assertEqual(self.successResultOf(world.dispatcher.freed_by(world.configured(ON))), 0)

    def test_a_changed_rule_frees_at_once_where_that_is_meant(self) -> None:
        """No silent loosening of what is demanded for mail that is here."""
        world = World(ON, bank="none")
        world.send(BOB)
        world.send(CAROL)
        looser = world.configured("")
        self.assertEqual(self.successResultOf(world.dispatcher.freed_by(looser)), 1)
        self.assertEqual(self.successResultOf(world.dispatcher.freed_by(world.configured(OFF))), 0)
        world.reconfigure(looser)
        world.wait_until(HOUR)
        self.assertEqual(world.state(BOB), "queued")
        # What comes from now on is not bound.
        world.send(EVE)
        self.assertEqual(world.state(EVE), "plain")
        world.dispatcher.let_demands_fall("alice")
        world.wait_until(5 * HOUR)
        self.assertEqual(world.state(BOB), "plain")

    def test_an_exception_that_comes_later_is_for_later_mail(self) -> None:
        world = World(ON, bank="none")
        world.send(BOB)
        world.reconfigure(world.configured(ON + EXCEPTION.replace('"encrypt"', '"plain"')))
        world.send(EVE)
        world.wait_until(2 * HOUR)
        self.assertEqual((world.state(BOB), world.state(EVE)), ("queued", "plain"))

    def test_a_rule_that_expires_holds_for_what_came_before_and_an_exception_ends_for_all(self) -> None:
        soon = AUTHORITY.now + timedelta(hours=1)
        world = World(ON.replace("when =", f"expires = {soon:%Y-%m-%dT%H:%M:%SZ}\nwhen ="), bank="none")
        world.send(BOB)
        world.wait_until(2 * HOUR)
        world.send(EVE)
        self.assertEqual((world.state(BOB), world.state(EVE)), ("queued", "plain"))
        exception = EXCEPTION.replace("2099-01-01", f"{soon:%Y-%m-%dT%H:%M:%SZ}").replace('"encrypt"', '"plain"')
        world = World(ON + exception, bank="unreachable")
        world.send(BOB)
        world.become("bank", "none")
        world.wait_until(6 * HOUR)
        self.assertEqual(world.state(BOB), "plain")
        world = World(ON + exception, bank="unreachable")
        world.send(BOB)
        world.wait_until(2 * HOUR)
        world.become("bank", "none")
        world.wait_until(6 * HOUR)
        self.assertEqual(world.state(BOB), "queued")

    def test_a_changed_rule_binds_at_once(self) -> None:
        world = World("", bank="unreachable")
        world.send(BOB)
        world.reconfigure(world.configured(ON))
        world.become("bank", "none")
        world.wait_until(2 * HOUR)
        self.assertEqual(world.state(BOB), "queued")

    def test_an_exception_is_applied_and_recorded(self) -> None:
        for bank, wanted in (("good", "authenticated"), ("expired", "encrypted"), ("none", "queued")):
            world = World(OFF + EXCEPTION, bank=bank)
            world.send(BOB, CAROL)
            self.assertEqual((world.state(BOB), world.state(CAROL)), (wanted, "authenticated"), bank)
            last = world.verdicts(BOB)[-1]
            self.assertEqual((last.rules, last.level), (("bank", "old server"), "encrypt"))
            self.assertEqual(last.sources, ("rule bank, weakened by rule old server",))

    def test_in_test_mode_it_is_recorded_what_would_have_been(self) -> None:
        for bank, state, passed, diagnosis in (
            ("good", "authenticated", True, None), ("expired", "encrypted", False, "cert_expired"),
            ("none", "plain", False, "tls_not_offered"),
        ):  # fmt: skip
            world = World(TEST, bank=bank)
            world.send(BOB)
            [tested] = world.verdicts(BOB)[0].tested
            self.assertEqual(
                (world.state(BOB), tested.rule, tested.passed, tested.diagnosis), (state, "bank", passed, diagnosis)
            )

    def test_strictest_of_several_rules(self) -> None:
        second = """
[[rule]]
name = "confidential"
when = { subject = ["secret"] }
then = { action = "force_tls" }
"""
        world = World(ON + second, bank="good", other="expired")
        world.send(BOB, CAROL, subject="A secret plan")
        self.assertEqual((world.state(BOB), world.state(CAROL)), ("authenticated", "queued"))
        self.assertEqual(world.verdicts(BOB)[0].rules, ("bank", "confidential"))
        world.send(CAROL, subject="Lunch")
        self.assertEqual(world.state(CAROL), "encrypted")

    def test_redirected_recipients_inherit(self) -> None:
        """Whom a rule or an alias has put in Bob's place is bound as he was."""
        world = World(ON, other="none")
        world.send(CAROL, options=((CAROL, RecipientOptions(stands_for=(BOB,))),))
        self.assertEqual(world.state(CAROL), "queued")
        self.assertEqual(world.verdicts(CAROL)[0].level, "authenticated")

    def test_an_operator_can_lift_it_only_in_so_many_words(self) -> None:
        world = World(ON, bank="none")
        message_id = world.send(BOB)
        told: list[LogEvent] = []
        globalLogPublisher.addObserver(told.append)
        self.addCleanup(globalLogPublisher.removeObserver, told.append)
        for order, obeyed, state in (
            (Order(kind=OrderKind.RELEASE), Obeyed.NOTHING, "queued"),
            (Order(kind=OrderKind.RETRY), Obeyed.DONE, "queued"),
            (Order(kind=OrderKind.HOLD), Obeyed.DONE, "queued"),
            (Order(kind=OrderKind.RELEASE), Obeyed.DONE, "queued"),
            (Order(kind=OrderKind.RELEASE, override_tls=True, reason="told by telephone"), Obeyed.DONE, "plain"),
        ):
            done: list[Obeyed] = []
            world.dispatcher.order(message_id, order).addCallback(lambda result, done=done: done.append(result.obeyed))
            world.network.flush(40)
            self.assertEqual((done, world.state(BOB)), ([obeyed], state), order)
        self.assertEqual(world.verdicts(BOB)[-1].overridden, "told by telephone (TLS lifted by the operator)")
        orders = [(each["order"], each["override_tls"]) for each in told if each.get("event") == "ordered"]
        self.assertEqual(orders, [("retry", None), ("hold", None), ("release", None), ("release", True)])
        counted = {column: count for (_, _, column), count in world.counts.drained().items()}
        self.assertEqual((counted["delivered"], counted["overridden"]), (1, 1))

    def test_mail_for_this_machine_crosses_no_network(self) -> None:
        world = World(ON.replace('"bank.test"', '"us.test"'))
        world.send(Mailbox("zoe", "us.test"))
        self.assertEqual([to for to, _ in world.local.delivered], ["zoe@us.test"])
