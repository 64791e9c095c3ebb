"""Power cuts at every system call: every message whose 250 left is there, and no flush is there for nothing."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.disk import DoubleDisk
from tests.spool.life import Life, broken_promises, watch, whole_life


class PowerCutTests(SynchronousTestCase):
    def test_C099_every_promise_outlives_a_power_cut_at_any_call(self) -> None:
        life = Life(DoubleDisk())
        cuts = []

        def cut(what: str, image: DoubleDisk) -> None:
            cuts.append(what)
            self.assertEqual(broken_promises(image, life.ledger), [], what)

        watch(life, cut)
        whole_life(life)
        self.assertGreater(len(cuts), 500)

    def test_every_flush_is_needed(self) -> None:
        """A flush that can be left out without a broken promise is there for nothing, or this test is too weak."""
        sites = Life(DoubleDisk())
        whole_life(sites)
        needless = [site for site in sorted(sites.disk.flush_sites) if not self.breaks_without(site)]
        self.assertEqual(needless, [])

    def breaks_without(self, site: str) -> bool:
        life = Life(DoubleDisk())
        life.disk.deaf = {site}
        broken = []

        def cut(what: str, image: DoubleDisk) -> None:
            broken.extend(broken_promises(image, life.ledger))

        watch(life, cut, until=lambda: bool(broken))
        whole_life(life)
        return bool(broken)
