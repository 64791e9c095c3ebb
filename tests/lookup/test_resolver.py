"""The resolver against name servers in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.answer import Absent, Found, Unavailable
from fopemta.interfaces import IResolver
from fopemta.lookup.resolver import Resolver
from fopemta.testing.dns import Trouble, Zone
from tests.lookup.reactor import NameReactor

A, B = ("192.0.2.53", 53), ("192.0.2.54", 53)
RECORDS = (
    "d.test 600 MX 10 MX.d.test",
    "d.test 600 MX 20 mx2.d.test",
    "null.test 600 MX 0 .",
    "mx.d.test 600 A 192.0.2.1",
    "mx.d.test 600 AAAA 2001:db8::1",
    "four.test 600 A 192.0.2.4",
    "alias.test 600 CNAME four.test",
    "a_b.test 600 A 192.0.2.5",
)


def zone(**trouble: Trouble) -> Zone:
    return Zone.of(RECORDS, {name.replace("_", "."): kind for name, kind in trouble.items()})


class Base(SynchronousTestCase):
    def resolver(self, servers: dict[tuple[str, int], Zone | None] | None = None) -> Resolver:
        self.reactor = NameReactor({A: zone()} if servers is None else servers)
        nameservers = (A,) if servers is None else tuple(sorted({A, B} & set(servers) | {A}))
        return Resolver(self.reactor, nameservers, 10.0)  # type: ignore[arg-type]

    def result(self, deferred: Deferred[Any], seconds: float = 0) -> Any:
        for _ in range(20):
            self.reactor.advance(0)
        for _ in range(int(seconds * 2)):
            self.reactor.advance(0.5)
        return self.successResultOf(deferred)


class ResolverTests(Base):
    def test_interface(self) -> None:
        self.assertTrue(verifyObject(IResolver, self.resolver()))

    def test_mx(self) -> None:
        found = self.result(self.resolver().exchangers("D.test."))
        self.assertEqual(sorted(found.value), [(10, "mx.d.test"), (20, "mx2.d.test")])

    def test_C120_null_mx_is_the_empty_name(self) -> None:
        self.assertEqual(self.result(self.resolver().exchangers("null.test")), Found(((0, ""),)))

    def test_absent(self) -> None:
        resolver = self.resolver()
        self.assertEqual(self.result(resolver.exchangers("four.test")), Absent())
        self.assertEqual(self.result(resolver.exchangers("nowhere.test")), Absent(name_exists=False))

    def test_addresses_of_both_families(self) -> None:
        resolver = self.resolver()
        self.assertEqual(self.result(resolver.addresses("mx.d.test")), Found(("192.0.2.1", "2001:db8::1")))
        self.assertEqual(self.result(resolver.addresses("four.test")), Found(("192.0.2.4",)))
        self.assertEqual(self.result(resolver.addresses("alias.test")), Found(("192.0.2.4",)))
        self.assertEqual(self.result(resolver.addresses("a_b.test")), Found(("192.0.2.5",)))

    def test_an_address_answers_itself_and_localhost_is_loopback(self) -> None:
        resolver = self.resolver({})
        self.assertEqual(self.successResultOf(resolver.addresses("192.0.2.7")), Found(("192.0.2.7",)))
        self.assertEqual(self.successResultOf(resolver.addresses("localhost.")), Found(("127.0.0.1", "::1")))

    def test_names_that_are_none(self) -> None:
        resolver = self.resolver()
        for name in ("a..b", "x" * 64 + ".test", ".".join(["abcdefg"] * 40)):
            self.assertEqual(self.successResultOf(resolver.exchangers(name)), Absent(name_exists=False), name)

    def test_C130_servfail_is_unavailable(self) -> None:
        found = self.result(self.resolver({A: zone(d_test=Trouble.SERVFAIL)}).exchangers("d.test"))
        self.assertEqual(found, Unavailable("SERVFAIL from 192.0.2.53:53"))

    def test_C130_silence_ends_at_the_deadline(self) -> None:
        found = self.result(self.resolver({A: None}).exchangers("d.test"), seconds=11)
        assert isinstance(found, Unavailable)
        self.assertIn("no answer", found.reason)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.reactor.open_ports, 0)

    def test_closed_port_is_known_at_once(self) -> None:
        found = self.result(self.resolver({}).exchangers("d.test"))
        self.assertEqual(found, Unavailable("nobody listens at 192.0.2.53:53"))

    def test_C128_truncated_answer_is_fetched_by_tcp(self) -> None:
        found = self.result(self.resolver({A: zone(d_test=Trouble.TRUNCATED)}).exchangers("d.test"))
        self.assertIsInstance(found, Found)

    def test_C128_truncated_and_tcp_refused_is_unavailable(self) -> None:
        resolver = self.resolver({A: zone(d_test=Trouble.TRUNCATED)})
        self.reactor.tcp_works = False
        self.assertIsInstance(self.result(resolver.exchangers("d.test")), Unavailable)

    def test_next_server_is_asked(self) -> None:
        for trouble in (Trouble.SERVFAIL, Trouble.REFUSED):
            found = self.result(self.resolver({A: zone(d_test=trouble), B: zone()}).exchangers("d.test"))
            self.assertIsInstance(found, Found)

    def test_C137_dead_server_is_remembered(self) -> None:
        resolver = self.resolver({A: None, B: zone()})
        self.assertIsInstance(self.result(resolver.exchangers("d.test"), seconds=3), Found)
        self.reactor.asked.clear()
        self.assertIsInstance(self.result(resolver.exchangers("null.test")), Found)
        self.assertEqual(self.reactor.asked, [B])
        self.reactor.advance(31)
        self.reactor.asked.clear()
        resolver.exchangers("four.test")
        self.assertEqual(self.reactor.asked, [A])


class CacheTests(Base):
    def test_same_question_under_way_is_asked_once(self) -> None:
        resolver = self.resolver()
        waiting = [resolver.exchangers("d.test") for _ in range(5)]
        for each in waiting:
            self.assertIsInstance(self.result(each), Found)
        self.assertEqual(len(self.reactor.asked), 1)

    def test_answer_is_kept_for_its_ttl(self) -> None:
        resolver = self.resolver()
        self.result(resolver.exchangers("d.test"))
        self.reactor.advance(599)
        self.successResultOf(resolver.exchangers("d.test"))
        self.assertEqual(len(self.reactor.asked), 1)
        self.reactor.advance(2)
        self.assertNoResult(resolver.exchangers("d.test"))

    def test_failure_is_kept_briefly(self) -> None:
        resolver = self.resolver({A: zone(d_test=Trouble.SERVFAIL)})
        self.result(resolver.exchangers("d.test"))
        self.successResultOf(resolver.exchangers("d.test"))
        self.reactor.advance(6)
        self.assertNoResult(resolver.exchangers("d.test"))

    def test_one_who_gives_up_does_not_disturb_the_others(self) -> None:
        resolver = self.resolver()
        one, other = resolver.ask("d.test", 15), resolver.ask("d.test", 15)  # type: ignore[arg-type]
        one.cancel()
        self.assertIsInstance(self.result(other), Found)
        self.failureResultOf(one)
