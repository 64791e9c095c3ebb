"""What rules do with a message when it comes in (pure): decided once, and stored with the message (RULINGS 1)."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fopemta.mail.address import Mailbox
from fopemta.mail.envelope import RuleNote
from fopemta.mail.reply import Reply, text_lines
from fopemta.policy.action import AddHeader, Bcc, Defer, Hold, Redirect, Reject
from fopemta.policy.matchers import Answer
from fopemta.policy.rulebook import RuleResult, matching

_NOT_FOR_NOW = Reply.of(451, "4.7.1", "Policy could not be checked, please try again later")


@attrs.frozen(kw_only=True)
class Acceptance:
    """`refusal` None accepts.  `recipients` as (address, the addresses it stands for); those for whom nothing was
    changed stand for themselves.  `copies` are those of them that the sender does not know of.  `headers` to be put in
    front, `notes` what contributed and why.
    """

    refusal: Reply | None = None
    hold: bool = False
    recipients: tuple[tuple[Mailbox, tuple[Mailbox, ...]], ...] = ()
    copies: frozenset[Mailbox] = frozenset()
    headers: tuple[AddHeader, ...] = ()
    notes: tuple[RuleNote, ...] = ()


def refusal_of(results: Sequence[RuleResult]) -> tuple[Reply, RuleResult] | None:
    """The first refusal that rules demand at this stage, and the rule it comes from; reject comes before defer.

    RULINGS 5: what cannot be told for now defers; what cannot be told for good refuses nobody.
    """
    for result in matching(results, Reject):
        assert isinstance(result.rule.then, Reject)
        return Reply.of(550, "5.7.1", *text_lines(result.rule.then.text)), result
    for result in matching(results, Defer):
        assert isinstance(result.rule.then, Defer)
        return Reply.of(450, "4.7.1", *text_lines(result.rule.then.text)), result
    for result in results:
        if result.enforced and result.answer is Answer.NOT_FOR_NOW:
            return _NOT_FOR_NOW, result
    return None


def acceptance(results: Sequence[RuleResult], recipients: Sequence[Mailbox]) -> Acceptance:
    """What becomes of a message whose content has come; `results` of all rules."""
    notes = tuple(note_of(each) for each in results if each.answer is not Answer.NO)
    refused = refusal_of(results)
    if refused is not None:
        return Acceptance(refusal=refused[0], notes=notes)
    redirected = _redirected(results, recipients)
    everybody = _with_copies(results, redirected)
    return Acceptance(
        hold=bool(matching(results, Hold)),
        recipients=everybody,
        copies=frozenset(address for address, _ in everybody if address not in redirected),
        headers=tuple(each.rule.then for each in matching(results, AddHeader) if isinstance(each.rule.then, AddHeader)),
        notes=notes,
    )


def note_of(result: RuleResult) -> RuleNote:
    """For the message's record."""
    return RuleNote(result.rule.name, result.rule.action_word, result.rule.mode.value, result.answer.value, result.why)


_Recipients = dict[Mailbox, tuple[Mailbox, ...]]


def _redirected(results: Sequence[RuleResult], recipients: Sequence[Mailbox]) -> _Recipients:
    """Each rule redirects those that it names, in order; what one has redirected the next may redirect again."""
    now: _Recipients = {each: (each,) for each in recipients}
    for result in matching(results, Redirect):
        assert isinstance(result.rule.then, Redirect)
        after: _Recipients = {}
        for recipient, origins in now.items():
            targets = result.rule.then.to if result.rule.names(recipient) else (recipient,)
            for target in targets:
                after[target] = tuple(dict.fromkeys((*after.get(target, ()), *origins)))
        now = after
    return now


def _with_copies(
    results: Sequence[RuleResult], recipients: _Recipients
) -> tuple[tuple[Mailbox, tuple[Mailbox, ...]], ...]:
    """RULINGS 3: a copy stands for all recipients, so that it gets the strictest demand of the message."""
    found = dict(recipients)
    everyone = tuple(dict.fromkeys(origin for origins in recipients.values() for origin in origins))
    for result in matching(results, Bcc):
        assert isinstance(result.rule.then, Bcc)
        for target in result.rule.then.to:
            found.setdefault(target, everyone)
    return tuple(found.items())
