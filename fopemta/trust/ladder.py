"""Make the TLS plan of a destination from its demands (pure): the permitted rungs, strongest first."""

from __future__ import annotations

from fopemta.trust.demand import Merged
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback, TlsPlan
from fopemta.trust.rungs import Rung

_ORDER = tuple(Rung)


def plan_of(merged: Merged, fallback: Fallback, lowest_rung: Rung, domain: str = "") -> TlsPlan:
    """The plan for one destination.  The lower limit is set here, before any connection is made.

    `lowest_rung` is the lowest TLS rung that [tls.client] permits; PLAIN means all except LEGACY.  Plain text is
    permitted only at the levels plain and opportunistic; so is LENIENT, unless a rule demands a lowest rung.  `domain`
    is the recipient's.
    """
    level = merged.level
    if level is Level.PLAIN and merged.preferred is Level.PLAIN:
        return TlsPlan(level, (Rung.PLAIN,), fallback, merged.sources)
    lowest = lowest_rung if merged.lowest_rung is None else min(lowest_rung, merged.lowest_rung, key=_ORDER.index)
    permitted = _ORDER[: _ORDER.index(lowest) + 1]
    tls = [rung for rung in permitted if rung in _SOUND]
    if level <= Level.OPPORTUNISTIC:
        tls += _better_than_plain(lowest, merged.lowest_rung)
    preferred = merged.preferred if merged.preferred > level else None
    return TlsPlan(level, tuple(tls), fallback, merged.sources, preferred, merged.proofs, domain)


_SOUND = (Rung.STRONG_256, Rung.STRONG_128, Rung.COMPATIBLE)


def _better_than_plain(lowest: Rung, demanded: Rung | None) -> list[Rung]:
    """Rungs for mail that may also go in plain text; they prove nothing.  TLS 1.0 must be enabled by name; `lowest` is
    that of all TLS, `demanded` is set if a rule demands a lowest rung.
    """
    found = [Rung.LENIENT] if _ORDER.index(lowest) >= _ORDER.index(Rung.COMPATIBLE) and demanded is None else []
    return [*found, *([Rung.LEGACY] if lowest is Rung.LEGACY else []), Rung.PLAIN]
