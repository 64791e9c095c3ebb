"""What would become of a message, and why (pure): the same code as acceptance and delivery, asked beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fopemta.config.model import Configuration
from fopemta.mail.address import Mailbox
from fopemta.mail.reply import Reply
from fopemta.policy.acceptance import Acceptance, acceptance
from fopemta.policy.action import AT_ACCEPTANCE, AT_EACH_ATTEMPT, RequireTls
from fopemta.policy.admission import Admission
from fopemta.policy.demands import RuleDemands, demands_on
from fopemta.policy.facts import MessageFacts
from fopemta.policy.require_tls import shortfall
from fopemta.policy.rulebook import Rulebook, RuleResult
from fopemta.routing.routes import hop_by, next_hop
from fopemta.routing.values import NextHop
from fopemta.trust.ladder import plan_towards
from fopemta.trust.plan import TlsPlan


@attrs.frozen(kw_only=True)
class Way:
    """Of one recipient: `stands_for` whom a rule has replaced by it; `plan` None for a mailbox on this machine."""

    recipient: Mailbox
    stands_for: tuple[Mailbox, ...]
    hop: NextHop
    found: RuleDemands
    plan: TlsPlan | None


@attrs.frozen(kw_only=True)
class Explained:
    """`results` of every rule in order; `refusals` of recipients at RCPT."""

    results: tuple[RuleResult, ...]
    refusals: tuple[tuple[Mailbox, Reply], ...]
    acceptance: Acceptance
    ways: tuple[Way, ...]

    @property
    def split(self) -> tuple[tuple[Mailbox, ...], ...]:
        """The message's envelopes: recipients with the same next hop and the same demands."""
        groups: dict[object, list[Mailbox]] = {}
        for way in self.ways:
            groups.setdefault((way.hop, way.found.demanded), []).append(way.recipient)
        return tuple(tuple(each) for each in groups.values())


def explained(config: Configuration, facts: MessageFacts, may_relay: bool, now: float) -> Explained:
    """What would become of the message with these facts; `now` in seconds since the epoch."""
    book = config.rulebook or Rulebook()
    results = book.evaluate(facts, now)
    admission = Admission.of(config)
    refusals = [(each, admission.judge_recipient(each, may_relay)) for each in facts.recipients]
    taken = tuple(each for each, refusal in refusals if refusal is None)
    accepted = _accepted(results, facts, taken)
    at_attempt = [each for each in results if isinstance(each.rule.then, AT_EACH_ATTEMPT)]
    ways = tuple(_way(config, at_attempt, recipient, stands_for) for recipient, stands_for in accepted.recipients)
    refused = tuple((each, refusal) for each, refusal in refusals if refusal is not None)
    return Explained(results=results, refusals=refused, acceptance=accepted, ways=ways)


def _accepted(results: Sequence[RuleResult], facts: MessageFacts, recipients: tuple[Mailbox, ...]) -> Acceptance:
    for each in results:
        if isinstance(each.rule.then, RequireTls) and each.matches and each.enforced:
            lack = shortfall(each.rule.then, facts.tls)
            if lack is not None:
                return Acceptance(refusal=lack)
    return acceptance([each for each in results if isinstance(each.rule.then, AT_ACCEPTANCE)], recipients)


def _way(
    config: Configuration, results: Sequence[RuleResult], recipient: Mailbox, stands_for: tuple[Mailbox, ...]
) -> Way:
    found = demands_on(results, recipient, stands_for)
    hop = next_hop(recipient.domain, config.routes) if found.route is None else hop_by(found.route, recipient.domain)
    here = hop.route.maildir is not None
    plan = None if here else plan_towards(found.demanded, hop, config.tls_client)
    others = tuple(each for each in stands_for if each != recipient)
    return Way(recipient=recipient, stands_for=others, hop=hop, found=found, plan=plan)
