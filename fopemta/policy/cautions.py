"""Warnings about rules that are valid but probably not meant (pure), with the line in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import attrs

from fopemta.mail.envelope import Direction, Envelope
from fopemta.policy.action import Action, AllowWeaker, Bcc, Defer, ForceTls, Hold, Redirect, Reject
from fopemta.policy.circles import circles
from fopemta.policy.facts import RuleStage, facts_of
from fopemta.policy.mailbox_name import maildir_of
from fopemta.policy.matchers import Matcher, Recipients, Senders, Users
from fopemta.policy.rulebook import Mode, Rule, Rulebook
from fopemta.policy.sieve import Sieve
from fopemta.routing.route import Route
from fopemta.routing.routes import is_local, route_for
from fopemta.settings.errors import ConfigurationError
from fopemta.trust.demand import NameSource
from fopemta.trust.levels import Level

# Enough time to renew an exception.
WARNED_AHEAD = 14 * 86_400.0
_REFUSE = (Reject, Defer)


def rule_cautions(book: Rulebook, routes: Sequence[Route], now: float) -> tuple[ConfigurationError, ...]:
    """All warnings; `now` in seconds since the epoch."""
    found: list[tuple[int, str]] = [
        *_expiries(book, now), *_alone(book, routes), *_names(book), *_targets(book, routes), *_circles(book),
        *_together(book),
    ]  # fmt: skip
    return tuple(ConfigurationError(_place(book, index), words) for index, words in sorted(found))


def proof_cautions(book: Rulebook) -> tuple[ConfigurationError, ...]:
    """One warning about all rules that accept a proof which only DNS ties to the domain, and one about all that ask
    of other recipients for what only the servers of those named can have.
    """
    forced = [(index, each.then) for index, each in enumerate(book.rules) if isinstance(each.then, ForceTls)]
    weak = [
        index
        for index, force in forced
        if force.names is NameSource.MX and not force.pins and force.level >= Level.AUTHENTICATED
    ]
    binding = [
        index
        for index, force in forced
        if (isinstance(force.names, tuple) or force.pins)
        and book.rules[index].names_recipients
        and not force.opportunistic_for_unspecified
    ]
    return (*_once(book, weak, _BY_MX_ALONE), *_once(book, binding, _BINDS_OTHERS))


def _once(book: Rulebook, found: Sequence[int], words: str) -> tuple[ConfigurationError, ...]:
    """One for all rules `found`: many of the same would hide the others."""
    if len(found) < 2:
        return tuple(ConfigurationError(_place(book, index), words) for index in found)
    named = ", ".join(_place(book, index).removeprefix("rules, ") for index in found[:_MOST_NAMED])
    more = f", and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return (ConfigurationError("rules", f"{len(found)} rules with {words}: {named}{more}"),)


def expiry_cautions(book: Rulebook, now: float) -> tuple[ConfigurationError, ...]:
    """Rules that expire soon, or have expired: these warnings change from day to day."""
    return tuple(ConfigurationError(_place(book, index), words) for index, words in _expiries(book, now))


def _place(book: Rulebook, index: int) -> str:
    rule = book.rules[index]
    return f"rules, line {rule.line} ({rule.name})" if rule.line else f"rules, rule[{index}] ({rule.name})"


# Rules that one warning names.
_MOST_NAMED = 10
_BY_MX_ALONE = (
    'names = "mx": only DNS says that the MX host is the one meant, and who forges DNS has a host with a good '
    'certificate; better names = "domain", or a list of the names of its servers'
)

_BINDS_OTHERS = (
    "names or pins, and without opportunistic_for_unspecified = true: the servers of every other recipient of the same "
    "message must have them, too, and mail for those that have not waits and comes back"
)


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
        for name in _top_level(rule):
            if not is_local(name, routes):
                yield index, f"names the domain {name} alone, and nothing below it: that is *.{name}"
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
            yield index, "names only mailboxes on this machine, which need no TLS"


def _top_level(rule: Rule) -> list[str]:
    """Domains without a dot among the addresses that a rule names."""
    named = [each for matcher in rule.when if isinstance(matcher, Senders | Recipients) for each in matcher.patterns]
    return [each.text for each in named if each.text.isalnum()]


def _names(book: Rulebook) -> Iterator[tuple[int, str]]:
    """Rule names that are easily confused."""
    seen: dict[str, str] = {}
    for index, rule in enumerate(book.rules):
        first = seen.setdefault(rule.name.lower(), rule.name)
        if first != rule.name:
            yield index, f"differs from the name {first} in upper and lower case alone"


def _targets(book: Rulebook, routes: Sequence[Route]) -> Iterator[tuple[int, str]]:
    """Targets that mail cannot be delivered to."""
    for index, rule in enumerate(book.rules):
        for target in rule.then.to if isinstance(rule.then, Redirect | Bcc) else ():
            route = route_for(target.domain, routes)
            if route.is_local and maildir_of(route.maildir, target) is None:
                yield index, f"cannot be delivered: no mailbox here has the name of {target}"
            elif route.by_mx and not target.is_literal and "." not in target.domain:
                yield index, f"cannot be delivered: no route names the domain of {target}, and no MX can"


def _circles(book: Rulebook) -> Iterator[tuple[int, str]]:
    """Rules that redirect mail in a circle."""
    redirecting = [
        (index, rule, [each for each in rule.when if isinstance(each, Recipients)])
        for index, rule in enumerate(book.rules)
        if isinstance(rule.then, Redirect) and rule.mode is Mode.ENFORCE
    ]
    # A rule that names no particular recipients redirects all, and is no evidence of a mistake.
    redirecting = [each for each in redirecting if each[2]]
    sieve = Sieve([matchers for _, _, matchers in redirecting])

    def following(place: int) -> Iterator[int]:
        action = redirecting[place][1].then
        assert isinstance(action, Redirect)
        for target in action.to:
            facts = facts_of(Envelope(None, (target,)), RuleStage.RECIPIENT, 0, None)
            for other in sieve.places(facts):
                if other != place and redirecting[other][1].names(target):
                    yield other

    for circle in circles(range(len(redirecting)), following):
        names = " -> ".join(redirecting[each][1].name for each in circle)
        yield redirecting[max(circle)][0], f"redirects in a circle: {names}"


def _together(book: Rulebook) -> Iterator[tuple[int, str]]:
    """For each rule, how the first earlier one that concerns it affects it: one warning of each kind.

    Rules are found by their conditions, so thousands of them are checked quickly.
    """
    numbers: dict[tuple[bool, Matcher], int] = {}
    enforced = [
        (index, rule, _Scope.of(rule, numbers)) for index, rule in enumerate(book.rules) if rule.mode is Mode.ENFORCE
    ]
    frequency = Counter(number for _, _, scope in enforced for number in scope.conditions)
    earlier, same = _Earlier(frequency), _Same()
    for index, rule, scope in enforced:
        words = earlier.shadow(rule, scope) or same.contradiction(rule, scope)
        if words is not None:
            yield index, words
        earlier.add(rule, scope)
        same.add(rule, scope)


@attrs.frozen
class _Scope:
    """The messages that a rule is about.  `conditions` are those of `when` and of `unless`, by number."""

    direction: Direction | None
    conditions: frozenset[int]

    @classmethod
    def of(cls, rule: Rule, numbers: dict[tuple[bool, Matcher], int]) -> _Scope:
        """The scope of `rule`; new conditions are added to `numbers`."""
        named = [(True, each) for each in rule.when] + [(False, each) for each in rule.unless]
        return cls(rule.direction, frozenset(numbers.setdefault(each, len(numbers)) for each in named))

    def covers(self, other: _Scope) -> bool:
        """Whether it certainly includes every message of `other`, judging by the conditions."""
        return self.direction in (None, other.direction) and self.conditions <= other.conditions


class _Earlier:
    """Rules without expiry, to find one that decides everything a later one matches.

    A scope is stored under the rarest of its conditions: any scope that it covers has that condition too.
    """

    def __init__(self, frequency: Mapping[int, int]) -> None:
        self._frequency = frequency
        self._by_condition: dict[int | None, dict[_Scope, _Decided]] = {}

    def add(self, rule: Rule, scope: _Scope) -> None:
        if rule.expires is not None:
            return
        rarest = min(scope.conditions, key=lambda each: (self._frequency[each], each), default=None)
        self._by_condition.setdefault(rarest, {}).setdefault(scope, _Decided()).add(rule)

    def shadow(self, rule: Rule, scope: _Scope) -> str | None:
        for condition in (None, *sorted(scope.conditions)):
            for known, decided in self._by_condition.get(condition, {}).items():
                if known.covers(scope) and (words := decided.words(rule)) is not None:
                    return words
        return None


class _Decided:
    """The first rule of each kind for a scope."""

    def __init__(self) -> None:
        self._refuses: Rule | None = None
        self._by_action: dict[Action, Rule] = {}

    def add(self, rule: Rule) -> None:
        if isinstance(rule.then, _REFUSE):
            self._refuses = self._refuses or rule
        self._by_action.setdefault(rule.then, rule)

    def words(self, rule: Rule) -> str | None:
        if self._refuses is not None and not isinstance(rule.then, Reject):
            return f"is never reached: rule {self._refuses.name} refuses all that it matches"
        same = self._by_action.get(rule.then)
        if same is None:
            return None
        if isinstance(rule.then, Hold):
            return f"adds nothing: rule {same.name} holds all that it matches"
        return f"adds nothing: rule {same.name} does the same for all that it matches"


class _Same:
    """Demands on the same mail, and exceptions from them."""

    def __init__(self) -> None:
        self._weaker: dict[frozenset[int], Rule] = {}
        # By the names that they require; None if they require none in particular.
        self._forcing: dict[frozenset[int], dict[frozenset[str] | None, Rule]] = {}

    def add(self, rule: Rule, scope: _Scope) -> None:
        if isinstance(rule.then, AllowWeaker):
            self._weaker.setdefault(scope.conditions, rule)
        elif isinstance(rule.then, ForceTls):
            self._forcing.setdefault(scope.conditions, {}).setdefault(_wanted(rule.then), rule)

    def contradiction(self, rule: Rule, scope: _Scope) -> str | None:
        weaker, forcing = self._weaker.get(scope.conditions), self._forcing.get(scope.conditions, {})
        if isinstance(rule.then, AllowWeaker) and forcing:
            weaker = next(iter(forcing.values()))
        elif not isinstance(rule.then, ForceTls):
            return None
        if weaker is not None:
            return f"contradicts rule {weaker.name}, which is about the same mail: the exception counts"
        return _other_names(rule, forcing)


def _other_names(rule: Rule, forcing: Mapping[frozenset[str] | None, Rule]) -> str | None:
    wanted = _wanted(rule.then) if isinstance(rule.then, ForceTls) else None
    if wanted is None:
        return None
    other = next((each for names, each in forcing.items() if names is not None and names.isdisjoint(wanted)), None)
    if other is None:
        return None
    return f"and rule {other.name} expect different names: a certificate must match one of each"


def _wanted(action: ForceTls) -> frozenset[str] | None:
    return frozenset(action.names) if isinstance(action.names, tuple) else None
