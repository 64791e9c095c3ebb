"""Putting reports into the spool (shell); who is told what, and in which words, is `report`'s business."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
from twisted.internet.defer import Deferred

from fopemta import maillog
from fopemta.config.model import Configuration
from fopemta.interfaces import IMessageContent, ISpool, SpoolTrouble, UnknownMessage
from fopemta.mail.envelope import BodyType, Envelope
from fopemta.mail.identifiers import derived_id
from fopemta.mail.queued import QueuedMessage
from fopemta.queue.demanding import NO_DEMANDS, MessageDemands
from fopemta.queue.made_here import MadeHere
from fopemta.report.delivery_report import delivery_report, needs_smtputf8
from fopemta.report.enclosure import LARGEST_ENCLOSED, Enclosed
from fopemta.report.facts import Facts
from fopemta.report.kinds import Kind
from fopemta.report.notices import Notice, notices, without_warning
from fopemta.retry.timetable import spool_pause
from fopemta.trust.demand import Demand
from fopemta.trust.verdict import VerdictRecord

# Then the report goes without the message that it is about: that one may never be readable again.
_READINGS = 3
# Nobody would hear of these failures otherwise, so they are not recorded before the report is safe.
_MUST_BE_TOLD = frozenset({Kind.FAILURE, Kind.DOUBLE_BOUNCE})


@attrs.frozen
class Told:
    """`verdicts` as they are to be recorded now; `reports` to be delivered once they are."""

    verdicts: tuple[VerdictRecord, ...]
    reports: tuple[QueuedMessage, ...]


class Reporter:
    """`wait` gives a Deferred that fires after so many seconds."""

    def __init__(
        self,
        spool: ISpool,
        config: Configuration,
        now: Callable[[], float],
        wait: Callable[[float], Deferred[None]],
        made_here: MadeHere,
    ) -> None:
        self.config = config
        self._made_here = made_here
        self._spool = spool
        self._now = now
        self._wait = wait

    async def tell(
        self,
        message: QueuedMessage,
        verdicts: Sequence[VerdictRecord],
        demands: MessageDemands = NO_DEMANDS,
        inherited: Callable[[], tuple[Demand, ...]] = tuple,
    ) -> Told:
        """Make the reports that `verdicts` call for, which are not folded into `message` yet; they keep to what is
        `inherited` from the message.

        Comes back only when every report of a failure is durable.  A warning that the spool cannot take loses its mark,
        so that the next attempt makes it; a notice of success is given up then: to wait for it would keep the outcome
        from being written, and a second delivery is worse.
        """
        told, silences = notices(message, verdicts, self.config.node.postmaster)
        for silence in silences:
            maillog.not_reported(message.id, f"<{silence.recipient}>: {silence.why}")
        reports: list[QueuedMessage] = []
        missed: set[VerdictRecord] = set()
        for notice in told:
            try:
                report = await self._make(message, notice, demands, inherited())
            except SpoolTrouble as trouble:
                maillog.not_reported(message.id, f"the spool cannot keep the {notice.kind.value} report: {trouble}")
                missed.update(notice.verdicts if notice.kind is Kind.DELAY else ())
                continue
            if report is not None:
                reports.append(report)
        if missed:
            verdicts = [without_warning(each) if each in missed else each for each in verdicts]
        return Told(tuple(verdicts), tuple(reports))

    async def _make(
        self, message: QueuedMessage, notice: Notice, demands: MessageDemands, inherited: tuple[Demand, ...]
    ) -> QueuedMessage | None:
        """The report, durable; None where it was made before.  Raises SpoolTrouble for what may be missed."""
        # The same after a crash, so that nobody is told twice.
        about = (verdict.recipient for verdict in notice.verdicts)
        report_id = derived_id(message.id, notice.kind.value, *about)
        original = await self._original(message)
        tries = 0
        while True:
            try:
                made = self._report(message, notice, original, report_id, demands, inherited)
                report = await self._spool.submit(report_id, *made)
            except SpoolTrouble as trouble:
                if notice.kind not in _MUST_BE_TOLD:
                    raise
                maillog.spool_trouble(f"{message.id}: the {notice.kind.value} report cannot be kept: {trouble}")
                tries += 1
                await self._wait(spool_pause(tries))
                continue
            if report is not None:
                maillog.reported(message.id, report_id, str(notice.to), notice.kind.value)
            return report

    def _report(
        self,
        message: QueuedMessage,
        notice: Notice,
        original: bytes,
        report_id: str,
        demands: MessageDemands,
        inherited: tuple[Demand, ...],
    ) -> tuple[Envelope, bytes]:
        facts = self._facts(report_id, _told_rules(notice, demands))
        # RFC 8689 5: what was to travel protected must not come back otherwise, nor more of it than is needed.
        protected = message.envelope.require_tls
        most = Enclosed.WHOLE
        if protected or inherited:
            most = Enclosed.NOTHING if any(each.bare_report for each in inherited) else Enclosed.HEADERS
        content = delivery_report(facts, notice, message, original, most=most)
        body_type = BodyType.SEVEN_BIT if content.isascii() else BodyType.EIGHT_BIT_MIME
        utf8 = needs_smtputf8(facts, notice.to)
        envelope = Envelope(None, (notice.to,), body_type, smtputf8=utf8, require_tls=protected, inherited=inherited)
        return self._made_here.envelope(envelope, content), content

    def _facts(self, report_id: str, rules: Mapping[str, tuple[str, ...]]) -> Facts:
        node = self.config.node
        return Facts(
            hostname=node.hostname,
            postmaster=str(node.postmaster),
            report_id=report_id,
            now=self._now(),
            lifetime=self.config.retry.lifetime,
            rules=rules,
        )

    async def _original(self, message: QueuedMessage) -> bytes:
        """The start of the message that a report is about; empty where it cannot be read."""
        for reading in range(1, _READINGS + 1):
            try:
                content = await self._spool.content(message.id)
                try:
                    return await _start_of(content)
                finally:
                    content.close()
            except UnknownMessage:
                break
            except SpoolTrouble as trouble:
                maillog.spool_trouble(f"{message.id} cannot be read for its report: {trouble}")
                if reading < _READINGS:
                    await self._wait(spool_pause(reading))
        return b""


def _told_rules(notice: Notice, demands: MessageDemands) -> Mapping[str, tuple[str, ...]]:
    """The rules that the sender may be told of, by recipient."""
    return {
        verdict.recipient: tuple(each.source.removeprefix("rule ") for each in told)
        for verdict in notice.verdicts
        if (told := [each for each in demands.of(verdict.recipient).demanded.demands if each.tell_sender])
    }


async def _start_of(content: IMessageContent) -> bytes:
    """As much as can come back."""
    start = b""
    while len(start) < LARGEST_ENCLOSED:
        piece = await content.read(LARGEST_ENCLOSED - len(start))
        if not piece:
            break
        start += piece
    return start
