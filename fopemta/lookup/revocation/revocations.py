"""Check revocation (shell): by the staple, then the issuer's CRL, then its OCSP responder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta import maillog
from fopemta.answer import Absent, Found
from fopemta.interfaces import IFetcher, IRevocations
from fopemta.lookup.cache import ExpiringCache
from fopemta.lookup.revocation.lists import RevocationLists
from fopemta.lookup.revocation.once import Once, is_cancelled
from fopemta.lookup.together import together
from fopemta.trust.crl import judge_entry
from fopemta.trust.ocsp import judge_ocsp, request_for
from fopemta.trust.revocation import Finding, Status
from fopemta.trust.revocation_sources import CertificateQuestion, questions

# Seconds that a caller waits for a verdict; queries continue after that.
PATIENCE = 10.0
_LARGEST_RESPONSE = 65536
_REMEMBERED = 10_000


@implementer(IRevocations)
class Revocations:
    """`now` gives the wall time in seconds since the epoch; `in_thread` runs slow work."""

    def __init__(
        self,
        clock: IReactorTime,
        fetcher: IFetcher,
        lists: RevocationLists,
        now: Callable[[], float],
        in_thread: Callable[..., Deferred[Any]],
    ) -> None:
        self._clock = clock
        self._fetcher = fetcher
        self._lists = lists
        self._now = now
        self._in_thread = in_thread
        self._found: ExpiringCache[str, Finding] = ExpiringCache(_REMEMBERED)
        self._once: Once[str, Finding] = Once("asking about revocation")

    def known(self, path: tuple[bytes, ...], staple: bytes) -> tuple[Finding, ...]:
        """See IRevocations."""
        asked = self._questions(path)
        if asked is None:
            return (_UNREADABLE,)
        staples = (staple, *([b""] * len(asked)))
        found = [self._at_once(each, its) for each, its in zip(asked, staples, strict=False)]
        return tuple(each or _NOT_ASKED for each in found) or (_ROOT_ALONE,)

    def check(self, path: tuple[bytes, ...], staple: bytes) -> Deferred[tuple[Finding, ...]]:
        """See IRevocations."""
        asked = self._questions(path)
        if asked is None:
            return succeed((_UNREADABLE,))
        if not asked:
            return succeed((_ROOT_ALONE,))
        staples = (staple, *([b""] * len(asked)))
        return together([self._finding(each, its) for each, its in zip(asked, staples, strict=False)]).addCallback(
            tuple
        )

    def _questions(self, path: tuple[bytes, ...]) -> tuple[CertificateQuestion, ...] | None:
        try:
            return questions(path) if path else None
        except Exception:  # noqa: BLE001  a stranger's certificate; what cannot be read is not known
            return None

    def _at_once(self, question: CertificateQuestion, staple: bytes) -> Finding | None:
        """What is known without a query; None if one is needed."""
        remembered = self._found.get(question.key, self._now())
        if remembered is not None and remembered.status is Status.REVOKED:
            return remembered  # an earlier staple may still be valid
        stapled = self._stapled(question, staple)
        if stapled is not None and stapled.decided:
            return stapled
        sources = question.sources
        if remembered is not None and remembered.by == "staple":
            return remembered  # it is still valid, and is not sent again when a session is resumed
        if sources.must_staple:
            why = _NO_STAPLE if stapled is None else f"{_NO_STAPLE}; {stapled.text}"
            return Finding(Status.STAPLE_MISSING, text=why)
        if remembered is not None:
            return remembered
        if not sources.named:
            return _SHORT_LIVED if sources.short_lived else _SOURCELESS
        return None

    def _stapled(self, question: CertificateQuestion, staple: bytes) -> Finding | None:
        if not staple:
            return None
        if len(staple) > _LARGEST_RESPONSE:  # it is judged in the reactor
            return Finding(Status.UNKNOWN, "staple", f"the staple is larger than {_LARGEST_RESPONSE} octets")
        return self._remembered(
            question, judge_ocsp(staple, question.certificate, question.issuer, self._now(), "staple")
        )

    def _remembered(self, question: CertificateQuestion, finding: Finding) -> Finding:
        if finding.decided:
            self._found.put(question.key, finding, finding.until)
        return finding

    def _finding(self, question: CertificateQuestion, staple: bytes) -> Deferred[Finding]:
        known = self._at_once(question, staple)
        if known is not None:
            return succeed(known)
        asking = self._once.run(question.key, lambda: Deferred.fromCoroutine(self._asked(question)))
        asking.addTimeout(PATIENCE, self._clock, lambda _result, _seconds: _LATE)
        return asking.addErrback(_failed)

    # --- asking ----------------------------------------------------------------------------------------------------

    async def _asked(self, question: CertificateQuestion) -> Finding:
        why = list(question.sources.passed_over)
        for url in question.sources.lists:
            finding = await self._by_list(question, url)
            if finding.decided:
                return self._remembered(question, finding)
            why.append(finding.text)
        for url in question.sources.responders:
            finding = await self._by_responder(question, url)
            if finding.decided:
                return self._remembered(question, finding)
            why.append(finding.text)
        return Finding(Status.UNKNOWN, text="; ".join(dict.fromkeys(why)))

    async def _by_list(self, question: CertificateQuestion, url: str) -> Finding:
        found = await self._lists.at(url, question.issuer)
        if isinstance(found, str):
            return Finding(Status.UNKNOWN, "crl", found)
        # A list of a million entries is searched.
        judged: Finding = await self._in_thread(judge_entry, found, question.certificate, self._now())
        return judged

    async def _by_responder(self, question: CertificateQuestion, url: str) -> Finding:
        request = request_for(question.certificate, question.issuer)
        answer = await self._fetcher.post(url, request, "application/ocsp-request", _LARGEST_RESPONSE)
        if isinstance(answer, Found):
            about = question.certificate, question.issuer
            judged: Finding = await self._in_thread(judge_ocsp, answer.value, *about, self._now())
            return judged
        why = "there is no OCSP responder at its place" if isinstance(answer, Absent) else answer.reason
        return Finding(Status.UNKNOWN, "ocsp", why)

    def stop(self) -> None:
        """Cancel all queries."""
        self._once.stop()
        self._lists.stop()


_NO_STAPLE = "the certificate demands a stapled OCSP response (RFC 7633)"
_UNREADABLE = Finding(Status.UNKNOWN, text="a certificate could not be read")
_NOT_ASKED = Finding(Status.UNKNOWN, text="not asked")
_ROOT_ALONE = Finding(Status.NOT_NEEDED, text="the certificate is trusted itself")
_SHORT_LIVED = Finding(Status.NOT_NEEDED, text="the certificate lives for ten days at most")
_SOURCELESS = Finding(Status.NO_SOURCE, text="the certificate contains no CRL or OCSP address")
_LATE = Finding(Status.UNKNOWN, text=f"no result within {PATIENCE:g} s")
_FAILED = Finding(Status.UNKNOWN, text="the check failed unexpectedly")


def _failed(failure: Failure) -> Finding:
    if not is_cancelled(failure):
        maillog.background_failure("asking about revocation", failure)
    return _FAILED
