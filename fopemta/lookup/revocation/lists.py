"""CRLs from memory, disk or the network (shell): verified, cached until their next update, and refreshed before it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import Deferred

from fopemta import maillog
from fopemta.answer import Absent, Found
from fopemta.interfaces import IFetcher
from fopemta.lookup.cache import ExpiringCache
from fopemta.lookup.revocation.list_shelf import ListShelf
from fopemta.lookup.revocation.once import Once
from fopemta.trust.crl import SoundList, read_crl

# Octets of DER of the lists in memory; others are read from disk.
_MOST_IN_MEMORY = 64_000_000
# Seconds of back-off after a failed fetch.
_REST = 60.0
# A list is refreshed when this part of its life is left, and at least two hours.
_LEFT = 0.25
_LEAST_LEFT = 7200.0
# Lists not used for this many seconds are dropped.
_FORGOTTEN = 14 * 86400.0

_Key = tuple[str, bytes]
Elsewhere: TypeAlias = Callable[[str, bytes], Deferred[str | None]]
_GONE = "the CRL was fetched, and cannot be read from the state folder"


@attrs.define
class _Kept:
    found: SoundList
    issuer: x509.Certificate
    size: int
    used: float


class RevocationLists:
    """`now` gives the wall time in seconds since the epoch; `in_thread` runs slow work; lists are at most `largest`
    octets.  `elsewhere`: another process fetches them into the shelf, or says why it cannot; it is given the URL and
    the issuer in DER.
    """

    def __init__(
        self,
        fetcher: IFetcher,
        shelf: ListShelf,
        largest: int,
        now: Callable[[], float],
        in_thread: Callable[..., Deferred[Any]],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._fetcher = fetcher
        self._shelf = shelf
        self._largest = largest
        self._now = now
        self._in_thread = in_thread
        self._elsewhere = elsewhere
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._once: Once[_Key, SoundList | str] = Once("fetching a CRL")
        self._resting: ExpiringCache[str, str] = ExpiringCache(1000)

    def at(self, url: str, issuer: x509.Certificate) -> Deferred[SoundList | str]:
        """The list at `url`, verified as signed by `issuer`; or why there is none."""
        return self._once.run(_key(url, issuer), lambda: Deferred.fromCoroutine(self._at(url, issuer)))

    async def _at(self, url: str, issuer: x509.Certificate) -> SoundList | str:
        now, key = self._now(), _key(url, issuer)
        kept = self._kept.get(key)
        if kept is not None and kept.found.until > now:
            kept.used = now
            self._kept.move_to_end(key)
            return kept.found
        return await self._shelved(url, issuer) or await self._fetched(url, issuer)

    async def _shelved(self, url: str, issuer: x509.Certificate) -> SoundList | None:
        der = await self._in_thread(self._shelf.read, url, self._largest)
        if der is None:
            return None
        found = await self._in_thread(read_crl, der, issuer, self._now())
        if isinstance(found, str):
            # Expired, damaged, or another issuer's: useless.
            await self._in_thread(self._shelf.drop, url)
            return None
        self._keep(url, issuer, found, len(der))
        return found  # type: ignore[no-any-return]  # what comes from a thread has no type

    async def _fetched(self, url: str, issuer: x509.Certificate) -> SoundList | str:
        now = self._now()
        resting = self._resting.get(url, now)
        if resting is not None:
            return resting
        if self._elsewhere is not None:
            why = await self._elsewhere(url, issuer.public_bytes(Encoding.DER))
            return self._rests(url, why) if why is not None else await self._shelved(url, issuer) or _GONE
        answer = await self._fetcher.get(url)
        if not isinstance(answer, Found):
            why = "there is no CRL at its place" if isinstance(answer, Absent) else answer.reason
            return self._rests(url, why)
        found = await self._in_thread(read_crl, answer.value, issuer, self._now())
        if isinstance(found, str):
            return self._rests(url, found)
        kept = self._kept.get(_key(url, issuer))
        if kept is not None and kept.found.made > found.made and kept.found.until > now:
            # The server, or a cache on the way, delivers an old one.
            return kept.found
        self._keep(url, issuer, found, len(answer.value))
        try:
            await self._in_thread(self._shelf.keep, url, answer.value, found.until)
        except OSError as error:
            maillog.crl_not_kept(url, error.strerror or type(error).__name__)
        return found  # type: ignore[no-any-return]

    def _rests(self, url: str, why: str) -> str:
        self._resting.put(url, why, self._now() + _REST)
        return why

    def _keep(self, url: str, issuer: x509.Certificate, found: SoundList, size: int) -> None:
        key, before = _key(url, issuer), self._kept.pop(_key(url, issuer), None)
        self._kept[key] = _Kept(found, issuer, size, before.used if before else self._now())
        while len(self._kept) > 1 and sum(each.size for each in self._kept.values()) > _MOST_IN_MEMORY:
            self._kept.popitem(last=False)

    # --- every hour ------------------------------------------------------------------------------------------------

    def urls(self) -> tuple[str, ...]:
        """The URLs of the lists in use, the most recently used first."""
        return tuple(dict.fromkeys(url for url, _ in reversed(self._kept)))

    async def refresh(self) -> None:
        """Refresh lists that will expire soon, one after the other, and drop expired ones."""
        now = self._now()
        for key, kept in list(self._kept.items()):
            if kept.found.until <= now or kept.used < now - _FORGOTTEN:
                del self._kept[key]
            elif kept.found.until - now < max(_LEAST_LEFT, _LEFT * (kept.found.until - kept.found.made)):
                await self._anew(key[0], kept.issuer)
        await self._in_thread(self._shelf.sweep, self._now())

    async def _anew(self, url: str, issuer: x509.Certificate) -> None:
        await self._once.run(_key(url, issuer), lambda: Deferred.fromCoroutine(self._fetched(url, issuer)))

    def stop(self) -> None:
        """Cancel all fetches."""
        self._once.stop()


def _key(url: str, issuer: x509.Certificate) -> _Key:
    return url, issuer.fingerprint(hashes.SHA256())
