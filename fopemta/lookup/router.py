"""Find the hosts of a next hop (shell): queries DNS, and `routing` decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from fopemta.address.ip import is_ip_address
from fopemta.answer import Answer, Found
from fopemta.config.model import Configuration
from fopemta.interfaces import IResolver, IRouter
from fopemta.lookup.together import together
from fopemta.routing.exchangers import Exchanger, exchangers_of
from fopemta.routing.hosts import MOST_HOSTS, OwnAddresses, hosts_of
from fopemta.routing.public_address import Reach
from fopemta.routing.routes import literal_address
from fopemta.routing.values import Host, NextHop, RoutingFailure

_PUBLIC = Reach()


@implementer(IRouter)
class Router:
    """`own_names` are this server's host names, `own` its listening addresses, `port` the default TCP port; `random`
    gives numbers from 0 to 1 (to shuffle hosts of equal preference, and the addresses of each host).  `reach` applies
    to hosts from DNS or an address literal, not to those of a route.  Connections are made to the addresses that were
    checked: no name is looked up again.
    """

    def __init__(
        self,
        resolver: IResolver,
        own_names: frozenset[str],
        own: OwnAddresses,
        port: int,
        random: Callable[[], float],
        reach: Reach = _PUBLIC,
    ) -> None:
        self._resolver = resolver
        self._own_names = own_names
        self._own = own
        self._port = port
        self._random = random
        self._reach = reach
        # By address and port: at most one for each route with an address.
        self._bare_ones: dict[tuple[str, int], tuple[Host, ...] | RoutingFailure] = {}

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` from now on, for settings that a reload may change."""
        self._reach = attrs.evolve(self._reach, private=config.delivery.private)

    def hosts(self, next_hop: NextHop) -> Deferred[tuple[Host, ...] | RoutingFailure]:
        """See IRouter."""
        route = next_hop.route
        fixed = route.fixed_host
        if fixed is not None and is_ip_address(fixed):
            return succeed(self._bare(fixed, route.port or self._port))
        return Deferred.fromCoroutine(self._hosts(next_hop))

    async def _hosts(self, next_hop: NextHop) -> tuple[Host, ...] | RoutingFailure:
        route = next_hop.route
        port = route.port or self._port
        fixed = route.fixed_host
        if fixed is not None:
            return await self._addressed(fixed, (Exchanger(0, fixed),), port, None)
        literal = literal_address(next_hop.domain)
        if literal is not None:
            return await self._addressed(next_hop.domain, (Exchanger(0, literal),), port, self._reach)
        answer = await self._resolver.exchangers(next_hop.domain)
        order = [self._random() for _ in answer.value] if isinstance(answer, Found) else []
        found = exchangers_of(next_hop.domain, answer, self._own_names, order)
        if isinstance(found, RoutingFailure):
            return found
        return await self._addressed(next_hop.domain, found.hosts[:MOST_HOSTS], port, self._reach)

    def _bare(self, address: str, port: int) -> tuple[Host, ...] | RoutingFailure:
        """The host for an address in a route: no lookup is needed, and the result never changes."""
        known = self._bare_ones.get((address, port))
        if known is None:
            answer: Answer[tuple[str, ...]] = Found((address.lower(),))
            known = hosts_of(address, (Exchanger(0, address),), [answer], port, self._own, None)
            self._bare_ones[address, port] = known
        return known

    async def _addressed(
        self, domain: str, exchangers: Sequence[Exchanger], port: int, reach: Reach | None
    ) -> tuple[Host, ...] | RoutingFailure:
        # All at once; MOST_HOSTS bounds them, and the resolver limits simultaneous questions.
        answers = await together([self._resolver.addresses(each.name) for each in exchangers])
        return hosts_of(domain, exchangers, [self._shuffled(each) for each in answers], port, self._own, reach)

    def _shuffled(self, answer: Answer[tuple[str, ...]]) -> Answer[tuple[str, ...]]:
        """A name server rotates addresses, which our cache would freeze: the load would fall on one of them."""
        if not isinstance(answer, Found):
            return answer
        return Found(tuple(sorted(answer.value, key=lambda _: self._random())), answer.authenticated)
