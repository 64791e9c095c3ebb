"""Notices about a message under Force TLS travel as it had to, and carry no more than its headers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Notify, RecipientOptions, Returned
from tests.force_tls.test_table import ON
from tests.force_tls.world import BOB, CAROL, HOUR, World

DAVE = Mailbox("dave", "far.test")
BARE = ON.replace("= true }", '= true, report = "bare" }')


class ReportTests(SynchronousTestCase):
    def test_headers_only_whatever_ret_says(self) -> None:
        world = World(ON, bank="none")
        world.send(BOB, returned=Returned.FULL)
        world.wait_until(25 * HOUR)
        for notice in world.told():
            self.assertIn("Subject: Lunch", notice.as_string())
            self.assertNotIn("The body.", notice.as_string())
        self.assertIn("only its headers are enclosed", world.told()[-1].as_string().replace("\n", " "))

    def test_notices_about_others_of_the_same_message_too(self) -> None:
        world = World(ON)
        wishes = ((CAROL, RecipientOptions(frozenset({Notify.SUCCESS}))),)
        world.send(BOB, CAROL, options=wishes)
        self.assertEqual(len(world.told()), 1)
        kept = [each for each in world.spool.kept.values() if each.message.envelope.sender is None]
        self.assertEqual(kept, [])
        world = World(ON, other="unreachable", bank="unreachable")
        world.send(BOB, CAROL)
        world.wait_until(6 * 24 * HOUR)
        self.assertNotIn("The body.", "".join(each.as_string() for each in world.told()))

    def report_to_far(self, rules: str, far: str) -> World:
        """The sender is elsewhere; what his server is like decides whether he hears of it."""
        world = World(rules, bank="none", far=far)
        world.send(BOB, sender=DAVE, options=((BOB, RecipientOptions(frozenset({Notify.FAILURE}))),))
        world.wait_until(25 * HOUR)
        return world

    def test_travels_over_authenticated_tls_alone(self) -> None:
        for far, arrives in (
            ("good", True), ("self-signed", False), ("expired", False), ("wrong name", False), ("none", False),
            ("dropped", False),
        ):  # fmt: skip
            world = self.report_to_far(ON, far)
            self.assertEqual(len(world.taken("far")), arrives, far)
            # R14: held as long as a forced message is, and then dropped to postmaster.
            self.assertEqual(world.told("postmaster@us.test"), [])
            world.wait_until(50 * HOUR)
            postmaster = world.told("postmaster@us.test")
            self.assertEqual(len(postmaster), not arrives, far)
            self.assertNotIn("The body.", "".join(each.as_string() for each in postmaster))

    def test_the_sender_has_servers_of_his_own(self) -> None:
        """A list of names is the bank's: nobody else's certificate bears them."""
        rules = ON.replace("= true }", '= true, names = ["secure.bank.test"] }')
        self.assertEqual(len(self.report_to_far(rules, "good").taken("far")), 1)

    def test_bare_reports_go_by_any_tls_and_carry_nothing(self) -> None:
        for far, arrives in (("good", True), ("self-signed", True), ("expired", True), ("none", False)):
            world = self.report_to_far(BARE, far)
            taken = world.taken("far")
            self.assertEqual(len(taken), arrives, far)
            for message in taken:
                self.assertIsNotNone(message.tls)
                self.assertNotIn(b"Lunch", message.content)
                self.assertNotIn(b"The body.", message.content)
                self.assertIn(b"nothing of it", message.content)

    def test_what_was_inherited_survives_a_change_of_rules(self) -> None:
        world = World(ON, bank="none", far="none")
        world.send(BOB, sender=DAVE, options=((BOB, RecipientOptions(frozenset({Notify.FAILURE}))),))
        world.wait_until(25 * HOUR)
        world.reconfigure(world.configured(""))
        world.wait_until(30 * HOUR)
        self.assertEqual(world.taken("far"), [])
