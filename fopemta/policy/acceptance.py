"""The decision about a complete message (pure): its recipients, the demands on each path, or the refusal.

Decided once, and stored with the message.  Used wherever mail is accepted: by listeners, for our own notices, and by
`fopemta explain`, which only asks.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import NO_OPTIONS, Envelope, RuleNote
from fopemta.mail.reply import Reply, text_lines
from fopemta.policy.action import AT_ACCEPTANCE, AT_EACH_ATTEMPT, AddHeader, Bcc, Defer, Hold, Redirect, Reject
from fopemta.policy.demands import RuleDemands, demands_on
from fopemta.policy.facts import ContentFacts, RecipientFacts, RuleStage, facts_of, recipient_facts
from fopemta.policy.matchers import Answer
from fopemta.policy.rulebook import Rulebook, RuleResult, matching
from fopemta.policy.steps import House, Leads, TooManyRecipients, led_on, through_aliases, with_copies
from fopemta.routing.plan import own_demand
from fopemta.routing.routes import route_for
from fopemta.trust.demand import NOTHING_DEMANDED, Demand, Demanded
from fopemta.trust.levels import Level

# RFC 5321 4.5.3.1.10: the client sends the message again to the remaining recipients.
TOO_MANY_RECIPIENTS = Reply.of(452, "4.5.3", "Too many recipients, counting those that aliases and rules lead to")
NOT_FOR_NOW = Reply.of(451, "4.7.1", "Policy could not be checked, please try again later")


@attrs.frozen(kw_only=True)
class Acceptance:
    """`refusal` None means accepted.  `envelope` as it is stored: recipients after aliases and rules, with the demands
    on each path.  `headers` to be put in front; `results` of the rules that contributed, `refused_by` the one that
    refuses.
    """

    refusal: Reply | None
    envelope: Envelope
    headers: tuple[AddHeader, ...] = ()
    results: tuple[RuleResult, ...] = ()
    refused_by: RuleResult | None = None

    @property
    def applied(self) -> tuple[RuleNote, ...]:
        """The rules that took effect: if one refuses the message, no other does."""
        if self.refusal is None:
            return self.notes
        return () if self.refused_by is None else (note_of(self.refused_by),)

    @property
    def notes(self) -> tuple[RuleNote, ...]:
        """The rules that contributed, and why."""
        return tuple(note_of(each) for each in self.results)


def refusal_of(results: Sequence[RuleResult]) -> tuple[Reply, RuleResult] | None:
    """The first refusal that rules demand at this stage, and its rule; reject takes precedence over defer.

    An answer that is unknown for now defers; one that is unknown for good does not refuse.
    """
    for result in matching(results, Reject):
        assert isinstance(result.rule.then, Reject)
        return Reply.of(550, "5.7.1", *text_lines(result.rule.then.text)), result
    for result in matching(results, Defer):
        assert isinstance(result.rule.then, Defer)
        return Reply.of(450, "4.7.1", *text_lines(result.rule.then.text)), result
    for result in results:
        if result.enforced and result.answer is Answer.NOT_FOR_NOW:
            return NOT_FOR_NOW, result
    return None


def accept(
    envelope: Envelope, book: Rulebook, house: House, content: ContentFacts | None, size: int, now: float
) -> Acceptance:
    """Decide about a complete message: `content` as far as rules read it, None if none does; `size` in octets, `now` in
    seconds since the epoch.
    """
    try:
        return _accepted(envelope, book, house, content, size, now)
    except TooManyRecipients:
        return Acceptance(refusal=TOO_MANY_RECIPIENTS, envelope=envelope)


def _accepted(
    envelope: Envelope, book: Rulebook, house: House, content: ContentFacts | None, size: int, now: float
) -> Acceptance:
    if not book.rules:
        return Acceptance(refusal=None, envelope=_bound(through_aliases(envelope, house), (), house))
    results: tuple[RuleResult, ...] = ()
    at_acceptance = book.of(*AT_ACCEPTANCE)
    if not at_acceptance.rules:
        envelope = through_aliases(envelope, house)
    else:
        envelope, results = _redirected(envelope, at_acceptance, house, content, size, now)
        refused = refusal_of(results)
        if refused is not None:
            return Acceptance(refusal=refused[0], envelope=envelope, results=results, refused_by=refused[1])
        copies = [each for result in matching(results, Bcc) for each in _targets(result)]
        envelope = with_copies(envelope, copies, house)
        if matching(results, Hold):
            envelope = attrs.evolve(envelope, held=True)
    demanded, unsure = _demands_at(envelope, book, house, content, size, now)
    notes = tuple(note_of(each) for each in results)
    return Acceptance(
        refusal=None if unsure is None else NOT_FOR_NOW,
        envelope=_bound(attrs.evolve(envelope, rules=notes) if notes else envelope, demanded, house),
        headers=tuple(each.rule.then for each in matching(results, AddHeader) if isinstance(each.rule.then, AddHeader)),
        results=results,
        refused_by=unsure,
    )


def demands_at(
    envelope: Envelope, book: Rulebook, house: House, content: ContentFacts | None, size: int, now: float
) -> Sequence[RuleDemands]:
    """The rules' demands for each recipient, in the envelope's order; empty if there are no such rules."""
    return _demands_at(envelope, book, house, content, size, now)[0]


def _demands_at(
    envelope: Envelope, book: Rulebook, house: House, content: ContentFacts | None, size: int, now: float
) -> tuple[Sequence[RuleDemands], RuleResult | None]:
    """Also returns the first rule whose answer is unknown for now; None if there is none."""
    at_attempt = book.of(*AT_EACH_ATTEMPT)
    if not at_attempt.rules:
        return (), None
    facts = facts_of(envelope, RuleStage.CONTENT, size, content)
    results = at_attempt.concerning(facts, now)
    found = [demands_on(results, each, house.keeps(each.address.domain)) for each in facts.recipients]
    unsure = next((each for each in results if each.enforced and each.answer is Answer.NOT_FOR_NOW), None)
    return found, unsure if any(each.unsure is not None for each in found) else None


def note_of(result: RuleResult) -> RuleNote:
    """The record of a rule that is stored with the message."""
    return RuleNote(result.rule.name, result.rule.action_word, result.rule.mode.value, result.answer.value, result.why)


# --- redirects -------------------------------------------------------------------------------------------------------

# A rule, by its name, and an address that it has redirected.
_Acted = set[tuple[str, Mailbox]]


def _redirected(
    envelope: Envelope, book: Rulebook, house: House, content: ContentFacts | None, size: int, now: float
) -> tuple[Envelope, tuple[RuleResult, ...]]:
    """The envelope when no alias or redirect is left to follow, and the results of all rules for it.  A rule that names
    an alias redirects it before the alias is expanded.

    It terminates: no rule redirects the descendants of one address twice.
    """
    said: dict[str, RuleResult] = {}
    acted: _Acted = set()
    while True:
        facts = facts_of(through_aliases(envelope, house), RuleStage.CONTENT, size, content)
        results = book.concerning(facts, now)
        # A rule no longer names what it has redirected: that it contributed is kept.
        kept = {name: each for name, each in said.items() if each.matches and isinstance(each.rule.then, Redirect)}
        said = kept | {each.rule.name: each for each in results}
        redirects = matching(results, Redirect)
        led = through_aliases(_led(envelope, redirects, acted, house), house)
        if led == envelope:
            return envelope, tuple(said.values())
        envelope = led


def _led(envelope: Envelope, redirects: Sequence[RuleResult], acted: _Acted, house: House) -> Envelope:
    if not redirects:
        return envelope

    def leads(recipient: Mailbox) -> Leads:
        return _leads(recipient_facts(envelope, recipient), redirects, acted)

    return led_on(envelope, leads, house)


def _leads(recipient: RecipientFacts, redirects: Sequence[RuleResult], acted: _Acted) -> Leads:
    """Each rule redirects the recipients that it names, in order; a later rule may redirect the result again, but never
    back to an earlier address.
    """
    start = recipient.address
    now: dict[Mailbox, tuple[Mailbox, ...]] = {start: ()}
    seen = {*recipient.addresses}
    for result in redirects:
        rule, after = result.rule, dict[Mailbox, tuple[Mailbox, ...]]()
        had_a_say = any((rule.name, each) in acted for each in recipient.addresses if each != start)
        for address, between in now.items():
            redirected = not had_a_say and rule.is_for(recipient) and rule.names(address)
            targets = [each for each in _targets(result) if each not in seen] if redirected else []
            if targets:
                acted.add((rule.name, address))
            else:
                after.setdefault(address, between)
            for target in targets:
                after.setdefault(target, between if address == start else (*between, address))
        now = after
        seen.update(now)
    return now


def _targets(result: RuleResult) -> tuple[Mailbox, ...]:
    action = result.rule.then
    assert isinstance(action, Redirect | Bcc)
    return action.to


# --- what is stored of demands ---------------------------------------------------------------------------------------


def _bound(envelope: Envelope, demanded: Sequence[RuleDemands], house: House) -> Envelope:
    """The envelope with the demands of rules and routes on each path."""
    if not demanded and not house.demands_tls:
        return envelope
    known = dict(envelope.options)
    stored: dict[Mailbox, Demanded] = {}
    for number, recipient in enumerate(envelope.recipients):
        by_rules = demanded[number].demanded if demanded else NOTHING_DEMANDED
        found = to_store(by_rules, recipient, house)
        if found is not NOTHING_DEMANDED:
            stored[recipient] = found
    if not stored:
        return envelope
    for recipient, found in stored.items():
        known[recipient] = attrs.evolve(known.get(recipient, NO_OPTIONS), demanded=found)
    options = tuple((each, known[each]) for each in envelope.recipients if each in known)
    return attrs.evolve(envelope, options=options)


def to_store(by_rules: Demanded, recipient: Mailbox, house: House) -> Demanded:
    """The part of the demands on `recipient` that is stored: those that plain text could not meet.

    Of its route only the level, since the authenticated host may change while mail waits; rules in test mode demand
    nothing.
    """
    route = own_demand(route_for(recipient.domain, house.routes))
    demands = by_rules.demands
    if route.level >= Level.ENCRYPT:
        demands = (*demands, Demand(level=route.level, source=route.source))
    if not demands:
        return NOTHING_DEMANDED
    return attrs.evolve(by_rules, demands=demands, tested=())
