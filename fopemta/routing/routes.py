"""The route of a domain, and the next hop (pure)."""

from __future__ import annotations

import functools
import ipaddress
from collections import deque
from collections.abc import Sequence

from fopemta.address.written import names_of
from fopemta.routing.route import Route, Via
from fopemta.routing.values import NextHop

_BY_MX = Route(domain="*", via=Via.MX)


def route_for(domain: str, routes: Sequence[Route]) -> Route:
    """The most specific route for `domain` (see `address.written`); else "*"; else by MX."""
    table = _table_of(routes)
    found = table.found.get(domain)
    if found is None:
        if len(table.found) >= _MOST_FOUND:
            table.found.clear()
        found = table.found[domain] = table.route_for(domain)
    return found


# Bounds what is remembered of domains, which strangers choose.
_MOST_FOUND = 4096


class _Table:
    """Routes by pattern, and the routes `found` for the domains used last: there may be thousands of routes, and each
    message asks several times.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self.by_domain = {route.domain: route for route in routes}
        self.found: dict[str, Route] = {}

    def route_for(self, domain: str) -> Route:
        for name in names_of(domain):
            if name in self.by_domain:
                return self.by_domain[name]
        return self.by_domain.get("*", _BY_MX)


# Tables of the routes used last: those of the active configuration, and of one being loaded.
_tables: deque[tuple[Sequence[Route], _Table]] = deque(maxlen=4)


def _table_of(routes: Sequence[Route]) -> _Table:
    """Made once for each tuple of routes."""
    for known, table in _tables:
        if known is routes:
            return table
    table = _Table(routes)
    if isinstance(routes, tuple):
        _tables.appendleft((routes, table))
    return table


def next_hop(domain: str, routes: Sequence[Route]) -> NextHop:
    """The next hop of a recipient at `domain` (canonical, or an address literal).

    Recipients of one message with equal next hops share a transaction: all those of a fixed host, and otherwise those
    of the same domain.
    """
    return hop_by(route_for(domain, routes), domain)


def hop_by(route: Route, domain: str) -> NextHop:
    """The next hop of a recipient at `domain` by the given route."""
    return _hop(domain if route.fixed_host is None else "", route)


@functools.lru_cache(maxsize=4096)  # Equal next hops are the same object, which makes comparing them cheap.
def _hop(domain: str, route: Route) -> NextHop:
    return NextHop(domain, route)


def is_local(domain: str, routes: Sequence[Route]) -> bool:
    """Whether mail for the domain is delivered on this machine."""
    return route_for(domain, routes).is_local


def literal_address(domain: str) -> str | None:
    """The IP address of an address literal ("[192.0.2.1]", "[IPv6:2001:db8::1]"), None for a domain.

    RFC 5321 4.1.3.
    """
    if not (domain.startswith("[") and domain.endswith("]")):
        return None
    text = domain[1:-1]
    if text[:5].lower() == "ipv6:":
        text = text[5:]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
