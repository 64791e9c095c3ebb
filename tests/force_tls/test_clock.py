"""The clock of forced TLS, beside the general one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.received import date_time
from tests.force_tls.test_table import MINUTE, ON
from tests.force_tls.world import BOB, HOUR, World, text_of


class ClockTests(SynchronousTestCase):
    def world(self, kind: str, rules: str = ON) -> World:
        world = World(rules, bank=kind)
        world.send(BOB)
        return world

    def test_begins_at_the_first_tls_failure_and_not_before(self) -> None:
        world = self.world("unreachable")
        world.wait_until(10 * HOUR)
        self.assertIsNone(world.verdicts(BOB)[-1].tls_since)
        world.become("bank", "none")
        world.wait_until(15 * HOUR)
        begun = world.verdicts(BOB)[-1].tls_since
        assert begun is not None
        self.assertGreater(begun, world.now() - 5 * HOUR)
        self.assertEqual(world.verdicts(BOB)[-1].tls_deadline, begun + 24 * HOUR)
        world.wait_until(33 * HOUR)
        self.assertEqual(world.state(BOB), "queued")
        world.wait_until(40 * HOUR)
        self.assertEqual(world.state(BOB), "failed tls_not_offered 5.7.10")

    def test_an_attempt_is_made_at_its_end(self) -> None:
        world = self.world("none")
        world.wait_until(25 * HOUR)
        first, last = world.verdicts(BOB)[0], world.verdicts(BOB)[-1]
        self.assertAlmostEqual(last.time - first.time, 24 * HOUR, delta=MINUTE)

    def test_who_recovers_at_the_end_gets_his_mail(self) -> None:
        world = self.world("expired")
        world.wait_until(24 * HOUR - MINUTE)
        world.become("bank", "good")
        world.wait_until(24 * HOUR + MINUTE)
        self.assertEqual((world.state(BOB), world.subjects(BOB)), ("authenticated", ["warned"]))

    def test_unreachable_at_the_end_goes_on_until_tls_fails_again(self) -> None:
        world = self.world("none")
        world.wait_until(24 * HOUR - MINUTE)
        world.become("bank", "unreachable")
        world.wait_until(30 * HOUR)
        self.assertEqual(world.state(BOB), "queued")
        world.become("bank", "none")
        world.wait_until(36 * HOUR)
        self.assertEqual(world.state(BOB), "failed tls_not_offered 5.7.10")

    def test_the_general_clock_ends_it_where_only_other_things_fail(self) -> None:
        world = self.world("unreachable")
        world.wait_until(5 * 24 * HOUR + HOUR)
        self.assertEqual(world.state(BOB), "failed connection_refused 5.4.1")

    def test_hold_and_warning_as_the_rule_says(self) -> None:
        world = self.world(
            "none",
            ON.replace(" }\n", ', hold = "2h", warn_after = "30m" }\n').replace(
                '], hold = "2h", warn_after = "30m"', "]"
            ),
        )
        world.wait_until(HOUR)
        self.assertEqual(world.subjects(BOB), ["warned"])
        world.wait_until(2 * HOUR + MINUTE)
        self.assertEqual(world.subjects(BOB), ["warned", "failed"])

    def test_what_the_sender_reads(self) -> None:
        world = self.world("none")
        world.wait_until(25 * HOUR)
        warning, report = [text_of(each) for each in world.told()]
        demanded = "The rules of this server permit this message only over an encrypted connection to a server whose"
        for text in (warning, report):
            self.assertIn(demanded, text)
            self.assertIn("There has been no such connection to mx.bank.test since", text)
            self.assertNotIn('"bank"', text)
            self.assertNotIn("rule bank", text)
        # One end, the earlier one: a day from the first failure, and not the five days of the queue.
        self.assertEqual(warning.count("until"), 1)
        a_day = date_time(world.begun + 24 * HOUR)
        self.assertIn(f"attempted until {a_day}", warning)
        self.assertIn("does not offer encryption", report)
        self.assertIn("reach the recipient in another way", report)

    def test_a_rule_may_be_named_where_it_says_so(self) -> None:
        world = self.world("none", ON.replace("= true }", "= true, tell_sender = true }"))
        world.wait_until(25 * HOUR)
        self.assertIn("The rules of this server (bank) permit", text_of(world.told()[-1]))
