"""The resolver against name servers in memory."""

from __future__ import annotations

from typing import Any

import dns.message
import dns.rrset
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.answer import Absent, Found, Unavailable
from fopemta.dns.question import EXCHANGER, Question
from fopemta.interfaces import IResolver
from fopemta.lookup.dns.resolver import Resolver
from fopemta.testing.dns import Trouble, Zone
from tests.lookup.reactor import MemoryDatagrams, NameReactor

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
    def resolver(self, servers: dict[tuple[str, int], Zone | None] | None = None, timeout: float = 10.0) -> Resolver:
        self.reactor = NameReactor({A: zone()} if servers is None else servers)
        nameservers = (A, B) if B in self.reactor.servers else (A,)
        return Resolver(self.reactor, nameservers, timeout, open_datagrams=MemoryDatagrams)  # type: ignore[arg-type]

    def settle(self, seconds: float = 0) -> None:
        for _ in range(20):
            self.reactor.advance(0)
        for _ in range(int(seconds * 2)):
            self.reactor.advance(0.5)

    def result(self, deferred: Deferred[Any], seconds: float = 0) -> Any:
        self.settle(seconds)
        return self.successResultOf(deferred)

    def assert_quiet(self) -> None:
        """Nothing is left behind."""
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.reactor.open_sockets, 0)
        self.assertTrue(all(each.disconnected for each in self.reactor.connectors))


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

    def test_C133_names_with_an_underscore_are_asked_for(self) -> None:
        zone = ("u.test 600 MX 10 a_b.test.", "a_b.test 600 A 192.0.2.5")
        resolver = self.resolver({A: Zone.of(zone)})
        self.assertEqual(self.result(resolver.exchangers("u.test")), Found(((10, "a_b.test"),)))
        self.assertEqual(self.result(resolver.addresses("a_b.test")), Found(("192.0.2.5",)))

    def test_addresses_of_one_family(self) -> None:
        resolver = self.resolver({A: Zone.of((*RECORDS, "six.test 600 AAAA 2001:db8::1"))})
        self.assertEqual(self.result(resolver.ipv4_addresses("mx.d.test")), Found(("192.0.2.1",)))
        self.assertEqual(self.result(resolver.ipv4_addresses("six.test")), Absent())
        self.assertEqual(self.result(resolver.ipv4_addresses("no.test")), Absent(name_exists=False))

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
        waiting = self.resolver({A: None}).exchangers("d.test")
        self.settle(9.5)
        self.assertNoResult(waiting)
        found = self.result(waiting, seconds=0.5)
        assert isinstance(found, Unavailable)
        self.assertIn("no answer within", found.reason)
        self.assertEqual(self.reactor.asked, [A, A, A])  # 2 + 4 + 4 seconds
        self.assert_quiet()

    def test_closed_port_is_known_at_once(self) -> None:
        found = self.result(self.resolver({}).exchangers("d.test"))
        self.assertEqual(found, Unavailable("nothing listens at 192.0.2.53:53"))
        self.assert_quiet()

    def test_no_descriptor_left(self) -> None:
        resolver = self.resolver()
        self.reactor.no_descriptors = True
        found = self.result(resolver.exchangers("d.test"))
        self.assertEqual(found, Unavailable("Too many open files: cannot ask 192.0.2.53:53"))
        self.assert_quiet()

    def test_forged_responses_are_passed_over(self) -> None:
        resolver = self.resolver()
        forged = dns.message.make_response(dns.message.from_wire(Question.of("d.test", EXCHANGER).query().wire))
        forged.answer.append(dns.rrset.from_text("d.test.", 600, "IN", "MX", "10 evil.test."))
        self.reactor.forged = [b"", b"rubbish", forged.to_wire()]
        found = self.result(resolver.exchangers("d.test"))
        self.assertEqual(sorted(found.value), [(10, "mx.d.test"), (20, "mx2.d.test")])

    def test_C125_cnames_are_followed_from_response_to_response(self) -> None:
        # The name server puts eight into a response.
        resolver = self.resolver({A: Zone.of([f"n{n}.test 600 CNAME n{n + 1}.test" for n in range(100)])})
        self.assertEqual(self.result(resolver.exchangers("n80.test")), Absent(name_exists=False))
        found = self.result(resolver.exchangers("n0.test"))
        self.assertEqual(
            found, Unavailable("the CNAMEs of n0.test lead nowhere (a chain of CNAMEs over more than 8 answers)")
        )

    def test_C125_cname_loop_over_several_responses_ends(self) -> None:
        resolver = self.resolver({A: Zone.of(["a.test 600 CNAME b.test", "b.test 600 CNAME a.test"])})
        self.assertIsInstance(self.result(resolver.exchangers("a.test")), Unavailable)
        self.assert_quiet()

    def test_one_family_is_enough_and_its_lack_is_not_a_denial(self) -> None:
        sick = {
            A: Zone.of(["x.test 60 A 192.0.2.1", "y.test 60 TXT y"], {"y.test": Trouble.SERVFAIL}),
        }
        resolver = self.resolver(sick)  # type: ignore[arg-type]
        self.assertEqual(self.result(resolver.addresses("x.test")), Found(("192.0.2.1",)))
        self.assertIsInstance(self.result(resolver.addresses("y.test")), Unavailable)


class TcpTests(Base):
    """C128: what does not fit comes by TCP, and what TCP does not bring is not known."""

    def ask(self, trouble: Trouble, tcp: str, seconds: float = 0) -> Any:
        resolver = self.resolver({A: zone(d_test=trouble)})
        self.reactor.tcp = tcp
        found = self.result(resolver.exchangers("d.test"), seconds)
        self.assert_quiet()
        return found

    def test_C128_truncated_answer_is_fetched_by_tcp(self) -> None:
        for trouble in (Trouble.TRUNCATED, Trouble.CUT_OFF):
            found = self.ask(trouble, "works")
            self.assertEqual(sorted(found.value), [(10, "mx.d.test"), (20, "mx2.d.test")], trouble)

    def test_C128_what_tcp_does_not_bring_is_unavailable(self) -> None:
        table = {
            "refused": "cannot connect to 192.0.2.53:53 (TCP)",
            "closes": "connection closed by 192.0.2.53:53 (TCP)",
            "rubbish": "rubbish from 192.0.2.53:53 (TCP)",
            "truncated": "truncated answer by TCP from 192.0.2.53:53",
        }
        found = {tcp: self.ask(Trouble.TRUNCATED, tcp) for tcp in table}
        self.assertEqual(found, {tcp: Unavailable(reason) for tcp, reason in table.items()})

    def test_silence_ends_at_the_deadline(self) -> None:
        found = self.ask(Trouble.TRUNCATED, "silent", seconds=10)
        self.assertIn("no answer within", found.reason)

    def test_next_server_is_asked(self) -> None:
        resolver = self.resolver({A: zone(d_test=Trouble.TRUNCATED), B: zone()})
        self.reactor.tcp = "refused"
        self.assertIsInstance(self.result(resolver.exchangers("d.test")), Found)


class ServersTests(Base):
    def test_next_server_is_asked(self) -> None:
        for trouble in (Trouble.SERVFAIL, Trouble.REFUSED):
            found = self.result(self.resolver({A: zone(d_test=trouble), B: zone()}).exchangers("d.test"))
            self.assertIsInstance(found, Found)

    def test_C137_dead_server_is_remembered(self) -> None:
        resolver = self.resolver({A: None, B: zone()})
        self.assertIsInstance(self.result(resolver.exchangers("d.test"), seconds=2), Found)
        self.reactor.asked.clear()
        self.assertIsInstance(self.result(resolver.exchangers("null.test")), Found)
        self.assertEqual(self.reactor.asked, [B])
        self.reactor.advance(31)
        self.reactor.asked.clear()
        resolver.exchangers("four.test")
        self.assertEqual(self.reactor.asked, [A])

    def test_C137_two_hundred_domains_cost_one_timeout(self) -> None:
        names = [f"d{number}.test" for number in range(200)]
        servers = {A: None, B: Zone.of([f"{name} 600 MX 10 mx.{name}" for name in names])}
        resolver = self.resolver(servers)  # type: ignore[arg-type]
        first, rest = names[:20], names[20:]
        waiting = [resolver.exchangers(name) for name in first]
        self.settle(2)
        waiting += [resolver.exchangers(name) for name in rest]
        self.settle()
        self.assertEqual([type(self.successResultOf(each)) for each in waiting], [Found] * 200)

    def test_C137_broken_domain_does_not_blame_the_server(self) -> None:
        # Were SERVFAIL held against the working server, the dead one would be asked first again.
        resolver = self.resolver({A: None, B: zone(d_test=Trouble.SERVFAIL)})
        self.result(resolver.exchangers("null.test"), seconds=2)
        resolver.exchangers("d.test")
        self.settle(10)
        self.reactor.asked.clear()
        self.result(resolver.exchangers("four.test"))
        self.assertEqual(self.reactor.asked, [B])


class BoundTests(Base):
    """A bound exceeded is told, by its name, and never a part of an answer."""

    def events(self) -> list[Any]:
        seen: list[Any] = []
        globalLogPublisher.addObserver(seen.append)
        self.addCleanup(globalLogPublisher.removeObserver, seen.append)
        return seen

    def told(self, seen: list[Any]) -> list[tuple[str, str, str]]:
        return [
            (each["question"], each["server"], each["bound"])
            for each in seen
            if each.get("event") == "dns_bound_exceeded"
        ]

    def bounded(self, most: int, **servers: Zone) -> Resolver:
        lines = [f"d.test 600 MX {n} mx{n}.d.test" for n in range(60)]
        self.reactor = NameReactor({A: Zone.of(lines), **({B: servers["other"]} if servers else {})})
        nameservers = (A, B) if servers else (A,)
        return Resolver(self.reactor, nameservers, 10, open_datagrams=MemoryDatagrams, records=most)  # type: ignore[arg-type]

    def test_answer_of_too_many_records(self) -> None:
        seen, bound = self.events(), "61 records, of which at most 59 are read"
        found = self.result(self.bounded(59).exchangers("d.test"))
        self.assertEqual(found, Unavailable(f"the answer from 192.0.2.53:53 has {bound}"))
        self.assertEqual(self.told(seen), [("MX d.test", "192.0.2.53:53", bound)])
        self.assert_quiet()

    def test_as_many_as_allowed(self) -> None:
        found = self.result(self.bounded(61).exchangers("d.test"))
        assert isinstance(found, Found)
        self.assertEqual(len(found.value), 60)

    def test_another_server_may_have_less(self) -> None:
        found = self.result(self.bounded(10, other=zone()).exchangers("d.test"))
        self.assertIsInstance(found, Found)

    def test_aliases_over_many_answers(self) -> None:
        seen = self.events()
        resolver = self.resolver({A: Zone.of([f"n{n}.test 600 CNAME n{n + 1}.test" for n in range(100)])})
        self.assertIsInstance(self.result(resolver.exchangers("n0.test")), Unavailable)
        self.assertEqual(
            self.told(seen), [("MX n0.test", "the name servers", "a chain of CNAMEs over more than 8 answers")]
        )

    def test_large_answers_push_others_out_of_the_memory(self) -> None:
        self.reactor = NameReactor(
            {A: Zone.of([f"d{k}.test 600 MX {n} mx{n}.test" for k in range(4) for n in range(9)])}
        )
        resolver = Resolver(self.reactor, (A,), 10, open_datagrams=MemoryDatagrams, kept=30)  # type: ignore[arg-type]
        for k in range(4):
            self.result(resolver.exchangers(f"d{k}.test"))
        self.successResultOf(resolver.exchangers("d3.test"))
        self.successResultOf(resolver.exchangers("d1.test"))
        self.assertNoResult(resolver.exchangers("d0.test"))


class SharingTests(Base):
    def test_same_question_under_way_is_asked_once(self) -> None:
        resolver = self.resolver()
        waiting = [resolver.exchangers(name) for name in ("d.test", "D.test", "d.test.")]
        for each in waiting:
            self.assertIsInstance(self.result(each), Found)
        self.assertEqual(len(self.reactor.asked), 1)

    def test_one_who_gives_up_does_not_disturb_the_others(self) -> None:
        resolver = self.resolver()
        one, other = resolver.exchangers("d.test"), resolver.exchangers("d.test")
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.assertIsInstance(self.result(other), Found)

    def test_when_all_give_up_the_question_ends_at_once(self) -> None:
        for servers, tcp in (({A: None}, "works"), ({A: zone(d_test=Trouble.TRUNCATED)}, "silent")):
            resolver = self.resolver(servers)  # type: ignore[arg-type]
            self.reactor.tcp = tcp
            waiting = [resolver.exchangers("d.test") for _ in range(2)]
            self.settle()
            for each in waiting:
                each.cancel()
                self.failureResultOf(each, CancelledError)
            self.assert_quiet()

    def test_giving_up_on_addresses_ends_both_questions(self) -> None:
        waiting = self.resolver({A: None}).addresses("mx.d.test")
        self.assertEqual(self.reactor.open_sockets, 2)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assert_quiet()

    def test_asked_again_after_all_gave_up(self) -> None:
        resolver = self.resolver()
        waiting = resolver.exchangers("d.test")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertIsInstance(self.result(resolver.exchangers("d.test")), Found)

    def test_sockets_are_bounded_and_the_others_wait_their_turn(self) -> None:
        records = [f"d{number}.test 600 MX 10 mx.test" for number in range(600)]
        resolver = self.resolver({A: Zone.of(records)})
        waiting = [resolver.exchangers(f"d{number}.test") for number in range(600)]
        self.assertEqual(self.reactor.open_sockets, 250)
        for each in waiting:
            self.assertIsInstance(self.result(each), Found)
        self.assert_quiet()

    def test_waiting_for_a_turn_has_the_same_deadline(self) -> None:
        resolver = self.resolver({A: None})
        waiting = [resolver.exchangers(f"d{number}.test") for number in range(300)]
        self.settle(10)
        self.assertTrue(all(isinstance(self.successResultOf(each), Unavailable) for each in waiting))
        self.assert_quiet()


class CacheTests(Base):
    def test_answer_is_kept_for_its_ttl(self) -> None:
        resolver = self.resolver()
        self.result(resolver.exchangers("d.test"))
        self.reactor.advance(599)
        self.successResultOf(resolver.exchangers("d.test"))
        self.assertEqual(len(self.reactor.asked), 1)
        self.reactor.advance(2)
        self.assertNoResult(resolver.exchangers("d.test"))

    def test_denial_is_kept(self) -> None:
        resolver = self.resolver()
        self.result(resolver.exchangers("nowhere.test"))
        self.assertEqual(self.successResultOf(resolver.exchangers("nowhere.test")), Absent(name_exists=False))

    def test_failure_is_kept_briefly(self) -> None:
        resolver = self.resolver({A: zone(d_test=Trouble.SERVFAIL)})
        self.result(resolver.exchangers("d.test"))
        self.successResultOf(resolver.exchangers("d.test"))
        self.reactor.advance(6)
        self.assertNoResult(resolver.exchangers("d.test"))

    def test_ttl_zero_is_for_those_who_wait_only(self) -> None:
        resolver = self.resolver({A: Zone.of(["z.test 0 MX 10 a.test"])})
        self.assertIsInstance(self.result(resolver.exchangers("z.test")), Found)
        self.assertNoResult(resolver.exchangers("z.test"))
