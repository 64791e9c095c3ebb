"""Reports of messages that were handed in on this machine and not taken (shell): nobody was there to hear of it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from fopemta import maillog
from fopemta.address.grammar import NotInGrammar, mailbox
from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration
from fopemta.interfaces import HandedIn, ISpool
from fopemta.mail.envelope import BodyType, Envelope, Notify
from fopemta.mail.identifiers import derived_id
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.reply import Reply
from fopemta.queue.made_here import MadeHere
from fopemta.report.delivery_report import delivery_report, needs_smtputf8
from fopemta.report.enclosure import Enclosed
from fopemta.report.facts import Facts
from fopemta.report.kinds import Kind
from fopemta.report.notices import Notice
from fopemta.routing.routes import is_local
from fopemta.trust.verdict import Result, VerdictRecord


class UnacceptedReports:
    """To the sender; what is from the null sender has none.  `now` gives the wall time."""

    def __init__(self, spool: ISpool, config: Configuration, now: Callable[[], float], made_here: MadeHere) -> None:
        self.config = config
        self._spool = spool
        self._now = now
        self._made_here = made_here

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` from now on."""
        self.config = config

    def tell(
        self, message_id: str, handed_in: HandedIn, written: float, beginning: bytes
    ) -> Deferred[QueuedMessage | None]:
        """Fires with the report, durable; None where it was made before, or nobody is to be told.  `beginning` is how
        the content begins.  Fails with SpoolTrouble.
        """
        return Deferred.fromCoroutine(self._tell(message_id, handed_in, written, beginning))

    async def _tell(
        self, message_id: str, handed_in: HandedIn, written: float, beginning: bytes
    ) -> QueuedMessage | None:
        to = handed_in.sender
        notify = handed_in.notify
        if to is None or (notify and Notify.FAILURE not in notify):
            why = "it has the null sender" if to is None else "the sender wants no notice (NOTIFY)"
            maillog.not_reported(message_id, why)
            return None
        report_id = derived_id(message_id, "unaccepted", *(each for each, _ in handed_in.refused))
        envelope, content = self._report(report_id, message_id, to, handed_in, written, beginning)
        report = await self._spool.submit(report_id, envelope, content)
        if report is not None:
            maillog.reported(message_id, report_id, str(to), Kind.FAILURE.value)
        return report

    def _report(
        self, report_id: str, message_id: str, to: Mailbox, handed_in: HandedIn, written: float, beginning: bytes
    ) -> tuple[Envelope, bytes]:
        """What of it was to travel protected nobody has found out: the message comes back only where the report stays
        on this machine.
        """
        recipients = {_named(text): (text, reply) for text, reply in handed_in.refused}
        about = QueuedMessage.fresh(message_id, written, len(beginning), Envelope(to, tuple(recipients)))
        verdicts = tuple(_verdict(self._now(), about, recipient, reply) for recipient, (_, reply) in recipients.items())
        notice = Notice(Kind.FAILURE, to, verdicts)
        facts = self._facts(report_id)
        for most in (Enclosed.WHOLE, Enclosed.NOTHING):
            content = delivery_report(
                facts, notice, about, beginning.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), most=most
            )
            body_type = BodyType.SEVEN_BIT if content.isascii() else BodyType.EIGHT_BIT_MIME
            envelope = self._made_here.envelope(
                Envelope(None, (to,), body_type, smtputf8=needs_smtputf8(facts, to)), content
            )
            if all(is_local(each.domain, self.config.routes) for each in envelope.recipients):
                break
        return envelope, content

    def _facts(self, report_id: str) -> Facts:
        node = self.config.node
        return Facts(
            hostname=node.hostname,
            postmaster=str(node.postmaster),
            report_id=report_id,
            now=self._now(),
            lifetime=self.config.retry.lifetime,
        )


def _named(text: str) -> Mailbox:
    """What is no address is quoted, at a domain that nobody has (RFC 2606 2)."""
    try:
        return mailbox(text)
    except NotInGrammar:
        return Mailbox(text, "invalid")


def _verdict(now: float, about: QueuedMessage, recipient: Mailbox, reply: Reply) -> VerdictRecord:
    code, enhanced = (reply.code, reply.enhanced_in("5")) if not reply.temporary else (554, "5.4.7")
    return VerdictRecord(
        time=now,
        message=about.id,
        sender=str(about.envelope.sender),
        recipient=str(recipient),
        attempt=1,
        result=Result.FAILED,
        code=code,
        enhanced=enhanced,
        text=reply.text,
    )
