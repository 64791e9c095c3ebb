"""The hosts of a next hop."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.answer import Unavailable
from fopemta.config.model import Route, Via
from fopemta.interfaces import IResolver, IRouter
from fopemta.lookup.router import Router
from fopemta.routing.hosts import OwnAddresses
from fopemta.routing.routes import next_hop
from fopemta.routing.values import Host, RoutingFailure
from fopemta.testing.dns import ScriptedResolver

HOSTS = {"a.test": ("192.0.2.1",), "b.test": ("192.0.2.2",), "plain.test": ("192.0.2.3",)}


class RouterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.resolver = ScriptedResolver({"d.test": ((20, "b.test"), (10, "a.test"))}, HOSTS)

    def router(self, **changes: Any) -> Router:
        return Router(self.resolver, frozenset({"us.test"}), changes.get("own", OwnAddresses()), 25, lambda: 0.5)

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
        self.assertEqual(self.hosts("[192.0.2.9]"), (Host("192.0.2.9", ("192.0.2.9",), 25),))
        self.assertEqual(self.resolver.asked, [])

    def test_failures_come_back_as_values(self) -> None:
        self.resolver.mx["sick.test"] = Unavailable("timeout")
        self.assertFalse(self.hosts("sick.test").permanent)
        self.assertTrue(self.hosts("nowhere.test").permanent)

    def test_C121_our_own_listener(self) -> None:
        found = self.hosts("plain.test", own=OwnAddresses(frozenset({("192.0.2.3", 25)})))
        assert isinstance(found, RoutingFailure)
        self.assertEqual(found.enhanced, "5.4.6")
