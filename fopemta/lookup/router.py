"""The hosts of a next hop: DNS asked, `routing` decides (shell)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from fopemta.answer import Answer, Found
from fopemta.config.model import Via
from fopemta.interfaces import IResolver, IRouter
from fopemta.routing.exchangers import exchangers_of
from fopemta.routing.hosts import MOST_HOSTS, OwnAddresses, hosts_of
from fopemta.routing.routes import literal_address
from fopemta.routing.values import Host, NextHop, RoutingFailure


@implementer(IRouter)
class Router:
    """`own_names` this server's host names, `own` where it listens, `port` the TCP port where a route names none,
    `random` gives numbers between 0 and 1 (they shuffle hosts of equal preference).
    """

    def __init__(
        self,
        resolver: IResolver,
        own_names: frozenset[str],
        own: OwnAddresses,
        port: int,
        random: Callable[[], float],
    ) -> None:
        self._resolver = resolver
        self._own_names = own_names
        self._own = own
        self._port = port
        self._random = random

    def hosts(self, next_hop: NextHop) -> Deferred[tuple[Host, ...] | RoutingFailure]:
        """See IRouter."""
        return Deferred.fromCoroutine(self._hosts(next_hop))

    async def _hosts(self, next_hop: NextHop) -> tuple[Host, ...] | RoutingFailure:
        route = next_hop.route
        port = route.port or self._port
        if route.via is Via.SMTP:
            assert route.host is not None
            return await self._addressed(route.host, (route.host,), port)
        literal = literal_address(next_hop.domain)
        if literal is not None:
            return hosts_of(next_hop.domain, [literal], [Found((literal,))], port, self._own)
        answer = await self._resolver.exchangers(next_hop.domain)
        order = [self._random() for _ in answer.value] if isinstance(answer, Found) else []
        found = exchangers_of(next_hop.domain, answer, self._own_names, order)
        if isinstance(found, RoutingFailure):
            return found
        return await self._addressed(next_hop.domain, found.names[:MOST_HOSTS], port)

    async def _addressed(self, domain: str, names: Sequence[str], port: int) -> tuple[Host, ...] | RoutingFailure:
        answers: list[Answer[tuple[str, ...]]] = await gatherResults([self._resolver.addresses(name) for name in names])
        return hosts_of(domain, names, answers, port, self._own)
