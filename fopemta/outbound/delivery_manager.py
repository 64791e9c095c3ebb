"""The delivery manager (shell): carries a consignment over SMTP by the strongest TLS its way allows.

It owns an attempt: asks for the hosts, sets the floor, walks the cursor, judges what each handshake showed *before* any
MAIL command, and turns what came of it into one verdict record per recipient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from fopemta import maillog
from fopemta.attempt.blame import Disposition, after_break, disposition_of
from fopemta.attempt.cursor import Cursor, Step, StepEnd
from fopemta.config.model import Configuration
from fopemta.interfaces import Ended, IClientTls, ICourier, IMailReactor, IRouter, ISpool, SpoolTrouble
from fopemta.mail.address import Mailbox
from fopemta.mail.consignment import Consignment
from fopemta.mail.envelope import BodyType
from fopemta.outbound.content import ContentSource
from fopemta.outbound.dialer import NotConnected, dial
from fopemta.outbound.findings import Finding, Scribe, Session, most_telling, of_failure, of_result
from fopemta.outbound.protocol import Broken, Opened, OutboundProtocol
from fopemta.routing.values import Host, RoutingFailure
from fopemta.smtp.client_effects import Phase, Ready, RecipientResult, SessionFailed, Transaction
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.ladder import Demand, plan_for, strictest
from fopemta.trust.levels import Level
from fopemta.trust.pkix import judge
from fopemta.trust.plan import Judgement, TlsPlan
from fopemta.trust.rungs import Rung
from fopemta.trust.verdict import Result, VerdictRecord

_LOCAL = Finding(
    code=451,
    enhanced=explain(Diagnosis.LOCAL_TROUBLE).held,
    text=explain(Diagnosis.LOCAL_TROUBLE).sender,
    diagnosis=Diagnosis.LOCAL_TROUBLE,
)


@implementer(ICourier)
class DeliveryManager:
    """`now` gives the wall time in seconds since the epoch; waits run on `reactor`."""

    def __init__(
        self,
        reactor: IMailReactor,
        router: IRouter,
        tls: IClientTls,
        spool: ISpool,
        config: Configuration,
        now: Callable[[], float],
    ) -> None:
        self.reactor = reactor
        self.router = router
        self.tls = tls
        self.spool = spool
        self.config = config
        self.now = now

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` for the attempts to come."""
        self.config = config

    def deliver(self, consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
        """See ICourier."""
        return Deferred.fromCoroutine(self._deliver(consignment, ended))

    async def _deliver(self, consignment: Consignment, ended: Ended) -> Sequence[VerdictRecord]:
        try:
            found = await self.router.hosts(consignment.next_hop)
            if isinstance(found, RoutingFailure):
                return _unroutable(consignment, found, self.now())
            return await _Attempt(self, consignment, found, ended).run()
        except SpoolTrouble:
            return _all_deferred(consignment, self.now(), _LOCAL)
        except Exception:  # noqa: BLE001  a bug of ours must not lose mail: it waits and the log says why
            maillog.failed_unexpectedly(f"delivering {consignment.message.id} to {consignment.next_hop.word}")
            return _all_deferred(consignment, self.now(), _LOCAL)

    def plan(self, consignment: Consignment) -> TlsPlan:
        """The floor for a consignment, merged from all who demand something."""
        demands = [Demand(Level.OPPORTUNISTIC, "default")]
        if consignment.next_hop.route.tls is not None:
            # A route speaks for itself, also when it asks for less than the default.
            demands = [Demand(consignment.next_hop.route.tls, "route")]
        level, sources = strictest(demands)
        client = self.config.tls_client
        return plan_for(level, client.fallback, Rung(client.lowest_rung), sources)


class _Attempt:
    """One walk: who is still to be served, and what was found on the way."""

    def __init__(self, owner: DeliveryManager, consignment: Consignment, hosts: tuple[Host, ...], ended: Ended) -> None:
        self._owner = owner
        self._consignment = consignment
        self._tell_ended = ended
        self._told: set[Mailbox] = set()
        self._plan = owner.plan(consignment)
        attempt = min(consignment.attempt_of(each) for each in consignment.recipients)
        self._cursor = Cursor(hosts, self._plan, attempt)
        self._left = list(consignment.recipients)
        self._ended: dict[Mailbox, tuple[Result, Finding]] = {}
        self._findings: list[Finding] = []
        self._last_of: dict[Mailbox, Finding] = {}
        self._tls_failure: Diagnosis | None = None
        self._walking = True

    async def run(self) -> Sequence[VerdictRecord]:
        """Walk until everybody has an end or there is nowhere left to go."""
        content = await self._owner.spool.content(self._consignment.message.id)
        try:
            source = await ContentSource.read(content, self._consignment.message.size)
            while self._left:
                step = self._cursor.next_step(self._owner.reactor.seconds())
                if step is None:
                    break
                await self._take(step, source)
                if self._left and len(self._ended) > len(self._told):
                    # Written down before the next transaction of this message begins (a crash must not repeat them).
                    await self._tell_ended(self._verdicts())
                    self._told.update(self._ended)
                if not source.whole and self._left:
                    # What was streamed to one host must be read anew for the next.
                    content.close()
                    content = await self._owner.spool.content(self._consignment.message.id)
                    source = await ContentSource.read(content, self._consignment.message.size)
        finally:
            content.close()
            self._walking = False
        return self._verdicts()

    async def _take(self, step: Step, source: ContentSource) -> None:
        owner, config = self._owner, self._owner.config
        protocol = OutboundProtocol(
            config.node.hostname, step.rung, step.hello, step.host.name, owner.tls, owner.reactor,
            config.delivery.timeouts,
        )  # fmt: skip
        timeouts = config.delivery.timeouts
        refused = await dial(owner.reactor, step.address, step.host.port, protocol, timeouts.connect)
        if refused is not None:
            self._unreachable(step, refused)
            return
        opened = await protocol.opened
        if isinstance(opened, Broken):
            self._not_opened(step, opened.failure)
            return
        session = self._session(step, opened)
        shortfall = self._shortfall(session, opened.ready)
        if shortfall is not None:
            self._findings.append(shortfall)
            self._cursor.ended(step, StepEnd.UNSUITABLE)
        else:
            await self._converse(protocol, session, source)
            self._cursor.ended(step, StepEnd.USED)
        protocol.quit()

    async def _converse(self, protocol: OutboundProtocol, session: Session, source: ContentSource) -> None:
        message = self._consignment.message
        declared = message.envelope.body_type is BodyType.EIGHT_BIT_MIME
        eight_bit = source.eight_bit or (declared and not source.whole)
        transaction = Transaction(message.envelope.sender, tuple(self._left), message.size, eight_bit)
        outcome = await protocol.transact(transaction, source)
        if isinstance(outcome, Broken):
            self._note(session, outcome.results)
            self._broken_off(session, outcome.failure)
        else:
            self._note(session, outcome)

    # --- noting what happened --------------------------------------------------------------------------------------

    def _unreachable(self, step: Step, refused: NotConnected) -> None:
        held = explain(refused.diagnosis).held
        self._findings.append(
            Finding(code=451, enhanced=held, text=refused.text, diagnosis=refused.diagnosis, step=step)
        )
        self._cursor.ended(step, StepEnd.UNREACHABLE)

    def _not_opened(self, step: Step, failure: SessionFailed) -> None:
        self._findings.append(of_failure(step, failure))
        if failure.phase is Phase.HANDSHAKE:
            self._tls_failure = failure.diagnosis
            self._cursor.ended(step, StepEnd.HANDSHAKE_FAILED, failure.diagnosis)
        else:
            self._cursor.ended(step, StepEnd.USED)

    def _session(self, step: Step, opened: Opened) -> Session:
        """What the session proves, judged now, before anything is said in it."""
        judgement: Judgement | None = None
        if opened.evidence is not None:
            names = (step.host.name,) if step.host.name is not None else (step.address,)
            judgement = judge(opened.evidence, names, self._owner.now())
        return Session.of(step, opened.evidence, judgement, self._why_plain(opened))

    def _why_plain(self, opened: Opened) -> Diagnosis | None:
        if opened.evidence is not None or self._plan.level is Level.PLAIN:
            return None
        if opened.ready.refused is not None:
            return Diagnosis.TLS_REFUSED
        return self._tls_failure or Diagnosis.TLS_NOT_OFFERED

    def _shortfall(self, session: Session, ready: Ready) -> Finding | None:
        """What the session lacks of what the plan demands; None when it is good enough."""
        if session.evidence is None:
            if self._plan.plain_allowed:
                return None
            diagnosis = Diagnosis.TLS_REFUSED if ready.refused is not None else Diagnosis.TLS_NOT_OFFERED
            text = explain(diagnosis).sender if ready.refused is None else ready.refused.text
            return session.finding(451, explain(diagnosis).held, text, diagnosis)
        if self._plan.level < Level.AUTHENTICATED:
            return None
        judgement = session.judgement
        if judgement is not None and judgement.authenticated:
            return None
        diagnosis = (judgement.diagnosis if judgement else None) or Diagnosis.JUDGING_FAILED
        return session.finding(451, explain(diagnosis).held, judgement.text if judgement else "", diagnosis)

    def _note(self, session: Session, results: Sequence[RecipientResult]) -> None:
        known: dict[tuple[object, ...], Finding] = {}
        for result in results:
            key = (result.reply, result.diagnosis, result.phase, result.accepted)
            finding = known.setdefault(key, of_result(session, result))
            self._end(result.recipient, disposition_of(result), finding)

    def _broken_off(self, session: Session, failure: SessionFailed) -> None:
        finding = of_failure(session.step, failure, session)
        self._findings.append(finding)
        for recipient in tuple(self._left):
            self._end(recipient, after_break(failure.phase), finding)

    def _end(self, recipient: Mailbox, disposition: Disposition, finding: Finding) -> None:
        if recipient not in self._left:
            return
        if disposition is Disposition.NEXT_HOST:
            self._last_of[recipient] = finding
            return
        self._left.remove(recipient)
        self._ended[recipient] = (_RESULTS[disposition], finding)

    def _verdicts(self) -> Sequence[VerdictRecord]:
        """Of everybody not told of yet; while the walk goes on, of those who have come to their end."""
        scribe = Scribe(self._consignment, self._plan, self._owner.now())
        verdicts = []
        for recipient in self._consignment.recipients:
            if recipient in self._told or (self._walking and recipient not in self._ended):
                continue
            result, finding = self._ended.get(recipient) or (Result.DEFERRED, self._why_deferred(recipient))
            verdicts.append(scribe.verdict(recipient, result, finding))
        return verdicts

    def _why_deferred(self, recipient: Mailbox) -> Finding:
        """What a server said to this very recipient, else what tells most of all that was found."""
        said = self._last_of.get(recipient)
        if said is not None:
            return said
        return most_telling(self._findings) if self._findings else _LOCAL


_RESULTS = {
    Disposition.DELIVERED: Result.DELIVERED,
    Disposition.FAILED: Result.FAILED,
    Disposition.DEFERRED: Result.DEFERRED,
}


def _unroutable(consignment: Consignment, failure: RoutingFailure, now: float) -> Sequence[VerdictRecord]:
    finding = Finding(code=failure.code, enhanced=failure.enhanced, text=failure.text, diagnosis=failure.diagnosis)
    result = Result.FAILED if failure.permanent else Result.DEFERRED
    scribe = Scribe(consignment, None, now)
    return [scribe.verdict(each, result, finding) for each in consignment.recipients]


def _all_deferred(consignment: Consignment, now: float, finding: Finding) -> Sequence[VerdictRecord]:
    scribe = Scribe(consignment, None, now)
    return [scribe.verdict(each, Result.DEFERRED, finding) for each in consignment.recipients]
