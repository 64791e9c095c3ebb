"""From a domain's MX answer to the names of its hosts, in the order to try (pure).

RFC 5321 5.1, RFC 7505.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs

from fopemta.address.ip import is_ip_address
from fopemta.answer import Absent, Answer, Unavailable
from fopemta.routing.values import RoutingFailure
from fopemta.trust.diagnosis import Diagnosis

MxSet: TypeAlias = tuple[tuple[int, str], ...]

NULL_MX = RoutingFailure(True, 556, "5.1.10", Diagnosis.NULL_MX, "the domain takes no mail (null MX)")


@attrs.frozen
class Exchanger:
    """A host of a domain; a lower `preference` is better."""

    preference: int
    name: str


@attrs.frozen
class Exchangers:
    """`hosts`, best first and each once; `implicit`: there is no MX, and the domain itself is the host."""

    hosts: tuple[Exchanger, ...]
    implicit: bool = False
    authenticated: bool = False


def exchangers_of(
    domain: str, answer: Answer[MxSet], own_names: frozenset[str], order: Sequence[float]
) -> Exchangers | RoutingFailure:
    """The hosts of `domain`, or why there are none.

    `own_names` are this server's host names; `order` holds random numbers (at least one for each host in the answer)
    that shuffle hosts of equal preference.
    """
    if isinstance(answer, Unavailable):
        # Do not fall back to the address record: its host may not be a mail server (RFC 5321 5.1).
        return unavailable(f"the MX of {domain} could not be looked up: {answer.reason}")
    if isinstance(answer, Absent):
        if not answer.name_exists:
            return no_such_domain(f"the domain {domain} does not exist")
        return Exchangers((Exchanger(0, domain),), implicit=True, authenticated=answer.authenticated)
    named = tuple((preference, host) for preference, host in answer.value if host)
    if not named:
        return NULL_MX
    return _usable(domain, named, own_names, order, answer.authenticated)


def no_such_domain(text: str) -> RoutingFailure:
    """It is certain that there is no host."""
    return RoutingFailure(True, 550, "5.1.2", Diagnosis.DOMAIN_NOT_FOUND, text)


def unavailable(text: str) -> RoutingFailure:
    """Whether there is a host could not be found out."""
    return RoutingFailure(False, 451, "4.4.3", Diagnosis.DNS_UNAVAILABLE, text)


def loops_back(text: str) -> RoutingFailure:
    """The route leads back to this server."""
    return RoutingFailure(True, 554, "5.4.6", Diagnosis.LOOPS_BACK, text)


def private_address(text: str) -> RoutingFailure:
    """A stranger's DNS names an address in our own network, or one that mail cannot be sent to."""
    return RoutingFailure(True, 550, "5.4.4", Diagnosis.PRIVATE_ADDRESS, text)


def _usable(
    domain: str, named: MxSet, own_names: frozenset[str], order: Sequence[float], authenticated: bool
) -> Exchangers | RoutingFailure:
    shuffled = sorted(zip(named, order, strict=False), key=lambda each: (each[0][0], each[1]))
    ours = [preference for (preference, host), _ in shuffled if _is_this_machine(host, own_names)]
    # We are one of the hosts: only better ones may get the mail, or it would loop (RFC 5321 5.1).
    better = [Exchanger(preference, host) for (preference, host), _ in shuffled if not ours or preference < min(ours)]
    if not better:
        return loops_back(f"the best MX of {domain} is this server, which has no route for the domain")
    once: dict[str, Exchanger] = {}
    for each in better:
        if not is_ip_address(each.name):  # an address is not a name (RFC 5321 5.1)
            once.setdefault(each.name, each)
    if not once:
        return no_such_domain(f"the MX of {domain} names an IP address instead of a host")
    return Exchangers(tuple(once.values()), authenticated=authenticated)


def _is_this_machine(host: str, own_names: frozenset[str]) -> bool:
    # RFC 6761 6.3: "localhost" is this machine.  Another listener here is not the domain's mail server.
    return host in own_names or host == "localhost" or host.endswith(".localhost")
