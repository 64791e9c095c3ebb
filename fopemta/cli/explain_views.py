"""The output of `fopemta explain`, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fopemta.address.mailbox import path_text
from fopemta.cli.as_received import Received
from fopemta.cli.table import age, escaped
from fopemta.policy.action import ForceTls
from fopemta.policy.explanation import Explained, Leg
from fopemta.policy.matchers import Answer
from fopemta.policy.rulebook import RuleResult
from fopemta.routing.values import Host, NextHop, RoutingFailure
from fopemta.trust.demand import NameSource, Proof
from fopemta.trust.levels import Level
from fopemta.trust.plan import TlsPlan
from fopemta.trust.verdict import VerdictRecord, rfc3339

Hosts = Mapping[NextHop, "tuple[Host, ...] | RoutingFailure"]
_UNSURE = (Answer.NOT_FOR_NOW, Answer.NOT_FOR_GOOD)


def lines_of_explained(
    said: Received, found: Explained | None, hosts: Hosts, last: Mapping[str, VerdictRecord]
) -> Iterator[str]:
    """Line by line: refusals by the listener, the rules, the message, the routes."""
    yield f"message from <{escaped(path_text(said.sender))}>"
    for note in said.notes:
        yield f"  {escaped(note)}"
    for where, refusal in said.refusals:
        yield f"refused at {escaped(where)}: {refusal.code} {refusal.enhanced} {refusal.text}"
    if found is None:
        return
    yield ""
    yield "rules"
    if not found.results:
        yield "  there are none"
    for result in found.results:
        yield f"  {_answer(result):<11} {escaped(result.rule.name)}  ({_kind(result)}): {escaped(result.why)}"
    yield ""
    yield from _accepted(found)
    for way in found.ways:
        yield ""
        yield from _way(way, found.results, hosts.get(way.hop), last.get(way.recipient.domain))


def _accepted(found: Explained) -> Iterator[str]:
    accepted = found.accepted
    if accepted.refusal is not None:
        yield f"refused  {accepted.refusal.code} {accepted.refusal.enhanced} {accepted.refusal.text}"
        return
    yield "accepted" + (", and held until it is released" if accepted.envelope.held else "")
    for header in accepted.headers:
        yield f"  header  {header.name}: {escaped(header.value)}"
    split = found.split
    if len(split) > 1:
        yield f"split into {len(split)} envelopes over one stored message"
        for group in split:
            yield "  " + ", ".join(f"<{each}>" for each in group)


def _answer(result: RuleResult) -> str:
    return {"yes": "matches", "no": "no match"}.get(result.answer.value, "cannot tell")


def _kind(result: RuleResult) -> str:
    line = f", line {result.rule.line}" if result.rule.line else ""
    return result.rule.action_word + (", only tested" if not result.enforced else "") + line


def _way(
    way: Leg,
    results: Sequence[RuleResult],
    hosts: tuple[Host, ...] | RoutingFailure | None,
    last: VerdictRecord | None,
) -> Iterator[str]:
    others = [each for each in way.stands_for if each != way.recipient]
    instead = f" in place of {', '.join(f'<{each}>' for each in others)}" if others else ""
    between = f", by way of {', '.join(f'<{each}>' for each in way.by_way_of)}" if way.by_way_of else ""
    yield f"<{way.recipient}>{instead}{between}, {way.direction}"
    if way.found.unsure is not None:
        yield f"  nothing is sent for now: {escaped(way.found.unsure)}"
        return
    yield f"  way        {escaped(way.hop.word)}{_how(way)}"
    if way.plan is None:
        yield "  TLS        not needed: a mailbox on this machine satisfies every demand"
        return
    yield from _plan(way, way.plan, results)
    if hosts is not None:
        yield from _found(way.plan, hosts)
    if last is not None:
        yield f"  last seen  {rfc3339(last.time)}: {last.result.value} at {last.host}, {last.diagnosis or last.rung}"


def _how(way: Leg) -> str:
    if way.found.route is not None:
        return ", by a rule"
    return " by MX" if way.hop.route.by_mx else ", by its route"


def _plan(way: Leg, plan: TlsPlan, results: Sequence[RuleResult]) -> Iterator[str]:
    demanded = way.found.demanded
    yield f"  demanded   {plan.level.word} ({', '.join(escaped(each) for each in plan.sources)})"
    yield from _grounds(plan, results)
    yield from _unnamed(way, plan, results)
    if plan.preferred is not None:
        yield f"  preferred  {plan.preferred.word}: tried at every host first"
    yield f"  rungs      {', '.join(each.value for each in plan.rungs)}"
    if plan.wanted is Level.AUTHENTICATED:
        for proof in plan.proofs or (Proof(),):
            yield f"  proof      {_proof(proof, plan.domain)}"
    if demanded.patience is not None:
        hold, warn = age(demanded.patience.hold), age(demanded.patience.warn_after)
        yield f"  clock      given up {hold} after the first failure of TLS, the sender is warned after {warn}"
    for demand in demanded.tested:
        yield f"  tested     {demand.level.word} ({escaped(demand.source)}), recorded and not enforced"
    if way.hop.route.on_demand:
        yield "  waits      until the mail is requested (ETRN, fopemta flush)"


def _grounds(plan: TlsPlan, results: Sequence[RuleResult]) -> Iterator[str]:
    """The demands of rules that do not match now."""
    answers = {f"rule {each.rule.name}": each.answer for each in results}
    for source in plan.sources:
        if answers.get(source) in _UNSURE:
            yield f"  unsure     {escaped(source)} cannot tell, so its demand applies"
        elif source.startswith("rule ") and answers.get(source.partition(", weakened by ")[0]) in (None, Answer.NO):
            yield f"  stored     {escaped(source)}: with the message, by earlier rules; present ones demand less"


def _unnamed(way: Leg, plan: TlsPlan, results: Sequence[RuleResult]) -> Iterator[str]:
    """The demands of rules that name other recipients only."""
    addresses = (way.recipient, *way.stands_for, *way.by_way_of)
    for rule in (each.rule for each in results):
        binds = isinstance(rule.then, ForceTls) and not rule.then.opportunistic_for_unspecified
        if binds and f"rule {rule.name}" in plan.sources and not any(map(rule.names, addresses)):
            yield f"  not named  by rule {escaped(rule.name)}, which binds all recipients of a message for some"


def _proof(proof: Proof, domain: str) -> str:
    if proof.pins:
        return f"one of {len(proof.pins)} pinned certificates or keys, and nothing else"
    if isinstance(proof.names, tuple):
        names = " or ".join(proof.names)
    else:
        names = "the MX host's name" if proof.names is NameSource.MX else domain
    roots = f", from the authorities in {escaped(proof.roots)}" if proof.roots else ""
    revocation = f", revocation {proof.revocation.value}" if proof.revocation is not None else ""
    return f"a certificate for {names}{roots}{revocation}"


def _found(plan: TlsPlan, hosts: tuple[Host, ...] | RoutingFailure) -> Iterator[str]:
    if isinstance(hosts, RoutingFailure):
        yield f"  hosts      none: {escaped(hosts.text)}"
        return
    for number, host in enumerate(hosts):
        by = f"proven by {host.proven_by}" if host.proven_by else _unproven(plan)
        head = "  hosts     " if number == 0 else "            "
        yield f"{head} {escaped(host.word)} [{', '.join(host.addresses)}]:{host.port}{by}"


def _unproven(plan: TlsPlan) -> str:
    """A note that the MX is only as trustworthy as DNS."""
    by_mx = any(not each.pins and each.names is NameSource.MX for each in plan.proofs or (Proof(),))
    return ", MX name unproven" if plan.wanted is Level.AUTHENTICATED and by_mx else ""


def to_json(said: Received, found: Explained | None, hosts: Hosts, last: Mapping[str, VerdictRecord]) -> dict[str, Any]:
    """One object: `refused` by the listener, `rules`, `refusal` of the message, `held`, `split`, `recipients`."""
    plain: dict[str, Any] = {
        "sender": path_text(said.sender),
        "notes": said.notes,
        "refused": [{"at": where, "reply": _reply(reply)} for where, reply in said.refusals],
    }
    if found is None:
        return plain | {"rules": [], "refusal": None, "held": False, "split": [], "recipients": []}
    refusal = found.accepted.refusal
    return plain | {
        "rules": [
            {
                "name": each.rule.name, "action": each.rule.action_word, "mode": each.rule.mode.value,
                "line": each.rule.line, "answer": each.answer.value, "why": each.why,
            }
            for each in found.results
        ],
        "refusal": None if refusal is None else _reply(refusal),
        "held": found.accepted.envelope.held,
        "split": [[str(each) for each in group] for group in found.split],
        "recipients": [_way_json(way, hosts.get(way.hop), last.get(way.recipient.domain)) for way in found.ways],
    }  # fmt: skip


def _reply(reply: Any) -> str:
    return f"{reply.code} {reply.enhanced} {reply.text}"


def _way_json(way: Leg, hosts: tuple[Host, ...] | RoutingFailure | None, last: VerdictRecord | None) -> dict[str, Any]:
    plan, patience = way.plan, way.found.demanded.patience
    known = None
    if isinstance(hosts, tuple):
        known = [{"name": each.name, "addresses": each.addresses, "port": each.port} for each in hosts]
    return {
        "address": str(way.recipient),
        "stands_for": [str(each) for each in way.stands_for if each != way.recipient],
        "by_way_of": [str(each) for each in way.by_way_of],
        "direction": way.direction.value,
        "way": way.hop.word,
        "rules": way.found.demanded.rules,
        "unsure": way.found.unsure,
        "level": plan.level.word if plan else None,
        "preferred": plan.preferred.word if plan and plan.preferred is not None else None,
        "sources": plan.sources if plan else [],
        "rungs": [each.value for each in plan.rungs] if plan else [],
        "proofs": [_proof(each, plan.domain) for each in plan.proofs] if plan else [],
        "hold": patience.hold if patience else None,
        "tested": [each.source.removeprefix("rule ") for each in way.found.demanded.tested],
        "hosts": known,
        "no_hosts": hosts.text if hosts is not None and not isinstance(hosts, tuple) else None,
        "last": last.to_json() if last else None,
    }
