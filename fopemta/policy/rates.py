"""Rate limits (pure): leaky buckets by client network, in bounded memory."""

from __future__ import annotations

import functools
import ipaddress

import attrs

# Beyond this number the network idle longest is forgotten: its bucket is the most likely to be empty.
MOST_REMEMBERED = 20_000


@functools.lru_cache(maxsize=4096)
def client_network(client: str, ipv4: int = 32, ipv6: int = 64) -> str:
    """The unit that limits apply to: the network with this prefix, by default an IPv4 address and the /64 of an IPv6
    address (one customer has all of it); other text is unchanged.
    """
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    width = ipv6 if isinstance(address, ipaddress.IPv6Address) else ipv4
    return str(ipaddress.ip_network((address, width), strict=False))


@attrs.define
class _Bucket:
    level: float
    at: float


class Rate:
    """At most `limit` events per minute, all at once after a quiet minute; 0 for no limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._buckets: dict[str, _Bucket] = {}

    def take(self, who: str, now: float) -> bool:
        """Count one event for `who` at `now` seconds of a steady clock; False if it exceeds the limit."""
        if not self.limit:
            return True
        bucket = self._buckets.pop(who, None) or _Bucket(0.0, now)
        bucket.level = max(0.0, bucket.level - (now - bucket.at) * self.limit / 60.0)
        bucket.at = now
        allowed = bucket.level + 1 <= self.limit
        bucket.level += allowed
        # The dict's last entry is the most recently used.
        self._buckets[who] = bucket
        if len(self._buckets) > MOST_REMEMBERED:
            del self._buckets[next(iter(self._buckets))]
        return allowed
