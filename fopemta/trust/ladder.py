"""From demands to the TLS plan of a destination (pure): which rungs are permitted, strongest first."""

from __future__ import annotations

from fopemta.trust.demand import Merged
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback, TlsPlan
from fopemta.trust.rungs import Rung

_ORDER = tuple(Rung)


def plan_of(merged: Merged, fallback: Fallback, lowest_rung: Rung, domain: str = "") -> TlsPlan:
    """The plan for one destination.  The floor is set here, before anyone dials.

    `lowest_rung` is the lowest TLS rung that [tls.client] permits; PLAIN means every one but LEGACY.  Plain text is on
    the ladder at the levels plain and opportunistic only; so is LENIENT, but not where a rule demands a floor.
    `domain` is the recipient's.
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
    """What mail goes by that might go in plain text, too; none of it proves anything.  The rung of TLS 1.0 is for those
    who ask for it by name; `lowest` of all TLS, `demanded` where a rule wants a floor.
    """
    found = [Rung.LENIENT] if _ORDER.index(lowest) >= _ORDER.index(Rung.COMPATIBLE) and demanded is None else []
    return [*found, *([Rung.LEGACY] if lowest is Rung.LEGACY else []), Rung.PLAIN]
