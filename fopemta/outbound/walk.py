"""One attempt's walk (shell): its recipients, the steps tried for them, and the findings."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Mapping, Sequence

import attrs

from fopemta import maillog
from fopemta.address.mailbox import Mailbox
from fopemta.attempt.cursor import Cursor, Step, StepEnd
from fopemta.attempt.findings import Session, StepFinding, of_failure
from fopemta.attempt.roll import Roll
from fopemta.interfaces import Ended, Resumable
from fopemta.outbound.bench import Bench
from fopemta.outbound.carrying import Reader, prepare
from fopemta.outbound.context import OutboundContext, OutboundInForce
from fopemta.outbound.dialer import NotConnected, dial
from fopemta.outbound.grounds import Grounds
from fopemta.outbound.pool import SessionPlace, StandingSession
from fopemta.outbound.protocol import OpenedSession, OutboundProtocol
from fopemta.routing.consignment import Consignment
from fopemta.routing.plan import domain_towards
from fopemta.routing.values import Host
from fopemta.smtp.client_effects import Broken, Phase, Ready, RecipientResult, SessionFailed
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.host_memory import Start
from fopemta.trust.levels import Level
from fopemta.trust.permit import Judged, NoPermit
from fopemta.trust.plan import TlsPlan
from fopemta.trust.rungs import Rung
from fopemta.trust.verdict import VerdictRecord


class Walk:
    """From host to host and rung to rung, until each recipient is final or no step is left."""

    def __init__(
        self,
        in_force: OutboundInForce,
        consignment: Consignment,
        plan: TlsPlan,
        hosts: tuple[Host, ...],
        ended: Ended,
    ) -> None:
        self._in_force = in_force
        self._consignment = consignment
        self._plan = plan
        attempt = min(consignment.attempt_of(each) for each in consignment.recipients)
        self._cursor = Cursor(hosts, plan, attempt, functools.partial(_start_of, in_force, plan))
        self._roll = Roll(consignment, plan, in_force.context.now, ended)
        self._tls_failures: dict[Host, Diagnosis] = {}
        # The step to repeat for recipients that the session had no room for.
        self._full: Step | None = None
        self._hosts = hosts
        # The level tried now; sessions that only fall short of it are kept for later.
        self._wanted = plan.wanted
        self._reserve: StandingSession | None = None
        self._second: deque[Step] = deque()
        self._without_ticket: Step | None = None
        # The last host did not answer in time.
        self._silent = False
        self._reader = Reader(in_force.context.spool, consignment.message.id)
        self._grounds = Grounds(in_force, consignment, plan)

    async def run(self) -> None:
        """Run the walk.  Raises SpoolTrouble if the message cannot be read; `verdicts` are valid all the same."""
        standing = self._context.pool.take(SessionPlace.all_of(self._hosts, self._plan), self._consignment.next_hop)
        if standing is not None:
            await self._ride(standing)
        try:
            await self._go_round()
        finally:
            if self._reserve is not None:
                self._reserve.protocol.quit()

    @property
    def _context(self) -> OutboundContext:
        return self._in_force.context

    @property
    def _bench(self) -> Bench:
        """By the present configuration of roots and revocation, which may have changed during the walk."""
        context, domain = self._context, domain_towards(self._consignment.demanded, self._consignment.next_hop)
        return Bench(self._plan, context.tls, context.config.tls_client, context.revocations, context.now, domain)

    async def _go_round(self) -> None:
        while self._roll.left and not self._keeps_others_waiting():
            await self._roll.tell()
            step = self._cursor.next_step(self._context.reactor.seconds())
            if self._wanted > self._plan.level and (step is None or step.rung is Rung.PLAIN):
                await self._settle_for_less()
                step = step or self._cursor.next_step(self._context.reactor.seconds())
                if not self._roll.left:
                    break
            if step is None:
                break
            if step is not self._full:
                # Another host may answer differently.
                self._roll.asked.clear()
            self._full = None
            await self._take(step)

    def _keeps_others_waiting(self) -> bool:
        """Whether to stop here: a host was silent, ten more of the same domain might be silent for an hour, and other
        mail waits.
        """
        return self._silent and self._reserve is None and self._context.pressed(self._consignment.next_hop)

    def verdicts(self) -> Sequence[VerdictRecord]:
        """One for each recipient whose verdict has not been passed on."""
        return self._roll.verdicts()

    async def _settle_for_less(self) -> None:
        """No host gives what is preferred: use the sessions good enough for the required level, in the order of the
        walk.
        """
        self._wanted = self._plan.level
        reserve, self._reserve = self._reserve, None
        if reserve is not None and reserve.protocol.usable:
            self._roll.asked.clear()
            await self._carry_on(reserve)
            self._leave(reserve)
        elif reserve is not None:
            self._second.appendleft(reserve.session.step)
        while self._roll.left and self._second:
            self._roll.asked.clear()
            await self._roll.tell()
            await self._take(self._second.popleft())

    # --- sessions --------------------------------------------------------------------------------------------------

    async def _ride(self, standing: StandingSession) -> None:
        """Use an idle session.  If the server has closed it meanwhile, that is no failure: the walk begins again."""
        session = standing.session = await self._as_it_stands(standing)
        ready = Ready(session.evidence is not None, True, name=standing.greeted_by)
        if self._shortfall(session, ready, self._wanted) is not None:
            standing.protocol.quit()
            return
        batch = standing.book(self._roll.left)
        if not batch:
            standing.protocol.quit()
            return
        outcome = await self._carry(standing, batch)
        if _was_closed(outcome):
            return
        self._roll.asked.update(batch)
        self._roll.note(session, outcome)
        await self._carry_on(standing)
        self._leave(standing)

    async def _as_it_stands(self, standing: StandingSession) -> Session:
        """The session, opened for another message, as judged for this one."""
        session, now = standing.session, self._context.reactor.seconds()
        # As this domain has found the host: its name may be authenticated in another way, or not at all.
        step = self._as_found(session.step)
        if step is not session.step:
            session = attrs.evolve(session, step=step)
        evidence, depends = session.evidence, self._plan.wanted >= Level.AUTHENTICATED
        if evidence is not None and (depends or now >= standing.judged_at + _BRIEFLY):
            # By the present time: a certificate may have expired since.
            session = attrs.evolve(session, judged=await self._bench.judged(step, evidence))
            standing.judged_at = now
        return self._with_tested(session)

    def _with_tested(self, session: Session) -> Session:
        """With the results of the test-mode rules for this message only."""
        demands = self._consignment.demanded.tested
        if not demands and not session.tested:
            return session
        return attrs.evolve(session, tested=self._bench.tested(demands, session))

    def _as_found(self, step: Step) -> Step:
        """`step`, taken by another walk, with our own host for its address."""
        wanted = (step.host.name, step.host.port)
        host = next(each for each in self._hosts if (each.name, each.port) == wanted and step.address in each.addresses)
        return step if host == step.host else attrs.evolve(step, host=host)

    async def _take(self, step: Step) -> None:
        context = self._context
        config = context.config
        timeouts = config.delivery.timeouts
        resumable, era = None, context.pool.era
        if step != self._without_ticket:
            resumable = context.resumptions.take(step, self._plan, context.reactor.seconds())
        protocol = OutboundProtocol(
            config.node.hostname,
            step.rung,
            step.hello,
            step.host.name,
            context.tls,
            context.reactor,
            timeouts,
            resumable,
            self._plan.certificate,
            config.delivery.reply_text,
        )
        # Neither may have us: the protocol is ours, and a circle would stay until the collector of garbage comes.
        consignment = self._consignment
        protocol.pressed = lambda: context.pressed(consignment.next_hop)
        protocol.stalls = lambda: context.stalls(consignment)
        if context.connections.full:
            context.pool.make_room()
            self._unreachable(step, _NO_DESCRIPTOR)
            return
        counted = context.connections.count(protocol, consignment.next_hop)
        try:
            refused = await dial(
                context.reactor,
                step.address,
                step.host.port,
                protocol,
                timeouts.connect,
                config.delivery.source_addresses,
            )
        except BaseException:
            counted.failed()
            raise
        if refused is not None:
            counted.failed()
            self._unreachable(step, refused)
            return
        try:
            await self._converse(step, protocol, resumable, era)
        except BaseException:
            # If the walk is cancelled here, the connection is closed.
            protocol.quit()
            raise

    async def _converse(self, step: Step, protocol: OutboundProtocol, resumable: Resumable | None, era: int) -> None:
        opened = await protocol.opened
        if isinstance(opened, Broken) and resumable is not None and opened.failure.phase is Phase.HANDSHAKE:
            # A failing ticket is no reason for weaker TLS, nor for a delay.
            self._context.resumptions.failed(step, self._context.reactor.seconds())
            self._begin_afresh(step)
            return
        if isinstance(opened, Broken):
            self._not_opened(step, opened.failure)
            return
        if opened.evidence is not None and self._context.memory is not None:
            self._context.memory.succeeded(step.host, step.rung, step.hello, step.remembered)
        session = await self._session(step, opened)
        shortfall = self._shortfall(session, opened.ready, self._plan.level)
        if shortfall is not None:
            self._roll.found(shortfall)
            if session.evidence is not None and session.evidence.resumed:
                # The old evidence is not good enough today; the server may have another certificate now.
                self._begin_afresh(step)
            else:
                self._cursor.ended(step, StepEnd.USED)
            protocol.quit()
            return
        if protocol.lost:
            self._not_opened(step, _LEFT_US)
            return
        standing = StandingSession(protocol, session, self._consignment.next_hop, opened.ready.name, era=era)
        if resumable is not None and session.evidence is not None and session.evidence.resumed:
            standing.resumed_since = resumable.since
        if self._shortfall(session, opened.ready, self._wanted) is not None:
            self._keep_for_later(standing)
            return
        await self._carry_on(standing)
        self._leave(standing)

    def _begin_afresh(self, step: Step) -> None:
        """Repeat the step with a full handshake."""
        self._without_ticket = step
        self._cursor.ended(step, StepEnd.TICKET_FAILED)

    def _keep_for_later(self, standing: StandingSession) -> None:
        """Good enough for the required level, but another host may give what is preferred."""
        self._cursor.ended(standing.session.step, StepEnd.USED)
        if self._reserve is None:
            self._reserve = standing
        else:
            self._second.append(standing.session.step)
            standing.protocol.quit()

    async def _carry_on(self, standing: StandingSession) -> None:
        """Send the message to all that are left, in as many transactions as the server's limits require."""
        while standing.protocol.usable and (batch := standing.book(self._roll.unasked)):
            self._roll.asked.update(batch)
            await self._roll.tell()
            self._roll.note(standing.session, await self._carry(standing, batch))

    def _leave(self, standing: StandingSession) -> None:
        """Recipients that the session had no room for get another session with the same host (RFC 9422)."""
        session = standing.session
        if standing.protocol.usable and self._roll.unasked:
            self._roll.found(session.finding(451, "4.5.3", _FULL, Diagnosis.DEFERRED_BY_PEER))
            self._full = session.step
            self._cursor.ended(session.step, StepEnd.FULL)
            standing.protocol.quit()
            return
        self._cursor.ended(session.step, StepEnd.USED)
        self._keep_ticket(standing)
        self._give_back(standing)

    def _keep_ticket(self, standing: StandingSession) -> None:
        """After a transaction the server's tickets have been read; the next connection may resume the session."""
        session, step = standing.protocol.resumable_session(), standing.session.step
        evidence = standing.session.evidence
        if session is None or evidence is None or evidence.judging_error is not None:
            return
        if standing.era != self._context.pool.era:
            return
        since = standing.resumed_since if standing.resumed_since is not None else self._context.reactor.seconds()
        resumable = Resumable(session, attrs.evolve(evidence, resumed=False), since)
        self._context.resumptions.keep(step, self._plan, resumable, since)

    async def _carry(self, standing: StandingSession, batch: list[Mailbox]) -> tuple[RecipientResult, ...] | Broken:
        """Run a transaction; a session in which it could not be completed is closed."""
        try:
            return await self._transact(standing, batch)
        except BaseException:
            standing.protocol.quit()
            raise

    async def _transact(self, standing: StandingSession, batch: list[Mailbox]) -> tuple[RecipientResult, ...] | Broken:
        context, message, offer = self._context, self._consignment.message, standing.session.offer
        # RFC 6531 3.3: an address that the server cannot accept must not keep the others from the message.
        unspeakable = [each for each in batch if each.internationalised and not offer.smtputf8]
        await self._grounds.look()
        changed = {each: why for each in batch if (why := self._grounds.against(each)) is not None}
        rest = [each for each in batch if each not in unspeakable and each not in changed]
        without = _none_can(unspeakable, Diagnosis.SMTPUTF8_NOT_OFFERED) + _each_cannot(changed)
        if not rest:
            return without
        content = await self._reader.open()
        try:
            prepared = await prepare(message, rest, content, offer, context.in_thread, self._reader)
            if isinstance(prepared, Diagnosis):
                return _none_can(rest, prepared) + without
            ground = self._grounds.of(rest, standing.session.judged, standing.era)
            outcome = await standing.protocol.transact(prepared.transaction, prepared.source, ground)
        finally:
            content.close()
        if isinstance(outcome, Broken):
            return outcome
        return self._permitted(outcome, rest) + without

    def _permitted(
        self, outcome: tuple[RecipientResult, ...] | NoPermit, recipients: list[Mailbox]
    ) -> tuple[RecipientResult, ...]:
        """The results of a transaction; if the last gate refused it, no recipient has got the message."""
        if not isinstance(outcome, NoPermit):
            return outcome
        maillog.not_permitted(
            self._consignment.message.id, self._consignment.next_hop.word, outcome.diagnosis.value, outcome.text
        )
        return _none_can(recipients, outcome.diagnosis)

    def _give_back(self, standing: StandingSession) -> None:
        """Keep the session for the next message, or send QUIT."""
        most = self._context.config.delivery.messages_per_connection
        # RFC 9422: the server announced that it will not accept more.
        most = min(most, standing.session.offer.messages or most)
        # Plain text after a failed handshake must not be reused, nor must less than is preferred.
        poor = standing.session.downgraded or self._below_preferred(standing.session)
        if not standing.protocol.usable or poor or standing.messages >= most:
            standing.protocol.quit()
        else:
            step = standing.session.step
            self._context.pool.put(SessionPlace(step.host.name, step.address, step.host.port, self._plan), standing)

    def _below_preferred(self, session: Session) -> bool:
        judgement = session.judgement
        wants = self._plan.preferred is Level.AUTHENTICATED
        return wants and not (judgement is not None and judgement.authenticated)

    # --- what a session is good for ----------------------------------------------------------------------------------

    def _unreachable(self, step: Step, refused: NotConnected) -> None:
        held = explain(refused.diagnosis).held
        self._roll.found(
            StepFinding(code=451, enhanced=held, text=refused.text, diagnosis=refused.diagnosis, step=step)
        )
        self._silent = refused.diagnosis in _SILENT
        self._cursor.ended(step, StepEnd.UNREACHABLE)

    def _not_opened(self, step: Step, failure: SessionFailed) -> None:
        self._roll.found(of_failure(step, failure))
        self._silent = failure.diagnosis in _SILENT
        if failure.phase is Phase.HANDSHAKE:
            if step.remembered and self._context.memory is not None:
                self._context.memory.failed(step.host)
            self._tls_failures[step.host] = failure.diagnosis
            self._cursor.ended(step, StepEnd.HANDSHAKE_FAILED, failure.diagnosis)
        else:
            self._cursor.ended(step, StepEnd.USED)

    async def _session(self, step: Step, opened: OpenedSession) -> Session:
        """The session with what it proves, judged now, before anything is sent in it."""
        judged: Judged | None = None
        if opened.evidence is not None:
            judged = await self._bench.judged(step, opened.evidence)
        session = Session.of(step, opened.evidence, judged, self._why_plain(step, opened), opened.ready.offer)
        return self._with_tested(session)

    def _why_plain(self, step: Step, opened: OpenedSession) -> Diagnosis | None:
        if opened.evidence is not None or self._plan.level is Level.PLAIN:
            return None
        if opened.ready.refused is not None:
            return Diagnosis.TLS_REFUSED
        return self._tls_failures.get(step.host, Diagnosis.TLS_NOT_OFFERED)

    def _shortfall(self, session: Session, ready: Ready, level: Level) -> StepFinding | None:
        """What the session lacks of `level`; None if it is good enough."""
        if self._is_ourselves(ready.name):
            row = explain(Diagnosis.LOOPS_BACK)
            return session.finding(451, row.held, f"{ready.name} is our own name", Diagnosis.LOOPS_BACK)
        if session.evidence is None:
            # After a failed handshake, a host may get plain text only if the plan permits that.
            may = level <= Level.OPPORTUNISTIC and self._plan.plain_allowed
            if may and (session.step.host not in self._tls_failures or self._cursor.fallback_allowed):
                return None
            diagnosis = Diagnosis.TLS_REFUSED if ready.refused is not None else Diagnosis.TLS_NOT_OFFERED
            text = explain(diagnosis).sender if ready.refused is None else ready.refused.text
            return session.finding(451, explain(diagnosis).held, text, diagnosis)
        if level < Level.AUTHENTICATED:
            return None
        judgement = session.judgement
        if judgement is not None and judgement.authenticated:
            return None
        diagnosis = (judgement.diagnosis if judgement else None) or Diagnosis.JUDGING_FAILED
        return session.finding(451, explain(diagnosis).held, judgement.text if judgement else "", diagnosis)

    def _is_ourselves(self, name: str) -> bool:
        """Whether a server found by MX is this one, under our own name and reached in a way that its address does not
        show (a forwarded port, a proxy): the message would loop for ever.  A host named by a route is never checked.
        """
        own = self._context.config.node.hostname
        return self._consignment.next_hop.route.by_mx and name.rstrip(".").lower() == own.lower()


# Seconds for which a judged certificate is not judged again, for mail that does not depend on it.
_BRIEFLY = 1.0

# The rest is for other uses: spool, DNS, clients and commands.
_NO_DESCRIPTOR = NotConnected(Diagnosis.LOCAL_TROUBLE, "no descriptor is free here for another connection")

# While revocation of its certificate was checked.
_LEFT_US = SessionFailed(Phase.MAIL, Diagnosis.CONVERSATION_DROPPED, "the server closed the connection")

_FULL = "the server takes no more in one session"

_SILENT = frozenset({Diagnosis.CONNECTION_TIMEOUT, Diagnosis.CONVERSATION_TIMEOUT})

# Phases in which an idle session may turn out to be closed.
_BEFORE_CONTENT = frozenset({Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.QUIT})


def _each_cannot(why: Mapping[Mailbox, Diagnosis]) -> tuple[RecipientResult, ...]:
    """Results for recipients that cannot get the message, each for a reason of its own."""
    return tuple(RecipientResult(each, False, Phase.MAIL, None, diagnosis) for each, diagnosis in why.items())


def _none_can(recipients: list[Mailbox], why: Diagnosis) -> tuple[RecipientResult, ...]:
    """Results for recipients that the server cannot be given the message for."""
    return tuple(RecipientResult(each, False, Phase.MAIL, None, why) for each in recipients)


# Not a method: avoids a reference cycle.
def _start_of(in_force: OutboundInForce, plan: TlsPlan, host: Host) -> Start | None:
    memory = in_force.context.memory
    return None if memory is None else memory.start_of(host, plan.tls_rungs)


def _was_closed(outcome: tuple[RecipientResult, ...] | Broken) -> bool:
    """Whether the server closed the session before it knew of the message: silently, or with a pending 421."""
    if isinstance(outcome, Broken):
        return not outcome.results and outcome.failure.phase in _BEFORE_CONTENT
    return any(each.phase is Phase.MAIL and each.reply is not None and each.reply.code == 421 for each in outcome)
