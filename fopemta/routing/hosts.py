"""From host names and their addresses to the hosts to try (pure)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import attrs

from fopemta.answer import Answer, Found, Unavailable
from fopemta.routing.exchangers import loops_back, no_such_domain, unavailable
from fopemta.routing.values import Host, RoutingFailure

# One attempt tries so many; what lies behind them is tried no better (Postfix stops at 5).
MOST_HOSTS = 10
MOST_ADDRESSES = 6

# "This host" by any other name: connecting there is connecting to ourselves.
_UNSPECIFIED = frozenset({"0.0.0.0", "::"})


@attrs.frozen
class OwnAddresses:
    """Where we listen, so that we do not talk to ourselves: (address, port); "*" as address is every interface."""

    listening: frozenset[tuple[str, int]] = frozenset()
    local: frozenset[str] = frozenset()

    def are(self, address: str, port: int) -> bool:
        """Connecting there would reach one of our own listeners."""
        if (address, port) in self.listening:
            return True
        everywhere = ("*", port) in self.listening
        loopback = address.startswith("127.") or address == "::1"
        return address in _UNSPECIFIED or (everywhere and (loopback or address in self.local))


def hosts_of(
    domain: str, names: Sequence[str], answers: Sequence[Answer[tuple[str, ...]]], port: int, own: OwnAddresses
) -> tuple[Host, ...] | RoutingFailure:
    """The hosts `names` with their `answers` (one each), in order; or why none can be tried."""
    hosts = []
    looped = False
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, Found):
            foreign = tuple(address for address in answer.value if not own.are(address, port))
            looped = looped or len(foreign) < len(answer.value)
            if foreign and not looped:
                hosts.append(Host(name, interleaved(foreign)[:MOST_ADDRESSES], port))
    if hosts:
        return tuple(hosts[:MOST_HOSTS])
    return _none(domain, answers, looped)


def interleaved(addresses: Sequence[str]) -> tuple[str, ...]:
    """IPv6 and IPv4 in turn, so that a dead family costs one attempt and a cut keeps both (C126, C127)."""
    six = [each for each in addresses if ":" in each]
    four = [each for each in addresses if ":" not in each]
    pairs = itertools.zip_longest(six, four)
    return tuple(address for pair in pairs for address in pair if address is not None)


def _none(domain: str, answers: Sequence[Answer[tuple[str, ...]]], looped: bool) -> RoutingFailure:
    if looped:
        return loops_back(f"the hosts of {domain} lead back to this server")
    failures = [answer.reason for answer in answers if isinstance(answer, Unavailable)]
    if failures:
        return unavailable(f"no address of a host of {domain} could be looked up: {failures[0]}")
    return no_such_domain(f"no host of {domain} has an address")
