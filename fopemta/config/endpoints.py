"""Where a listener listens: its endpoint (pure)."""

from __future__ import annotations

import re

import attrs

from fopemta.address.ip import canonical_ip_address
from fopemta.settings.place import NotValid, plain, shown
from fopemta.settings.words import text_of

# What an endpoint behind a proxy begins with.
PROXIED = "haproxy:"

_ENDPOINT = re.compile(r"(tcp|tcp6):(?:port=)?([0-9]{1,5})((?::(?:interface|backlog)=.+)*)")
_INTERFACE = re.compile(r":interface=((?:[^:\\]|\\.)*)")


def endpoint_of(value: object) -> str:
    """A Twisted server endpoint string, as far as it can be told without Twisted; `service` parses it for good."""
    whole = text_of(value)
    text = whole.removeprefix(PROXIED)
    if text.startswith(("ssl:", "tls:")):
        raise NotValid('brings TLS of its own; write "tcp:..." here and tls = "implicit" beside it')
    if text.startswith("systemd:"):
        return whole
    match = _ENDPOINT.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        raise NotValid(f'must be as "tcp:25:interface=192.0.2.1", "tcp6:25" or "systemd:...", not {shown(whole)}')
    return whole


def listening_address(text: str) -> tuple[str, int] | None:
    """The address and port of an endpoint that `endpoint_of` let pass, "*" for every interface; None where only
    systemd knows.
    """
    match = _ENDPOINT.fullmatch(text.removeprefix(PROXIED))
    if match is None:
        return None
    interface = _INTERFACE.search(match[3])
    # Endpoint strings escape the colons of an address.
    address = interface[1].replace("\\:", ":") if interface else ""
    return ("*" if address in ("", "0.0.0.0", "::") else address), int(match[2])


@attrs.frozen
class Spot:
    """Where an endpoint listens: "*" is every address of the family."""

    family: int
    address: str
    port: int

    def takes(self, other: Spot) -> bool:
        """Only one of the two can be bound."""
        if (self.family, self.port) != (other.family, other.port) or self.port == 0:
            return False
        return self.address == other.address or "*" in (self.address, other.address)


def spots_of(text: str) -> tuple[Spot, ...]:
    r"""Where an endpoint listens that `endpoint_of` let pass; none where only systemd knows.

    "tcp6:..." is IPv6 alone; "tcp:PORT:interface=\\:\\:" is both, as the kernel has it.
    """
    match, listening = _ENDPOINT.fullmatch(text.removeprefix(PROXIED)), listening_address(text)
    if match is None or listening is None:
        return ()
    address, port = canonical_ip_address(listening[0]), listening[1]
    if match[1] == "tcp6" or ":" in address:
        return (Spot(6, address, port),)
    both = address == "*" and r"\:" in match[3]
    return (Spot(4, address, port), Spot(6, address, port)) if both else (Spot(4, address, port),)


endpoint = plain(endpoint_of)
