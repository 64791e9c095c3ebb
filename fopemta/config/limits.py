"""[limits] as values (pure): how much clients may do, and how long."""

from __future__ import annotations

import attrs

from fopemta.mime.flaws import ContentBounds
from fopemta.settings.key import key, table
from fopemta.settings.quantities import BOUNDLESS, duration, size, size_or_none, whole

_NOT_FOR_NETWORKS = "Of one client at a time, and in a minute; 0 for no limit. Not for [relay] networks."


@attrs.frozen(kw_only=True)
class LimitTimeouts:
    """[limits.timeouts]"""

    command: float = key(
        duration,
        "5m",
        "For a command, from its first octet on.",
        above="For a command; for the TLS handshake; for each KiB of a message; for a whole session.",
    )
    handshake: float = key(duration, "60s", "For a client's TLS handshake.", above="")
    data: float = key(duration, "3m", "For each KiB of a message.", above="")
    session: float = key(
        duration,
        "1h",
        "For a whole session; a message under way may come to its end while it brings 1 KiB a second. Not for `[relay] "
        "networks`.",
        above="",
    )


@attrs.frozen(kw_only=True)
class Limits:
    """[limits]  A client is an IPv4 network of `client_ipv4` bits or an IPv6 one of `client_ipv6`."""

    message_size: int = key(size_or_none, 150_000_000, "Octets of one message, as told in EHLO (SIZE); 0 for no limit.")
    hops: int = key(
        whole(0, BOUNDLESS),
        100,
        "Received headers of a message, before it is taken for one that goes round in circles (554 5.4.6); 0 for no "
        "limit.",
    )
    recipients: int = key(
        whole(100, BOUNDLESS), 1000, "Recipients of one transaction; at least 100 (RFC 5321 4.5.3.1.8)."
    )
    connections: int = key(
        whole(1, BOUNDLESS),
        2000,
        "Clients at a time, of each listener; fewer where the system allows too few open files.",
    )
    connections_per_client: int = key(
        whole(0, BOUNDLESS),
        50,
        "Connections of one client at a time; 0 for no limit. This and the next four are not for `[relay] networks`.",
        above=_NOT_FOR_NETWORKS,
    )
    connections_per_minute: int = key(
        whole(0, BOUNDLESS), 0, "New connections of one client (421 4.7.0); 0 for no limit.", above="", unit="a minute"
    )
    messages_per_minute: int = key(
        whole(0, BOUNDLESS), 0, "Messages of one client (450 4.7.1); 0 for no limit.", above="", unit="a minute"
    )
    recipients_per_minute: int = key(
        whole(0, BOUNDLESS), 0, "Recipients of one client (452 4.5.3); 0 for no limit.", above="", unit="a minute"
    )
    handshakes_per_minute: int = key(
        whole(0, BOUNDLESS), 0, "TLS handshakes of one client (454 4.7.0); 0 for no limit.", above="", unit="a minute"
    )
    client_ipv4: int = key(
        whole(8, 32),
        32,
        "Bits of an IPv4 address that make one client.",
        above="How many bits of an address make one client.",
        unit="bits",
        start=True,
    )
    client_ipv6: int = key(
        whole(16, 128), 64, "Bits of an IPv6 address that make one client.", above="", unit="bits", start=True
    )
    commands: int = key(
        whole(0, BOUNDLESS),
        1000,
        "Commands of a session without a message between them (421 4.7.0); 0 for no limit.",
    )
    errors: int = key(whole(1, BOUNDLESS), 20, "Wrong or refused commands of one client before it is cut off.")
    etrn_interval: float = key(
        duration,
        "1m",
        "Between two runs of a domain's queue that clients start by ETRN; one that asks earlier gets 458.",
    )
    spool_free: int = key(
        size,
        256_000_000,
        "What the disk of the spool keeps free, besides one message; below it mail is deferred with 452.",
        start=True,
    )
    timeouts: LimitTimeouts = table(LimitTimeouts)
    content: ContentBounds = table(ContentBounds)
