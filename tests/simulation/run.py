"""One run: the scenario of a seed, what comes after it, and the judgement."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import attrs

from fopemta.scheduling import destinations
from tests.simulation.certificates import BEGIN_WALL, EXPIRES_AFTER
from tests.simulation.generator import LENGTH, Generator
from tests.simulation.history import History
from tests.simulation.inputs import Become, Scenario, Server
from tests.simulation.ledger import Ledger
from tests.simulation.oracle import Oracle
from tests.simulation.world import World

# Families of events that are left out as long as the product does not keep its promise there.
OPEN: frozenset[str] = frozenset()
# Longer than the life of a message, its wait for TLS, and the rests of destinations.
_SETTLING = 1600.0


@attrs.frozen
class Run:
    """`complaints` are empty where all is well."""

    scenario: Scenario
    history: History
    complaints: tuple[str, ...]


def run(
    seed: int, folder: Path, without: frozenset[str] = frozenset(), watch: Callable[[World], None] = lambda world: None
) -> Run:
    """Everything that a seed stands for, in an empty folder."""
    return carry_out(Generator(seed, without).scenario(), folder, watch)


def carry_out(scenario: Scenario, folder: Path, watch: Callable[[World], None] = lambda world: None) -> Run:
    """A scenario, to its end."""
    before = destinations.CROWD
    # What is there by now stays: the collector looks at what this run leaves, before another begins.
    gc.freeze()
    world = World(scenario, folder)
    try:
        world.begin()
        watch(world)
        for moment, event in scenario.events:
            world.wait_until(moment)
            world.perform(event)
        _settle(world)
        history = world.look()
    finally:
        world.end()
        destinations.CROWD = before
        del world
        gc.collect()
    return Run(scenario, history, judged(history))


def judged(history: History) -> tuple[str, ...]:
    """What is wrong with it."""
    oracle = Oracle(history, BEGIN_WALL, EXPIRES_AFTER)
    return (*oracle.wire(), *Ledger(history, oracle).complaints())


def _settle(world: World) -> None:
    """All servers are well again: what was accepted must come to its end, and then what was held."""
    world.wait_until(LENGTH + 10)
    world.calm()
    for host in world.hosts:
        world.perform(Become(host=host, server=Server()))
    world.wait_until(world.seconds() + _SETTLING)
    for each in list(world.history.acceptances):
        if each.id:
            world.release(each.id)
    world.wait_until(world.seconds() + _SETTLING)
