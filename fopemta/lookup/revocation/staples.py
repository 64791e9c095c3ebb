"""OCSP responses to staple to our own certificates (shell): fetched in advance, never within a session.

Only a response that a strict peer would accept is served: it is verified like another server's (RFC 6066 8, RFC 6960).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fopemta import maillog
from fopemta.answer import Absent, Found
from fopemta.background import supervise
from fopemta.interfaces import IFetcher
from fopemta.trust.ocsp import judge_ocsp, request_for
from fopemta.trust.revocation import Finding, Status
from fopemta.trust.revocation_sources import sources_of

# Seconds between two checks of what is to be fetched; and the back-off after a failure.
INTERVAL = 60.0
RETRY = 600.0
_LARGEST_RESPONSE = 65536

Chain: TypeAlias = tuple[x509.Certificate, ...]


@attrs.define
class _Kept:
    """The state of one certificate.  `staple` is DER, or b""; times in seconds since the epoch."""

    staple: bytes = b""
    until: float = 0.0
    next_try: float = 0.0
    why: str | None = None
    revoked: bool = False


class Staples:
    """`served` gives the chains that listeners use now, leaf first; `now` the wall time."""

    def __init__(
        self, clock: IReactorTime, fetcher: IFetcher, now: Callable[[], float], served: Callable[[], Iterable[Chain]]
    ) -> None:
        self._clock = clock
        self._fetcher = fetcher
        self._now = now
        self._served = served
        self._kept: dict[bytes, _Kept] = {}
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Start, with a check at once."""
        self._call = self._clock.callLater(INTERVAL, self.start)
        supervise(self._look(), "fetching staples")

    def stop(self) -> None:
        """Stop; harmless without `start`."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def staple(self, certificate: bytes) -> bytes:
        """The response for the certificate, in DER; b"" if there is no valid one."""
        kept = self._kept.get(certificate)
        return kept.staple if kept is not None and self._now() < kept.until else b""

    async def _look(self) -> None:
        wanted = {}
        for chain in self._served():
            # Without its issuer in the chain no response can be requested or verified; a self-signed one has none.
            if len(chain) > 1 and (urls := sources_of(chain[0]).responders):
                wanted[chain[0].public_bytes(Encoding.DER)] = (chain, urls)
        self._kept = {der: self._kept.get(der, _Kept()) for der in wanted}
        for der, (chain, urls) in wanted.items():
            kept = self._kept[der]
            if self._now() >= kept.next_try:
                # Set before fetching, so that the next check does not fetch it again.
                kept.next_try = self._now() + RETRY
                await self._fetch(kept, chain, urls)

    async def _fetch(self, kept: _Kept, chain: Chain, urls: Iterable[str]) -> None:
        subject, why = chain[0].subject.rfc4514_string(), ""
        for url in urls:
            der, finding = await self._ask(url, chain)
            if finding.status is Status.GOOD:
                now = self._now()
                kept.staple, kept.until = der, finding.until
                # Halfway through its validity: enough time to survive an outage of the responder.
                kept.next_try = now + max(INTERVAL, (finding.until - now) / 2)
                if kept.why is not None:
                    maillog.staple_available(subject)
                kept.why, kept.revoked = None, False
                return
            why = f"{url}: {finding.text}"
            if finding.status is Status.REVOKED:
                kept.staple = b""
                if not kept.revoked:
                    maillog.own_certificate_revoked(subject, why)
                kept.revoked = True
        if kept.why is None and not kept.revoked:
            maillog.staple_unavailable(subject, why, sources_of(chain[0]).must_staple)
        kept.why = why

    async def _ask(self, url: str, chain: Chain) -> tuple[bytes, Finding]:
        request = request_for(chain[0], chain[1])
        answer = await self._fetcher.post(url, request, "application/ocsp-request", _LARGEST_RESPONSE)
        if isinstance(answer, Found):
            return answer.value, judge_ocsp(answer.value, chain[0], chain[1], self._now())
        why = "there is no OCSP responder at its place" if isinstance(answer, Absent) else answer.reason
        return b"", Finding(Status.UNKNOWN, "ocsp", why)
