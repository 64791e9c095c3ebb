"""What is demanded of the way to each recipient of a message, worked out anew at each attempt (shell): RULINGS 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, maybeDeferred

from fopemta.config.model import Configuration
from fopemta.interfaces import ISpool, SpoolTrouble
from fopemta.mail.envelope import Arrival
from fopemta.mail.queued import QueuedMessage
from fopemta.policy.action import AT_EACH_ATTEMPT, AllowWeaker
from fopemta.policy.admission import Admission
from fopemta.policy.content import content_facts
from fopemta.policy.demands import RuleDemands, demands_on, stricter
from fopemta.policy.facts import ContentFacts, Direction, Gap, MessageFacts, Stage
from fopemta.policy.rulebook import Rulebook, RuleResult
from fopemta.trust.demand import Demand, inheritance

_NOTHING = RuleDemands()
_UNREADABLE = Gap("the message cannot be read now", for_good=False)


@attrs.frozen
class MessageDemands:
    """`by_recipient` under the text of the address; who is not in it is demanded nothing for."""

    by_recipient: Mapping[str, RuleDemands] = attrs.Factory(dict)
    # Worked out once: there may be thousands of recipients, and a notice about each.
    _inherited: tuple[Demand, ...] | None = attrs.field(init=False, default=None, eq=False, repr=False)

    def of(self, recipient: str) -> RuleDemands:
        """Of one recipient."""
        return self.by_recipient.get(recipient, _NOTHING)

    @property
    def inherited(self) -> tuple[Demand, ...]:
        """What a notice about the message must keep to (RULINGS 3)."""
        if self._inherited is None:
            object.__setattr__(self, "_inherited", inheritance(each.demanded for each in self.by_recipient.values()))
        assert self._inherited is not None
        return self._inherited


NO_DEMANDS = MessageDemands()


class Demanding:
    """`in_thread` runs a call off the reactor thread; `now` the wall time."""

    def __init__(
        self,
        spool: ISpool,
        config: Configuration,
        now: Callable[[], float],
        in_thread: Callable[..., Deferred[Any]] = maybeDeferred,
    ) -> None:
        self._spool = spool
        self._now = now
        self._in_thread = in_thread
        self._config = config
        self._book = _at_each_attempt(config)
        # Rules that are not those of the configuration any more, and until when they were.
        self._kept: list[tuple[float, Rulebook]] = []

    def reconfigure(self, config: Configuration) -> None:
        """Go by `config` from now on; mail that is here already keeps to what the rules said until now, too, unless
        `let_fall` says otherwise (RULINGS 7).
        """
        book = _at_each_attempt(config)
        if book != self._book:
            self._kept.append((self._now(), self._book))
        self._config, self._book = config, book

    def let_fall(self) -> None:
        """What the rules have ceased to demand is demanded of no mail any more."""
        self._kept.clear()

    def applies_to(self, message: QueuedMessage) -> bool:
        """Something may be demanded: `of` has to be asked."""
        return bool(self._book.rules or self._kept or message.envelope.inherited)

    async def of(self, message: QueuedMessage) -> MessageDemands:
        """For every recipient that is open.  Does not fail: what cannot be told now is said to be unsure."""
        if not self.applies_to(message):
            return NO_DEMANDS
        books = [self._book, *(book for until, book in self._kept if message.arrived < until)]
        content = await self._content(message) if any(book.reads_content for book in books) else None
        facts = self._facts(message, content)
        said = [self._in_force(book.concerning(facts, message.arrived)) for book in books]
        by_recipient = {}
        for status in message.pending:
            stands_for = message.envelope.options_of(status.address).stands_for
            found = _NOTHING
            if status.overridden is None:
                found, *older = [demands_on(results, status.address, stands_for) for results in said]
                for each in older:
                    found = stricter(found, each)
            by_recipient[str(status.address)] = _with_inherited(found, message)
        return MessageDemands(by_recipient)

    def _in_force(self, results: Sequence[RuleResult]) -> Sequence[RuleResult]:
        """Rules count by the day on which the mail came (RULINGS 7); exceptions end on their own day, for all mail."""
        now = self._now()
        return [each for each in results if not isinstance(each.rule.then, AllowWeaker) or each.rule.in_force(now)]

    def _facts(self, message: QueuedMessage, content: ContentFacts | None) -> MessageFacts:
        envelope = message.envelope
        arrival = envelope.arrival
        ours = arrival is None or arrival.login is not None or self._is_ours(arrival)
        # Whom an alias or a rule has replaced is still whom the message was for (RULINGS 3).
        recipients = [one for each in envelope.recipients for one in envelope.options_of(each).stands_for or (each,)]
        return MessageFacts(
            stage=Stage.CONTENT,
            direction=Direction.OUTBOUND if ours else Direction.INBOUND,
            client=arrival.client_address if arrival else None,
            login=arrival.login if arrival else None,
            tls=arrival.tls if arrival else None,
            sender=envelope.sender,
            recipients=tuple(dict.fromkeys(recipients)),
            size=message.size,
            content=content,
        )

    def _is_ours(self, arrival: Arrival) -> bool:
        admission = Admission.of(self._config)
        return admission.may_relay(arrival.client_address) or admission.has_certificate(arrival.tls)

    async def _content(self, message: QueuedMessage) -> ContentFacts:
        """What rules ask of the message itself."""
        asked, octets = self._book.asked, b""
        for _, book in self._kept:
            asked |= book.asked
        bounds = self._config.limits.content
        try:
            content = await self._spool.content(message.id)
            try:
                while len(octets) < bounds.looked_at and (piece := await content.read(bounds.looked_at - len(octets))):
                    octets += piece
            finally:
                content.close()
        except SpoolTrouble:
            return ContentFacts(headers_gap=_UNREADABLE, texts_gap=_UNREADABLE, attachments_gap=_UNREADABLE)
        whole = len(octets) == message.size
        facts: ContentFacts = await self._in_thread(content_facts, octets, whole, asked, bounds)
        return facts


def _at_each_attempt(config: Configuration) -> Rulebook:
    return (config.rulebook or Rulebook()).of(*AT_EACH_ATTEMPT)


def _with_inherited(found: RuleDemands, message: QueuedMessage) -> RuleDemands:
    inherited = message.envelope.inherited
    if not inherited:
        return found
    return attrs.evolve(found, demanded=attrs.evolve(found.demanded, demands=(*found.demanded.demands, *inherited)))
