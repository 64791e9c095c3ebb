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
    the ladder at the levels plain and opportunistic only.  `domain` is the recipient's.
    """
    level = merged.level
    if level is Level.PLAIN and merged.preferred is Level.PLAIN:
        return TlsPlan(level, (Rung.PLAIN,), fallback, merged.sources)
    lowest = lowest_rung if merged.lowest_rung is None else min(lowest_rung, merged.lowest_rung, key=_ORDER.index)
    permitted = _ORDER[: _ORDER.index(lowest) + 1]
    # The rung of TLS 1.0 is for those who ask for it by name, and proves nothing to anybody.
    wants_legacy = lowest is Rung.LEGACY and level <= Level.OPPORTUNISTIC
    tls = tuple(rung for rung in permitted if rung is not Rung.PLAIN and (rung is not Rung.LEGACY or wants_legacy))
    plain = (Rung.PLAIN,) if level <= Level.OPPORTUNISTIC else ()
    preferred = merged.preferred if merged.preferred > level else None
    return TlsPlan(level, tls + plain, fallback, merged.sources, preferred, merged.proofs, domain)
