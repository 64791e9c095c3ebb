"""What in the rules is permitted and probably not meant (pure); told, with the line in the file, not refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import combinations

from fopemta.config.errors import ConfigurationError
from fopemta.config.model import Route
from fopemta.policy.action import AllowWeaker, Defer, ForceTls, Hold, Reject
from fopemta.policy.facts import Direction
from fopemta.policy.matchers import Recipients, Users
from fopemta.policy.rulebook import Mode, Rule, Rulebook
from fopemta.routing.routes import is_local

# RULINGS 7
WARNED_AHEAD = 14 * 86_400.0
_REFUSE = (Reject, Defer)


def rule_cautions(book: Rulebook, routes: Sequence[Route], now: float) -> tuple[ConfigurationError, ...]:
    """Everything worth a word; `now` in seconds since the epoch."""
    found: list[tuple[int, str]] = [*_expiries(book, now), *_alone(book, routes), *_together(book)]
    return tuple(ConfigurationError(_place(book, index), words) for index, words in sorted(found))


def expiry_cautions(book: Rulebook, now: float) -> tuple[ConfigurationError, ...]:
    """Only what ends soon, or has ended: this changes by itself, day by day."""
    return tuple(ConfigurationError(_place(book, index), words) for index, words in _expiries(book, now))


def _place(book: Rulebook, index: int) -> str:
    rule = book.rules[index]
    return f"rules, line {rule.line} ({rule.name})" if rule.line else f"rules, rule[{index}] ({rule.name})"


def _expiries(book: Rulebook, now: float) -> Iterator[tuple[int, str]]:
    for index, rule in enumerate(book.rules):
        if rule.expires is None:
            continue
        day = datetime.fromtimestamp(rule.expires, UTC).strftime("%Y-%m-%d %H:%M UTC")
        if not rule.in_force(now):
            yield index, f"has expired at {day}, and is not there any more"
        elif rule.expires - now <= WARNED_AHEAD:
            yield index, f"ends at {day}"


def _alone(book: Rulebook, routes: Sequence[Route]) -> Iterator[tuple[int, str]]:
    for index, rule in enumerate(book.rules):
        if rule.direction is Direction.INBOUND and any(isinstance(each, Users) for each in rule.when):
            yield index, "never matches: mail of logins is outbound"
        if not isinstance(rule.then, ForceTls):
            continue
        if isinstance(rule.then.names, tuple):
            for name in rule.then.names:
                if "." not in name:
                    yield index, f"no public authority certifies a name without a dot: {name}"
        named = [each.text for matcher in rule.when if isinstance(matcher, Recipients) for each in matcher.patterns]
        here = [name for name in named if "*" not in name and is_local(name.rpartition("@")[2], routes)]
        if here and len(here) == len(named):
            yield index, "names nobody but mailboxes on this machine, which need no TLS"


def _together(book: Rulebook) -> Iterator[tuple[int, str]]:
    """Of two rules, what the one makes of the other."""
    enforced = [(index, rule) for index, rule in enumerate(book.rules) if rule.mode is Mode.ENFORCE]
    for (_, first), (index, second) in combinations(enforced, 2):
        words = _shadow(first, second) or _contradiction(first, second)
        if words is not None:
            yield index, words


def _shadow(first: Rule, second: Rule) -> str | None:
    """Whatever `second` matches, `first` has decided already."""
    if not _covers(first, second):
        return None
    if isinstance(first.then, _REFUSE) and not isinstance(second.then, Reject):
        return f"is never reached: rule {first.name} refuses all that it matches"
    if first.then == second.then:
        return f"adds nothing: rule {first.name} does the same for all that it matches"
    if isinstance(first.then, Hold) and isinstance(second.then, Hold):
        return f"adds nothing: rule {first.name} holds all that it matches"
    return None


def _contradiction(first: Rule, second: Rule) -> str | None:
    one, other = first.then, second.then
    same = set(first.when) == set(second.when) and first.unless == second.unless
    if not same:
        return None
    if (isinstance(one, AllowWeaker) and isinstance(other, ForceTls)) or (
        isinstance(one, ForceTls) and isinstance(other, AllowWeaker)
    ):
        return f"contradicts rule {first.name}, which is about the same mail: the exception counts"
    if isinstance(one, ForceTls) and isinstance(other, ForceTls):
        wanted = [each.names for each in (one, other) if isinstance(each.names, tuple)]
        if len(wanted) == 2 and set(wanted[0]).isdisjoint(wanted[1]):
            return f"and rule {first.name} want other names: a certificate must bear one of each"
    return None


def _covers(first: Rule, second: Rule) -> bool:
    """Every message that `second` matches, `first` matches too, as far as their conditions show it."""
    return (
        first.direction in (None, second.direction)
        and first.expires is None
        and set(first.when) <= set(second.when)
        and set(first.unless) <= set(second.unless)
    )
