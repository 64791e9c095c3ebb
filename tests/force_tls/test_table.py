"""R12-R14: whom the rule names or not × its option × kind of server → what becomes of the recipient, and what the
sender hears: at once, a minute before the end of the 24 hours, and a minute after it.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.force_tls.world import BOB, CAROL, HOUR, World

ON = """
[[rule]]
name = "bank"
when = { recipients = ["bank.test"] }
then = { action = "force_tls", opportunistic_for_unspecified = true }
"""
OFF = ON.replace("true", "false")
MINUTE = 60.0

# What the sender hears in the end: warned after four hours, told at the end.
_GIVEN_UP = ["warned", "failed"]
_HELD = ("queued", "queued")
# Kind of server → state of a bound recipient at once, at 23:59, at 24:01, and what the sender hears by then.
BOUND = {
    "good": ("authenticated", "authenticated", "authenticated", []),
    "self-signed": (*_HELD, "failed self_signed 5.7.5", _GIVEN_UP),
    "other authority": (*_HELD, "failed untrusted_root 5.7.5", _GIVEN_UP),
    "expired": (*_HELD, "failed cert_expired 5.7.5", _GIVEN_UP),
    "revoked": (*_HELD, "failed cert_revoked 5.7.5", _GIVEN_UP),
    "wrong name": (*_HELD, "failed name_mismatch 5.7.5", _GIVEN_UP),
    "none": (*_HELD, "failed tls_not_offered 5.7.10", _GIVEN_UP),
    "refused": (*_HELD, "failed tls_refused 5.7.10", _GIVEN_UP),
    "dropped": (*_HELD, "failed connection_dropped 5.7.5", _GIVEN_UP),
    # No failure of TLS: the general clock, of five days.
    "unreachable": (*_HELD, "queued", ["warned"]),
    # Nor is what could not be found out.
    "unknown": (*_HELD, "queued", ["warned"]),
}
# The same for one whom the rule does not name, with the option on.
FREE = {
    "good": "authenticated",
    "self-signed": "encrypted",
    "other authority": "encrypted",
    "expired": "encrypted",
    "revoked": "encrypted",
    "wrong name": "encrypted",
    "none": "plain",
    "refused": "plain",
    "dropped": "plain",
    "unreachable": "queued",
    # Authenticated by all that is known; nobody's mail waits for more.
    "unknown": "authenticated",
}


class TableTests(SynchronousTestCase):
    maxDiff = None

    def run_through(self, rules: str, kind: str) -> dict[str, tuple[str, str, str, list[str]]]:
        world = World(rules, bank=kind, other=kind)
        world.send(BOB, CAROL)
        at_once = [world.state(each) for each in (BOB, CAROL)]
        world.wait_until(24 * HOUR - MINUTE)
        before = [world.state(each) for each in (BOB, CAROL)]
        world.wait_until(24 * HOUR + MINUTE)
        return {
            who: (at_once[number], before[number], world.state(each), world.subjects(each))
            for number, (who, each) in enumerate((("named", BOB), ("other", CAROL)))
        }

    def test_option_on(self) -> None:
        """22 rows: the message is split, and nobody but whom the rule names waits for TLS."""
        for kind, wanted in BOUND.items():
            free = FREE[kind]
            told = ["warned"] if free == "queued" else []
            found = self.run_through(ON, kind)
            self.assertEqual(found, {"named": wanted, "other": (free, free, free, told)}, kind)

    def test_option_off(self) -> None:
        """22 rows: authenticated TLS or nothing for every recipient."""
        for kind, wanted in BOUND.items():
            self.assertEqual(self.run_through(OFF, kind), {"named": wanted, "other": wanted}, kind)

    def test_each_by_what_his_own_server_has(self) -> None:
        """R13, option off: the message is refused for those alone whose server has no acceptable TLS."""
        for rules in (ON, OFF):
            world = World(rules, bank="none", other="good")
            world.send(BOB, CAROL)
            self.assertEqual((world.state(BOB), world.state(CAROL)), ("queued", "authenticated"))
            world.wait_until(24 * HOUR + MINUTE)
            self.assertEqual(world.state(BOB), "failed tls_not_offered 5.7.10")
            self.assertEqual(world.subjects(CAROL), [])
            self.assertEqual(world.taken("bank"), [])
