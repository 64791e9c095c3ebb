"""The TLS plan of a next hop (pure): what its route, rules and the configuration demand together."""

from __future__ import annotations

import functools

import attrs

from fopemta.routing.route import Route
from fopemta.routing.values import NextHop
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.demand import NOTHING_DEMANDED, Demand, Demanded, Merged, NameSource, Proof
from fopemta.trust.ladder import plan_of
from fopemta.trust.levels import Level
from fopemta.trust.plan import TlsPlan
from fopemta.trust.rungs import Rung


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
    if route.crosses_no_network:
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
