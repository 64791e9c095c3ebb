"""`endpoint` of a listener."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.endpoints import Spot, endpoint_of, listening_address, spots_of
from fopemta.settings.place import NotValid


class EndpointTests(SynchronousTestCase):
    def test_address_of_every_form(self) -> None:
        expected = {
            "tcp:25": ("*", 25),
            "tcp:port=25": ("*", 25),
            "tcp:25:interface=192.0.2.1": ("192.0.2.1", 25),
            "tcp:25:interface=0.0.0.0:backlog=100": ("*", 25),
            "tcp:25:backlog=100:interface=192.0.2.1": ("192.0.2.1", 25),
            "tcp6:25": ("*", 25),
            r"tcp6:25:interface=2001\:db8\:\:1": ("2001:db8::1", 25),
            r"tcp6:25:interface=2001\:db8\:\:1:backlog=9": ("2001:db8::1", 25),
            "systemd:domain=INET:index=0": None,
            "haproxy:tcp:25:interface=192.0.2.1": ("192.0.2.1", 25),
            "haproxy:systemd:domain=INET:index=0": None,
        }
        self.assertEqual({text: listening_address(endpoint_of(text)) for text in expected}, expected)

    def test_where_an_endpoint_listens(self) -> None:
        expected = {
            "tcp:25": (Spot(4, "*", 25),),
            "tcp:25:interface=0.0.0.0": (Spot(4, "*", 25),),
            "tcp:25:interface=192.0.2.1": (Spot(4, "192.0.2.1", 25),),
            "haproxy:tcp6:25": (Spot(6, "*", 25),),
            r"tcp6:25:interface=\:\:": (Spot(6, "*", 25),),
            r"tcp6:25:interface=2001\:db8\:0\:\:1": (Spot(6, "2001:db8::1", 25),),
            r"tcp:25:interface=\:\:1": (Spot(6, "::1", 25),),
            r"tcp:25:interface=\:\:": (Spot(4, "*", 25), Spot(6, "*", 25)),
            "systemd:domain=INET:index=0": (),
        }
        self.assertEqual({text: spots_of(endpoint_of(text)) for text in expected}, expected)

    def test_who_takes_whose_place(self) -> None:
        one = Spot(4, "192.0.2.1", 25)
        table = {
            one: True, Spot(4, "*", 25): True, Spot(4, "192.0.2.2", 25): False, Spot(4, "192.0.2.1", 26): False,
            Spot(6, "*", 25): False, Spot(6, "192.0.2.1", 25): False,
        }  # fmt: skip
        self.assertEqual({other: one.takes(other) for other in table}, table)
        self.assertEqual({other: other.takes(one) for other in table}, table)
        self.assertFalse(Spot(4, "*", 0).takes(Spot(4, "*", 0)))

    def test_everything_else_is_refused(self) -> None:
        for value in (
            "",
            "25",
            "tcp:",
            "tcp:65536",
            "tcp:x",
            "tcp:25:port=1",
            "ssl:465",
            "tls:x",
            "haproxy:ssl:25",
            "haproxy:",
            "unix:/x",
            25,
        ):
            with self.assertRaises(NotValid, msg=repr(value)):
                endpoint_of(value)
