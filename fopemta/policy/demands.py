"""The rules' demands on the path to each recipient (pure).

Computed when the message is accepted, and stored with it; and again for each attempt, by the rules of that moment. The
stricter of both counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.policy.action import AllowWeaker, ForceTls, RouteVia
from fopemta.policy.facts import RecipientFacts
from fopemta.policy.matchers import Answer
from fopemta.policy.rulebook import Mode, Rule, Rulebook, RuleResult
from fopemta.routing.route import Route
from fopemta.trust.demand import NOTHING_DEMANDED, Demand, Demanded, NameSource, Patience, Proof, Revocation
from fopemta.trust.levels import Level

# If the answer is unknown for good, the stricter reading counts: the demand applies.
_STRICT = frozenset({Answer.YES, Answer.NOT_FOR_GOOD})


@attrs.frozen(kw_only=True)
class RuleDemands:
    """The demands for one recipient.  `route` replaces its domain's, None for none.  `unsure`: why a rule cannot be
    evaluated for now; then nothing may be sent.
    """

    demanded: Demanded = NOTHING_DEMANDED
    route: Route | None = None
    unsure: str | None = None


def demands_on(results: Sequence[RuleResult], recipient: RecipientFacts, stays: bool) -> RuleDemands:
    """The demands from `results` of rules for the whole message; `stays`: the recipient is local or in a relay domain,
    so a rule that does not name it cannot send its mail elsewhere.
    """
    unsure = next((each for each in results if each.enforced and each.answer is Answer.NOT_FOR_NOW), None)
    if unsure is not None:
        return RuleDemands(unsure=f"rule {unsure.rule.name}: {unsure.why}")
    forced = [(each, _demand(each, recipient)) for each in results if _forces(each) and each.rule.concerns(recipient)]
    binding = [each.rule for each, _ in forced if each.enforced]
    exceptions, routes = _permitted(results, AllowWeaker), _permitted(results, RouteVia)
    weaker = next((each for each in exceptions if _lifts_all(each.rule, binding, recipient)), None)
    route = next((each for each in routes if _may_route(each.rule, recipient, stays)), None)
    contributing = [each for each, _ in forced if each.enforced] + [
        each for each in (weaker, route) if each is not None
    ]
    demands = tuple(demand for each, demand in forced if each.enforced)
    tested = tuple(demand for each, demand in forced if not each.enforced)
    return RuleDemands(
        demanded=Demanded(
            demands=demands,
            tested=tested,
            rules=tuple(each.rule.name for each in contributing),
            weakest=weaker.rule.then.level if weaker and isinstance(weaker.rule.then, AllowWeaker) else None,
            weakened_by=None if weaker is None else weaker.rule.name,
            domain=recipient.address.domain if _asks_for_domain((*demands, *tested)) else "",
        ),
        route=route.rule.then.route if route is not None and isinstance(route.rule.then, RouteVia) else None,
    )


def demands_on_callout(book: Rulebook, recipient: Mailbox, now: float) -> RuleDemands:
    """The demands on a callout for `recipient`: those of each rule that names it explicitly.

    Nothing is known about a message yet, so other conditions of a rule count as met.  Exceptions do not apply.
    """
    rules = [each for each in book.of(ForceTls).rules if each.mode is Mode.ENFORCE and each.in_force(now)]
    naming = [each for each in rules if each.names_recipients and each.names(recipient)]
    demands = tuple(demand_of(each) for each in naming)
    domain = recipient.domain if _asks_for_domain(demands) else ""
    return RuleDemands(demanded=Demanded(demands=demands, rules=tuple(each.name for each in naming), domain=domain))


def stricter(new: RuleDemands, old: RuleDemands) -> RuleDemands:
    """The demands of the `new` rules, and no less than those of the `old` ones; route and time limits are the new
    ones', since waiting times do not weaken protection.
    """
    if new == old:
        return new
    one, other = new.demanded, old.demanded
    # An exception counts if both have it, and lowers to the higher level of the two.  A replaced one has not been
    # compared with the demands of the old rules.
    weakest = None
    if one.weakest is not None and other.weakest is not None and one.weakened_by == other.weakened_by:
        weakest = max(one.weakest, other.weakest)
    demanded = attrs.evolve(
        one,
        demands=tuple(dict.fromkeys((*one.demands, *_as_patient(other.demands, one.patience)))),
        rules=tuple(dict.fromkeys((*one.rules, *other.rules))),
        weakest=weakest,
        weakened_by=one.weakened_by if weakest is not None else None,
        domain=one.domain or other.domain,
    )
    return attrs.evolve(new, demanded=demanded, unsure=new.unsure or old.unsure)


def _as_patient(demands: Iterable[Demand], patience: Patience | None) -> Iterator[Demand]:
    for each in demands:
        yield each if each.patience is None or patience is None else attrs.evolve(each, patience=patience)


def _asks_for_domain(demands: Iterable[Demand]) -> bool:
    return any(each.proof is not None and each.proof.names is NameSource.DOMAIN for each in demands)


def _forces(result: RuleResult) -> bool:
    return isinstance(result.rule.then, ForceTls) and result.answer in _STRICT


def _demand(result: RuleResult, recipient: RecipientFacts) -> Demand:
    """The demand for a recipient that the rule names, and for the message's other recipients if the option is off."""
    demand = demand_of(result.rule)
    force = result.rule.then
    assert isinstance(force, ForceTls)
    if force.opportunistic_for_unspecified and not result.rule.covers(recipient):
        # Authenticated if it succeeds, else opportunistic: no mail waits for it.
        return Demand(level=Level.OPPORTUNISTIC, source=demand.source, preferred=force.level, proof=demand.proof)
    return demand


def demand_of(rule: Rule) -> Demand:
    """The demand of a force_tls rule on the recipients that it names."""
    force, source = rule.then, f"rule {rule.name}"
    assert isinstance(force, ForceTls)
    proof = Proof(
        names=force.names,
        roots=force.roots,
        pins=force.pins,
        revocation=force.revocation or Revocation.HARD,
        strict=force.revocation is not None,
    )
    return Demand(
        level=force.level,
        source=source,
        proof=proof,
        lowest_rung=force.lowest_rung,
        patience=Patience(hold=force.hold, warn_after=force.warn_after),
        tell_sender=force.tell_sender,
        bare_report=force.bare_report,
    )


def _permitted(results: Sequence[RuleResult], action: type) -> Iterator[RuleResult]:
    """The rules with that action that certainly match and are enforced, in order."""
    return (each for each in results if isinstance(each.rule.then, action) and each.matches and each.enforced)


def _lifts_all(exception: Rule, binding: Sequence[Rule], recipient: RecipientFacts) -> bool:
    """Whether `exception` names the recipient by every address by which a rule in `binding` does: an exception for an
    alias's target is none for the alias, nor the reverse; recipients it leaves out are not lifted.
    """
    if not exception.covers(recipient):
        return False
    named = {each for rule in binding for each in recipient.addresses if rule.names(each)}
    return all(exception.names(each) for each in named)


def _may_route(rule: Rule, recipient: RecipientFacts, stays: bool) -> bool:
    """Whether the rule may set the route: one without conditions on recipients is for mail that leaves, and must not
    divert mail for mailboxes here or for the servers behind this one.
    """
    return rule.covers(recipient) and (rule.names_recipients or not stays)
