"""Putting reports about failures into the spool (shell); what they say is `report`'s business."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred

from fopemta import maillog
from fopemta.config.model import Configuration
from fopemta.interfaces import ISpool, SpoolTrouble
from fopemta.mail.envelope import BodyType, Envelope
from fopemta.mail.identifiers import derived_id
from fopemta.mail.queued import QueuedMessage
from fopemta.queue.patience import pause
from fopemta.report.facts import Facts
from fopemta.report.failure_report import LARGEST_ENCLOSED, failure_report
from fopemta.trust.verdict import VerdictRecord


class Reporter:
    """`wait` gives a Deferred that fires after so many seconds."""

    def __init__(
        self,
        spool: ISpool,
        config: Configuration,
        now: Callable[[], float],
        wait: Callable[[float], Deferred[None]],
    ) -> None:
        self.config = config
        self._spool = spool
        self._now = now
        self._wait = wait

    async def report(self, message: QueuedMessage, failed: Sequence[VerdictRecord]) -> QueuedMessage | None:
        """Tell the sender; gives the report to be delivered, None where nobody is told or it was made before.

        Comes back only when the report is durable: its recipients may then be recorded as failed.
        """
        sender = message.envelope.sender
        if sender is None:
            # RFC 5321 6.1: a report about a report would never end (C104).
            maillog.not_reported(message.id, "it has the null sender")
            return None
        report_id = derived_id(message.id, "failure", *(verdict.recipient for verdict in failed))
        tries = 0
        while True:
            try:
                content = await self._content(message, failed, report_id)
                envelope = Envelope(None, (sender,), _body_type(content))
                report = await self._spool.submit(report_id, envelope, content)
            except SpoolTrouble as trouble:
                maillog.spool_trouble(f"{message.id}: the failure report cannot be kept: {trouble}")
                tries += 1
                await self._wait(pause(tries))
                continue
            if report is not None:
                maillog.reported(message.id, report_id, str(sender), "failure")
            return report

    async def _content(self, message: QueuedMessage, failed: Sequence[VerdictRecord], report_id: str) -> bytes:
        node = self.config.node
        original = await self._spool.content(message.id)
        try:
            start = await original.read(LARGEST_ENCLOSED)
        finally:
            original.close()
        facts = Facts(
            hostname=node.hostname,
            postmaster=str(node.postmaster),
            report_id=report_id,
            now=self._now(),
            lifetime=self.config.retry.lifetime,
        )
        return failure_report(facts, message, failed, start)


def _body_type(content: bytes) -> BodyType:
    return BodyType.SEVEN_BIT if content.isascii() else BodyType.EIGHT_BIT_MIME
