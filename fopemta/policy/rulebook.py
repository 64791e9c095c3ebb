"""The rules in their order, and what they say of a message (pure)."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Direction
from fopemta.policy.action import WORDS, Action
from fopemta.policy.facts import STAGE_OF, Asked, Fact, MessageFacts, RecipientFacts, Stage
from fopemta.policy.matchers import Answer, Body, Finding, Headers, Matcher, Recipients, no, stage_of
from fopemta.policy.sieve import Sieve

# So many are asked sooner than it is found out which of them to ask.
_FEW = 8

_CONTENT_FACTS = frozenset({Fact.HEADERS, Fact.BODY, Fact.ATTACHMENTS})


class Mode(enum.Enum):
    """A rule in test mode is evaluated and recorded, not enforced."""

    ENFORCE = "enforce"
    TEST = "test"


@attrs.frozen(kw_only=True)
class Rule:
    """One [[rule]].  `when` must all be so, none of `unless`; without any the rule matches every message.

    `direction` None is both.  `expires` in seconds since the epoch: from then on the rule is not there.  `line` where
    it stands in the file, 0 where that is not known.
    """

    name: str
    then: Action
    when: tuple[Matcher, ...] = ()
    unless: tuple[Matcher, ...] = ()
    mode: Mode = Mode.ENFORCE
    direction: Direction | None = None
    expires: float | None = None
    owner: str = ""
    reason: str = ""
    # A rule that has moved in its file is the same rule.
    line: int = attrs.field(default=0, eq=False)
    # From which stage on it can be asked; worked out once, since every message asks.
    stage: Stage = attrs.field(init=False, eq=False, repr=False)

    @stage.default
    def _stage(self) -> Stage:
        stages = [stage_of(each) for each in (*self.when, *self.unless)]
        if self.direction is not None:
            stages.append(STAGE_OF[Fact.DIRECTION])
        # Whom it concerns is known at RCPT at the earliest, unless it concerns the sender alone.
        return max(stages, default=Stage.SENDER)

    def in_force(self, now: float) -> bool:
        """It has not expired; `now` in seconds since the epoch."""
        return self.expires is None or now < self.expires

    @property
    def reads_content(self) -> bool:
        """The message itself must be read for it."""
        return any(each.reads in _CONTENT_FACTS for each in (*self.when, *self.unless))

    @property
    def action_word(self) -> str:
        """As in the file."""
        return WORDS[type(self.then)]

    # The conditions on recipients, by which each recipient is judged alone.
    _named: tuple[Recipients, ...] = attrs.field(init=False, eq=False, repr=False)
    _exempt: tuple[Recipients, ...] = attrs.field(init=False, eq=False, repr=False)

    @_named.default
    def _its_named(self) -> tuple[Recipients, ...]:
        return tuple(each for each in self.when if isinstance(each, Recipients))

    @_exempt.default
    def _its_exempt(self) -> tuple[Recipients, ...]:
        return tuple(each for each in self.unless if isinstance(each, Recipients))

    @property
    def names_recipients(self) -> bool:
        """It says in words for which recipients it is."""
        return bool(self._named)

    @property
    def is_selective(self) -> bool:
        """It is not for every recipient."""
        return bool(self._named or self._exempt or self.direction is not None)

    def names(self, address: Mailbox) -> bool:
        """Without a condition on recipients every address is named, but for those that the rule leaves out."""
        return all(each.names(address) for each in self._named) and not self._leaves_out(address)

    def covers(self, recipient: RecipientFacts) -> bool:
        """It names the recipient: by its address, or by any that it stands for."""
        return self.is_for(recipient) and any(self.names(each) for each in recipient.addresses)

    def concerns(self, recipient: RecipientFacts) -> bool:
        """It may be about the recipient as one of a message of which it names others."""
        return self.is_for(recipient) and not all(self._leaves_out(each) for each in recipient.addresses)

    def is_for(self, recipient: RecipientFacts) -> bool:
        """The mail of the recipient goes the way that the rule is for."""
        return self.direction is None or self.direction is recipient.direction

    def _leaves_out(self, address: Mailbox) -> bool:
        return any(each.names(address) for each in self._exempt)


@attrs.frozen
class RuleResult:
    """What one rule says of one message: the `answer`, and why: the findings of all its conditions, or the first that
    was not so.
    """

    rule: Rule
    answer: Answer
    findings: tuple[Finding, ...]

    @property
    def matches(self) -> bool:
        """It is so, beyond doubt."""
        return self.answer is Answer.YES

    @property
    def enforced(self) -> bool:
        """Not only tested."""
        return self.rule.mode is Mode.ENFORCE

    @property
    def why(self) -> str:
        """For the operator, in one line."""
        return "; ".join(each.why for each in self.findings) or "it has no conditions"


@attrs.frozen
class Rulebook:
    """The rules of the file, in its order."""

    rules: tuple[Rule, ...] = ()
    # The books that `of` has given: a message asks for some of them several times.
    _parts: dict[tuple[type[Action], ...], Rulebook] = attrs.field(init=False, factory=dict, eq=False, repr=False)
    # Made when it is first of use.
    _sieves: list[Sieve] = attrs.field(init=False, factory=list, eq=False, repr=False)
    _asked: list[Asked] = attrs.field(init=False, factory=list, eq=False, repr=False)

    def __reduce__(self) -> tuple[type[Rulebook], tuple[tuple[Rule, ...]]]:
        """Handed to another process it is its rules."""
        return Rulebook, (self.rules,)

    def evaluate(self, facts: MessageFacts, now: float) -> tuple[RuleResult, ...]:
        """Every rule that can be asked at the stage of `facts`, in order."""
        return tuple(_result(rule, facts, now) for rule in self.rules if rule.stage <= facts.stage)

    def concerning(self, facts: MessageFacts, now: float) -> tuple[RuleResult, ...]:
        """Of the same those whose answer is not "no"; without asking each of many."""
        if len(self.rules) < _FEW:
            results = [_result(rule, facts, now) for rule in self.rules if rule.stage <= facts.stage]
        else:
            results = self._sieved(facts, now)
        return tuple(each for each in results if each.answer is not Answer.NO)

    def _sieved(self, facts: MessageFacts, now: float) -> list[RuleResult]:
        if not self._sieves:
            self._sieves.append(Sieve([each.when for each in self.rules]))
        sieve, content = self._sieves[0], facts.content
        spared: frozenset[int] = frozenset()
        if content is not None and content.texts_gap is not None:
            # Every rule about the text must be asked, since nobody can tell; but not each has to go through it.
            spared = sieve.not_in_text(facts)
        results = []
        for place in sieve.places(facts):
            rule = self.rules[place]
            if rule.stage <= facts.stage:
                known = facts if place not in spared or _excepts_texts(rule) else _without_texts(facts)
                results.append(_result(rule, known, now))
        return results

    def of(self, *actions: type[Action]) -> Rulebook:
        """Only the rules with these actions."""
        part = self._parts.get(actions)
        if part is None:
            part = self._parts[actions] = Rulebook(tuple(each for each in self.rules if isinstance(each.then, actions)))
        return part

    @property
    def reads_content(self) -> bool:
        """At least one rule reads the message itself."""
        return any(rule.reads_content for rule in self.rules)

    @property
    def asked(self) -> Asked:
        """What the rules read of the message itself; worked out once."""
        if not self._asked:
            self._asked.append(_asked_by([each for rule in self.rules for each in (*rule.when, *rule.unless)]))
        return self._asked[0]

    @property
    def fact_names(self) -> frozenset[Fact]:
        """Every fact that is read."""
        return frozenset(each.reads for rule in self.rules for each in (*rule.when, *rule.unless))


def _excepts_texts(rule: Rule) -> bool:
    return any(isinstance(each, Body) for each in rule.unless)


def _without_texts(facts: MessageFacts) -> MessageFacts:
    assert facts.content is not None
    return attrs.evolve(facts, content=attrs.evolve(facts.content, texts=(), texts_otherwise=()))


def _asked_by(matchers: Sequence[Matcher]) -> Asked:
    facts = {each.reads for each in matchers}
    return Asked(
        headers=frozenset(each.name.lower() for each in matchers if isinstance(each, Headers)),
        body=Fact.BODY in facts,
        attachments=Fact.ATTACHMENTS in facts,
    )


NO_RULES = Rulebook()


def _result(rule: Rule, facts: MessageFacts, now: float) -> RuleResult:
    outside = _outside(rule, facts, now)
    if outside is not None:
        return RuleResult(rule, Answer.NO, (outside,))
    findings = [each.look(facts) for each in rule.when]
    if rule.unless:
        # Which recipients a rule leaves out is no condition on the message: somebody else may still be named.
        findings += [_turned(each.look(facts)) for each in rule.unless if not isinstance(each, Recipients)]
    if len(findings) == 1:
        return RuleResult(rule, findings[0].answer, tuple(findings))
    for answer in (Answer.NO, Answer.NOT_FOR_NOW, Answer.NOT_FOR_GOOD):
        decisive = [each for each in findings if each.answer is answer]
        if decisive:
            # One "no" is enough, whatever cannot be told of the others.
            return RuleResult(rule, answer, tuple(decisive[:1] if answer is Answer.NO else decisive))
    return RuleResult(rule, Answer.YES, tuple(findings))


def _outside(rule: Rule, facts: MessageFacts, now: float) -> Finding | None:
    """Why the rule is not about such a message at all, None where it is."""
    if not rule.in_force(now):
        return no("the rule has expired")
    if not rule.is_selective or facts.stage < Stage.RECIPIENT or any(rule.covers(each) for each in facts.recipients):
        return None
    return no(_why_nobody(rule, facts))


def _why_nobody(rule: Rule, facts: MessageFacts) -> str:
    """Why a rule names none of the recipients."""
    if rule.direction is not None and all(each.direction is not rule.direction for each in facts.recipients):
        direction = facts.recipients[0].direction if facts.recipients else "without recipients"
        return f"the message is {direction}, the rule is for {rule.direction}"
    for each in rule.when:
        if isinstance(each, Recipients) and (found := each.look(facts)).answer is Answer.NO:
            return found.why
    return "every recipient that the rule would name is left out by it, or goes the other way"


_OPPOSITE = {Answer.YES: Answer.NO, Answer.NO: Answer.YES}


def _turned(finding: Finding) -> Finding:
    """The answer to the opposite question; what cannot be told stays so."""
    return Finding(_OPPOSITE.get(finding.answer, finding.answer), f"except: {finding.why}")


def matching(results: Sequence[RuleResult], *actions: type[Action]) -> Sequence[RuleResult]:
    """Those that match and are enforced, with one of these actions."""
    return [each for each in results if each.matches and each.enforced and isinstance(each.rule.then, actions)]
