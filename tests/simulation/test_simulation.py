"""Whole servers, each from a seed, judged by the oracle and the ledger."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fopemta.outbound import protocol
from fopemta.outbound.walk import Walk
from tests.simulation.breaks import BREAKS
from tests.simulation.run import OPEN, Run, run

SEEDS = int(os.environ.get("FOPEMTA_SEEDS", "200"))
FIRST = int(os.environ.get("FOPEMTA_FIRST_SEED", "0"))
_TOGETHER = 10


class _Simulated(SynchronousTestCase):
    def setUp(self) -> None:
        self.addCleanup(gc.unfreeze)

    def simulated(self, seed: int) -> Run:
        """The run of a seed, in a folder of its own."""
        folder = Path(self.mktemp())
        folder.mkdir()
        return run(seed, folder, OPEN)


class SimulationTests(_Simulated):
    """Nothing is lost, nothing crosses a connection that its demand forbids, nothing is delivered twice, nothing stands
    still, and every record says what the wire shows.
    """

    def check(self, first: int, last: int) -> None:
        for seed in range(first, last):
            complaints = self.simulated(seed).complaints
            again = f"python -m tests.simulation --seeds 1 --first {seed}"
            self.assertEqual(complaints, (), f"seed {seed}; again: {again}")


def _checking(first: int) -> Callable[[SimulationTests], None]:
    last = min(first + _TOGETHER, FIRST + SEEDS)
    return lambda test: test.check(first, last)


for _first in range(FIRST, FIRST + SEEDS, _TOGETHER):
    setattr(SimulationTests, f"test_seeds_from_{_first:05}", _checking(_first))


class SeeingTests(_Simulated):
    """What only moments show that hardly come by chance; other breaks are told of in docs/decisions/0024."""

    def complaints(self, broken: str, seed: int, place: Any, name: str) -> str:
        self.addCleanup(setattr, place, name, getattr(place, name))
        BREAKS[broken]()
        return "; ".join(self.simulated(seed).complaints)

    def test_the_last_gate_alone(self) -> None:
        """All before it have looked, then a rule comes."""
        found = self.complaints("no gate", 33, protocol, "permitted")
        self.assertIn("to m3z.0@bank.test went in the clear to mx.bank.test", found)

    def test_a_certificate_that_ends_while_its_session_stands(self) -> None:
        found = self.complaints("judged once", 4, Walk, "_as_it_stands")
        self.assertIn("certificate='expiring') to mx.bank.test", found)


class ReplayTests(_Simulated):
    def test_a_seed_always_tells_the_same_story(self) -> None:
        """Else a failure could not be looked into."""
        for seed in (3, 8):
            one, other = (_story(self.simulated(seed)) for _ in range(2))
            self.assertEqual(one, other)
            self.assertGreater(len(one), 5)


def _story(run: Run) -> list[tuple[Any, ...]]:
    history = run.history
    wire = [(each.tick, each.at, each.host, each.tls, each.sender, *each.recipients) for each in history.transactions]
    return [*wire, *((each.tick, each.at, each.facts["message"], each.facts["text"]) for each in history.verdicts)]
