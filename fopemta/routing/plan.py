"""The TLS plan of a next hop (pure): the demands of its route, of rules and of the configuration, combined."""

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
    """The demand of a route, which replaces the default even if it is lower.

    Its proofs are required in addition to those of a rule.
    """
    says = route.names is not NameSource.MX or route.roots is not None or bool(route.pins)
    proof = Proof(names=route.names, roots=route.roots, pins=route.pins) if says else None
    if route.tls is None:
        return Demand(level=Level.OPPORTUNISTIC, source="default", proof=proof)
    return Demand(level=route.tls, source="route", proof=proof)


@functools.lru_cache(maxsize=1024)  # the same for all mail to a destination until the next reload
def plan_towards(demanded: Demanded, hop: NextHop, client: TlsClient) -> TlsPlan:
    """The plan for mail with these demands to that hop; the only place where all demands are combined."""
    route = hop.route
    if route.crosses_no_network:
        # The operator has declared that this hop crosses no network.
        demanded = NOTHING_DEMANDED
    demanded = _by_host(demanded, route)
    merged = demanded.merged(own_demand(route))
    domain = domain_towards(demanded, hop) if _asks_for_domain(merged) else ""
    plan = plan_of(merged, client.fallback, Rung(client.lowest_rung), domain)
    return attrs.evolve(plan, certificate=route.certificate)


def _by_host(demanded: Demanded, route: Route) -> Demanded:
    """The demands that a notice has inherited, for a host named by a route.

    The domain's name is demanded so that an attacker who forges DNS cannot choose the host.  Here the operator has
    chosen the host, whose certificate has its own name and not that of each sender's domain: so the names of the route
    are used.  Demands of rules for the notice's own recipient stay as the operator wrote them.
    """
    if route.host is None:
        return demanded
    return attrs.evolve(demanded, demands=tuple(_by_route(each, route) for each in demanded.demands))


def _by_route(demand: Demand, route: Route) -> Demand:
    proof = demand.proof
    if proof is None or not demand.inherited or proof.names is not NameSource.DOMAIN:
        return demand
    return attrs.evolve(demand, proof=attrs.evolve(proof, names=route.names))


def domain_towards(demanded: Demanded, hop: NextHop) -> str:
    """The recipient's domain, if a certificate must match it.  Otherwise it is left out of the plan, since domains with
    equal plans share sessions.
    """
    return demanded.domain or hop.domain or hop.route.domain


def _asks_for_domain(merged: Merged) -> bool:
    return any(each.names is NameSource.DOMAIN for each in merged.proofs)
