"""The hosts of a next hop."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.address.mailbox import Mailbox
from fopemta.answer import Absent, Found, Unavailable
from fopemta.config.model import Configuration, Delivery, Node
from fopemta.interfaces import IResolver, IRouter
from fopemta.lookup.router import Router
from fopemta.routing.hosts import MOST_HOSTS, OwnAddresses
from fopemta.routing.public_address import Reach
from fopemta.routing.route import Route, Via
from fopemta.routing.routes import next_hop
from fopemta.routing.values import Host, RoutingFailure
from fopemta.testing.dns import EVERYWHERE, ScriptedResolver

HOSTS = {"a.test": ("192.0.2.1",), "b.test": ("192.0.2.2",), "plain.test": ("192.0.2.3",)}


class RouterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.resolver = ScriptedResolver({"d.test": ((20, "b.test"), (10, "a.test"))}, HOSTS)
        self.numbers: Iterator[float] = iter(())

    def number(self) -> float:
        return next(self.numbers, 0.5)

    def router(self, **changes: Any) -> Router:
        own, reach = changes.get("own", OwnAddresses()), changes.get("reach", EVERYWHERE)
        return Router(self.resolver, frozenset({"us.test"}), own, 25, self.number, reach)

    def hosts(self, domain: str, *routes: Route, **changes: Any) -> Any:
        return self.successResultOf(self.router(**changes).hosts(next_hop(domain, routes)))

    def test_interfaces(self) -> None:
        self.assertTrue(verifyObject(IRouter, self.router()))
        self.assertTrue(verifyObject(IResolver, self.resolver))

    def test_by_mx(self) -> None:
        wanted = (Host("a.test", ("192.0.2.1",), 25), Host("b.test", ("192.0.2.2",), 25))
        self.assertEqual(self.hosts("d.test"), wanted)

    def test_implicit_mx(self) -> None:
        self.assertEqual(self.hosts("plain.test"), (Host("plain.test", ("192.0.2.3",), 25),))

    def test_fixed_host_is_not_looked_up_as_mx(self) -> None:
        route = Route(domain="d.test", via=Via.SMTP, host="b.test", port=2525)
        self.assertEqual(self.hosts("d.test", route), (Host("b.test", ("192.0.2.2",), 2525),))
        self.assertEqual(self.resolver.asked, ["A b.test"])

    def test_address_literal_goes_straight_there(self) -> None:
        self.assertEqual(self.hosts("[192.0.2.9]"), (Host(None, ("192.0.2.9",), 25),))
        self.assertEqual(self.resolver.asked, [])

    def test_failures_come_back_as_values(self) -> None:
        self.resolver.mx["sick.test"] = Unavailable("timeout")
        self.assertFalse(self.hosts("sick.test").permanent)
        self.assertTrue(self.hosts("nowhere.test").permanent)

    def test_C121_our_own_listener(self) -> None:
        found = self.hosts("plain.test", own=OwnAddresses(frozenset({("192.0.2.3", 25)})))
        assert isinstance(found, RoutingFailure)
        self.assertEqual(found.enhanced, "5.4.6")

    def test_fixed_address_is_no_name(self) -> None:
        route = Route(domain="*", via=Via.SMTP, host="2001:db8::5")
        self.assertEqual(self.hosts("d.test", route), (Host(None, ("2001:db8::5",), 25),))
        self.assertEqual(self.resolver.asked, [])
        router = self.router()
        first, second = (self.successResultOf(router.hosts(next_hop(each, (route,)))) for each in ("d.test", "e.test"))
        self.assertIs(first, second)  # the same for every message

    def test_C121_literal_that_is_us(self) -> None:
        own = OwnAddresses(frozenset({("192.0.2.3", 25)}))
        self.assertEqual(self.hosts("[192.0.2.3]", own=own).enhanced, "5.4.6")

    def test_C123_every_address_of_a_host_is_there(self) -> None:
        self.resolver.mx["odd.test"] = ((10, "127.0.0.6"), (20, "many.test"))
        self.resolver.hosts["many.test"] = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
        wanted = Host("many.test", ("192.0.2.1", "192.0.2.2", "192.0.2.3"), 25)
        self.assertEqual(self.hosts("odd.test"), (wanted,))

    def test_private_addresses_that_strangers_name(self) -> None:
        inside = ("127.0.0.1", "::ffff:127.0.0.1", "10.1.2.3", "169.254.169.254", "fd00::1", "64:ff9b::a00:1")
        for address in inside:
            self.resolver.mx["evil.test"] = ((10, "inside.test"),)
            self.resolver.hosts["inside.test"] = self.resolver.hosts["implicit.test"] = (address,)
            literal = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
            for domain in ("evil.test", "implicit.test", literal):
                found = self.hosts(domain, reach=Reach())
                assert isinstance(found, RoutingFailure), domain
                self.assertEqual((found.enhanced, found.diagnosis.value), ("5.4.4", "private_address"), domain)
        self.assertEqual(self.hosts("[9.9.9.9]", reach=Reach()), (Host(None, ("9.9.9.9",), 25),))

    def test_private_addresses_that_a_route_names(self) -> None:
        self.resolver.hosts["inside.test"] = ("127.0.0.1",)
        for host in ("inside.test", "127.0.0.1"):
            route = Route(domain="d.test", via=Via.SMTP, host=host)
            (found,) = self.hosts("d.test", route, reach=Reach())
            self.assertEqual(found.addresses, ("127.0.0.1",))

    def test_route_by_mx_names_no_host(self) -> None:
        self.resolver.mx["d.test"] = ((10, "inside.test"),)
        self.resolver.hosts["inside.test"] = ("127.0.0.1",)
        found = self.hosts("d.test", Route(domain="d.test", via=Via.MX), reach=Reach())
        self.assertIsInstance(found, RoutingFailure)

    def test_networks_of_a_new_configuration(self) -> None:
        self.resolver.hosts["inside.test"] = ("10.0.0.1",)
        router = self.router(reach=Reach(own=frozenset({"9.9.9.9"})))
        hop = next_hop("inside.test", ())
        self.assertIsInstance(self.successResultOf(router.hosts(hop)), RoutingFailure)
        for private, wanted in ((("10.0.0.0/8",), tuple), ((), RoutingFailure)):
            networks = tuple(ipaddress.ip_network(each) for each in private)
            router.reconfigure(
                Configuration(
                    node=Node(hostname="us.test", postmaster=Mailbox("postmaster", "us.test")),
                    listeners=(),
                    delivery=Delivery(private=networks),
                )
            )
            self.assertIsInstance(self.successResultOf(router.hosts(hop)), wanted)
        self.assertIsInstance(self.successResultOf(router.hosts(next_hop("[9.9.9.9]", ()))), RoutingFailure)

    def test_addresses_are_shuffled(self) -> None:
        self.resolver.hosts["plain.test"] = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
        self.numbers = iter((0.9, 0.1, 0.5))
        [host] = self.hosts("plain.test")
        self.assertEqual(host.addresses, ("192.0.2.2", "192.0.2.3", "192.0.2.1"))

    def test_equal_hosts_are_shuffled(self) -> None:
        self.resolver.mx["d.test"] = ((10, "a.test"), (10, "b.test"))
        self.numbers = iter((0.9, 0.1))
        self.assertEqual([host.name for host in self.hosts("d.test")], ["b.test", "a.test"])

    def test_hosts_are_looked_up_all_at_once(self) -> None:
        late: dict[str, Deferred[Any]] = {name: Deferred() for name in ("a.test", "b.test")}
        self.resolver.hosts |= late
        waiting = self.router().hosts(next_hop("d.test", ()))
        self.assertEqual(self.resolver.asked, ["MX d.test", "A a.test", "A b.test"])
        late["b.test"].callback(Found(("192.0.2.2",)))
        self.assertNoResult(waiting)
        late["a.test"].callback(Absent())
        self.assertEqual(self.successResultOf(waiting), (Host("b.test", ("192.0.2.2",), 25),))

    def test_giving_up_ends_every_question(self) -> None:
        ended: list[Any] = []
        self.resolver.hosts |= {name: Deferred(ended.append) for name in ("a.test", "b.test")}
        waiting = self.router().hosts(next_hop("d.test", ()))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(len(ended), 2)

    def test_number_of_hosts_asked_for_is_bounded(self) -> None:
        self.resolver.mx["d.test"] = tuple((n, f"mx{n}.test") for n in range(60))
        self.hosts("d.test")
        self.assertEqual(len(self.resolver.asked), 1 + MOST_HOSTS)
