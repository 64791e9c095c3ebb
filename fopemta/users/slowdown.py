"""Whoever guesses has to wait: by client network, by name, and not those who have logged in from there before."""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict
from typing import Any, Protocol

import attrs
from twisted.internet.interfaces import IReactorTime

# People mistype; from the next failure on each pause is twice the one before.
FREE = 5
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
# A name cannot help being guessed at: its owner waits no longer than this, wherever he is.
LONGEST_PAUSE_OF_NAME = 8.0
# Failures are forgotten by half in so many seconds.
HALF_LIFE = 600.0
# Logins from one network that may be looked at at a time.
MOST_AT_ONCE = 16
# Networks, names and both together that are remembered; those unused for longest are forgotten.
MOST_REMEMBERED = 20_000


@attrs.define
class _Record:
    """Failures as they count at `last`; until `free_at` nobody is looked at.  Seconds of the clock."""

    longest: float
    failures: float = 0.0
    last: float = 0.0
    free_at: float = 0.0

    def count(self, now: float) -> float:
        """Failures as they count now."""
        return float(self.failures * 0.5 ** ((now - self.last) / HALF_LIFE))

    def failed(self, now: float) -> None:
        """One more."""
        self.failures, self.last = self.count(now) + 1, now
        self.free_at = max(self.free_at, now + self.pause(now))

    def pause(self, now: float) -> float:
        """What lies between two logins."""
        over = self.count(now) - FREE
        # Beyond 2**10 the bound has been reached long ago.
        return min(self.longest, FIRST_PAUSE * 2.0 ** min(over, 10)) if over >= 0 else 0.0


class AnySlowdown(Protocol):
    """What logins ask, of this process or of one that counts for several.  `begin` and `failed` may give Deferreds,
    which do not fail.
    """

    def begin(self, client: str, name: str) -> Any:
        """Seconds to wait, or None: see Slowdown."""

    def end(self, client: str) -> None:
        """The login that has begun is over, however."""

    def failed(self, client: str, name: str) -> Any:
        """It failed; a number of failures: see Slowdown."""

    def succeeded(self, client: str, name: str) -> None:
        """It was good."""


class Slowdown:
    """Says how long a login must wait before it is looked at, and is told what came of it."""

    def __init__(self, clock: IReactorTime, most_remembered: int = MOST_REMEMBERED) -> None:
        self._clock = clock
        self._most = most_remembered
        self._records: OrderedDict[bytes, _Record] = OrderedDict()
        self._welcome: OrderedDict[bytes, None] = OrderedDict()
        self._under_way: dict[str, int] = {}

    def begin(self, client: str, name: str) -> float | None:
        """Seconds to wait; None: too many wait already, so this one is not looked at.  `end` follows unless None."""
        network, now = network_of(client), self._clock.seconds()
        records = [self._records[each] for each in self._keys(network, name) if each in self._records]
        start = max([now, *(record.free_at for record in records)])
        if start - now > LONGEST_PAUSE or self._under_way.get(network, 0) >= MOST_AT_ONCE:
            return None
        for record in records:
            # Its turn is taken: however many come at once, they are looked at one after the other.
            record.free_at = start + record.pause(now)
        self._under_way[network] = self._under_way.get(network, 0) + 1
        return start - now

    def end(self, client: str) -> None:
        """The login that has begun is over, however."""
        network = network_of(client)
        self._under_way[network] -= 1
        if not self._under_way[network]:
            del self._under_way[network]

    def failed(self, client: str, name: str) -> int:
        """It failed; how often logins of that client, or of that name from it, have done so lately."""
        now = self._clock.seconds()
        counts = []
        for key, longest in self._keys(network_of(client), name).items():
            record = self._records.setdefault(key, _Record(longest))
            record.failed(now)
            self._records.move_to_end(key)
            counts.append(record.count(now))
        while len(self._records) > self._most:
            self._records.popitem(last=False)
        return round(counts[0])

    def succeeded(self, client: str, name: str) -> None:
        """It was good: from this network this name is welcome, whatever others do."""
        pair = _key("pair", network_of(client), name)
        self._welcome[pair] = None
        self._welcome.move_to_end(pair)
        self._records.pop(pair, None)
        if len(self._welcome) > self._most:
            self._welcome.popitem(last=False)

    def _keys(self, network: str, name: str) -> dict[bytes, float]:
        """What counts for this login, and the longest pause of each.

        Who has logged in here before pays for his own mistakes only: neither neighbours nor guessers lock him out.
        """
        pair = _key("pair", network, name)
        if pair in self._welcome:
            return {pair: LONGEST_PAUSE}
        return {_key("network", network): LONGEST_PAUSE, _key("name", name): LONGEST_PAUSE_OF_NAME}


def network_of(client: str) -> str:
    """What one customer is given: an IPv4 address, an IPv6 /64.  Text that is no address is its own."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)


def _key(*parts: str) -> bytes:
    """Short, however long a stranger's name is."""
    return hashlib.blake2b("\0".join(parts).lower().encode("utf-8", "replace"), digest_size=16).digest()
