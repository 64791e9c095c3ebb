"""Finding out about revocation: in which order, and when nobody is asked."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.answer import Found, Unavailable
from fopemta.interfaces import IFetcher, IRevocations
from fopemta.lookup.revocation.list_shelf import ListShelf
from fopemta.lookup.revocation.lists import RevocationLists
from fopemta.lookup.revocation.revocations import Revocations
from fopemta.testing.authority import Leaf
from fopemta.testing.fetch import ScriptedFetcher
from fopemta.testing.revoking import MUST_STAPLE, RevokingAuthority, lists_at, responders_at
from fopemta.trust.revocation import Finding, Status

ROOTS, LIST, SECOND, RESPONDER = "http://c.test/root", "http://c.test/1", "http://c.test/2", "http://o.test/"
CA = RevokingAuthority(intermediate_says=[lists_at(ROOTS)])
HOUR = 3600.0


def path_of(leaf: Leaf) -> tuple[bytes, ...]:
    return tuple(each.public_bytes(Encoding.DER) for each in (*leaf.chain, CA.root))


BOTH = CA.leaf("both.test", says=[lists_at(LIST), responders_at(RESPONDER)])
TWO_LISTS = CA.leaf("two.test", says=[lists_at(LIST, SECOND)])
STAPLED = CA.leaf("must.test", says=[lists_at(LIST), MUST_STAPLE])
SOURCELESS, SHORT = CA.leaf("none.test"), CA.leaf("short.test", days=(-1, 5))


class RevocationsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.now = Clock(), CA.now.timestamp()
        self.fetcher = ScriptedFetcher({ROOTS: CA.crl(by=CA.rooted), LIST: CA.crl(), RESPONDER: CA.ocsp(BOTH)})
        shelf = ListShelf(self.mktemp())
        self.lists = RevocationLists(self.fetcher, shelf, 100_000, lambda: self.now, maybeDeferred)
        self.revocations = Revocations(self.clock, self.fetcher, self.lists, lambda: self.now, maybeDeferred)

    def check(self, leaf: Leaf, staple: bytes = b"") -> list[tuple[Status, str]]:
        found = self.successResultOf(self.revocations.check(path_of(leaf), staple))
        return [(each.status, each.by) for each in found]

    def known(self, leaf: Leaf, staple: bytes = b"") -> list[tuple[Status, str]]:
        return [(each.status, each.by) for each in self.revocations.known(path_of(leaf), staple)]

    def test_interfaces(self) -> None:
        self.assertTrue(verifyObject(IRevocations, self.revocations))
        self.assertTrue(verifyObject(IFetcher, self.fetcher))

    def test_staple_then_list_then_responder(self) -> None:
        good = [(Status.GOOD, "crl")]
        self.assertEqual(self.check(BOTH, CA.ocsp(BOTH)), [(Status.GOOD, "staple"), *good])
        self.assertEqual(self.fetcher.asked, [ROOTS])
        self.setUp()
        self.assertEqual(self.check(BOTH, CA.ocsp(BOTH, hours=(-9, -1))), [(Status.GOOD, "crl"), *good])
        self.assertEqual(self.fetcher.asked, [LIST, ROOTS])
        self.setUp()
        self.fetcher.answers[LIST] = Unavailable("down")
        self.assertEqual(self.check(BOTH), [(Status.GOOD, "ocsp"), *good])
        self.assertEqual(self.fetcher.asked, [LIST, RESPONDER, ROOTS])

    def test_revoked_by_each(self) -> None:
        revoked = CA.ocsp(BOTH, revoked=True)
        self.assertEqual(self.check(BOTH, revoked)[0], (Status.REVOKED, "staple"))
        self.setUp()
        self.fetcher.answers[LIST] = CA.crl((BOTH.chain[0], None))
        self.assertEqual(self.check(BOTH)[0], (Status.REVOKED, "crl"))
        self.setUp()
        self.fetcher.answers |= {LIST: b"rubbish", RESPONDER: revoked}
        self.assertEqual(self.check(BOTH)[0], (Status.REVOKED, "ocsp"))

    def test_intermediates_are_asked_about_too(self) -> None:
        self.fetcher.answers[ROOTS] = CA.crl((CA.intermediate, None), by=CA.rooted)
        self.assertEqual(self.check(BOTH, CA.ocsp(BOTH)), [(Status.GOOD, "staple"), (Status.REVOKED, "crl")])

    def test_revoked_once_is_revoked_whatever_is_stapled_later(self) -> None:
        self.fetcher.answers[LIST] = CA.crl((BOTH.chain[0], None))
        self.check(BOTH)
        self.assertEqual(self.check(BOTH, CA.ocsp(BOTH))[0], (Status.REVOKED, "crl"))

    def test_second_list_where_the_first_is_of_no_use(self) -> None:
        self.fetcher.answers |= {LIST: Unavailable("down"), SECOND: CA.crl()}
        self.assertEqual(self.check(TWO_LISTS)[0], (Status.GOOD, "crl"))

    def test_nobody_knows(self) -> None:
        self.fetcher.answers |= {LIST: Unavailable("c.test: SERVFAIL"), RESPONDER: Unavailable("o.test: HTTP 500")}
        (leaf, _) = self.successResultOf(self.revocations.check(path_of(BOTH), b""))
        self.assertEqual(leaf, Finding(Status.UNKNOWN, text="c.test: SERVFAIL; o.test: HTTP 500"))

    def test_no_source_and_none_needed(self) -> None:
        self.assertEqual(self.check(SOURCELESS)[0][0], Status.NO_SOURCE)
        self.assertEqual(self.check(SHORT)[0][0], Status.NOT_NEEDED)
        self.assertEqual(self.check(SOURCELESS, CA.ocsp(SOURCELESS))[0], (Status.GOOD, "staple"))

    def test_must_staple(self) -> None:
        stale = CA.ocsp(STAPLED, hours=(-9, -1))
        for staple, expected in (
            (b"", Status.STAPLE_MISSING),
            (stale, Status.STAPLE_MISSING),
            (CA.ocsp(BOTH), Status.STAPLE_MISSING),
            (CA.ocsp(STAPLED, revoked=True), Status.REVOKED),
        ):
            self.setUp()
            self.assertEqual(self.check(STAPLED, staple)[0][0], expected)
            self.assertNotIn(LIST, self.fetcher.asked)
        self.setUp()
        self.assertEqual(self.check(STAPLED, CA.ocsp(STAPLED))[0], (Status.GOOD, "staple"))
        self.assertEqual(self.check(STAPLED)[0], (Status.GOOD, "staple"))
        self.now += 25 * HOUR
        self.assertEqual(self.check(STAPLED)[0][0], Status.STAPLE_MISSING)

    def test_staple_larger_than_is_read_in_a_handshake(self) -> None:
        padded = CA.ocsp(BOTH, revoked=True)
        padded += bytes(65537 - len(padded))
        found = self.successResultOf(self.revocations.check(path_of(BOTH), padded))
        self.assertEqual((found[0].status, found[0].by), (Status.GOOD, "crl"))
        self.fetcher.answers |= {LIST: Unavailable("down")}
        (leaf, _) = self.successResultOf(self.revocations.check(path_of(STAPLED), padded))
        self.assertTrue(leaf.text.endswith("the staple is larger than 65536 octets"), leaf.text)
        (leaf, _) = self.successResultOf(self.revocations.check(path_of(STAPLED), padded[:-1]))
        self.assertIn("could not be read", leaf.text)

    def test_what_strangers_send_is_not_read_in_the_reactor(self) -> None:
        self.fetcher.answers[LIST] = Unavailable("down")
        in_thread: list[str] = []

        def run(work: Any, *args: Any) -> Deferred[Any]:
            in_thread.append(work.__name__)
            return maybeDeferred(work, *args)

        revocations = Revocations(self.clock, self.fetcher, self.lists, lambda: self.now, run)
        self.successResultOf(revocations.check(path_of(BOTH), b""))
        self.assertIn("judge_ocsp", in_thread)
        self.assertIn("judge_entry", in_thread)

    def test_known_asks_nobody(self) -> None:
        self.assertEqual([each for each, _ in self.known(BOTH)], [Status.UNKNOWN, Status.UNKNOWN])
        self.assertEqual(self.known(BOTH, CA.ocsp(BOTH, revoked=True))[0], (Status.REVOKED, "staple"))
        self.assertEqual(self.fetcher.asked, [])
        self.setUp()
        self.check(BOTH)
        self.fetcher.asked.clear()
        self.assertEqual(self.known(BOTH), [(Status.GOOD, "crl"), (Status.GOOD, "crl")])
        self.now += 25 * HOUR
        self.assertEqual(self.known(BOTH)[0][0], Status.UNKNOWN)
        self.assertEqual(self.fetcher.asked, [])

    def test_what_was_found_holds_until_it_says(self) -> None:
        self.fetcher.answers[LIST] = Unavailable("down")
        for _ in range(3):
            self.check(BOTH)
        self.assertEqual(self.fetcher.asked.count(RESPONDER), 1)
        self.now += 25 * HOUR
        self.assertEqual(self.check(BOTH)[0][0], Status.UNKNOWN)
        self.assertEqual(self.fetcher.asked.count(RESPONDER), 2)

    def test_waits_ten_seconds_and_the_fetch_goes_on(self) -> None:
        slow: Deferred[Any] = Deferred()
        self.fetcher.answers[LIST] = slow
        first, second = (self.revocations.check(path_of(BOTH), b"") for _ in range(2))
        self.clock.advance(9.9)
        self.assertNoResult(first)
        self.clock.advance(0.2)
        for each in (first, second):
            found = self.successResultOf(each)
            self.assertEqual((found[0].status, found[0].text), (Status.UNKNOWN, "no result within 10 s"))
            self.assertEqual(found[1].status, Status.GOOD)
        self.assertEqual(self.fetcher.asked.count(LIST), 1)
        slow.callback(Found(CA.crl()))
        self.assertEqual(self.known(BOTH)[0], (Status.GOOD, "crl"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_odd_paths(self) -> None:
        alone = (CA.root.public_bytes(Encoding.DER),)
        for path, status in (
            ((b"rubbish", b"more"), Status.UNKNOWN),
            (alone, Status.NOT_NEEDED),
            ((), Status.UNKNOWN),
        ):
            found = self.successResultOf(self.revocations.check(path, b"x"))
            self.assertEqual([each.status for each in found], [status])
            self.assertEqual([each.status for each in self.revocations.known(path, b"x")], [status])

    def test_a_fault_of_ours_is_nothing_known(self) -> None:
        broken: Deferred[Any] = Deferred()
        broken.errback(ValueError("a bug"))
        self.fetcher.answers[LIST] = broken
        self.assertEqual(self.check(BOTH)[0][0], Status.UNKNOWN)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_stop(self) -> None:
        slow: Deferred[Any] = Deferred()
        self.fetcher.answers[LIST] = slow
        waiting = self.revocations.check(path_of(BOTH), b"")
        self.revocations.stop()
        self.assertEqual(self.successResultOf(waiting)[0].status, Status.UNKNOWN)
        self.assertEqual(self.clock.getDelayedCalls(), [])
