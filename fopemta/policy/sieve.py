"""Find the rules that may concern a message (pure): most do not, and need not be evaluated one by one.

One necessary condition of each rule is combined with those of other rules into one expression.  If that is not found,
none of these rules matches; if it is, each of them is evaluated as usual.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import attrs

from fopemta.policy.facts import Fact, MessageFacts
from fopemta.policy.matchers import Body, Headers, Matcher, Recipients, Senders
from fopemta.policy.patterns import Program, any_of, readings

# The conditions usable for this; the first kind that a rule has is taken: the shorter texts come first.
Telling: TypeAlias = Senders | Recipients | Headers | Body
_KINDS = (Senders, Recipients, Headers, Body)

# Rules combined into one expression, and evaluated if it is found.
_MOST_RULES = 64
_MOST_PATTERNS = 256


@attrs.frozen
class _Group:
    """Rules, by position in the book, none of which matches if `program` finds nothing in the texts of `reads`; for
    headers, in those called `name`.
    """

    places: tuple[int, ...]
    reads: Fact
    name: str
    program: Program

    def may_concern(self, facts: MessageFacts) -> bool:
        """Whether at least one of them may match."""
        texts = self._texts(facts)
        return texts is None or any(self.program.search(text) is not None for text in texts)

    def is_in_text(self, facts: MessageFacts) -> bool:
        """Whether the expression occurs in the known part of the text."""
        content = facts.content
        texts = () if content is None else (*content.texts, *content.texts_otherwise)
        return self.reads is not Fact.BODY or any(self.program.search(text) is not None for text in texts)

    def _texts(self, facts: MessageFacts) -> Iterable[str] | None:
        """The texts; None if they are not all known."""
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
    """`conditions` holds the necessary conditions of each rule, in the order of the book."""

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
        """The positions of rules that may concern the message, in order; no other rule matches, whatever else
        is known.
        """
        found = [place for group in self._groups if group.may_concern(facts) for place in group.places]
        return sorted((*self._always, *found)) if found else self._always

    def not_in_text(self, facts: MessageFacts) -> frozenset[int]:
        """The rules whose texts do not occur in the known part of the text: they need not search it."""
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
            # An empty expression ("*") is found everywhere, and would make its whole group be evaluated.
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
