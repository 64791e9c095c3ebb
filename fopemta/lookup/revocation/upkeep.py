"""The hourly upkeep of revocation data (shell): refresh lists in time, and test whether lists can be fetched."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fopemta import maillog
from fopemta.answer import Unavailable
from fopemta.background import supervise
from fopemta.interfaces import IFetcher
from fopemta.lookup.revocation.lists import RevocationLists
from fopemta.lookup.revocation.revocations import Revocations

INTERVAL = 3600.0


class RevocationUpkeep:
    """`probe` is the URL of a small CRL fetched as a test; None to disable the test."""

    def __init__(
        self,
        clock: IReactorTime,
        revocations: Revocations,
        lists: RevocationLists,
        fetcher: IFetcher,
        probe: str | None,
    ) -> None:
        self._clock = clock
        self._revocations = revocations
        self._lists = lists
        self._fetcher = fetcher
        self._probe = probe
        self._unreachable = False
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Start, with a check at once."""
        self._call = self._clock.callLater(INTERVAL, self.start)
        supervise(self._look(), "looking after CRLs")

    def stop(self) -> None:
        """Stop, and cancel all fetches; harmless without `start`."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._revocations.stop()

    async def _look(self) -> None:
        await self._lists.refresh()
        if self._probe is None:
            return
        answer = await self._fetcher.get(self._probe)
        unreachable = isinstance(answer, Unavailable)
        if isinstance(answer, Unavailable) and not self._unreachable:
            maillog.revocation_unreachable(answer.reason)
        if self._unreachable and not unreachable:
            maillog.revocation_reachable()
        self._unreachable = unreachable
