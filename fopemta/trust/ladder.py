"""From demands to the TLS plan of a destination (pure): which rungs are permitted, strongest first."""

from __future__ import annotations

import functools

import attrs

from fopemta.config.model import Fallback, Route, TlsClient
from fopemta.routing.values import NextHop
from fopemta.trust.demand import NOTHING_DEMANDED, Demand, Demanded, Merged, NameSource, Proof
from fopemta.trust.levels import Level
from fopemta.trust.plan import TlsPlan
from fopemta.trust.rungs import Rung

_ORDER = tuple(Rung)


def own_demand(route: Route) -> Demand:
    """What a route demands; it speaks for itself, also when it asks for less than the default.

    What it says of proofs counts where somebody wants one, beside what a rule wants to see: both must be given.
    """
    says = route.names is not NameSource.MX or route.roots is not None or bool(route.pins)
    proof = Proof(names=route.names, roots=route.roots, pins=route.pins) if says else None
    if route.tls is None:
        return Demand(level=Level.OPPORTUNISTIC, source="default", proof=proof)
    return Demand(level=route.tls, source="route", proof=proof)


@functools.lru_cache(maxsize=1024)  # the same for all mail to a destination, as long as the configuration stands
def plan_towards(demanded: Demanded, hop: NextHop, client: TlsClient) -> TlsPlan:
    """The plan for mail with these demands to that hop; the one place in which all who demand something meet."""
    route = hop.route
    if route.is_local:
        # The operator says that this hop crosses no network.
        demanded = NOTHING_DEMANDED
    merged = demanded.merged(own_demand(route))
    domain = domain_towards(demanded, hop) if _asks_for_domain(merged) else ""
    plan = plan_of(merged, client.fallback, Rung(client.lowest_rung), domain)
    return attrs.evolve(plan, certificate=route.certificate)


def domain_towards(demanded: Demanded, hop: NextHop) -> str:
    """The recipient's domain, which a certificate must bear where a proof asks for that.  It is a part of a plan only
    where one does, since domains whose plans are the same share sessions.
    """
    return demanded.domain or hop.domain or hop.route.domain


def _asks_for_domain(merged: Merged) -> bool:
    return any(each.names is NameSource.DOMAIN for each in merged.proofs)


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
