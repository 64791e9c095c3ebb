"""[delivery], [dns] and [fetch] as values (pure): what we do towards others."""

from __future__ import annotations

from typing import ClassVar

import attrs

from fopemta.address.ip import Network
from fopemta.settings import quantities, words
from fopemta.settings.key import About, key, table
from fopemta.settings.place import array
from fopemta.settings.quantities import BOUNDLESS, duration, size, whole
from fopemta.settings.words import http_url, ip_address, nameserver, network


@attrs.frozen(kw_only=True)
class Fetch:
    """[fetch]"""

    proxy: str = key(
        words.proxy,
        "off",
        'CRLs and OCSP responses come by HTTP: an HTTP proxy to fetch through, as `"http://proxy.example.org:3128"`, '
        'which then decides which addresses are reached; or `"off"`.',
        start=True,
    )
    probe: str = key(
        http_url,
        "http://x1.c.lencr.org/",
        "A small CRL that is fetched at start and every hour where mail depends on revocation, to warn when none can "
        'be; `"off"` for never.',
        start=True,
    )
    timeout: float = key(duration, "60s", "For one of them, all redirects together.", start=True)
    largest: int = key(
        size,
        "32MB",
        "No CRL larger than this is taken; a response with more than 64 KiB or 100 lines of headers is cut off (event "
        "`fetch_bound_exceeded`).",
        start=True,
    )


@attrs.frozen(kw_only=True)
class Dns:
    """[dns]  `nameservers` are (address, port)."""

    about: ClassVar[About] = About(later=frozenset({"dnssec"}))

    nameservers: tuple[tuple[str, int], ...] = key(
        array(nameserver), [], 'As `"127.0.0.1:53"` or `"[::1]:53"`; without any those of /etc/resolv.conf.', start=True
    )
    timeout: float = key(duration, "10s", "For one question, all servers and repetitions together.", start=True)
    records: int = key(
        whole(50, 1000),
        300,
        "The most records that one answer may have; a larger one is not read, and mail that needs it is deferred "
        "(event `dns_bound_exceeded`).",
        start=True,
    )


@attrs.frozen(kw_only=True)
class DeliveryTimeouts:
    """[delivery.timeouts]"""

    connect: float = key(
        duration,
        "30s",
        "For the TCP connection.",
        above="How long to wait at each step of a session (RFC 5321 4.5.3.2).",
    )
    greeting: float = key(duration, "5m", "For the greeting.", above="")
    handshake: float = key(duration, "60s", "For the TLS handshake.", above="")
    helo: float = key(duration, "5m", "For the answer to EHLO or HELO.", above="")
    mail: float = key(duration, "5m", "For the answer to MAIL.", above="")
    rcpt: float = key(duration, "5m", "For the answer to each RCPT.", above="")
    data: float = key(duration, "2m", "For the answer to DATA.", above="")
    block: float = key(duration, "3m", "For the peer to take a block of the message.", above="")
    final: float = key(duration, "10m", "For the answer to the final dot.", above="")
    quit: float = key(duration, "5s", "For the answer to QUIT.", above="")


@attrs.frozen(kw_only=True)
class Delivery:
    """[delivery]"""

    port: int = key(quantities.port, 25, "The port of mail servers found by MX.", start=True)
    private: tuple[Network, ...] = key(
        array(network),
        [],
        'Networks to which mail may go although they are not public, as `"10.0.0.0/8"`, when an MX record or an '
        "address literal names them; what a stranger publishes must not lead into your own network. Without an entry "
        "such hosts are passed over, and mail for a domain that has no other is returned (`private_address`); a route "
        "to a host needs none.",
    )
    connections: int = key(
        whole(1, BOUNDLESS),
        200,
        "Outgoing connections at a time.",
        above="Connections at a time, in all and to one destination.",
        start=True,
    )
    connections_per_destination: int = key(whole(1, BOUNDLESS), 20, "Of them to one destination.", above="", start=True)
    messages_per_connection: int = key(
        whole(1, BOUNDLESS), 100, "Messages to one destination in one session; then a new connection is made."
    )
    rate_per_destination: int = key(
        whole(0, BOUNDLESS),
        0,
        "Deliveries a minute to one destination; 0 for as many as there are connections.",
        unit="a minute",
    )
    reply_text: int = key(
        whole(200, 65536),
        1024,
        "What is kept of the text of a server's reply for each recipient, in the queue, the log and reports; what is "
        "left out is counted in the text (event `reply_bound_exceeded`).",
        unit="characters",
    )
    source_addresses: tuple[str, ...] = key(
        array(ip_address),
        [],
        "Addresses of this machine to connect from, the first of each family; without one the system chooses.",
    )
    timeouts: DeliveryTimeouts = table(DeliveryTimeouts)
