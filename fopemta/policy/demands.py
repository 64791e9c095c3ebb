"""What rules demand of the way to each recipient (pure): worked out anew at each attempt (RULINGS 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from fopemta.config.model import Route
from fopemta.mail.address import Mailbox
from fopemta.policy.action import AllowWeaker, ForceTls, RouteVia
from fopemta.policy.matchers import Answer
from fopemta.policy.rulebook import Rule, RuleResult
from fopemta.trust.demand import NOTHING_DEMANDED, Demand, Demanded, NameSource, Patience, Proof, Revocation
from fopemta.trust.levels import Level

# RULINGS 5: what cannot be told for good takes the stricter reading.
_STRICT = frozenset({Answer.YES, Answer.NOT_FOR_GOOD})


@attrs.frozen(kw_only=True)
class RuleDemands:
    """For one recipient.  `route` in place of its domain's, None without.  `unsure`: why a rule cannot be judged for
    now; then nothing may be sent.
    """

    demanded: Demanded = NOTHING_DEMANDED
    route: Route | None = None
    unsure: str | None = None


def demands_on(results: Sequence[RuleResult], recipient: Mailbox, stands_for: Sequence[Mailbox] = ()) -> RuleDemands:
    """`results` of the rules for the whole message; `stands_for` are the addresses that `recipient` has replaced."""
    who = tuple(stands_for) or (recipient,)
    unsure = next((each for each in results if each.enforced and each.answer is Answer.NOT_FOR_NOW), None)
    if unsure is not None:
        return RuleDemands(unsure=f"rule {unsure.rule.name}: {unsure.why}")
    forced = [(each, _demand(each, who)) for each in results if _forces(each)]
    weaker = _first(results, AllowWeaker, who)
    route = _first(results, RouteVia, who)
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
            domain=recipient.domain if _asks_for_domain((*demands, *tested)) else "",
        ),
        route=route.rule.then.route if route is not None and isinstance(route.rule.then, RouteVia) else None,
    )


def stricter(new: RuleDemands, old: RuleDemands) -> RuleDemands:
    """What `new` rules say, and nothing less than `old` ones did (RULINGS 7); the route is the new one's."""
    if new == old:
        return new
    one, other = new.demanded, old.demanded
    # An exception counts where both know it, and lowers as far as both allow.
    weakest = None if one.weakest is None or other.weakest is None else max(one.weakest, other.weakest)
    demanded = attrs.evolve(
        one,
        demands=tuple(dict.fromkeys((*one.demands, *other.demands))),
        rules=tuple(dict.fromkeys((*one.rules, *other.rules))),
        weakest=weakest,
        weakened_by=one.weakened_by if weakest is not None else None,
        domain=one.domain or other.domain,
    )
    return attrs.evolve(new, demanded=demanded, unsure=new.unsure or old.unsure)


def _asks_for_domain(demands: Iterable[Demand]) -> bool:
    return any(each.proof is not None and each.proof.names is NameSource.DOMAIN for each in demands)


def _forces(result: RuleResult) -> bool:
    return isinstance(result.rule.then, ForceTls) and result.answer in _STRICT


def _demand(result: RuleResult, who: Sequence[Mailbox]) -> Demand:
    """DESIGN 6: whom the rule names gets what it says; so does everybody where the option is off."""
    demand = demand_of(result.rule)
    force = result.rule.then
    assert isinstance(force, ForceTls)
    if force.opportunistic_for_unspecified and not any(result.rule.names(each) for each in who):
        # Authenticated where it succeeds, else opportunistic: nobody's mail waits for it.
        return Demand(level=Level.OPPORTUNISTIC, source=demand.source, preferred=force.level, proof=demand.proof)
    return demand


def demand_of(rule: Rule) -> Demand:
    """What a rule with force_tls demands for those whom it names."""
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


def _first(results: Sequence[RuleResult], action: type, who: Sequence[Mailbox]) -> RuleResult | None:
    """The first rule with that action that matches beyond doubt and names one of `who`."""
    return next(
        (
            each
            for each in results
            if isinstance(each.rule.then, action)
            and each.matches
            and each.enforced
            and any(each.rule.names(one) for one in who)
        ),
        None,
    )
