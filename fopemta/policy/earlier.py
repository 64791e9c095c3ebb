"""Rules that were in force, and have been followed by others (pure): mail that came before that keeps to them.

What rules demand is stored with a message when it is accepted and at each attempt; what a rule has added since is
stored nowhere yet.  So the rules themselves are kept, until no mail is left that came in their time.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fopemta.policy.action import AT_EACH_ATTEMPT
from fopemta.policy.rulebook import NO_RULES, Rulebook


@attrs.frozen
class RulesText:
    """A file of rules as it was read: what stands in it, and the folder from which its paths count.

    `book` is what that means; None where nobody can say any more, and `text` None where that is lost, too.
    """

    text: str | None
    folder: str
    book: Rulebook | None

    @property
    def demanding(self) -> Rulebook | None:
        """Those of its rules that say how mail travels; None as `book`."""
        return None if self.book is None else self.book.of(*AT_EACH_ATTEMPT)


NO_RULES_TEXT = RulesText("", "", NO_RULES)


@attrs.frozen
class Earlier:
    """Rules that were in force until that moment, in seconds since the epoch."""

    until: float
    rules: RulesText

    def binds(self, arrived: float, now: float) -> bool:
        """Mail that arrived then has come in their time.  Of what arrived ahead of the clock nobody can say: the clock
        was set back.
        """
        return arrived < self.until or arrived > now


def followed(
    earlier: Sequence[Earlier], before: RulesText, after: RulesText, now: float, oldest: float | None
) -> tuple[Earlier, ...]:
    """`earlier` rules and, from now on, those `before`, which `after` is in force instead of.

    `oldest`: no mail waits that arrived before, None where that is not known.  Rules that demand nothing, or the same
    as others that bind at least the same mail, are left out.
    """
    every = earlier if _same(before, after) else (*earlier, Earlier(now, before))
    found: list[Earlier] = []
    for each in sorted(every, key=lambda one: one.until, reverse=True):
        gone = oldest is not None and each.until < oldest
        if not gone and not _says_nothing(each.rules) and not any(_same(each.rules, kept.rules) for kept in found):
            found.append(each)
    return tuple(reversed([each for each in found if not _same(each.rules, after)]))


def _same(one: RulesText, other: RulesText) -> bool:
    """They demand the same; what cannot be read is like nothing but its own text."""
    if one.demanding is None or other.demanding is None:
        return one.text is not None and one.text == other.text and one.folder == other.folder
    return one.demanding == other.demanding


def _says_nothing(rules: RulesText) -> bool:
    return rules.demanding is not None and not rules.demanding.rules
