"""How often somebody may."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.policy import rates
from fopemta.policy.rates import Rate, client_network


class RateTests(SynchronousTestCase):
    def test_a_burst_then_a_steady_stream(self) -> None:
        rate = Rate(6)
        self.assertEqual([rate.take("a", 0.0) for _ in range(8)], [True] * 6 + [False] * 2)
        # One every ten seconds.
        self.assertEqual([rate.take("a", at) for at in (9.0, 10.0, 11.0, 20.0, 30.1)], [False, True, False, True, True])
        self.assertTrue(rate.take("b", 9.0))
        self.assertEqual([rate.take("a", 1000.0) for _ in range(7)], [True] * 6 + [False])

    def test_no_limit(self) -> None:
        rate = Rate(0)
        self.assertTrue(all(rate.take("a", 0.0) for _ in range(1000)))

    def test_memory_is_bounded(self) -> None:
        rate = Rate(1)
        for number in range(rates.MOST_REMEMBERED + 50):
            rate.take(str(number), 0.0)
        self.assertEqual(len(rate._buckets), rates.MOST_REMEMBERED)
        self.assertFalse(rate.take(str(rates.MOST_REMEMBERED), 0.0))

    def test_networks(self) -> None:
        table = {
            "192.0.2.1": "192.0.2.1/32",
            "2001:db8:1:2:3::4": "2001:db8:1:2::/64",
            "2001:db8:1:2:9::": "2001:db8:1:2::/64",
            "unknown": "unknown",
        }
        self.assertEqual({client: client_network(client) for client in table}, table)
        wider = {"192.0.2.1": "192.0.2.0/24", "2001:db8:1:2:3::4": "2001:db8:1::/56", "unknown": "unknown"}
        self.assertEqual({client: client_network(client, 24, 56) for client in wider}, wider)
