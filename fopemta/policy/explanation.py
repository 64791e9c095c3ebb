"""Explain what would happen to a message, and why (pure), with the code of acceptance and delivery."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Direction, Envelope
from fopemta.policy.acceptance import Acceptance, demands_at
from fopemta.policy.demands import RuleDemands, stricter
from fopemta.policy.facts import ContentFacts, MessageFacts, RuleStage, facts_of
from fopemta.policy.rulebook import Rulebook, RuleResult
from fopemta.policy.steps import House
from fopemta.policy.way import way_of
from fopemta.routing.plan import plan_towards
from fopemta.routing.values import NextHop
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.plan import TlsPlan


@attrs.frozen(kw_only=True)
class Leg:
    """The explanation for one recipient: `stands_for` are the addresses that an alias or rule has replaced by it,
    `by_way_of` those between; `plan` is None for a mailbox on this machine.
    """

    recipient: Mailbox
    stands_for: tuple[Mailbox, ...]
    by_way_of: tuple[Mailbox, ...]
    direction: Direction
    hop: NextHop
    found: RuleDemands
    plan: TlsPlan | None


@attrs.frozen(kw_only=True)
class Explained:
    """`results` of every rule in order, for `facts`."""

    results: tuple[RuleResult, ...]
    facts: MessageFacts
    accepted: Acceptance
    ways: tuple[Leg, ...]

    @property
    def split(self) -> tuple[tuple[Mailbox, ...], ...]:
        """The message's transactions: recipients with the same next hop and the same demands."""
        groups: dict[object, list[Mailbox]] = {}
        for way in self.ways:
            groups.setdefault((way.hop, way.found.demanded), []).append(way.recipient)
        return tuple(tuple(each) for each in groups.values())


@attrs.frozen
class Regime:
    """The configuration that a message is judged by: rules, local domains, and default TLS."""

    book: Rulebook
    house: House
    client: TlsClient


def explained(
    regime: Regime,
    accepted: Acceptance,
    content: ContentFacts | None,
    size: int,
    now: float,
    waiting: Collection[Mailbox] | None = None,
    lifted: Collection[Mailbox] = (),
) -> Explained:
    """Explain a message that was `accepted`, or refused; `size` in octets, `now` in seconds since the epoch.

    For a queued message only the recipients still `waiting` are reported, though rules see all; for those in `lifted`
    an operator has lifted the demands of rules.
    """
    envelope, book, house = accepted.envelope, regime.book, regime.house
    facts = facts_of(envelope, RuleStage.CONTENT, size, content)
    ways: tuple[Leg, ...] = ()
    if accepted.refusal is None:
        demands = demands_at(envelope, book, house, content, size, now) or [RuleDemands()] * len(envelope.recipients)
        ways = tuple(
            _leg(regime, envelope, each, RuleDemands() if each in lifted else today)
            for each, today in zip(envelope.recipients, demands, strict=True)
            if waiting is None or each in waiting
        )
    return Explained(results=book.evaluate(facts, now), facts=facts, accepted=accepted, ways=ways)


def _leg(regime: Regime, envelope: Envelope, recipient: Mailbox, today: RuleDemands) -> Leg:
    said = envelope.options_of(recipient)
    found = stricter(today, RuleDemands(demanded=said.demanded)) if said.demanded.demands else today
    if envelope.inherited:
        demanded = attrs.evolve(found.demanded, demands=(*found.demanded.demands, *envelope.inherited))
        found = attrs.evolve(found, demanded=demanded)
    way = way_of(recipient, found, regime.house.routes)
    here = way.hop.route.is_local
    plan = None if here else plan_towards(found.demanded, way.hop, regime.client)
    direction = envelope.direction_of(recipient)
    return Leg(
        recipient=recipient, stands_for=said.stands_for, by_way_of=said.by_way_of, direction=direction, hop=way.hop,
        found=found, plan=plan,
    )  # fmt: skip
