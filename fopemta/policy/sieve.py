"""Which of many rules may concern a message (pure): most do not, and need not be asked one by one.

Of each rule one condition that must be so is put together with those of other rules into one expression.  Where nothing
of that is found, none of these rules matches; where something is, each of them is asked as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import attrs

from fopemta.policy.facts import Fact, MessageFacts
from fopemta.policy.matchers import Body, Headers, Matcher, Recipients, Senders
from fopemta.policy.patterns import Program, any_of, readings

# A condition that a rule can be left out by; the first kind that a rule has counts: what is shorter to look through.
Telling: TypeAlias = Senders | Recipients | Headers | Body
_KINDS = (Senders, Recipients, Headers, Body)

# What is looked for at once; where it is found, so many rules at most are asked.
_MOST_RULES = 64
_MOST_PATTERNS = 256


@attrs.frozen
class _Group:
    """Rules, by their places in the book, none of which matches where `program` finds nothing in the texts of `reads`;
    of a header those of `name`.
    """

    places: tuple[int, ...]
    reads: Fact
    name: str
    program: Program

    def may_concern(self, facts: MessageFacts) -> bool:
        """At least one of them may."""
        texts = self._texts(facts)
        return texts is None or any(self.program.search(text) is not None for text in texts)

    def is_in_text(self, facts: MessageFacts) -> bool:
        """What is looked for stands in what is known of the text, whatever is not known."""
        content = facts.content
        texts = () if content is None else (*content.texts, *content.texts_otherwise)
        return self.reads is not Fact.BODY or any(self.program.search(text) is not None for text in texts)

    def _texts(self, facts: MessageFacts) -> Iterable[str] | None:
        """None where not all of them are known."""
        if self.reads is Fact.SENDER:
            return readings(facts.sender)
        if self.reads is Fact.RECIPIENT:
            return [text for each in facts.recipients for one in each.addresses for text in readings(one)]
        content = facts.content
        if content is None:
            return None
        if self.reads is Fact.BODY:
            return None if content.texts_gap is not None else (*content.texts, *content.texts_otherwise)
        if content.gap_of(self.name) is not None:
            return None
        headers = (*content.headers, *content.headers_otherwise)
        return [value for name, value in headers if name.lower() == self.name]


class Sieve:
    """Of each rule, as they stand in the book, all that must be so is in `conditions`."""

    def __init__(self, conditions: Sequence[Sequence[Matcher]]) -> None:
        telling: dict[tuple[Fact, str], list[tuple[int, Telling]]] = {}
        self._always: list[int] = []
        for place, when in enumerate(conditions):
            condition = _telling(when)
            if condition is None:
                self._always.append(place)
            else:
                telling.setdefault(_kind(condition), []).append((place, condition))
        self._groups = [group for kind, its in telling.items() for group in self._grouped(kind, its)]
        self._always.sort()

    def places(self, facts: MessageFacts) -> Sequence[int]:
        """Of the rules that may concern the message, in order; any other does not match, whatever else is known."""
        found = [place for group in self._groups if group.may_concern(facts) for place in group.places]
        return sorted((*self._always, *found)) if found else self._always

    def not_in_text(self, facts: MessageFacts) -> frozenset[int]:
        """Of the rules those of which nothing stands in the text, as far as it is known: they need not search it."""
        return frozenset(place for group in self._groups if not group.is_in_text(facts) for place in group.places)

    def _grouped(self, kind: tuple[Fact, str], its: Sequence[tuple[int, Telling]]) -> Iterator[_Group]:
        for some in _portions(its):
            program = any_of([pattern.expression for _, condition in some for pattern in condition.patterns])
            places = tuple(place for place, _ in some)
            if program is None:
                self._always += places
            else:
                yield _Group(places, *kind, program)


def _telling(conditions: Sequence[Matcher]) -> Telling | None:
    for kind in _KINDS:
        for each in conditions:
            # An empty expression ("*") is found everywhere, and would have its whole group asked.
            if isinstance(each, kind) and all(pattern.expression for pattern in each.patterns):
                return each
    return None


def _kind(condition: Telling) -> tuple[Fact, str]:
    return condition.reads, condition.name.lower() if isinstance(condition, Headers) else ""


def _portions(its: Sequence[tuple[int, Telling]]) -> Iterator[list[tuple[int, Telling]]]:
    portion: list[tuple[int, Telling]] = []
    patterns = 0
    for each in its:
        patterns += len(each[1].patterns)
        if portion and (len(portion) == _MOST_RULES or patterns > _MOST_PATTERNS):
            yield portion
            portion, patterns = [], len(each[1].patterns)
        portion.append(each)
    if portion:
        yield portion
