"""Ask the next hop whether a recipient exists (shell).

A callout is a delivery without a message: the same hosts, the same rungs, the same lower limit and the same judgement
of sessions.  A server that may not get the mail is not asked, either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
from twisted.internet.defer import CancelledError, Deferred, succeed
from zope.interface import implementer

from fopemta import maillog
from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, DeliveryTimeouts
from fopemta.interfaces import ICallout, IDemandsInForce
from fopemta.mail.envelope import Envelope
from fopemta.mail.queued import QueuedMessage
from fopemta.outbound.content import ContentSource
from fopemta.outbound.context import OutboundInForce
from fopemta.outbound.delivery_manager import DeliveryManager
from fopemta.outbound.pool import StandingSession
from fopemta.outbound.walk import Walk
from fopemta.policy.demands import demands_on_callout
from fopemta.policy.recipients import Said
from fopemta.policy.rulebook import NO_RULES
from fopemta.policy.way import Way, way_of
from fopemta.routing.consignment import Consignment
from fopemta.routing.values import Host, RoutingFailure
from fopemta.smtp.client_effects import Broken, Phase, RecipientResult, Transaction
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.plan import TlsPlan
from fopemta.trust.verdict import VerdictRecord

# A client waits 5 minutes for the answer to RCPT (RFC 5321 4.5.3.2.3), but has other recipients, too.
LONGEST = 30.0
LONGEST_STEP = 10.0

# RFC 5321 4.5.3.1.10: older servers send it for too many recipients; and a full mailbox exists.
_NOT_OF_THE_MAILBOX = frozenset({552})


def hurried(config: Configuration) -> Configuration:
    """`config` with shorter timeouts at each step than for a message."""
    timeouts = DeliveryTimeouts(
        **{name: min(value, LONGEST_STEP) for name, value in attrs.asdict(config.delivery.timeouts).items()}
    )
    return attrs.evolve(config, delivery=attrs.evolve(config.delivery, timeouts=timeouts))


@implementer(IDemandsInForce)
class CalloutDemands:
    """Callouts obey rules as mail does: those that name the recipient, whatever their other conditions, since nothing
    is known about the message.  `now` gives the wall time.
    """

    def __init__(self, config: Configuration, now: Callable[[], float]) -> None:
        self.config = config
        self._now = now

    @property
    def edition(self) -> object:
        """See IDemandsInForce."""
        return self.config

    def consignment(self, recipient: Mailbox) -> Consignment:
        """A consignment with the null sender that is never sent."""
        way = self._way(recipient)
        message = QueuedMessage.fresh("callout", self._now(), 0, Envelope(None, (recipient,)))
        return Consignment(message, way.hop, (recipient,), way.demanded, self.config)

    def ways_in_force(self, consignment: Consignment) -> Mapping[Mailbox, Way]:
        """See IDemandsInForce."""
        return {each: self._way(each) for each in consignment.recipients}

    def _way(self, recipient: Mailbox) -> Way:
        found = demands_on_callout(self.config.rulebook or NO_RULES, recipient, self._now())
        return way_of(recipient, found, self.config.routes)


@implementer(ICallout)
class Callout:
    """Uses its own delivery manager, made with a `hurried` configuration and with `demands`; sessions are not kept
    open.
    """

    def __init__(self, manager: DeliveryManager, demands: CalloutDemands) -> None:
        self._manager = manager
        self._demands = demands

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` for later callouts."""
        self._demands.config = config
        self._manager.reconfigure(hurried(config))

    def distrust(self) -> None:
        """See DeliveryManager."""
        self._manager.distrust()

    def ask(self, recipient: Mailbox) -> Deferred[Said]:
        """See ICallout."""
        asking = Deferred.fromCoroutine(self._ask(recipient))
        return asking.addTimeout(
            LONGEST, self._manager.context.reactor, lambda *_: _unknown(recipient, "no answer in time")
        )

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
        consignment = self._demands.consignment(recipient)
        found = await manager.context.router.hosts(consignment.next_hop)
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


class _Probe(Walk):
    """A walk whose transactions end after RCPT."""

    def __init__(
        self, in_force: OutboundInForce, consignment: Consignment, plan: TlsPlan, hosts: tuple[Host, ...]
    ) -> None:
        super().__init__(in_force, consignment, plan, hosts, _told_to_nobody)
        self._envelope = consignment.message.envelope
        self.said = Said.UNKNOWN

    async def _transact(self, standing: StandingSession, batch: list[Mailbox]) -> tuple[RecipientResult, ...] | Broken:
        utf8 = any(each.internationalised for each in batch)
        if utf8 and not standing.session.offer.smtputf8:
            why = Diagnosis.SMTPUTF8_NOT_OFFERED
            return tuple(RecipientResult(each, False, Phase.MAIL, None, why) for each in batch)
        transaction = Transaction(envelope=self._envelope, recipients=tuple(batch), size=0, utf8=utf8, probe=True)
        await self._grounds.look()
        ground = self._grounds.of(batch, standing.session.judged, standing.era)
        outcome = await standing.protocol.transact(transaction, ContentSource.of(b""), ground)
        results = outcome if isinstance(outcome, Broken) else self._permitted(outcome, batch)
        for result in results.results if isinstance(results, Broken) else results:
            self.said = said_by(result)
        return results

    def _give_back(self, standing: StandingSession) -> None:
        standing.protocol.quit()


def said_by(result: RecipientResult) -> Said:
    """The meaning of a server's answer: only its reply to RCPT is about the recipient."""
    if result.accepted:
        return Said.GOOD
    reply = result.reply
    if result.phase is not Phase.RCPT or reply is None or reply.code < 500 or reply.code in _NOT_OF_THE_MAILBOX:
        return Said.UNKNOWN
    return Said.BAD


def _told_to_nobody(_: Sequence[VerdictRecord]) -> Deferred[None]:
    return succeed(None)
