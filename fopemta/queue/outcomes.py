"""What became of recipients: settled, told and written down, in this order (shell)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import Deferred

from fopemta import maillog
from fopemta.config.model import Configuration
from fopemta.interfaces import IRuleCounts, ISpool, SpoolTrouble, UnknownMessage
from fopemta.mail.queued import QueuedMessage, RecipientStatus
from fopemta.queue.demanding import NO_DEMANDS, Demanding, MessageDemands
from fopemta.queue.made_here import MadeHere
from fopemta.queue.reporter import Reporter, Told
from fopemta.queue.ways import Round
from fopemta.report.notices import warning_due, with_warnings
from fopemta.report.quotation import quoted_codes, refusal_in, said_by_server
from fopemta.retry.timetable import held_up, life_over, next_try, spool_pause
from fopemta.routing.consignment import Consignment
from fopemta.routing.values import NextHop
from fopemta.scheduling.roster import Roster
from fopemta.trust.demand import Demand
from fopemta.trust.diagnosis import Diagnosis, explain, is_tls_failure
from fopemta.trust.verdict import Result, VerdictRecord


class Outcomes:
    """`accepted` takes the reports that were made; `resumed` is called when outcomes can be written again; `wait` gives
    a Deferred that fires after so many seconds.
    """

    def __init__(
        self,
        spool: ISpool,
        config: Configuration,
        demanding: Demanding,
        roster: Roster,
        now: Callable[[], float],
        noise: random.Random,
        wait: Callable[[float], Deferred[None]],
        accepted: Callable[[QueuedMessage], None],
        resumed: Callable[[], None],
        made_here: MadeHere,
        counts: IRuleCounts | None = None,
    ) -> None:
        self._counts = counts
        self._spool = spool
        self._config = config
        self._demanding = demanding
        self._roster = roster
        self._now = now
        self._noise = noise
        self._wait = wait
        self._accepted = accepted
        self._resumed = resumed
        self._reporter = Reporter(spool, config, now, wait, made_here)
        self._unwritten = 0

    def reconfigure(self, config: Configuration) -> None:
        """Go by `config` from now on."""
        self._config = config
        self._reporter.config = config

    @property
    def unwritten(self) -> bool:
        """There is one that the spool does not take."""
        return self._unwritten > 0

    async def record(
        self, round_: Round, verdicts: Sequence[VerdictRecord], destination: NextHop | None = None
    ) -> None:
        """What an attempt gave, at `destination` where there was one: settle it, report what is to be told, write all
        down.  Reports come first: a crash in between must not leave a failure of which nobody is told.
        """
        if not verdicts:
            return
        await self._see_what_is_demanded(round_)
        message = round_.message
        raised = self._demanding.raised(message, verdicts, round_.demands)
        settled = [self._settled(round_, destination, verdict) for verdict in raised]
        warned = with_warnings(message, settled, self._config.retry.warn_after, self.lived_until(message))
        warned = self._with_tls_warnings(message, warned, round_.demands)
        for verdict in warned:
            maillog.attempt(verdict)
            if self._counts is not None:
                status = message.status_of(verdict.recipient)
                lifted = status.demanded(message.envelope).rules if verdict.overridden is not None else ()
                self._counts.attempted(verdict, lifted)
        await self._keep(round_, await self._told(round_, warned))

    async def order(self, round_: Round, verdicts: Sequence[VerdictRecord], report: bool) -> None:
        """What an operator wants: it is as he says, and the sender is told of it only where `report` says so."""
        if not verdicts:
            return
        await self._see_what_is_demanded(round_)
        told = Told(tuple(verdicts), ())
        if report:
            told = await self._told(round_, verdicts)
        await self._keep(round_, told)

    async def _see_what_is_demanded(self, round_: Round) -> None:
        """Other rules may have come while an attempt was under way: what is told and stored of it goes by them, and
        what notices keep to is no less than it was.
        """
        edition = self._demanding.edition
        if round_.edition is edition:
            return
        found = await self._demanding.of(round_.message)
        unlifted = tuple(dict.fromkeys((*round_.demands.unlifted, *found.unlifted)))
        round_.demands, round_.edition, round_.inherited = attrs.evolve(found, unlifted=unlifted), edition, None

    async def _told(self, round_: Round, verdicts: Sequence[VerdictRecord]) -> Told:
        def inherited() -> tuple[Demand, ...]:
            if round_.inherited is None:
                round_.inherited = self._demanding.for_notices(round_.message, round_.demands)
            return round_.inherited

        return await self._reporter.tell(round_.message, verdicts, round_.demands, inherited)

    def arrived(self, message: QueuedMessage) -> float:
        """When it came, as if the clock had always stood as it does now."""
        return self._roster.arrived(message.id, message.arrived)

    def lived_until(self, message: QueuedMessage) -> float:
        """Now, as if the clock had always stood as it did when the message came."""
        return message.arrived + self._now() - self.arrived(message)

    # --- settling ----------------------------------------------------------------------------------------------------

    def untold(
        self, consignment: Consignment, verdict_of: Callable[[RecipientStatus], VerdictRecord | None]
    ) -> list[VerdictRecord]:
        """What is to be written down of those for whom nothing is tried now: who never is must not wait without a
        reason, nor longer than his life, nor without a warning.
        """
        message, retry = consignment.message, self._config.retry
        over = life_over(retry, self.arrived(message), self._now())
        silent = [
            status
            for status in [message.status_of(str(each)) for each in consignment.recipients]
            if over or is_untold(status) or warning_due(message, status, retry.warn_after, self.lived_until(message))
        ]
        return [verdict for status in silent if (verdict := verdict_of(status)) is not None]

    def _settled(self, round_: Round, destination: NextHop | None, verdict: VerdictRecord) -> VerdictRecord:
        """As it is to be recorded: with the next try, or failed, when its time is over."""
        message, demands = round_.message, round_.demands
        verdict = _carried_on(message, verdict)
        patience = demands.of(verdict.recipient).demanded.patience if demands is not NO_DEMANDS else None
        if patience is None or verdict.tls_since is None or verdict.result is not Result.DEFERRED:
            timed = self._timed(round_, destination, verdict)
        else:
            timed = self._timed_for_tls(round_, destination, verdict, verdict.tls_since + patience.hold)
        if timed.result is not Result.FAILED or not self._is_postmasters(message, timed.recipient):
            return timed
        # Nobody else would hear of it, so it is never given up.
        maillog.postmaster_unreachable(message.id, timed.recipient, timed.text)
        return attrs.evolve(timed, result=Result.DEFERRED, held=True)

    def _is_postmasters(self, message: QueuedMessage, recipient: str) -> bool:
        """It is postmaster's mail: by the address, or, of what is made here, by any that an alias has replaced."""
        postmaster = self._config.node.postmaster
        if recipient == str(postmaster):
            return True
        said = message.envelope.options_of(message.status_of(recipient).address)
        return message.envelope.arrival is None and postmaster in (*said.stands_for, *said.by_way_of)

    def _timed_for_tls(
        self, round_: Round, destination: NextHop | None, verdict: VerdictRecord, deadline: float
    ) -> VerdictRecord:
        """An attempt is made at the deadline, and the first TLS failure from then on is the last; other
        failures run the general clock.
        """
        now = self._now()
        verdict = attrs.evolve(verdict, tls_deadline=deadline)
        failed = verdict.diagnosis is not None and is_tls_failure(Diagnosis(verdict.diagnosis))
        if now >= deadline and failed and not self._held_up(round_.message, verdict):
            return _given_up(verdict)
        timed = self._timed(round_, destination, verdict)
        if timed.next_try is not None and now < deadline < timed.next_try:
            return attrs.evolve(timed, next_try=deadline)
        return timed

    def _with_tls_warnings(
        self, message: QueuedMessage, verdicts: Sequence[VerdictRecord], demands: MessageDemands
    ) -> Sequence[VerdictRecord]:
        """The sender is warned earlier of what waits for TLS, where a rule says so."""
        if demands is NO_DEMANDS:
            return verdicts
        return [self._tls_warned(message, verdict, demands) for verdict in verdicts]

    def _tls_warned(self, message: QueuedMessage, verdict: VerdictRecord, demands: MessageDemands) -> VerdictRecord:
        patience = demands.of(verdict.recipient).demanded.patience
        if patience is None or verdict.tls_since is None or verdict.result is not Result.DEFERRED or verdict.warned:
            return verdict
        status = message.status_of(verdict.recipient)
        # As if it had come when TLS failed first.
        age = message.arrived + self._now() - verdict.tls_since
        return attrs.evolve(verdict, warned=warning_due(message, status, patience.warn_after, age))

    def _timed(self, round_: Round, destination: NextHop | None, verdict: VerdictRecord) -> VerdictRecord:
        if verdict.result is not Result.DEFERRED:
            return verdict
        now, retry = self._now(), self._config.retry
        if not life_over(retry, self.arrived(round_.message), now):
            if verdict.next_try is not None:
                return verdict  # not tried: it waits for its destination
            return attrs.evolve(verdict, next_try=self._moment(round_, destination, verdict))
        if self._held_up(round_.message, verdict):
            return attrs.evolve(verdict, next_try=now + retry.longest)
        return _given_up(verdict)

    def _moment(self, round_: Round, destination: NextHop | None, verdict: VerdictRecord) -> float | None:
        """One for all whom a destination has put off in a round: by one each they would go in as many transactions."""
        now, together = self._now(), (destination, verdict.attempt)
        moment = round_.moments.get(together)
        if moment is None or moment <= now:
            arrived, jitter = self.arrived(round_.message), self._noise.random()
            moment = next_try(self._config.retry, arrived, verdict.attempt, now, jitter)
        if moment is not None:
            round_.moments[together] = moment
        return moment

    def _held_up(self, message: QueuedMessage, verdict: VerdictRecord) -> bool:
        return held_up(self._config.retry, _previous(message, verdict), self._roster.began)

    # --- writing -----------------------------------------------------------------------------------------------------

    async def _keep(self, round_: Round, told: Told) -> None:
        round_.changed = True
        # Other consignments of the message may have come back meanwhile: fold into what is known now.
        round_.message = round_.message.after(told.verdicts)
        await self._write_down(round_.message.id, told.verdicts, round_.message.finished)
        # Only now: as long as a report is in the spool it cannot be made a second time.
        for report in told.reports:
            self._accepted(report)

    async def _write_down(self, message_id: str, verdicts: Sequence[VerdictRecord], finished: bool) -> None:
        """Again and again until the spool has it; meanwhile nothing new is delivered."""
        tries = 0
        while True:
            try:
                await self._spool.record(message_id, verdicts, finished)
            except UnknownMessage:
                # Another consignment's outcome, written first, was the last: the message is gone.
                pass
            except SpoolTrouble as trouble:
                maillog.spool_trouble(f"{message_id}: outcomes cannot be written: {trouble}")
                self._unwritten += tries == 0
                tries += 1
                await self._wait(spool_pause(tries))
                continue
            if tries:
                self._unwritten -= 1
                self._resumed()
            return


def is_untold(status: RecipientStatus) -> bool:
    """It is stored nowhere why it waits: it was never tried, or not since it was released."""
    return status.last is None or status.last.diagnosis == Diagnosis.RELEASED.value


def _given_up(verdict: VerdictRecord) -> VerdictRecord:
    diagnosis = Diagnosis(verdict.diagnosis) if verdict.diagnosis else Diagnosis.QUEUE_LIFETIME_OVER
    code, enhanced, text = 554, explain(diagnosis).given_up, verdict.text
    if said_by_server(verdict):
        # What it said is kept as it was said, whatever we call the end of it.
        if (refused := refusal_in(verdict)) is not None:
            code, enhanced, text = refused
        else:
            text = " ".join([*quoted_codes(verdict), text])
    return attrs.evolve(
        verdict, result=Result.FAILED, code=code, enhanced=enhanced, text=text, diagnosis=diagnosis.value, next_try=None
    )


def _carried_on(message: QueuedMessage, verdict: VerdictRecord) -> VerdictRecord:
    """With what earlier records of its recipient have begun."""
    last = message.status_of(verdict.recipient).last
    if last is None or not (last.tls_since is not None or last.overridden is not None or last.demanded is not None):
        return verdict
    return attrs.evolve(
        verdict,
        tls_since=last.tls_since if last.tls_since is not None else verdict.tls_since,
        overridden=last.overridden,
        demanded=verdict.demanded if verdict.demanded is not None else last.demanded,
        lowered=verdict.lowered or last.lowered,
    )


def _previous(message: QueuedMessage, verdict: VerdictRecord) -> float:
    """When the recipient was tried before this, or the message came."""
    last = message.status_of(verdict.recipient).last
    return message.arrived if last is None else last.time
