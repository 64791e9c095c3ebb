"""The name service for tests does what its tables say."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.answer import Absent, Found, Unavailable
from fopemta.interfaces import IResolver
from fopemta.testing.dns import SLOW_SECONDS, DnsServer, ScriptedResolver, Trouble, Zone

LINES = (
    "d.test 600 MX 10 mx.d.test",
    "d.test 600 MX 20 mx2.d.test",
    "alias.test 600 CNAME D.test",
    "far.test 600 CNAME nowhere.test",
    "slow.test 600 A 192.0.2.1",
)


class ScriptedResolverTests(SynchronousTestCase):
    def test_answers_from_its_tables(self) -> None:
        pending: Deferred[object] = Deferred()
        resolver = ScriptedResolver(
            {"d.test": ((10, "mx.d.test"),), "sick.test": Unavailable("timeout")},
            {"mx.d.test": ("192.0.2.1",), "late.test": pending},
        )
        self.assertTrue(verifyObject(IResolver, resolver))
        self.assertEqual(self.successResultOf(resolver.exchangers("d.test")), Found(((10, "mx.d.test"),)))
        self.assertEqual(self.successResultOf(resolver.exchangers("sick.test")), Unavailable("timeout"))
        self.assertEqual(self.successResultOf(resolver.exchangers("mx.d.test")), Absent())
        self.assertEqual(self.successResultOf(resolver.addresses("no.test")), Absent(name_exists=False))
        self.assertEqual(self.successResultOf(resolver.addresses("192.0.2.7")), Found(("192.0.2.7",)))
        self.assertEqual(self.successResultOf(resolver.ipv4_addresses("mx.d.test")), Found(("192.0.2.1",)))
        waiting = resolver.addresses("late.test")
        self.assertNoResult(waiting)
        pending.callback(Absent())
        self.assertEqual(self.successResultOf(waiting), Absent())
        self.assertEqual(resolver.asked[:2], ["MX d.test", "MX sick.test"])


class DnsServerTests(SynchronousTestCase):
    def ask(self, name: str, rdtype: str = "MX", tcp: bool = False, **trouble: Trouble) -> dns.message.Message | None:
        zone = Zone.of(LINES, {each.replace("_", "."): kind for each, kind in trouble.items()})
        query = dns.message.make_query(name + ".", rdtype, use_edns=0)
        wire = DnsServer(zone).respond(query.to_wire(), tcp)
        if wire is None:
            return None
        response = dns.message.from_wire(wire)
        self.assertTrue(query.is_response(response))
        return response

    def told(self, name: str, rdtype: str = "MX", **more: Trouble) -> tuple[str, int]:
        response = self.ask(name, rdtype, **more)
        assert response is not None
        return dns.rcode.to_text(response.rcode()), sum(len(rrset) for rrset in response.answer)

    def test_records(self) -> None:
        table = {
            ("d.test", "MX"): ("NOERROR", 2),
            ("D.TEST", "MX"): ("NOERROR", 2),
            ("d.test", "A"): ("NOERROR", 0),
            ("alias.test", "MX"): ("NOERROR", 3),
            ("far.test", "MX"): ("NXDOMAIN", 1),
            ("nowhere.test", "MX"): ("NXDOMAIN", 0),
        }
        self.assertEqual({case: self.told(*case) for case in table}, table)

    def test_troubles(self) -> None:
        self.assertEqual(self.told("d.test", d_test=Trouble.SERVFAIL), ("SERVFAIL", 0))
        self.assertEqual(self.told("d.test", d_test=Trouble.REFUSED), ("REFUSED", 0))
        self.assertIsNone(self.ask("d.test", d_test=Trouble.SILENT))
        short = self.ask("d.test", d_test=Trouble.TRUNCATED)
        assert short is not None
        self.assertEqual((bool(short.flags & dns.flags.TC), short.answer), (True, []))
        self.assertRaises(dns.message.Truncated, self.cut_off, False)
        self.assertEqual(len(self.cut_off(True).answer[0]), 2)

    def cut_off(self, tcp: bool) -> dns.message.Message:
        query = dns.message.make_query("d.test.", "MX", use_edns=False)
        wire = DnsServer(Zone.of(LINES, {"d.test": Trouble.CUT_OFF})).respond(query.to_wire(), tcp)
        assert wire is not None
        return dns.message.from_wire(wire, raise_on_truncation=True)

    def test_rubbish_gets_no_answer(self) -> None:
        server = DnsServer(Zone())
        self.assertIsNone(server.respond(b"\xff" * 20, tcp=False))
        self.assertIsNone(server.respond(dns.message.Message(id=1).to_wire(), tcp=False))

    def test_slow_answer_comes_later_and_not_after_the_end(self) -> None:
        reactor = MemoryReactorClock()
        server = DnsServer(Zone.of(LINES, {"slow.test": Trouble.SLOW}))
        server._reactor = reactor
        sent: list[bytes] = []
        query = dns.message.make_query("slow.test.", "A").to_wire()
        server.answer(query, False, sent.append)
        reactor.advance(SLOW_SECONDS / 2)
        self.assertEqual(sent, [])
        reactor.advance(SLOW_SECONDS / 2)
        self.assertEqual(len(sent), 1)
        server.answer(query, False, sent.append)
        self.successResultOf(server.stop())
        self.assertEqual(reactor.getDelayedCalls(), [])
