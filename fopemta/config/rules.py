"""From the text of rules.toml to a Rulebook, or every reason why not (pure): the keys of a rule as tables."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from fopemta.config.load import parsed
from fopemta.mail.envelope import Direction
from fopemta.mail.header_field import LONGEST_VALUE, is_reserved
from fopemta.policy.action import (
    LATEST,
    ONLY,
    WORDS,
    Action,
    AddHeader,
    AllowWeaker,
    Bcc,
    Defer,
    ForceTls,
    Hold,
    Redirect,
    Reject,
    RequireTls,
    RouteVia,
)
from fopemta.policy.facts import STAGE_OF
from fopemta.policy.matchers import (
    Attachments,
    Body,
    ClientNetworks,
    Headers,
    Matcher,
    Recipients,
    RecipientsOver,
    Senders,
    SizeOver,
    Users,
)
from fopemta.policy.patterns import BadPattern, address_pattern, name_pattern, text_pattern
from fopemta.policy.rulebook import Mode, Rule, Rulebook
from fopemta.routing.route import Route, read_via
from fopemta.settings.errors import ConfigurationError, ConfigurationErrors
from fopemta.settings.place import WRONG, NotValid, Place, Reader, array, plain, shown
from fopemta.settings.quantities import duration, size, whole, yes_or_no
from fopemta.settings.section import Key, Section, Tables
from fopemta.settings.words import (
    WordOrDomains,
    domain_of,
    fingerprint_of,
    mailbox_of,
    network,
    one_of,
    path,
    text_of,
)
from fopemta.trust.demand import NameSource, Revocation
from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")
_HEADING = re.compile(r"^[ \t]*\[\[[ \t]*rule[ \t]*\]\]", re.MULTILINE)
_NUMBER = re.compile(r"rule\[([0-9]+)\]")
_MANY = 1_000_000
# Of a reply; more is cut off by whoever shows it.
_LONGEST_REPLY = 2000


def load_rules(text: str, folder: str) -> Rulebook:
    """Read the text of a file of rules that stands in `folder` (an absolute path).

    Raises ConfigurationErrors with everything that is wrong, at once; dotted keys begin with "rule[N]".
    """
    errors: list[ConfigurationError] = []
    place = Place("", folder, errors)
    facts = _FILE.facts(parsed(text), place)
    lines = list(_lines_of_headings(text))
    rules = facts.get("rules", ())
    if rules is not WRONG:
        _check(rules, place.at("rule"))
    if errors:
        raise ConfigurationErrors([_with_line(each, lines) for each in errors])
    if len(lines) == len(rules):
        rules = tuple(attrs.evolve(rule, line=line) for rule, line in zip(rules, lines, strict=True))
    return Rulebook(rules)


def _with_line(error: ConfigurationError, lines: Sequence[int]) -> ConfigurationError:
    """With the line of the rule's heading, where it has one: nobody counts rules."""
    place = _NUMBER.match(error.key)
    if place is None or int(place[1]) >= len(lines):
        return error
    return attrs.evolve(error, message=f"{error.message} (the rule in line {lines[int(place[1])]})")


def _lines_of_headings(text: str) -> Iterator[int]:
    line, counted = 1, 0
    for match in _HEADING.finditer(text):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        yield line


# --- single values ---------------------------------------------------------------------------------------------------


def _pattern(make: Callable[[str], Any]) -> Reader:
    def read(value: object) -> Any:
        try:
            return make(text_of(value))
        except BadPattern as error:
            raise NotValid(f"{shown(value)} {error}") from error

    return plain(read)


def _matching(regular: re.Pattern[str], wanted: str) -> Reader:
    def read(value: object) -> str:
        text = text_of(value)
        if regular.fullmatch(text) is None:
            raise NotValid(f"must be {wanted}, not {shown(value)}")
        return text

    return plain(read)


def _at_most(longest: int) -> Reader:
    """A text of so many characters."""

    def read(value: object) -> str:
        text = text_of(value)
        if len(text) > longest:
            raise NotValid(f"must have at most {longest} characters, not {len(text)}")
        return text

    return plain(read)


def _added_name(value: object) -> str:
    name = text_of(value)
    if _HEADER_NAME.fullmatch(name) is None:
        raise NotValid(f"must be a header's name, not {shown(value)}")
    if is_reserved(name):
        raise NotValid(f"{shown(value)} cannot be added: it says how a message is built, or stands in it once only")
    return name


def _moment(value: object) -> float:
    """A date begins at midnight UTC; a time without zone is UTC."""
    if isinstance(value, datetime.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=datetime.UTC)).timestamp()
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC).timestamp()
    raise NotValid(f"must be a date without quotes, as 2027-01-01, not {shown(value)}")


def _headers(value: object, place: Place) -> Any:
    """`headers = { "X-Class" = ["secret"] }`: one condition for each header."""
    if not isinstance(value, dict):
        return place.wrong(f'must be a table such as {{ "X-Class" = ["secret"] }}, not {shown(value)}')
    found = []
    for name, patterns in value.items():
        inner = place.at(name)
        if _HEADER_NAME.fullmatch(name) is None:
            inner.wrong("is no name of a header")
        found.append(Headers(name, _some(_texts)(patterns, inner)))
    return tuple(found)


def _some(read: Reader) -> Reader:
    """A list that is not empty."""

    def reader(value: object, place: Place) -> Any:
        found = read(value, place)
        return place.wrong("must name at least one") if found == () else found

    return reader


_addresses = array(_pattern(address_pattern))
_texts = array(_pattern(text_pattern))
_names = array(_pattern(name_pattern))
_mailboxes = array(plain(mailbox_of))
_pins = array(plain(fingerprint_of))
_words = plain(text_of)

# --- when ------------------------------------------------------------------------------------------------------------


def _one(make: Callable[[Any], Matcher], read: Reader) -> Reader:
    """A key that gives one condition."""

    def reader(value: object, place: Place) -> Any:
        found = read(value, place)
        return WRONG if found is WRONG else (make(found),)

    return reader


CONDITIONS = Section(
    dict,
    {
        name: Key(name, read)
        for name, read in {
            "senders": _one(Senders, _some(_addresses)),
            "recipients": _one(Recipients, _some(_addresses)),
            "clients": _one(ClientNetworks, _some(array(network))),
            "users": _one(Users, _some(_names)),
            "subject": _one(lambda texts: Headers("Subject", texts), _some(_texts)),
            "headers": _headers,
            "body": _one(Body, _some(_texts)),
            "attachments": _one(Attachments, _some(_names)),
            "size_over": _one(SizeOver, size),
            "recipients_over": _one(RecipientsOver, whole(0, _MANY)),
        }.items()
    },
)


def _conditions(value: object, place: Place) -> Any:
    found = CONDITIONS(value, place)
    return WRONG if found is WRONG else tuple(each for matchers in found.values() for each in matchers)


# --- then ------------------------------------------------------------------------------------------------------------

_LEVELS = {Level.ENCRYPT.word: Level.ENCRYPT, Level.AUTHENTICATED.word: Level.AUTHENTICATED}
_TLS_RUNGS = {rung.value: rung for rung in (Rung.STRONG_256, Rung.STRONG_128, Rung.COMPATIBLE)}


def _route(**facts: Any) -> RouteVia:
    return RouteVia(Route(domain="*", **facts))


def _keys(*required: str, **readers: Reader) -> dict[str, Key]:
    return {name: Key(name, read, required=name in required) for name, read in readers.items()}


ACTIONS: Mapping[str, Section] = {
    WORDS[ForceTls]: Section(
        ForceTls,
        _keys(
            opportunistic_for_unspecified=yes_or_no,
            level=one_of(_LEVELS),
            names=WordOrDomains({each.value: each for each in NameSource}),
            lowest_rung=one_of(_TLS_RUNGS),
            roots=path(),
            pins=_some(_pins),
            revocation=one_of({each.value: each for each in Revocation}),
            hold=duration,
            warn_after=duration,
            tell_sender=yes_or_no,
        )
        | {"report": Key("bare_report", one_of({"headers": False, "bare": True}))},
    ),
    WORDS[RequireTls]: Section(
        RequireTls,
        _keys(
            level=one_of(_LEVELS),
            names=_some(array(plain(domain_of))),
            issuers=_some(array(_words)),
            fingerprints=_some(_pins),
        ),
    ),
    WORDS[Reject]: Section(Reject, _keys(text=_at_most(_LONGEST_REPLY))),
    WORDS[Defer]: Section(Defer, _keys(text=_at_most(_LONGEST_REPLY))),
    WORDS[Hold]: Section(Hold, {}),
    WORDS[Redirect]: Section(Redirect, _keys("to", to=_some(_mailboxes))),
    WORDS[Bcc]: Section(Bcc, _keys("to", to=_some(_mailboxes))),
    WORDS[AddHeader]: Section(
        AddHeader, _keys("name", "value", name=plain(_added_name), value=_at_most(LONGEST_VALUE))
    ),
    WORDS[RouteVia]: Section(_route, {"via": Key("via", read_via, required=True, spread=True)}),
    WORDS[AllowWeaker]: Section(
        AllowWeaker,
        _keys("level", level=one_of({each.word: each for each in Level if each < Level.AUTHENTICATED})),
    ),
}


def _action(value: object, place: Place) -> Any:
    if not isinstance(value, dict):
        return place.wrong(f'must be a table such as {{ action = "force_tls" }}, not {shown(value)}')
    word = value.get("action")
    section = ACTIONS.get(word) if isinstance(word, str) else None
    if section is None:
        listed = ", ".join(f'"{each}"' for each in ACTIONS)
        return place.at("action").wrong(f"must be one of {listed}" + ("" if word is None else f", not {shown(word)}"))
    return section({name: fact for name, fact in value.items() if name != "action"}, place)


BLOCK = Section(
    Rule,
    {
        "name": Key("name", _matching(_NAME, "a name of letters, digits, blanks, and . _ -"), required=True),
        "mode": Key("mode", one_of({each.value: each for each in Mode})),
        "direction": Key("direction", one_of({each.value: each for each in Direction})),
        "expires": Key("expires", plain(_moment)),
        "owner": Key("owner", _words),
        "reason": Key("reason", _words),
        "when": Key("when", _conditions),
        "unless": Key("unless", _conditions),
        "then": Key("then", _action, required=True),
    },
)
_FILE = Section(dict, {"rule": Key("rules", Tables(BLOCK))})

# --- what must hold within a rule, and between rules -----------------------------------------------------------------


def _check(rules: Sequence[Any], place: Place) -> None:
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if rule is WRONG:
            continue
        here = place.item(index)
        if rule.name in seen:
            here.at("name").wrong(f'"{rule.name}" is the name of an earlier rule')
        seen.add(rule.name)
        _check_action(rule, here)
        _check_stage(rule, here)


def _check_action(rule: Rule, place: Place) -> None:
    action: Action = rule.then
    names_recipients = any(isinstance(each, Recipients) for each in rule.when)
    if isinstance(action, ForceTls) and action.opportunistic_for_unspecified and not names_recipients:
        place.at("then").at("opportunistic_for_unspecified").wrong(
            "needs when.recipients: without it the rule names every recipient"
        )
    if isinstance(action, AllowWeaker):
        for name in ("owner", "reason", "expires"):
            if not getattr(rule, name):
                place.at(name).wrong("must be given for an exception")
    only = ONLY.get(type(action))
    if only is not None and rule.direction not in (None, only):
        place.at("direction").wrong(f'"{rule.action_word}" is for {only} mail')


def _check_stage(rule: Rule, place: Place) -> None:
    """A condition must be known when the action is performed."""
    latest = LATEST.get(type(rule.then))
    for each in (*rule.when, *rule.unless):
        if latest is not None and STAGE_OF[each.reads] > latest:
            place.at("when").wrong(
                f'"{rule.action_word}" is decided {latest.word}, but the {each.reads.value} are known'
                f" {STAGE_OF[each.reads].word} only"
            )
