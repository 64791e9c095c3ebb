"""What is demanded of the way to each recipient of a message (shell).

The stricter of what was stored with the message when it was accepted and of what the rules say now: worked out for
each attempt, and asked for again when a message is about to be sent.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import implementer

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration
from fopemta.interfaces import IDemandsInForce, ISpool, SpoolTrouble
from fopemta.mail.queued import QueuedMessage, RecipientStatus
from fopemta.policy.acceptance import to_store
from fopemta.policy.action import AT_EACH_ATTEMPT, AllowWeaker, RouteVia
from fopemta.policy.content import content_facts
from fopemta.policy.demands import RuleDemands, demands_on, stricter
from fopemta.policy.earlier import Earlier, RulesText
from fopemta.policy.facts import ContentFacts, Gap, MessageFacts, RecipientFacts, RuleStage, facts_of
from fopemta.policy.rulebook import NO_RULES, Rulebook, RuleResult
from fopemta.policy.steps import House
from fopemta.policy.way import Way, way_of
from fopemta.routing.consignment import Consignment
from fopemta.routing.plan import own_demand
from fopemta.routing.routes import route_for
from fopemta.trust.demand import Demand, Demanded, inheritance
from fopemta.trust.verdict import Result, VerdictRecord

# The facts of a message, and what each of several books of rules says of it.
Said: TypeAlias = tuple[MessageFacts, Sequence[Sequence[RuleResult]]]

_NOTHING = RuleDemands()
_UNREADABLE = Gap("the message cannot be read now", for_good=False)
_RULES_LOST = "the rules that were in force when it came cannot be read any more: see fopemta reload --allow-lower"


@attrs.frozen
class MessageDemands:
    """`by_recipient` under the text of the address; who is not in it is demanded nothing for.  `unlifted` are the
    demands on all ways, finished ones too, whatever an operator has lifted: what a notice about the message keeps to.
    """

    by_recipient: Mapping[str, RuleDemands] = attrs.Factory(dict)
    unlifted: tuple[Demanded, ...] = ()

    def of(self, recipient: str) -> RuleDemands:
        """Of one recipient."""
        return self.by_recipient.get(recipient, _NOTHING)


NO_DEMANDS = MessageDemands()


@implementer(IDemandsInForce)
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
        self._house = House(config.routes, config.relay.domains)
        self._book = _at_each_attempt(config)
        # Rules that are not those of the configuration any more.
        self._kept = tuple(config.earlier or ())

    @property
    def config(self) -> Configuration:
        """What is gone by."""
        return self._config

    @property
    def edition(self) -> object:
        """See IDemandsInForce."""
        return self._config

    def reconfigure(self, config: Configuration) -> bool:
        """Go by `config` from now on; mail that is here already keeps to what the rules said until now, too, unless
        `let_fall` says otherwise.  True where its rules are others.
        """
        book = _at_each_attempt(config)
        changed = book != self._book
        if config.earlier is not None:
            # Whoever writes them down has said which of them still matter.
            self._kept = config.earlier
        elif changed:
            self._kept = (*self._kept, Earlier(self._now(), RulesText(None, "", self._book)))
        self._config, self._book, self._house = config, book, House(config.routes, config.relay.domains)
        return changed

    def let_fall(self) -> None:
        """What the rules have ceased to demand since mail was accepted is demanded of it no more."""
        self._kept = ()

    @property
    def keeps_earlier(self) -> bool:
        """Mail may be bound by rules that are in force no more."""
        return bool(self._kept)

    @property
    def names_ways(self) -> bool:
        """Rules may have a route for some mail: nobody can tell where a message goes before it is read."""
        if not self._book.rules and not self._kept:
            return False
        books = [self._book, *(each.rules.demanding for each in self._kept)]
        return any(book is None or bool(book.of(RouteVia).rules) for book in books)

    def applies_to(self, message: QueuedMessage) -> bool:
        """Something may be demanded: `of` has to be asked."""
        return bool(self._book.rules or self._kept or message.bound)

    def ways_in_force(self, consignment: Consignment) -> Deferred[Mapping[Mailbox, Way]] | Mapping[Mailbox, Way]:
        """See IDemandsInForce."""
        # An exception may have ended since, without anything being read anew.
        if consignment.edition is self._config and consignment.demanded.weakest is None:
            way = Way(consignment.next_hop, consignment.demanded, None)
            return dict.fromkeys(consignment.recipients, way)
        return Deferred.fromCoroutine(self._ways_anew(consignment))

    async def _ways_anew(self, consignment: Consignment) -> Mapping[Mailbox, Way]:
        demands = await self.of(consignment.message)
        routes = self._config.routes
        return {each: way_of(each, demands.of(str(each)), routes) for each in consignment.recipients}

    async def of(self, message: QueuedMessage, stored: bool = True) -> MessageDemands:
        """For every recipient, finished ones too; without what is `stored` with the message, what today's rules say
        alone.  Does not fail: what cannot be told now is said to be unsure.
        """
        if not self.applies_to(message):
            return NO_DEMANDS
        now = self._now()
        kept = [each.rules.demanding for each in self._kept if each.binds(message.arrived, now)] if stored else []
        books = [self._book, *(each for each in kept if each is not None)]
        facts, results = await self._said(message, [book for book in books if book.rules])
        said = [self._in_force(each) for each in results]
        statuses = message.recipients
        found = [self._by_rules(status, facts.recipients[number], said) for number, status in enumerate(statuses)]
        if stored:
            found = [_with_stored(each, statuses[number], message) for number, each in enumerate(found)]
        if None in kept:
            found = [attrs.evolve(each, unsure=each.unsure or _RULES_LOST) for each in found]
        lifted = [
            _NOTHING if status.overridden is not None else each
            for status, each in zip(message.recipients, found, strict=True)
        ]
        by_recipient = {
            str(status.address): _with_inherited(each, message)
            for status, each in zip(message.recipients, lifted, strict=True)
        }
        return MessageDemands(by_recipient, tuple(each.demanded for each in found))

    def for_notices(self, message: QueuedMessage, demands: MessageDemands) -> tuple[Demand, ...]:
        """What a notice about the message must keep to: the strictest of what is demanded of any of its ways, by rules
        and by routes, finished ones too.
        """
        routes = [route_for(each.address.domain, self._config.routes) for each in message.recipients]
        return inheritance(message.envelope.inherited, demands.unlifted, [own_demand(each) for each in routes])

    def raised(
        self, message: QueuedMessage, verdicts: Sequence[VerdictRecord], demands: MessageDemands
    ) -> Sequence[VerdictRecord]:
        """The records of an attempt with what is stored from then on, where rules have come to demand more."""
        if demands is NO_DEMANDS:
            return verdicts
        return [self._raised(message, message.status_of(each.recipient), each, demands) for each in verdicts]

    def _raised(
        self, message: QueuedMessage, status: RecipientStatus, verdict: VerdictRecord, demands: MessageDemands
    ) -> VerdictRecord:
        if verdict.result is not Result.DEFERRED or status.overridden is not None:
            return verdict
        stored, wanted = status.demanded(message.envelope), self.to_store(status, demands, message.envelope.inherited)
        return verdict if wanted == stored or not wanted.demands else attrs.evolve(verdict, demanded=wanted)

    def to_store(self, status: RecipientStatus, demands: MessageDemands, inherited: Sequence[Demand] = ()) -> Demanded:
        """What is stored of `demands` on the way to a recipient, but for what the message has `inherited`."""
        found = demands.of(str(status.address)).demanded
        own = tuple(each for each in found.demands if each not in inherited)
        return to_store(attrs.evolve(found, demands=own), status.address, self._house)

    def _by_rules(
        self, status: RecipientStatus, recipient: RecipientFacts, said: Sequence[Sequence[RuleResult]]
    ) -> RuleDemands:
        stays = self._house.keeps(status.address.domain)
        today, *older = [demands_on(results, recipient, stays) for results in said] or [_NOTHING]
        for each in older:
            today = stricter(today, each)
        return today

    def _in_force(self, results: Sequence[RuleResult]) -> Sequence[RuleResult]:
        """Rules count by the day on which the mail came; exceptions end on their own day, for all mail."""
        now = self._now()
        return [each for each in results if not isinstance(each.rule.then, AllowWeaker) or each.rule.in_force(now)]

    async def _said(self, message: QueuedMessage, books: Sequence[Rulebook]) -> Said:
        """What each book says of the message.  Reading it takes its time, and so do many rules about a long text:
        neither is for the reactor's thread.
        """
        if not any(book.reads_content for book in books):
            return _said_of(message, books, None)
        bounds = self._config.limits.content
        try:
            octets = await self._beginning(message, bounds.looked_at)
        except SpoolTrouble:
            gaps = ContentFacts(headers_gap=_UNREADABLE, texts_gap=_UNREADABLE, attachments_gap=_UNREADABLE)
            return _said_of(message, books, gaps)
        asked = functools.reduce(operator.or_, (book.asked for book in books))

        def read_and_judged() -> Said:
            content = content_facts(octets, len(octets) == message.size, asked, bounds)
            return _said_of(message, books, content)

        said: Said = await self._in_thread(read_and_judged)
        return said

    async def _beginning(self, message: QueuedMessage, most: int) -> bytes:
        """As much of its content as rules look at.  Raises SpoolTrouble."""
        octets = b""
        content = await self._spool.content(message.id)
        try:
            while len(octets) < most and (piece := await content.read(most - len(octets))):
                octets += piece
        finally:
            content.close()
        return octets


def _said_of(message: QueuedMessage, books: Sequence[Rulebook], content: ContentFacts | None) -> Said:
    facts = facts_of(message.envelope, RuleStage.CONTENT, message.size, content)
    return facts, [book.concerning(facts, message.arrived) for book in books]


def _at_each_attempt(config: Configuration) -> Rulebook:
    return (config.rulebook or NO_RULES).of(*AT_EACH_ATTEMPT)


def _with_stored(found: RuleDemands, status: RecipientStatus, message: QueuedMessage) -> RuleDemands:
    stored = status.demanded(message.envelope)
    return found if not stored.demands else stricter(found, RuleDemands(demanded=stored))


def _with_inherited(found: RuleDemands, message: QueuedMessage) -> RuleDemands:
    inherited = message.envelope.inherited
    if not inherited:
        return found
    return attrs.evolve(found, demanded=attrs.evolve(found.demanded, demands=(*found.demanded.demands, *inherited)))
