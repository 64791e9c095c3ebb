"""Windows, rests and probes: the whole tables."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fopemta.retry.settings import Retry
from fopemta.retry.standing import (
    FIRST_WINDOW,
    LONGEST_REST,
    Experience,
    Pace,
    Pacing,
    Standing,
    after,
    after_meeting,
    experience_of,
)
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.verdict import Result, VerdictRecord

PACING = Pacing(20)
NEW = Standing(FIRST_WINDOW)


def verdict(diagnosis: Diagnosis | None = None, code: int = 451, **facts: Any) -> VerdictRecord:
    """A deferral at a host, in a session unless `rung` is None."""
    facts = {"host": "mx.b.test", "address": "192.0.2.1", "rung": "strong256", "result": Result.DEFERRED, **facts}
    return VerdictRecord(
        time=0.0, message="m", sender="", recipient="bob@b.test", attempt=1, code=code, enhanced="4.0.0", text="said",
        diagnosis=diagnosis.value if diagnosis else None, **facts,
    )  # fmt: skip


DELIVERED = verdict(code=250, result=Result.DELIVERED)
LOCAL = verdict(code=250, result=Result.DELIVERED, host=None, address=None, rung=None)
REFUSED = verdict(Diagnosis.CONNECTION_REFUSED, rung=None)
FULL_MAILBOX = verdict(Diagnosis.DEFERRED_BY_PEER, code=452)
CLOSING = verdict(Diagnosis.DEFERRED_BY_PEER, code=421)
DROPPED = verdict(Diagnosis.CONVERSATION_DROPPED)
EXPIRED = verdict(Diagnosis.CERT_EXPIRED)
NO_DNS = verdict(Diagnosis.DNS_UNAVAILABLE, host=None, address=None, rung=None)

OF_EACH = {
    Experience.ANSWERED: DELIVERED,
    Experience.THERE: EXPIRED,
    Experience.BROKEN: DROPPED,
    Experience.AWAY: REFUSED,
    Experience.NOTHING: NO_DNS,
}


class ExperienceTests(SynchronousTestCase):
    def test_one_verdict(self) -> None:
        a = Experience
        wanted = [
            (DELIVERED, a.ANSWERED),
            (LOCAL, a.ANSWERED),
            (verdict(Diagnosis.REFUSED_BY_PEER, 550, result=Result.FAILED), a.ANSWERED),
            (FULL_MAILBOX, a.ANSWERED),
            (verdict(Diagnosis.DEFERRED_BY_PEER, 450), a.ANSWERED),
            (CLOSING, a.AWAY),
            (REFUSED, a.AWAY),
            (verdict(Diagnosis.CONNECTION_TIMEOUT, rung=None), a.AWAY),
            (verdict(Diagnosis.HOST_UNREACHABLE, rung=None), a.AWAY),
            # Before a session stood: the greeting refused, or never said.
            (verdict(Diagnosis.DEFERRED_BY_PEER, 450, rung=None), a.AWAY),
            (verdict(Diagnosis.REFUSED_BY_PEER, 554, rung=None), a.AWAY),
            (verdict(Diagnosis.CONVERSATION_TIMEOUT, rung=None), a.AWAY),
            (DROPPED, a.BROKEN),
            (verdict(Diagnosis.CONVERSATION_TIMEOUT), a.BROKEN),
            (EXPIRED, a.THERE),
            (verdict(Diagnosis.TLS_NOT_OFFERED, rung="plain"), a.THERE),
            (verdict(Diagnosis.HANDSHAKE_TIMEOUT), a.THERE),
            (verdict(Diagnosis.EIGHT_BIT_NOT_OFFERED, 554, result=Result.FAILED), a.THERE),
            (NO_DNS, a.NOTHING),
            (verdict(Diagnosis.LOCAL_TROUBLE, host=None, address=None, rung=None), a.NOTHING),
            (verdict(Diagnosis.LOCAL_TROUBLE, rung=None), a.NOTHING),
        ]
        self.assertEqual([(each.diagnosis, each.code, experience_of([each])) for each, _ in wanted],
                         [(each.diagnosis, each.code, word) for each, word in wanted])  # fmt: skip

    def test_several_recipients(self) -> None:
        for verdicts, wanted in (
            ([], Experience.NOTHING),
            ([DELIVERED, FULL_MAILBOX], Experience.ANSWERED),
            ([DELIVERED, DROPPED], Experience.ANSWERED),
            ([REFUSED, FULL_MAILBOX], Experience.ANSWERED),
            ([REFUSED, REFUSED], Experience.AWAY),
            ([CLOSING, EXPIRED], Experience.AWAY),
            ([NO_DNS, EXPIRED], Experience.THERE),
        ):
            self.assertEqual(experience_of(verdicts), wanted, verdicts)


class StandingTests(SynchronousTestCase):
    def test_whole_table(self) -> None:
        open_, resting = Standing(8, 2), Standing(1, 2, 100.0, REFUSED)
        wanted: dict[Pace, Sequence[tuple[int, int, float | None]]] = {
            Pace.OPEN: [(9, 0, None), (8, 2, None), (4, 2, None), (4, 2, None), (8, 2, None)],
            Pace.RESTING: [(5, 2, None), (5, 2, None), (1, 2, 100.0), (1, 2, 100.0), (1, 2, 100.0)],
            Pace.PROBING: [(5, 2, None), (5, 2, None), (1, 3, 270.0), (1, 3, 270.0), (1, 2, 210.0)],
        }
        for pace, now, standing in (
            (Pace.OPEN, 50.0, open_),
            (Pace.RESTING, 50.0, resting),
            (Pace.PROBING, 150.0, resting),
        ):
            self.assertEqual(standing.pace(now), pace)
            found = [after(standing, [OF_EACH[each]], PACING, now, now, 0.5) for each in Experience]
            self.assertEqual([(each.window, each.rests, each.until) for each in found], wanted[pace], pace)

    def test_window_grows_to_the_most(self) -> None:
        standing = NEW
        for _ in range(100):
            standing = after(standing, [DELIVERED], PACING, 0.0, 0.0, 0.5)
        self.assertEqual((standing.window, standing.sound(PACING)), (20, True))

    def test_a_dead_one_is_rested_after_three_failures(self) -> None:
        standing, windows = NEW, []
        for _ in range(3):
            standing = after(standing, [REFUSED], PACING, 0.0, 0.0, 0.5)
            windows.append((standing.window, standing.pace(1.0)))
        self.assertEqual(windows, [(2.5, Pace.OPEN), (1.25, Pace.OPEN), (1, Pace.RESTING)])
        self.assertEqual((standing.cause, standing.places(1.0), standing.places(31.0)), (REFUSED, 0, 1))

    def test_what_was_under_way_when_the_window_shrank_shrinks_it_no_further(self) -> None:
        standing = Standing(20)
        for _ in range(10):
            standing = after(standing, [CLOSING], PACING, 5.0, 9.0, 0.5)
        self.assertEqual((standing.window, standing.pace(9.0)), (10, Pace.OPEN))
        self.assertEqual(after(standing, [CLOSING], PACING, 9.0, 9.0, 0.5).window, 5)

    def test_above_what_a_server_could_not_take_it_grows_by_one_a_round(self) -> None:
        standing, windows = Standing(16).halved(1.0), []
        for _ in range(4):
            for _ in range(int(standing.window)):
                standing = after(standing, [DELIVERED], PACING, 2.0, 2.0, 0.5)
            windows.append(standing.places(2.0))
        self.assertEqual(windows, [8, 9, 10, 11])

    def test_a_servers_own_limit_is_hardly_run_into(self) -> None:
        """It takes ten connections and refuses the rest with 421; a round is a second."""
        standing, refused, taken = NEW, 0, 0
        for second in range(600):
            places = standing.places(second)
            for number in range(places):
                said = DELIVERED if number < 10 else CLOSING
                refused, taken = refused + (said is CLOSING), taken + (said is DELIVERED)
                standing = after(standing, [said], PACING, second, second + 0.5, 0.5)
            self.assertGreaterEqual(standing.places(second + 1), 5)
        self.assertLess(refused, taken / 20)
        self.assertGreater(taken, 600 * 6)

    def test_probes_of_a_dead_one_become_rare(self) -> None:
        standing, now, moments = Standing(1), 0.0, []
        for _ in range(8):
            standing = after(standing, [REFUSED], PACING, now, now, 0.5)
            now = standing.until or 0.0
            moments.append(now)
        self.assertEqual([b - a for a, b in itertools.pairwise([0.0, *moments])],
                         [30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0, 900.0])  # fmt: skip
        self.assertEqual(PACING.rest(10_000), LONGEST_REST)

    def test_rests_are_no_longer_than_waits(self) -> None:
        pacing = Pacing.of(3, Retry(first=1.0, longest=5.0))
        self.assertEqual([pacing.rest(number) for number in range(1, 6)], [1.0, 2.0, 4.0, 5.0, 5.0])
        self.assertEqual((pacing.connections_per_destination, pacing.first_window), (3, 3))
        self.assertEqual(Pacing.of(20, Retry()), Pacing(20, 30.0, 900.0))

    def test_one_that_much_waits_for_is_probed_sooner(self) -> None:
        """But no more often than if each of what waits were tried by itself every 50 minutes, nor than every 5 s."""
        for waiting, longest in ((0, 900), (3, 900), (10, 300), (100, 30), (600, 5), (10_000, 5)):
            self.assertEqual(PACING.rest(10, waiting), longest, waiting)
        self.assertEqual([PACING.rest(number, 50) for number in range(1, 4)], [30, 60, 60])
        self.assertEqual(Pacing(20, 1.0, 2.0).rest(9, 10_000), 2)
        for met in (Experience.AWAY, Experience.NOTHING):
            standing = after_meeting(Standing(1, 7, 0.0, REFUSED), met, REFUSED, PACING, 1.0, 1.0, 0.5, 100)
            self.assertEqual(standing.until, 31.0, met)

    def test_rests_are_spread(self) -> None:
        untils = [
            round(after(Standing(1), [REFUSED], PACING, 0.0, 0.0, jitter).until or 0) for jitter in (0.0, 0.5, 1.0)
        ]
        self.assertEqual(untils, [24, 30, 36])

    def test_one_that_comes_back_ramps_up(self) -> None:
        standing = Standing(1, 6, 0.0, REFUSED)
        windows = []
        for _ in range(3):
            standing = after(standing, [DELIVERED], PACING, 1.0, 1.0, 0.5)
            windows.append((standing.window, standing.rests))
        self.assertEqual(windows, [(5, 6), (6, 0), (7, 0)])
        self.assertTrue(standing.sound(PACING))

    def test_one_that_comes_back_and_goes_again_is_rested_longer(self) -> None:
        standing = after(Standing(1, 3, 0.0, REFUSED), [EXPIRED], PACING, 1.0, 1.0, 0.5)
        for _ in range(3):
            standing = after(standing, [REFUSED], PACING, 1.0, 1.0, 0.5)
        self.assertEqual((standing.rests, standing.pace(1.0)), (4, Pace.RESTING))

    def test_C110_full_mailboxes_rest_nobody(self) -> None:
        standing = NEW
        for _ in range(5000):
            standing = after(standing, [FULL_MAILBOX], PACING, 0.0, 0.0, 0.5)
        self.assertTrue(standing.sound(PACING))

    def test_bad_certificates_rest_nobody(self) -> None:
        # They count against one demand, not against the destination.
        standing = NEW
        for _ in range(100):
            standing = after(standing, [EXPIRED], PACING, 0.0, 0.0, 0.5)
        self.assertEqual(standing, NEW)

    def test_a_message_that_breaks_sessions_rests_nobody(self) -> None:
        standing = NEW
        for _ in range(100):
            standing = after(standing, [DROPPED], PACING, 0.0, 0.0, 0.5)
        self.assertEqual((standing.window, standing.pace(0.0)), (1, Pace.OPEN))
