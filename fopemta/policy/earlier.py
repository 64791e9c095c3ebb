"""Rules that were replaced (pure): mail that arrived under them keeps to them.

The demands of rules are stored with a message when it is accepted and at each attempt; what a rule has added since is
not stored yet.  So old rules are kept, until no mail is left that arrived under them.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fopemta.policy.action import AT_EACH_ATTEMPT
from fopemta.policy.rulebook import NO_RULES, Rulebook


@attrs.frozen
class RulesText:
    """A rules file as it was read: its text, and the folder for its relative paths.

    `book` is the parsed rules; None if they can no longer be parsed, and `text` is None if that is lost, too.
    """

    text: str | None
    folder: str
    book: Rulebook | None

    @property
    def demanding(self) -> Rulebook | None:
        """The rules that affect delivery; None if `book` is."""
        return None if self.book is None else self.book.of(*AT_EACH_ATTEMPT)


NO_RULES_TEXT = RulesText("", "", NO_RULES)


@attrs.frozen
class Earlier:
    """Rules that were in force until that time, in seconds since the epoch."""

    until: float
    rules: RulesText

    def binds(self, arrived: float, now: float) -> bool:
        """Whether mail that arrived then arrived under them.  True for an arrival in the future, since the clock was
        set back.
        """
        return arrived < self.until or arrived > now


def followed(
    earlier: Sequence[Earlier], before: RulesText, after: RulesText, now: float, oldest: float | None
) -> tuple[Earlier, ...]:
    """`earlier` rules plus those `before`, which are replaced by `after` now.

    `oldest`: no waiting mail arrived before this, None if unknown.  Rules without demands, or with the same demands as
    others that bind at least the same mail, are left out.
    """
    every = earlier if _same(before, after) else (*earlier, Earlier(now, before))
    found: list[Earlier] = []
    for each in sorted(every, key=lambda one: one.until, reverse=True):
        gone = oldest is not None and each.until < oldest
        if not gone and not _says_nothing(each.rules) and not any(_same(each.rules, kept.rules) for kept in found):
            found.append(each)
    return tuple(reversed([each for each in found if not _same(each.rules, after)]))


def _same(one: RulesText, other: RulesText) -> bool:
    """Whether they make the same demands; unreadable rules equal only the same text."""
    if one.demanding is None or other.demanding is None:
        return one.text is not None and one.text == other.text and one.folder == other.folder
    return one.demanding == other.demanding


def _says_nothing(rules: RulesText) -> bool:
    return rules.demanding is not None and not rules.demanding.rules
