"""The rules in their order, and their results for a message (pure)."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Direction
from fopemta.policy.action import WORDS, Action
from fopemta.policy.facts import NOTHING_ASKED, STAGE_OF, Asked, Fact, MessageFacts, RecipientFacts, RuleStage
from fopemta.policy.matchers import Answer, Body, Headers, Matcher, MatchFinding, Recipients, no, stage_of
from fopemta.policy.sieve import Sieve

# Below this, testing every rule beats the sieve.
_FEW = 8

_CONTENT_FACTS = frozenset({Fact.HEADERS, Fact.BODY, Fact.ATTACHMENTS})


class Mode(enum.Enum):
    """A rule in test mode is evaluated and recorded, but not enforced."""

    ENFORCE = "enforce"
    TEST = "test"


@attrs.frozen(kw_only=True)
class Rule:
    """One [[rule]].  All of `when` must match, none of `unless`; without conditions the rule matches every message.

    `direction` None means both.  `expires` in seconds since the epoch: from then on the rule is ignored.  `line` is its
    line in the file, 0 if unknown.
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
    # The first stage at which it can be evaluated; computed once, since every message needs it.
    stage: RuleStage = attrs.field(init=False, eq=False, repr=False)

    @stage.default
    def _stage(self) -> RuleStage:
        stages = [stage_of(each) for each in (*self.when, *self.unless)]
        if self.direction is not None:
            stages.append(STAGE_OF[Fact.DIRECTION])
        # Its recipients are known at RCPT at the earliest, unless it concerns only the sender.
        return max(stages, default=RuleStage.SENDER)

    def in_force(self, now: float) -> bool:
        """Whether it has not expired; `now` in seconds since the epoch."""
        return self.expires is None or now < self.expires

    @property
    def reads_content(self) -> bool:
        """Whether it needs the message's content."""
        return any(each.reads in _CONTENT_FACTS for each in (*self.when, *self.unless))

    @property
    def action_word(self) -> str:
        """The action's word in the file."""
        return WORDS[type(self.then)]

    # The conditions on recipients, which are evaluated for each recipient separately.
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
        """Whether it has conditions on recipients."""
        return bool(self._named)

    @property
    def is_selective(self) -> bool:
        """Whether it does not apply to every recipient."""
        return bool(self._named or self._exempt or self.direction is not None)

    def names(self, address: Mailbox) -> bool:
        """Whether it names `address`; without a condition on recipients it names all, except those it leaves out."""
        return all(each.names(address) for each in self._named) and not self._leaves_out(address)

    def covers(self, recipient: RecipientFacts) -> bool:
        """Whether it names the recipient by its address, or by any that it stands for."""
        return self.is_for(recipient) and any(self.names(each) for each in recipient.addresses)

    def concerns(self, recipient: RecipientFacts) -> bool:
        """Whether it may concern the recipient because it names others of the same message."""
        return self.is_for(recipient) and not all(self._leaves_out(each) for each in recipient.addresses)

    def is_for(self, recipient: RecipientFacts) -> bool:
        """Whether the recipient's mail goes in the rule's direction."""
        return self.direction is None or self.direction is recipient.direction

    def _leaves_out(self, address: Mailbox) -> bool:
        return any(each.names(address) for each in self._exempt)


@attrs.frozen
class RuleResult:
    """The result of one rule for one message: the `answer`, and the findings of all its conditions, or only the first
    that did not match.
    """

    rule: Rule
    answer: Answer
    findings: tuple[MatchFinding, ...]

    @property
    def matches(self) -> bool:
        """Whether it certainly matches."""
        return self.answer is Answer.YES

    @property
    def enforced(self) -> bool:
        """Whether it is not in test mode."""
        return self.rule.mode is Mode.ENFORCE

    @property
    def why(self) -> str:
        """The reasons in one line, for the operator."""
        return "; ".join(each.why for each in self.findings) or "it has no conditions"


@attrs.frozen
class Rulebook:
    """The rules of the file, in order."""

    rules: tuple[Rule, ...] = ()
    # The books that `of` has returned: a message needs some of them several times.
    _parts: dict[tuple[type[Action], ...], Rulebook] = attrs.field(init=False, factory=dict, eq=False, repr=False)
    # Made when first needed.
    _sieves: list[Sieve] = attrs.field(init=False, factory=list, eq=False, repr=False)
    _asked: list[Asked] = attrs.field(init=False, factory=list, eq=False, repr=False)

    def __reduce__(self) -> tuple[type[Rulebook], tuple[tuple[Rule, ...]]]:
        """Pass only the rules to another process."""
        return Rulebook, (self.rules,)

    def evaluate(self, facts: MessageFacts, now: float) -> tuple[RuleResult, ...]:
        """Evaluate every rule possible at the stage of `facts`, in order."""
        return tuple(_result(rule, facts, now) for rule in self.rules if rule.stage <= facts.stage)

    def concerning(self, facts: MessageFacts, now: float) -> tuple[RuleResult, ...]:
        """The same, without results that are "no"; many rules are skipped without evaluation."""
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
            # If the text is not known completely, every rule about it must be evaluated, but need not search it.
            spared = sieve.not_in_text(facts)
        results = []
        for place in sieve.places(facts):
            rule = self.rules[place]
            if rule.stage <= facts.stage:
                known = facts if place not in spared or _excepts_texts(rule) else _without_texts(facts)
                results.append(_result(rule, known, now))
        return results

    def of(self, *actions: type[Action]) -> Rulebook:
        """The book of only the rules with these actions."""
        part = self._parts.get(actions)
        if part is None:
            part = self._parts[actions] = Rulebook(tuple(each for each in self.rules if isinstance(each.then, actions)))
        return part

    @property
    def reads_content(self) -> bool:
        """Whether at least one rule reads the message's content."""
        return any(rule.reads_content for rule in self.rules)

    @property
    def asked(self) -> Asked:
        """What the rules read of the message's content; computed once."""
        if not self._asked:
            asked = _asked_by([each for rule in self.rules for each in (*rule.when, *rule.unless)])
            # Most books ask nothing: one shared value, recognised by identity.
            self._asked.append(asked or NOTHING_ASKED)
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
        # A rule's exclusion of some recipients is no condition on the message: it may name others.
        findings += [_turned(each.look(facts)) for each in rule.unless if not isinstance(each, Recipients)]
    if len(findings) == 1:
        return RuleResult(rule, findings[0].answer, tuple(findings))
    for answer in (Answer.NO, Answer.NOT_FOR_NOW, Answer.NOT_FOR_GOOD):
        decisive = [each for each in findings if each.answer is answer]
        if decisive:
            # One "no" decides, whatever is unknown.
            return RuleResult(rule, answer, tuple(decisive[:1] if answer is Answer.NO else decisive))
    return RuleResult(rule, Answer.YES, tuple(findings))


def _outside(rule: Rule, facts: MessageFacts, now: float) -> MatchFinding | None:
    """Why the rule does not apply to such a message at all; None if it does."""
    if not rule.in_force(now):
        return no("the rule has expired")
    if (
        not rule.is_selective
        or facts.stage < RuleStage.RECIPIENT
        or any(rule.covers(each) for each in facts.recipients)
    ):
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
    return "the rule excludes every recipient that it would name, or their mail has the other direction"


_OPPOSITE = {Answer.YES: Answer.NO, Answer.NO: Answer.YES}


def _turned(finding: MatchFinding) -> MatchFinding:
    """The negated finding; unknown stays unknown."""
    return MatchFinding(_OPPOSITE.get(finding.answer, finding.answer), f"except: {finding.why}")


def matching(results: Sequence[RuleResult], *actions: type[Action]) -> Sequence[RuleResult]:
    """The results that match and are enforced, with one of these actions."""
    return [each for each in results if each.matches and each.enforced and isinstance(each.rule.then, actions)]
