"""From a demand to the TLS plan of a destination (pure): which rungs are permitted, strongest first."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from fopemta.config.model import Fallback
from fopemta.trust.levels import Level
from fopemta.trust.plan import TlsPlan
from fopemta.trust.rungs import Rung

_ORDER = tuple(Rung)


@attrs.frozen
class Demand:
    """Somebody's demand: the level, and who asks for it ("default", "route")."""

    level: Level
    source: str


def strictest(demands: Iterable[Demand]) -> tuple[Level, tuple[str, ...]]:
    """The strictest of the levels and everyone who contributed to it.  Raises ValueError without any demand."""
    known = tuple(demands)
    level = max(each.level for each in known)
    return level, tuple(each.source for each in known if each.level == level)


def plan_for(level: Level, fallback: Fallback, lowest_rung: Rung, sources: tuple[str, ...]) -> TlsPlan:
    """The plan for one destination.  The floor is set here, before anyone dials (DESIGN 1.4).

    `lowest_rung` is the lowest TLS rung permitted; PLAIN as `lowest_rung` means every TLS rung.  Plain text is on the
    ladder at the levels plain and opportunistic only.
    """
    if level is Level.PLAIN:
        return TlsPlan(level, (Rung.PLAIN,), fallback, sources)
    permitted = _ORDER[: _ORDER.index(lowest_rung) + 1]
    tls = tuple(rung for rung in permitted if rung is not Rung.PLAIN)
    plain = (Rung.PLAIN,) if level is Level.OPPORTUNISTIC else ()
    return TlsPlan(level, tls + plain, fallback, sources)
