"""From host names and their addresses to the hosts to try (pure)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import attrs

from fopemta.address.ip import canonical_ip_address, is_ip_address
from fopemta.answer import Answer, Found, Unavailable
from fopemta.routing.exchangers import Exchanger, loops_back, no_such_domain, private_address, unavailable
from fopemta.routing.public_address import Reach
from fopemta.routing.values import Host, RoutingFailure

# Hosts tried in one attempt; more are hardly ever any better (Postfix stops at 5).
MOST_HOSTS = 10
MOST_ADDRESSES = 6

# Addresses shown in the text of a failure.
_MOST_SHOWN = 4

# Connecting to one of these is connecting to this machine.
_UNSPECIFIED = frozenset({"0.0.0.0", "::"})


def _canonical(listening: Iterable[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    return frozenset((canonical_ip_address(address), port) for address, port in listening)


@attrs.frozen
class OwnAddresses:
    """The addresses on which we listen, so that we do not deliver to ourselves.

    `listening` holds (address, port), with "*" as address for every interface; `local` are the machine's addresses.
    """

    listening: frozenset[tuple[str, int]] = attrs.field(default=frozenset(), converter=_canonical)
    local: frozenset[str] = frozenset()

    def are(self, address: str, port: int) -> bool:
        """Whether a connection there would reach one of our own listeners."""
        address = canonical_ip_address(address)
        if address in _UNSPECIFIED or (address, port) in self.listening:
            return True
        loopback = address.startswith("127.") or address == "::1"
        return ("*", port) in self.listening and (loopback or address in self.local)


def hosts_of(
    domain: str,
    exchangers: Sequence[Exchanger],
    answers: Sequence[Answer[tuple[str, ...]]],
    port: int,
    own: OwnAddresses,
    reach: Reach | None,
) -> tuple[Host, ...] | RoutingFailure:
    """The hosts for `exchangers`, best first, with their `answers` (one each, in order); or why none can be tried.

    `reach` limits the addresses; None if the operator has named the host, and so its address.
    """
    pairs = list(zip(exchangers, answers, strict=True))
    ours = [each.preference for each, answer in pairs if _leads_to_us(answer, port, own)]
    # RFC 5321 5.1: if we are one of the hosts, only better ones may get the mail.
    better = [(each, answer) for each, answer in pairs if not ours or each.preference < min(ours)]
    hosts = tuple(
        Host(None if is_ip_address(each.name) else each.name, interleaved(usable)[:MOST_ADDRESSES], port)
        for each, answer in better
        if (usable := _usable(answer, reach))
    )
    return hosts[:MOST_HOSTS] or _none(domain, [answer for _, answer in better], bool(ours))


def _usable(answer: Answer[tuple[str, ...]], reach: Reach | None) -> tuple[str, ...]:
    if not isinstance(answer, Found):
        return ()
    return answer.value if reach is None else tuple(each for each in answer.value if reach.allows(each))


def interleaved(addresses: Sequence[str]) -> tuple[str, ...]:
    """Alternate IPv6 and IPv4, so that a dead family costs one attempt, and a cut keeps both."""
    six = [each for each in addresses if ":" in each]
    four = [each for each in addresses if ":" not in each]
    pairs = itertools.zip_longest(six, four)
    return tuple(address for pair in pairs for address in pair if address is not None)


def _leads_to_us(answer: Answer[tuple[str, ...]], port: int, own: OwnAddresses) -> bool:
    return isinstance(answer, Found) and any(own.are(address, port) for address in answer.value)


def _none(domain: str, answers: Sequence[Answer[tuple[str, ...]]], looped: bool) -> RoutingFailure:
    failures = [answer.reason for answer in answers if isinstance(answer, Unavailable)]
    if failures:
        # Also if a worse host is this server: the better one exists, but could not be looked up now.
        return unavailable(f"no address of a host of {domain} could be looked up: {failures[0]}")
    if looped:
        return loops_back(f"the hosts of {domain} lead back to this server")
    refused = [address for answer in answers if isinstance(answer, Found) for address in answer.value]
    if refused:
        return private_address(f"no host of {domain} has a public address: {', '.join(refused[:_MOST_SHOWN])}")
    return no_such_domain(f"no host of {domain} has an address")
