"""The recipients of a consignment: which are left, how the others ended, and what was found (pure)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from fopemta.address.mailbox import Mailbox
from fopemta.attempt.blame import Disposition, after_break, disposition_of
from fopemta.attempt.findings import Scribe, Session, StepFinding, local_trouble, most_telling, of_failure, of_result
from fopemta.routing.consignment import Consignment
from fopemta.smtp.client_effects import Broken, RecipientResult, SessionFailed
from fopemta.trust.diagnosis import is_tls_failure
from fopemta.trust.levels import Level
from fopemta.trust.plan import TlsPlan
from fopemta.trust.verdict import Result, VerdictRecord


class Roll:
    """The recipients of one attempt.  `now` gives the wall time, `ended` is given the verdicts on finished
    recipients.
    """

    def __init__(
        self,
        consignment: Consignment,
        plan: TlsPlan,
        now: Callable[[], float],
        ended: Callable[[Sequence[VerdictRecord]], Awaitable[None]],
    ) -> None:
        # A dict, so that a recipient among thousands is found without a search.
        self.left = dict.fromkeys(consignment.recipients)
        # The recipients that the current host has been asked about.
        self.asked: set[Mailbox] = set()
        self._consignment = consignment
        self._plan = plan
        self._now = now
        self._tell_ended = ended
        self._told: set[Mailbox] = set()
        self._ended: dict[Mailbox, tuple[Result, StepFinding]] = {}
        self._findings: list[StepFinding] = []
        self._last_of: dict[Mailbox, StepFinding] = {}

    @property
    def unasked(self) -> list[Mailbox]:
        """The recipients left that this host has not been asked about."""
        return [each for each in self.left if each not in self.asked]

    def found(self, finding: StepFinding) -> None:
        """Add a finding, used for deferred recipients that no server has answered about."""
        self._findings.append(finding)

    def note(self, session: Session, outcome: tuple[RecipientResult, ...] | Broken) -> None:
        """Record the outcome of a transaction."""
        if isinstance(outcome, Broken):
            self._note(session, outcome.results)
            self._broken_off(session, outcome.failure)
        else:
            self._note(session, outcome)

    def _note(self, session: Session, results: Sequence[RecipientResult]) -> None:
        known: dict[tuple[object, ...], StepFinding] = {}
        for result in results:
            key = (result.reply, result.diagnosis, result.phase, result.accepted)
            finding = known.setdefault(key, of_result(session, result))
            self._end(result.recipient, disposition_of(result), finding)

    def _broken_off(self, session: Session, failure: SessionFailed) -> None:
        finding = of_failure(session.step, failure, session)
        self._findings.append(finding)
        for recipient in tuple(self.left):
            self._end(recipient, after_break(failure.phase), finding)

    def _end(self, recipient: Mailbox, disposition: Disposition, finding: StepFinding) -> None:
        if recipient not in self.left:
            return
        if disposition is Disposition.NEXT_HOST:
            self._last_of[recipient] = finding
            return
        del self.left[recipient]
        self._ended[recipient] = (_RESULTS[disposition], finding)

    # --- verdicts --------------------------------------------------------------------------------------------------

    async def tell(self) -> None:
        """Pass on the verdicts of finished recipients before the next transaction begins: a crash must not
        repeat it.
        """
        news = [each for each in self._consignment.recipients if each in self._ended and each not in self._told]
        if news:
            await self._tell_ended(self._records(news))
            self._told.update(news)

    def verdicts(self) -> Sequence[VerdictRecord]:
        """One for each recipient whose verdict has not been passed on."""
        return self._records([each for each in self._consignment.recipients if each not in self._told])

    def _records(self, recipients: Collection[Mailbox]) -> Sequence[VerdictRecord]:
        scribe = Scribe(self._consignment, self._plan, self._now(), self._tls_failed)
        verdicts = []
        for recipient in recipients:
            result, finding = self._ended.get(recipient) or (Result.DEFERRED, self._why_deferred(recipient))
            verdicts.append(scribe.verdict(recipient, result, finding))
        return verdicts

    @property
    def _tls_failed(self) -> bool:
        """Whether a host did not meet the demands, which starts the time limits of forced TLS."""
        return self._plan.level >= Level.ENCRYPT and any(
            each.diagnosis is not None and is_tls_failure(each.diagnosis) for each in self._findings
        )

    def _why_deferred(self, recipient: Mailbox) -> StepFinding:
        """A server's answer about this recipient, else the most informative finding."""
        said = self._last_of.get(recipient)
        if said is not None:
            return said
        return most_telling(self._findings) if self._findings else local_trouble()


_RESULTS = {
    Disposition.DELIVERED: Result.DELIVERED,
    Disposition.FAILED: Result.FAILED,
    Disposition.DEFERRED: Result.DEFERRED,
}
