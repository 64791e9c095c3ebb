"""Slow down password guessing: first the network that guesses, then all that try the same name, but never a name from a
network where it has logged in before.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict
from typing import Any, Protocol

import attrs
from twisted.internet.interfaces import IReactorTime

# People mistype; from the next failure on, each pause is twice the previous one.
FREE = 5
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
# Anyone can guess at a name: its owner never waits longer than this, from any network.
LONGEST_PAUSE_OF_NAME = 8.0
# Seconds before the answer to a login that is deferred unchecked: it costs us nothing, and must cost an attacker
# something.
PAUSE_OF_PUT_OFF = 10.0
# A network with no more failures than this has not guessed recently.
_NONE_LATELY = 0.5
# The count of failures halves in this many seconds.
HALF_LIFE = 600.0
# Logins from one network that are checked at a time.
MOST_AT_ONCE = 16
# Networks, names and combinations that are remembered; the least recently used are dropped.
MOST_REMEMBERED = 20_000


@attrs.define
class _Record:
    """The count of failures at time `last`; until `free_at` no login is checked.  Those queued for a name are checked
    from `turn_at` on.  Times in seconds of the clock.
    """

    longest: float
    failures: float = 0.0
    last: float = 0.0
    free_at: float = 0.0
    turn_at: float = 0.0

    def count(self, now: float) -> float:
        """The count of failures now."""
        return float(self.failures * 0.5 ** ((now - self.last) / HALF_LIFE))

    def failed(self, now: float) -> None:
        """Count one more failure."""
        self.failures, self.last = self.count(now) + 1, now
        self.free_at = max(self.free_at, now + self.pause(now))

    def pause(self, now: float) -> float:
        """The pause between two logins, in seconds."""
        over = self.count(now) - FREE
        # 2**10 is far beyond the limit.
        return min(self.longest, FIRST_PAUSE * 2.0 ** min(over, 10)) if over >= 0 else 0.0


class AnySlowdown(Protocol):
    """The slowdown of logins, in this process or counted for several.  `begin` and `failed` may return Deferreds, which
    do not fail.
    """

    def begin(self, client: str, name: str) -> Any:
        """Seconds to wait, or None; see Slowdown."""

    def end(self, client: str) -> None:
        """The login that began is over, with any result."""

    def failed(self, client: str, name: str) -> Any:
        """The login failed; returns a number of failures; see Slowdown."""

    def succeeded(self, client: str, name: str) -> None:
        """The login succeeded."""


class Slowdown:
    """Decides how long a login must wait before it is checked, and is informed of the result."""

    def __init__(self, clock: IReactorTime, most_remembered: int = MOST_REMEMBERED) -> None:
        self._clock = clock
        self._most = most_remembered
        self._records: OrderedDict[bytes, _Record] = OrderedDict()
        self._welcome: OrderedDict[bytes, None] = OrderedDict()
        self._under_way: dict[str, int] = {}

    def begin(self, client: str, name: str) -> float | None:
        """Seconds to wait; None: too many are waiting, so this one is not checked.  Unless None, `end` must follow."""
        network, now = network_of(client), self._clock.seconds()
        own_key, name_key = self._keys(network, name)
        own, of_name = self._records.get(own_key), self._records.get(name_key) if name_key else None
        guessed = own is not None and own.count(now) > _NONE_LATELY
        start = max(now, own.free_at if own else now)
        if of_name is not None:
            # Attackers on a name are queued; its owner, from another network, does not wait behind them.
            start = max(start, of_name.free_at, of_name.turn_at if guessed else now)
        if start - now > LONGEST_PAUSE or self._under_way.get(network, 0) >= MOST_AT_ONCE:
            return None
        # The turn is taken: however many come at once, they are checked one after the other.
        if own is not None:
            own.free_at = start + own.pause(now)
        if of_name is not None and guessed:
            of_name.turn_at = max(now, of_name.turn_at) + of_name.pause(now)
        self._under_way[network] = self._under_way.get(network, 0) + 1
        return start - now

    def end(self, client: str) -> None:
        """The login that began is over, with any result."""
        network = network_of(client)
        self._under_way[network] -= 1
        if not self._under_way[network]:
            del self._under_way[network]

    def failed(self, client: str, name: str) -> int:
        """The login failed; returns the number of recent failures of that client, or of that name from it."""
        now = self._clock.seconds()
        own_key, name_key = self._keys(network_of(client), name)
        own = self._record(own_key, LONGEST_PAUSE)
        # Once the network itself is slowed down, the name need not be: a single attacker delays no other users.
        if name_key is not None and round(own.count(now)) < FREE:
            self._record(name_key, LONGEST_PAUSE_OF_NAME).failed(now)
        own.failed(now)
        while len(self._records) > self._most:
            self._records.popitem(last=False)
        return round(own.count(now))

    def _record(self, key: bytes, longest: float) -> _Record:
        """The record with that key, which becomes the last to be dropped."""
        record = self._records.setdefault(key, _Record(longest))
        self._records.move_to_end(key)
        return record

    def succeeded(self, client: str, name: str) -> None:
        """The login succeeded: this name is exempt in this network, whatever others do."""
        pair = _key("pair", network_of(client), name)
        self._welcome[pair] = None
        self._welcome.move_to_end(pair)
        self._records.pop(pair, None)
        if len(self._welcome) > self._most:
            self._welcome.popitem(last=False)

    def _keys(self, network: str, name: str) -> tuple[bytes, bytes | None]:
        """The keys whose failures count for this login: the network, and the name everywhere.

        A name that has logged in from this network pays only for its own failures: neither neighbours nor attackers can
        lock it out.
        """
        pair = _key("pair", network, name)
        return (pair, None) if pair in self._welcome else (_key("network", network), _key("name", name))


def network_of(client: str) -> str:
    """The unit assigned to one customer: an IPv4 address, an IPv6 /64.  Text that is no address is unchanged."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)


def _key(*parts: str) -> bytes:
    """A short key, however long a stranger's name is."""
    return hashlib.blake2b("\0".join(parts).lower().encode("utf-8", "replace"), digest_size=16).digest()
