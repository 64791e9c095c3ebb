"""The patterns of rules (pure): addresses, domains, texts, names.

RE2 runs every pattern in linear time, so no rule can hang the server.  Matching is case-insensitive.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
import idna
import re2

from fopemta.address.mailbox import Mailbox
from fopemta.address.written import NotWritten, address_pattern_text, suggestion, written_local_part
from fopemta.mime.forms import forms, normal

# A compiled pattern: `search` returns None if nothing is found.
Program: TypeAlias = re2._Regexp

# RE2's limit on the compiled program; larger patterns are refused when the rules are read.
_MOST_MEMORY = 8 << 20
_LONGEST = 1000

# The expressions for wildcards; in a domain without @, since the last one begins the domain.
_ANYWHERE = {"*": ".*", "?": "."}
_IN_DOMAIN = {"*": "[^@]*", "?": "[^@]"}
_WHOLE = {"<>": "^$", "*": ""}


class BadPattern(Exception):
    """The text is no valid pattern; the message tells its author why."""


@attrs.frozen
class AddressPattern:
    """`text` in canonical form (see `address.written`): `user@example.org`, `example.org`, `*.example.org` (what is
    below it), `@example.org` (both), `<>` (the null sender), `*` and `?` as wildcards in either part; or `/regular
    expression/` over the whole address.
    """

    text: str

    def matches(self, address: Mailbox | None) -> bool:
        """Whether it matches; `address` None is the null sender."""
        program = _address_program(self.text)
        if _regular(self.text) is None:
            return program.search(compared_text(address)) is not None
        return any(program.search(text) is not None for text in readings(address))

    @property
    def expression(self) -> str:
        """The RE2 expression, to be matched with each of the address's `readings`."""
        return _address_expression(self.text)


@attrs.frozen
class TextPattern:
    """`text` as in the rule: words that must occur, or `/regular expression/`.  It is compared with a form of
    `mime.forms`: words are converted to the same form, a regular expression to NFC.
    """

    text: str

    @property
    def expression(self) -> str:
        """The RE2 expression."""
        return _text_expression(self.text)

    def matches(self, text: str) -> bool:
        """Whether it occurs in `text`."""
        return _text_program(self.text).search(text) is not None


@attrs.frozen
class NamePattern:
    """A file name or media type with `*` and `?` as wildcards, or `/regular expression/`; compared like a
    TextPattern.
    """

    text: str

    def matches(self, name: str) -> bool:
        """Whether it matches the whole of `name`."""
        return _name_program(self.text).search(name) is not None


def address_pattern(text: str) -> AddressPattern:
    """The pattern in its canonical form.  Raises BadPattern, also if it cannot match any address."""
    if _regular(text) is None:
        try:
            text = address_pattern_text(text)
        except NotWritten as error:
            raise BadPattern(f"matches no address: must be {error.wanted}{suggestion(error.meant)}") from error
    _check(_address_expression(text))
    return AddressPattern(text)


def compared_text(address: Mailbox | None) -> str:
    """An address for comparison with patterns: without the quotes of the wire form, in lower case.

    The last @ precedes the domain.
    """
    return "" if address is None else f"{address.compared}@{address.domain}"


@functools.lru_cache(maxsize=4096)  # each group of rules needs those of each recipient
def readings(address: Mailbox | None) -> tuple[str, ...]:
    """The texts by which a rule's author may know the address: in comparison form, in wire form, and with A-labels
    decoded.
    """
    text = compared_text(address)
    if address is None or (text.isascii() and "xn--" not in address.domain and len(text) == len(str(address))):
        return (text,)
    known = {text: None, str(address): None}
    if "xn--" in address.domain:
        known[f"{address.compared}@{_with_letters(address.domain)}"] = None
    return tuple(known)


def _with_letters(domain: str) -> str:
    """The domain with its A-labels decoded, as far as they are valid."""
    try:
        return idna.decode(domain)
    except UnicodeError:  # idna.IDNAError is one
        return domain


def text_pattern(text: str) -> TextPattern:
    """Parse a text pattern.  Raises BadPattern."""
    _check(_text_expression(text))
    return TextPattern(text)


def name_pattern(text: str) -> NamePattern:
    """Parse a pattern for names.  Raises BadPattern."""
    _check(_name_expression(text))
    return NamePattern(text)


def first_match(patterns: Sequence[TextPattern], text: str) -> TextPattern | None:
    """The first of `patterns` that occurs in `text`; None if none does."""
    return next((each for each in patterns if each.matches(text)), None)


def any_of(expressions: Sequence[str]) -> Program | None:
    """A program that matches if any of `expressions` does.  None if they cannot be combined: too many, or one quotes
    the rest.
    """
    if any(r"\Q" in each for each in expressions):
        return None
    try:
        return _compiled("|".join(f"(?:{each})" for each in expressions))
    except re2.error:
        return None


def _address_expression(text: str) -> str:
    regular = _regular(text)
    if regular is not None:
        return regular
    if text in _WHOLE:
        return _WHOLE[text]
    local_part, at, domain = text.rpartition("@")
    if local_part:
        name = written_local_part(local_part)
        return f"^{_glob(name)}@{_glob(domain, _IN_DOMAIN)}$"
    if domain.startswith("*.") and not at:
        return rf"\.{_glob(domain[2:], _IN_DOMAIN)}$"
    # "@" in front includes the sub-domains.
    return f"{'[@.]' if at else '@'}{_glob(domain, _IN_DOMAIN)}$"


def _text_expression(text: str) -> str:
    regular = _regular(text)
    return _alternatives(text, re.escape) if regular is None else normal(regular)


def _name_expression(text: str) -> str:
    regular = _regular(text)
    return f"^(?:{_alternatives(text, _glob)})$" if regular is None else normal(regular)


def _alternatives(text: str, expression: Callable[[str], str]) -> str:
    """The alternatives for each form that a text may be compared in."""
    return "|".join(dict.fromkeys(expression(each) for each in forms(text)))


def _regular(text: str) -> str | None:
    """The expression between slashes."""
    return text[1:-1] if len(text) > 2 and text.startswith("/") and text.endswith("/") else None


def _glob(text: str, wildcards: Mapping[str, str] = _ANYWHERE) -> str:
    return "".join(wildcards.get(letter) or re.escape(letter) for letter in text)


def _check(expression: str) -> None:
    if len(expression) > _LONGEST:
        raise BadPattern(f"is longer than {_LONGEST} characters")
    try:
        _compiled(expression)
    except re2.error as error:
        words = error.args[0] if error.args else "unknown"
        words = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        raise BadPattern(f"is no regular expression that can be used (RE2): {words}") from error


# Keyed by the pattern's text, not stored in it: patterns are compared, and passed between processes.  Large enough for
# a large rules file.
_remembered = functools.lru_cache(maxsize=65_536)


@_remembered
def _address_program(text: str) -> re2._Regexp:
    return _compiled(_address_expression(text))


@_remembered
def _text_program(text: str) -> re2._Regexp:
    return _compiled(_text_expression(text))


@_remembered
def _name_program(text: str) -> re2._Regexp:
    return _compiled(_name_expression(text))


def _compiled(expression: str) -> re2._Regexp:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    options.dot_nl = True
    return re2.compile(expression, options)
