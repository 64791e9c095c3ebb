"""Whoever guesses has to wait: first of all the network that guesses, then all that try the same name, and nobody for a
name that has logged in from there before.
"""

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
# A name cannot help being guessed at: its owner waits no longer than this, wherever that is.
LONGEST_PAUSE_OF_NAME = 8.0
# How long the answer takes for a login that is not looked at: it costs us nothing, and must cost a guesser something.
PAUSE_OF_PUT_OFF = 10.0
# A network with no more failures than this has not guessed, lately.
_NONE_LATELY = 0.5
# Failures are forgotten by half in so many seconds.
HALF_LIFE = 600.0
# Logins from one network that may be looked at at a time.
MOST_AT_ONCE = 16
# Networks, names and both together that are remembered; those unused for longest are forgotten.
MOST_REMEMBERED = 20_000


@attrs.define
class _Record:
    """Failures as they count at `last`; until `free_at` nobody is looked at.  Those that stand in line for a name are
    from `turn_at` on.  Seconds of the clock.
    """

    longest: float
    failures: float = 0.0
    last: float = 0.0
    free_at: float = 0.0
    turn_at: float = 0.0

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
        own_key, name_key = self._keys(network, name)
        own, of_name = self._records.get(own_key), self._records.get(name_key) if name_key else None
        guessed = own is not None and own.count(now) > _NONE_LATELY
        start = max(now, own.free_at if own else now)
        if of_name is not None:
            # Guessers of a name stand in line; its owner, who comes from elsewhere, does not stand behind them.
            start = max(start, of_name.free_at, of_name.turn_at if guessed else now)
        if start - now > LONGEST_PAUSE or self._under_way.get(network, 0) >= MOST_AT_ONCE:
            return None
        # Its turn is taken: however many come at once, they are looked at one after the other.
        if own is not None:
            own.free_at = start + own.pause(now)
        if of_name is not None and guessed:
            of_name.turn_at = max(now, of_name.turn_at) + of_name.pause(now)
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
        own_key, name_key = self._keys(network_of(client), name)
        own = self._record(own_key, LONGEST_PAUSE)
        # Once a network is slowed itself, the name need not be for it: one guesser alone holds up nobody else.
        if name_key is not None and round(own.count(now)) < FREE:
            self._record(name_key, LONGEST_PAUSE_OF_NAME).failed(now)
        own.failed(now)
        while len(self._records) > self._most:
            self._records.popitem(last=False)
        return round(own.count(now))

    def _record(self, key: bytes, longest: float) -> _Record:
        """The one with that key; it is the last to be forgotten."""
        record = self._records.setdefault(key, _Record(longest))
        self._records.move_to_end(key)
        return record

    def succeeded(self, client: str, name: str) -> None:
        """It was good: from this network this name is welcome, whatever others do."""
        pair = _key("pair", network_of(client), name)
        self._welcome[pair] = None
        self._welcome.move_to_end(pair)
        self._records.pop(pair, None)
        if len(self._welcome) > self._most:
            self._welcome.popitem(last=False)

    def _keys(self, network: str, name: str) -> tuple[bytes, bytes | None]:
        """Whose failures count for this login: those of the network, and those of the name everywhere.

        Who has logged in here before pays for his own mistakes only: neither neighbours nor guessers lock him out.
        """
        pair = _key("pair", network, name)
        return (pair, None) if pair in self._welcome else (_key("network", network), _key("name", name))


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
