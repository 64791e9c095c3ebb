"""Which route a domain takes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.routing.route import Route, Via
from fopemta.routing.routes import is_local, literal_address, next_hop, route_for

ROUTES = (
    Route(domain="example.org", via=Via.SMTP, host="192.0.2.1"),
    Route(domain="*.example.org", via=Via.MAILDIR, maildir="/m"),
    Route(domain="*.deep.example.org", via=Via.MX),
    Route(domain="other.org", via=Via.SMTP, host="192.0.2.1"),
)


class RouteTests(SynchronousTestCase):
    def test_nearest_route_wins(self) -> None:
        table = {
            "example.org": "example.org",
            "a.example.org": "*.example.org",
            "a.b.example.org": "*.example.org",
            "a.deep.example.org": "*.deep.example.org",
            "deep.example.org": "*.example.org",
            "myexample.org": "*",
            "org": "*",
            "[192.0.2.1]": "*",
        }
        self.assertEqual({domain: route_for(domain, ROUTES).domain for domain in table}, table)

    def test_default_route_may_be_configured(self) -> None:
        smart = Route(domain="*", via=Via.SMTP, host="smart.test")
        self.assertIs(route_for("anything.test", (smart,)), smart)
        self.assertIs(route_for("anything.test", ()).via, Via.MX)

    def test_recipients_of_a_fixed_host_share_it_others_share_a_domain(self) -> None:
        self.assertEqual(next_hop("example.org", ROUTES[:1]), next_hop("example.org", ROUTES[:1]))
        smart = (Route(domain="*", via=Via.SMTP, host="smart.test"),)
        self.assertEqual(next_hop("a.test", smart), next_hop("b.test", smart))
        self.assertNotEqual(next_hop("a.test", ()), next_hop("b.test", ()))

    def test_next_hops_that_are_equal_are_one_value(self) -> None:
        routes = (Route(domain="*", via=Via.MX),)
        self.assertIs(next_hop("b.test", routes), next_hop("b.test", routes))
        smart = (Route(domain="*", via=Via.SMTP, host="smart.test", port=25),)
        self.assertIs(next_hop("a.test", smart), next_hop("b.test", smart))

    def test_local(self) -> None:
        self.assertTrue(is_local("a.example.org", ROUTES))
        self.assertFalse(is_local("example.org", ROUTES))

    def test_literals(self) -> None:
        table = {
            "[192.0.2.1]": "192.0.2.1",
            "[IPv6:2001:db8::1]": "2001:db8::1",
            "[ipv6:2001:DB8::1]": "2001:db8::1",
            "[x]": None,
            "example.org": None,
        }
        self.assertEqual({text: literal_address(text) for text in table}, table)
