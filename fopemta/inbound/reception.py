"""Receive one message into the spool (shell): our trace header, headers of rules, the content, and the envelope."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred

from fopemta import maillog
from fopemta.config.model import ListenerKind
from fopemta.inbound.context import InboundContext
from fopemta.inbound.gate import Gate
from fopemta.mail.envelope import BodyType, Envelope
from fopemta.mail.header_field import header_field
from fopemta.mail.headless import Headless
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.received import received_header
from fopemta.mail.reply import Reply
from fopemta.mail.submission import SubmittedContent, submission_fields
from fopemta.policy.acceptance import NOT_FOR_NOW, Acceptance
from fopemta.policy.action import AddHeader
from fopemta.policy.facts import NOTHING_ASKED, Asked, ContentFacts
from fopemta.policy.inspection import Inspection
from fopemta.policy.senders import judge_null_sender


class Reception:
    """Begun for `envelope`, which has its arrival.  `wait` is called to pause the client until a Deferred fires.
    `message_id` is given where the message has an id already; `sent_as` is the From field to add if there is none.

    Raises SpoolTrouble if it is certain that the message could not be stored.
    """

    def __init__(
        self,
        context: InboundContext,
        gate: Gate,
        envelope: Envelope,
        wait: Callable[[Deferred[None]], None],
        message_id: str | None = None,
        sent_as: bytes = b"",
    ) -> None:
        assert envelope.arrival is not None
        self._gate = gate
        self._envelope = envelope
        self._rule_applied, services = context.rule_applied, context.services
        self._wait = wait
        self._incoming = services.spool.receive(message_id or services.ids())
        self._reading = services.reading
        self._inspection: Inspection | None = None
        if gate.inspects:
            self._inspection = Inspection(gate.asked, context.config.limits.content)
        # The inspection of a long message's beginning, under way or done.
        self._early: Deferred[None] | None = None
        self._aborted = False
        self._size = 0
        # Our headers go in front, and must not swallow the first line of a message without a header.
        self._headless = Headless(submitted=gate.trusted or gate.login is not None)
        hostname, name = context.config.node.hostname, self._incoming.message_id
        # RFC 6409 8: fields that a mail program left out are added here only.
        self._submitted: SubmittedContent | None = None
        if context.listener.kind is ListenerKind.SUBMISSION:
            self._submitted = SubmittedContent(submission_fields(services.now(), name, hostname, sent_as))
        tell_client = context.listener.tell_client
        self._keep(received_header(envelope, envelope.arrival, hostname, name, services.now(), tell_client))

    @property
    def named(self) -> tuple[str, Envelope]:
        """The id it would have, and its envelope, for the log of a refusal."""
        return self._incoming.message_id, self._envelope

    def write(self, content: bytes) -> None:
        """Write the next piece of the content."""
        content = self._headless.feed(content)
        self._take(content if self._submitted is None else self._submitted.feed(content))

    def _take(self, content: bytes) -> None:
        inspection = self._inspection
        if inspection is None:
            self._size += len(content)
            self._keep(content)
            return
        inspection.take(content)
        if inspection.begun:
            self._keep(content)
        elif inspection.enough and self._early is None:
            self._early = Deferred.fromCoroutine(self._look_early(inspection))
            self._wait(self._early)

    def commit(self, body_type: BodyType) -> Deferred[QueuedMessage | Reply] | Deferred[QueuedMessage] | Reply:
        """The message is complete: store it, or refuse it.  The Deferred fails with SpoolTrouble."""
        if rest := self._headless.finish():
            self._take(rest if self._submitted is None else self._submitted.feed(rest))
        if self._submitted is not None:
            self._take(self._submitted.finish())
            refusal = judge_null_sender(self._gate.login, self._envelope.sender, self._submitted.header.automatic)
            if refusal is not None:
                self.abort()
                return self._refused(refusal)
        envelope = self._envelope
        if envelope.body_type is not body_type:
            envelope = attrs.evolve(envelope, body_type=body_type)
        if self._inspection is not None:
            return Deferred.fromCoroutine(self._judge(self._inspection, envelope))
        if self._asked_too_late(NOTHING_ASKED):
            self.abort()
            return self._refused(NOT_FOR_NOW)
        try:
            accepted = self._gate.acceptance(envelope)(None, self._size)
        except Exception:
            self.abort()
            raise
        if accepted.refusal is not None:
            self.abort()
            return self._refused(accepted.refusal)
        return self._incoming.commit(accepted.envelope)

    def _asked_too_late(self, asked: Asked) -> bool:
        """Whether rules that were loaded since the message began read more of it than was inspected."""
        return not asked.covers(self._gate.asked)

    def _refused(self, refusal: Reply, rule: str | None = None) -> Reply:
        maillog.message_refused(self._incoming.message_id, self._envelope, refusal, rule)
        return refusal

    def abort(self) -> None:
        """Discard the message; nothing remains."""
        self._aborted = True
        self._incoming.abort()

    async def _judge(self, inspection: Inspection, envelope: Envelope) -> QueuedMessage | Reply:
        """Demands are known once all of the message is here, including its size."""
        if self._early is not None:
            await self._early
        if self._asked_too_late(inspection.asked):
            self.abort()
            return self._refused(NOT_FOR_NOW)
        try:
            accepted, content = await self._acceptance(inspection, envelope, whole=True)
        except Exception:
            self.abort()
            raise
        for note in accepted.applied:
            self._rule_applied(self._incoming.message_id, note)
        for bound in dict.fromkeys(gap.bound for gap in content.gaps if gap.bound):
            maillog.content_bound_exceeded(self._incoming.message_id, bound)
        if accepted.refusal is not None:
            self.abort()
            by = accepted.refused_by
            return self._refused(accepted.refusal, None if by is None else by.rule.name)
        self._let_go(inspection, accepted)
        return await self._incoming.commit(accepted.envelope)

    async def _look_early(self, inspection: Inspection) -> None:
        """A long message: once its headers from rules are known, it need not be held back any longer."""
        accepted, _ = await self._acceptance(inspection, self._envelope, whole=False)
        if not self._aborted:
            self._let_go(inspection, accepted)

    async def _acceptance(
        self, inspection: Inspection, envelope: Envelope, whole: bool
    ) -> tuple[Acceptance, ContentFacts]:
        """Parsing is slow, and so are many rules about a long text: both run off the reactor's thread."""
        beginning, size, accept = inspection.beginning, inspection.size, self._gate.acceptance(envelope)

        def judged() -> tuple[Acceptance, ContentFacts]:
            content = inspection.read(beginning, whole)
            return accept(content, size), content

        if not inspection.asked:
            return judged()
        found: tuple[Acceptance, ContentFacts] = await self._reading(judged)
        return found

    def _let_go(self, inspection: Inspection, accepted: Acceptance) -> None:
        if not inspection.begun:
            self._keep(b"".join(rendered(each) for each in accepted.headers))
            self._keep(inspection.let_go())

    def _keep(self, data: bytes) -> None:
        room = self._incoming.write(data) if data else None
        if room is not None:
            self._wait(room)


def rendered(header: AddHeader) -> bytes:
    """A header that a rule adds; its value is one line of printable text."""
    return header_field(header.name, header.value)
