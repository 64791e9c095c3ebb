"""Where idle clients come from, and how many the server lets in."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.idle import FIRST, FROM_ONE_ADDRESS, limit, source


class SourceTests(SynchronousTestCase):
    def test_another_address_before_ports_run_out(self) -> None:
        last = FROM_ONE_ADDRESS - 1
        self.assertEqual([source(each) for each in (0, last, last + 1)], ["127.0.0.1", "127.0.0.1", "127.0.0.2"])


class LimitTests(SynchronousTestCase):
    def test_the_first_ones_have_room_too(self) -> None:
        self.assertGreaterEqual(limit(10_000), 10_000 + FIRST)
