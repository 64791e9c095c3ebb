"""Whether a recipient exists, asked of its next hop (shell).

A callout is a delivery without a message: the same hosts, the same rungs, the same floor and the same verdict on what a
session proves.  A server that may not have the mail is not asked, either.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from twisted.internet.defer import CancelledError, Deferred, succeed
from zope.interface import implementer

from fopemta import maillog
from fopemta.config.model import Configuration, DeliveryTimeouts
from fopemta.interfaces import ICallout
from fopemta.mail.address import Mailbox
from fopemta.mail.consignment import Consignment
from fopemta.mail.envelope import Envelope
from fopemta.mail.queued import QueuedMessage
from fopemta.outbound.content import ContentSource
from fopemta.outbound.delivery_manager import DeliveryManager
from fopemta.outbound.pool import Standing
from fopemta.outbound.protocol import Broken
from fopemta.outbound.walk import Walk
from fopemta.policy.recipients import Said
from fopemta.routing.routes import next_hop
from fopemta.routing.values import Host, RoutingFailure
from fopemta.smtp.client_effects import Phase, RecipientResult, Transaction
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.plan import TlsPlan
from fopemta.trust.verdict import VerdictRecord

# A client waits 5 minutes for the answer to RCPT (RFC 5321 4.5.3.2.3), but has others to ask for, too.
LONGEST = 30.0
LONGEST_STEP = 10.0

# RFC 5321 4.5.3.1.10: older servers say so of too many recipients, and mailboxes that are full are there.
_NOT_OF_THE_MAILBOX = frozenset({552})


def hurried(config: Configuration) -> Configuration:
    """`config`, with less patience at each step than a message would have."""
    timeouts = DeliveryTimeouts(
        **{name: min(value, LONGEST_STEP) for name, value in attrs.asdict(config.delivery.timeouts).items()}
    )
    return attrs.evolve(config, delivery=attrs.evolve(config.delivery, timeouts=timeouts))


@implementer(ICallout)
class Callout:
    """By a delivery manager of its own, made with a `hurried` configuration; no session is kept for another."""

    def __init__(self, manager: DeliveryManager) -> None:
        self._manager = manager

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` for the callouts to come."""
        self._manager.reconfigure(hurried(config))

    def distrust(self) -> None:
        """See DeliveryManager."""
        self._manager.distrust()

    def ask(self, recipient: Mailbox) -> Deferred[Said]:
        """See ICallout."""
        asking = Deferred.fromCoroutine(self._ask(recipient))
        return asking.addTimeout(LONGEST, self._manager.reactor, lambda *_: _unknown(recipient, "no answer in time"))

    async def _ask(self, recipient: Mailbox) -> Said:
        try:
            return await self._walk(recipient)
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001  a bug of ours says nothing of the recipient
            maillog.failed_unexpectedly("asking for a recipient")
            return Said.UNKNOWN

    async def _walk(self, recipient: Mailbox) -> Said:
        manager = self._manager
        consignment = _consignment(recipient, manager.now(), manager.config)
        found = await manager.router.hosts(consignment.next_hop)
        if isinstance(found, RoutingFailure):
            return _unknown(recipient, found.text)
        probe = _Probe(manager, consignment, manager.plan(consignment), found)
        await probe.run()
        [verdict] = probe.verdicts()
        maillog.called_out(str(recipient), probe.said.value, verdict.text)
        return probe.said


def _unknown(recipient: Mailbox, why: str) -> Said:
    maillog.called_out(str(recipient), Said.UNKNOWN.value, why)
    return Said.UNKNOWN


def _consignment(recipient: Mailbox, now: float, config: Configuration) -> Consignment:
    """A message from nobody, which nobody will ever see."""
    message = QueuedMessage.fresh("callout", now, 0, Envelope(None, (recipient,)))
    return Consignment(message, next_hop(recipient.domain, config.routes), (recipient,))


class _Probe(Walk):
    """A walk whose transactions end at RCPT."""

    def __init__(
        self, owner: DeliveryManager, consignment: Consignment, plan: TlsPlan, hosts: tuple[Host, ...]
    ) -> None:
        super().__init__(owner, consignment, plan, hosts, _told_to_nobody)
        self._envelope = consignment.message.envelope
        self.said = Said.UNKNOWN

    async def _transact(self, standing: Standing, batch: list[Mailbox]) -> tuple[RecipientResult, ...] | Broken:
        utf8 = any(each.internationalised for each in batch)
        if utf8 and not standing.session.offer.smtputf8:
            why = Diagnosis.SMTPUTF8_NOT_OFFERED
            return tuple(RecipientResult(each, False, Phase.MAIL, None, why) for each in batch)
        transaction = Transaction(envelope=self._envelope, recipients=tuple(batch), size=0, utf8=utf8, probe=True)
        outcome = await standing.protocol.transact(transaction, ContentSource.of(b""))
        for result in outcome.results if isinstance(outcome, Broken) else outcome:
            self.said = said_by(result)
        return outcome

    def _give_back(self, standing: Standing) -> None:
        standing.protocol.quit()


def said_by(result: RecipientResult) -> Said:
    """What a server's answer means: only what it says to RCPT is about the recipient."""
    if result.accepted:
        return Said.GOOD
    reply = result.reply
    if result.phase is not Phase.RCPT or reply is None or reply.code < 500 or reply.code in _NOT_OF_THE_MAILBOX:
        return Said.UNKNOWN
    return Said.BAD


def _told_to_nobody(_: Sequence[VerdictRecord]) -> Deferred[None]:
    return succeed(None)
