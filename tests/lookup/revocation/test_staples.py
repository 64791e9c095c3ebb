"""OCSP responses about our own certificates: fetched ahead, verified, never served past their end."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.answer import Found, Unavailable
from fopemta.lookup.revocation.staples import INTERVAL, RETRY, Staples
from fopemta.testing.authority import Leaf
from fopemta.testing.fetch import ScriptedFetcher
from fopemta.testing.revoking import MUST_STAPLE, RevokingAuthority, responders_at

CA = RevokingAuthority()
URL = "http://ocsp.test/"
HOUR = 3600.0
LEAF = CA.leaf("mx.us.test", says=[responders_at(URL)])
GOOD = CA.ocsp(LEAF, hours=(-1, 24))


def der(leaf: Leaf) -> bytes:
    return leaf.chain[0].public_bytes(Encoding.DER)


class StapleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(CA.now.timestamp())
        self.fetcher = ScriptedFetcher({URL: GOOD})
        self.leaves = [LEAF]
        self.staples = Staples(
            self.clock, self.fetcher, self.clock.seconds, lambda: [each.chain for each in self.leaves]
        )
        self.addCleanup(self.staples.stop)
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def wait(self, seconds: float) -> None:
        self.clock.pump([INTERVAL] * int(seconds / INTERVAL))

    def told(self) -> list[str]:
        names = [str(each.get("event")) for each in self.events]
        return [name for name in names if name.startswith("staple_") or name == "own_certificate_revoked"]

    def test_fetched_at_start_and_again_in_the_middle_of_its_life(self) -> None:
        self.staples.start()
        self.assertEqual((self.staples.staple(der(LEAF)), len(self.fetcher.asked)), (GOOD, 1))
        self.wait(11 * HOUR)
        self.assertEqual(len(self.fetcher.asked), 1)
        self.wait(2 * HOUR)
        self.assertEqual(len(self.fetcher.asked), 2)
        self.assertEqual(self.told(), [])

    def test_never_served_past_its_end(self) -> None:
        self.staples.start()
        self.fetcher.answers[URL] = Unavailable("ocsp.test: SERVFAIL")
        self.wait(23 * HOUR)
        self.assertEqual(self.staples.staple(der(LEAF)), GOOD)
        self.wait(2 * HOUR)
        self.assertEqual(self.staples.staple(der(LEAF)), b"")
        self.assertEqual(self.told(), ["staple_unavailable"])
        self.fetcher.answers[URL] = CA.ocsp(LEAF, hours=(-1, 48))
        self.wait(RETRY + INTERVAL)
        self.assertEqual(self.staples.staple(der(LEAF)), self.fetcher.answers[URL])
        self.assertEqual(self.told(), ["staple_unavailable", "staple_available"])

    def test_only_what_a_strict_peer_would_take(self) -> None:
        stranger = RevokingAuthority()
        for answer in (
            b"rubbish",
            CA.ocsp(CA.leaf("other.test")),
            CA.ocsp(LEAF, hours=(-48, -24)),
            CA.ocsp(LEAF, revoked=True),
            stranger.ocsp(LEAF),
        ):
            self.fetcher.answers[URL] = answer
            staples = Staples(self.clock, self.fetcher, self.clock.seconds, lambda: [LEAF.chain])
            staples.start()
            staples.stop()
            self.assertEqual(staples.staple(der(LEAF)), b"")
        told = ["staple_unavailable"] * 3 + ["own_certificate_revoked", "staple_unavailable"]
        self.assertEqual(self.told(), told)

    def test_a_revocation_ends_what_was_good_and_is_told_once(self) -> None:
        self.staples.start()
        self.fetcher.answers[URL] = CA.ocsp(LEAF, revoked=True)
        self.wait(23 * HOUR)
        self.assertEqual(self.staples.staple(der(LEAF)), b"")
        self.assertEqual(self.told(), ["own_certificate_revoked"])
        self.assertIn("revoked", str(self.events[-1]["why"]))

    def test_a_revocation_is_told_though_nothing_was_to_be_had_before(self) -> None:
        self.fetcher.answers[URL] = Unavailable("ocsp.test: SERVFAIL")
        self.staples.start()
        self.fetcher.answers[URL] = CA.ocsp(LEAF, revoked=True)
        self.wait(HOUR)
        self.assertEqual(self.told(), ["staple_unavailable", "own_certificate_revoked"])

    def test_who_names_nobody_or_brings_no_issuer_is_not_asked_about(self) -> None:
        self.leaves = [CA.leaf("a.test"), CA.leaf("b.test", says=[responders_at(URL)], with_intermediate=False)]
        self.staples.start()
        self.assertEqual((self.fetcher.asked, self.told()), ([], []))

    def test_a_renewed_certificate_gets_its_own_and_the_old_one_is_forgotten(self) -> None:
        self.staples.start()
        renewed = CA.leaf("mx.us.test", says=[responders_at(URL)])
        self.leaves, self.fetcher.answers[URL] = [renewed], CA.ocsp(renewed)
        self.wait(INTERVAL)
        self.assertEqual(self.staples.staple(der(renewed)), self.fetcher.answers[URL])
        self.assertEqual(self.staples.staple(der(LEAF)), b"")

    def test_a_slow_responder_is_asked_once(self) -> None:
        answer: Deferred[Any] = Deferred()
        self.fetcher.answers[URL] = answer
        self.staples.start()
        self.wait(5 * INTERVAL)
        self.assertEqual(len(self.fetcher.asked), 1)
        answer.callback(Found(GOOD))
        self.assertEqual(self.staples.staple(der(LEAF)), GOOD)

    def test_it_is_said_whether_the_certificate_demands_one(self) -> None:
        self.fetcher.answers.clear()
        for says, demanded in (([MUST_STAPLE], True), ([], False)):
            self.leaves = [CA.leaf("mx.us.test", says=[responders_at(URL), *says])]
            self.wait(INTERVAL) if self.events else self.staples.start()
            self.assertEqual(self.events[-1]["demanded"], demanded)
