"""The walk: how each step ended → what is tried next."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.attempt.cursor import LONGEST_PER_HOST, MOST_CONNECTIONS_PER_HOST, Cursor, Step, StepEnd
from fopemta.routing.values import Host
from fopemta.trust.demand import NameSource, Proof
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.host_memory import Start
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback, TlsPlan
from fopemta.trust.rungs import Hello, Rung
from tests.trust.test_ladder import plan

A = Host("a", ("192.0.2.1", "192.0.2.2"), 25)
B = Host("b", ("192.0.2.3",), 25)
ALERT = (StepEnd.HANDSHAKE_FAILED, Diagnosis.NO_COMMON_CIPHER)
DROP = (StepEnd.HANDSHAKE_FAILED, Diagnosis.CONNECTION_DROPPED)
NAME = (StepEnd.HANDSHAKE_FAILED, Diagnosis.SNI_REFUSED)
NOT_TLS = (StepEnd.HANDSHAKE_FAILED, Diagnosis.NOT_TLS)
CLIENT_CERTIFICATE = (StepEnd.HANDSHAKE_FAILED, Diagnosis.CLIENT_CERTIFICATE_WANTED)
TICKET = (StepEnd.TICKET_FAILED, None)
UNREACHABLE = (StepEnd.UNREACHABLE, None)
USED = (StepEnd.USED, None)


def word(step: Step) -> str:
    return f"{step.address[-1]} {step.rung.value}{'' if step.hello.value == 'full' else f' {step.hello.value}'}"


def walk(
    end: tuple[StepEnd, Diagnosis | None],
    *hosts: Host,
    level: Level = Level.OPPORTUNISTIC,
    fallback: Fallback = Fallback.IMMEDIATE,
    attempt: int = 1,
    seconds: float = 0,
) -> list[str]:
    """The steps when every one ends the same way and takes `seconds`."""
    cursor = Cursor(hosts or (A, B), plan(level, fallback), attempt)
    now, steps = 0.0, []
    while (step := cursor.next_step(now)) is not None and len(steps) < 50:
        steps.append(word(step))
        now += seconds
        # A plain session has no handshake that could fail.
        cursor.ended(step, *(USED if step.rung is Rung.PLAIN and end[1] is not None else end))
    return steps


class CursorTests(SynchronousTestCase):
    def test_a_host_whose_session_is_full_is_tried_again_but_not_for_ever(self) -> None:
        for level, rung in ((Level.OPPORTUNISTIC, "strong256"), (Level.PLAIN, "plain")):
            steps = walk((StepEnd.FULL, None), level=level)
            self.assertEqual(
                steps, [f"1 {rung}"] * MOST_CONNECTIONS_PER_HOST + [f"3 {rung}"] * MOST_CONNECTIONS_PER_HOST
            )

    def test_unreachable_goes_to_the_next_address_and_is_not_tried_in_plain(self) -> None:
        self.assertEqual(walk(UNREACHABLE), ["1 strong256", "2 strong256", "3 strong256"])

    def test_a_host_that_has_had_its_say_is_not_asked_at_its_other_address(self) -> None:
        self.assertEqual(walk(USED), ["1 strong256", "3 strong256"])

    def test_alert_leads_down_the_rungs_then_to_the_next_host_then_to_plain(self) -> None:
        wanted = ["strong256", "strong128", "compatible"]
        self.assertEqual(walk(ALERT, B, level=Level.ENCRYPT), [f"3 {rung}" for rung in wanted])
        self.assertEqual(walk(ALERT, B), [*(f"3 {rung}" for rung in wanted), "3 lenient", "3 plain"])

    def test_a_version_that_is_missing_and_a_server_that_is_silent_lead_to_no_lenient_rung(self) -> None:
        for why in (Diagnosis.NO_COMMON_PROTOCOL, Diagnosis.HANDSHAKE_TIMEOUT):
            self.assertEqual(walk((StepEnd.HANDSHAKE_FAILED, why), B)[-2:], ["3 compatible", "3 plain"])

    def test_drop_brings_the_small_hello_once(self) -> None:
        wanted = ["3 strong256", "3 strong256 small", "3 strong128", "3 compatible", "3 lenient", "3 plain"]
        self.assertEqual(walk(DROP, B), wanted)

    def test_what_is_no_matter_of_parameters_leads_down_no_rung(self) -> None:
        self.assertEqual(walk(NOT_TLS, B), ["3 strong256", "3 plain"])
        self.assertEqual(walk(NOT_TLS, B, level=Level.AUTHENTICATED), ["3 strong256"])

    def test_who_wants_our_certificate_gets_no_plain_text(self) -> None:
        self.assertEqual(walk(CLIENT_CERTIFICATE, B), ["3 strong256"])

    def test_refused_by_its_name_a_host_is_asked_once_without(self) -> None:
        once = ["3 strong256", "3 strong256 nameless"]
        for level in (Level.OPPORTUNISTIC, Level.ENCRYPT):
            wanted = [*once, *(["3 plain"] if level is Level.OPPORTUNISTIC else [])]
            self.assertEqual(walk(NAME, B, level=level), wanted)
        # No certificate but one for the name would do: neither without it, nor down a rung.
        self.assertEqual(walk(NAME, B, level=Level.AUTHENTICATED), ["3 strong256"])

    def test_what_follows_is_nameless_too(self) -> None:
        self.assertEqual(
            self.steps(plan(Level.ENCRYPT), NAME, DROP, DROP, ALERT, ALERT),
            ["3 strong256", "3 strong256 nameless", "3 strong256 small, nameless", "3 strong128 nameless",
             "3 compatible nameless"],
        )  # fmt: skip
        self.assertEqual(
            self.steps(plan(Level.ENCRYPT), DROP, NAME, ALERT),
            ["3 strong256", "3 strong256 small", "3 strong256 small, nameless", "3 strong128 small, nameless"],
        )

    def test_a_demand_for_another_name_or_for_a_pin_does_not_need_it(self) -> None:
        for proofs, needs in (
            ((), True),
            ((Proof(),), True),
            ((Proof(names=("x.test", "b")),), True),
            ((Proof(names=("x.test",)),), False),
            ((Proof(names=NameSource.DOMAIN),), False),
            ((Proof(pins=("ab" * 32,)),), False),
            ((Proof(names=NameSource.DOMAIN), Proof()), True),
        ):
            demanding = attrs.evolve(plan(Level.AUTHENTICATED), proofs=proofs, domain="d.test")
            found = self.steps(demanding, NAME, ALERT)
            self.assertEqual(found[1:2], [] if needs else ["3 strong256 nameless"], proofs)
        for domain, needs in (("d.test", False), ("b", True)):
            demanding = attrs.evolve(demanding, proofs=(Proof(names=NameSource.DOMAIN),), domain=domain)
            self.assertEqual(len(self.steps(demanding, NAME)), 1 if needs else 2)

    def test_that_it_was_nameless_is_remembered_for_those_who_do_not_need_the_name(self) -> None:
        for rung, hello, level, wanted, remembered in (
            (Rung.STRONG_256, Hello.NAMELESS, Level.ENCRYPT, "3 strong256 nameless", True),
            (Rung.COMPATIBLE, Hello.SMALL_NAMELESS, Level.ENCRYPT, "3 compatible small, nameless", True),
            (Rung.STRONG_256, Hello.NAMELESS, Level.AUTHENTICATED, "3 strong256", False),
            (Rung.COMPATIBLE, Hello.NAMELESS, Level.AUTHENTICATED, "3 compatible", True),
            (Rung.STRONG_256, Hello.SMALL_NAMELESS, Level.AUTHENTICATED, "3 strong256 small", True),
        ):
            cursor = Cursor((B,), plan(level), 1, {B: Start(rung, hello)}.get)
            step = cursor.next_step(0.0)
            assert step is not None
            self.assertEqual((word(step), step.remembered), (wanted, remembered))

    def steps(self, of: TlsPlan, *ends: tuple[StepEnd, Diagnosis | None]) -> list[str]:
        """What is tried when the steps end so, and one more."""
        cursor, steps = Cursor((B,), of, 1), []
        for end in (*ends, NOT_TLS):
            step = cursor.next_step(0.0)
            if step is not None:
                steps.append(word(step))
                cursor.ended(step, *end)
        return steps

    def test_small_hello_that_was_answered_stays_small(self) -> None:
        cursor = Cursor(
            (B,),
            plan(Level.ENCRYPT),
            1,
        )
        steps = []
        for end in (DROP, ALERT, ALERT, ALERT):
            step = cursor.next_step(0.0)
            if step is not None:
                steps.append(word(step))
                cursor.ended(step, *end)
        self.assertEqual(steps, ["3 strong256", "3 strong256 small", "3 strong128 small", "3 compatible small"])

    def test_fallback_table(self) -> None:
        table = {
            (Fallback.IMMEDIATE, 1): True,
            (Fallback.IMMEDIATE, 2): True,
            (Fallback.AFTER_DEFERRAL, 1): False,
            (Fallback.AFTER_DEFERRAL, 2): True,
            (Fallback.NEVER, 1): False,
            (Fallback.NEVER, 9): False,
        }
        found = {
            (fallback, attempt): "3 plain" in walk(NOT_TLS, B, fallback=fallback, attempt=attempt)
            for fallback, attempt in table
        }
        self.assertEqual(found, table)

    def test_level_plain_only_plain(self) -> None:
        self.assertEqual(walk(UNREACHABLE, level=Level.PLAIN), ["1 plain", "2 plain", "3 plain"])

    def test_number_of_connections_to_a_host_is_bounded(self) -> None:
        many = Host("m", tuple(f"192.0.2.{n}" for n in range(10)), 25)
        for end in (ALERT, DROP, UNREACHABLE, NOT_TLS):
            self.assertLessEqual(len(walk(end, many)), MOST_CONNECTIONS_PER_HOST, end)

    def test_time_for_a_host_is_bounded_but_plain_text_is_still_tried(self) -> None:
        wanted = ["3 strong256", "3 strong256 small", "3 strong128", "3 plain"]
        self.assertEqual(walk(DROP, B, seconds=LONGEST_PER_HOST / 3), wanted)

    def test_what_was_remembered_never_makes_plain_text_of_a_rung_that_was_not_tried(self) -> None:
        """A ticket or a remembered rung that fails costs a connection; then one too few is left for the ladder."""
        for ends, wanted in (
            ([DROP], ["3 compatible", "3 strong256", "3 strong256 small", "3 strong128", "3 compatible"]),
            ([TICKET, DROP], ["3 compatible", "3 compatible", "3 strong256", "3 strong256 small", "3 strong128"]),
        ):
            cursor = Cursor((B,), plan(Level.OPPORTUNISTIC), 1, lambda _: Start(Rung.COMPATIBLE, Hello.FULL))
            steps = []
            while (step := cursor.next_step(0.0)) is not None:
                steps.append(word(step))
                end = ends[min(len(steps), len(ends)) - 1]
                cursor.ended(step, *(USED if step.rung is Rung.PLAIN else end))
            self.assertEqual(steps, wanted)

    def test_no_walk_steps_below_the_floor(self) -> None:
        for end in (ALERT, DROP, UNREACHABLE, USED, NOT_TLS):
            for level in (Level.ENCRYPT, Level.AUTHENTICATED):
                for fallback in Fallback:
                    self.assertNotIn("plain", " ".join(walk(end, level=level, fallback=fallback, attempt=5)))
