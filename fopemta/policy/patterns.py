"""The patterns of rules (pure): addresses, domains, texts, names.

Every pattern is run by RE2, whose time is linear in the text whatever the pattern is, so no rule can hang the server.
Letter case never matters.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import re2

from fopemta.mail.address import Mailbox, path_text
from fopemta.smtp.grammar import NotInGrammar, canonical_domain

# A compiled pattern: `search` gives None where nothing is found.
Program: TypeAlias = re2._Regexp

# RE2's own bound of the compiled program; a pattern beyond it is refused when the rules are read.
_MOST_MEMORY = 8 << 20
_LONGEST = 1000


class BadPattern(Exception):
    """A text is no pattern; the message says why, in words for the file's author."""


@attrs.frozen
class AddressPattern:
    """`text` as the rule has it: `user@example.org`, `example.org`, `*.example.org` (its sub-domains), `<>` (the null
    sender), `*` and `?` as wildcards in either part, or `/regular expression/` over the whole address.
    """

    text: str

    def matches(self, address: Mailbox | None) -> bool:
        """`address` None is the null sender."""
        return _address_program(self.text).search(path_text(address)) is not None

    @property
    def expression(self) -> str:
        """As RE2 has it."""
        return _address_expression(self.text)

    def covers(self, domain: str) -> bool:
        """Every address of `domain` matches: for warnings about rules that can never be reached."""
        return self.text in ("*", domain) or (self.text.startswith("*.") and f".{domain}".endswith(self.text[1:]))


@attrs.frozen
class TextPattern:
    """`text` as the rule has it: words that must stand somewhere, or `/regular expression/`."""

    text: str

    @property
    def expression(self) -> str:
        """As RE2 has it."""
        return _text_expression(self.text)

    def matches(self, text: str) -> bool:
        """Somewhere in `text`."""
        return _text_program(self.text).search(text) is not None


@attrs.frozen
class NamePattern:
    """A file name or media type with `*` and `?` as wildcards, or `/regular expression/`."""

    text: str

    def matches(self, name: str) -> bool:
        """The whole of `name`."""
        return _name_program(self.text).search(name) is not None


def address_pattern(text: str) -> AddressPattern:
    """The pattern, a domain in it in its canonical form.  Raises BadPattern."""
    if _regular(text) is None and not text.isascii():
        text = _with_a_labels(text)
    _check(_address_expression(text))
    return AddressPattern(text)


def text_pattern(text: str) -> TextPattern:
    """Raises BadPattern."""
    _check(_text_expression(text))
    return TextPattern(text)


def name_pattern(text: str) -> NamePattern:
    """Raises BadPattern."""
    _check(_regular(text) or _glob(text))
    return NamePattern(text)


def first_match(patterns: Sequence[TextPattern], text: str) -> TextPattern | None:
    """The first of `patterns` that `text` has, None where it has none."""
    return next((each for each in patterns if each.matches(text)), None)


def any_of(expressions: Sequence[str]) -> Program | None:
    """A program that finds something where any of `expressions` does.  None where they cannot be put together: they are
    too many, or one quotes all that follows it.
    """
    if any(r"\Q" in each for each in expressions):
        return None
    try:
        return _compiled("|".join(f"(?:{each})" for each in expressions))
    except re2.error:
        return None


def _with_a_labels(text: str) -> str:
    local_part, at, domain = text.rpartition("@")
    star = domain.startswith("*.")
    try:
        canonical = canonical_domain(domain[2:] if star else domain)
    except NotInGrammar as error:
        raise BadPattern("holds no valid domain; a wildcard and other letters than ASCII do not go together") from error
    return f"{local_part}{at}{'*.' if star else ''}{canonical}"


def _address_expression(text: str) -> str:
    regular = _regular(text)
    if regular is not None:
        return regular
    if text == "<>":
        return "^$"
    if text == "*":
        return ""
    if text.startswith("*.") and "@" not in text:
        return rf"@.+\.{_glob(text[2:])}$"
    local_part, at, domain = text.rpartition("@")
    return f"^{_glob(local_part)}@{_glob(domain)}$" if at and local_part else f"@{_glob(domain)}$"


def _text_expression(text: str) -> str:
    return _regular(text) or re.escape(text)


def _regular(text: str) -> str | None:
    """The expression between slashes."""
    return text[1:-1] if len(text) > 2 and text.startswith("/") and text.endswith("/") else None


def _glob(text: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(letter) or re.escape(letter) for letter in text)


def _check(expression: str) -> None:
    if len(expression) > _LONGEST:
        raise BadPattern(f"is longer than {_LONGEST} characters")
    try:
        _compiled(expression)
    except re2.error as error:
        words = error.args[0] if error.args else "unknown"
        words = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        raise BadPattern(f"is no regular expression that can be used (RE2): {words}") from error


# By the text of a pattern and not in it: values are compared, and handed from process to process.  As many as a large
# file of rules has.
_remembered = functools.lru_cache(maxsize=65_536)


@_remembered
def _address_program(text: str) -> re2._Regexp:
    return _compiled(_address_expression(text))


@_remembered
def _text_program(text: str) -> re2._Regexp:
    return _compiled(_text_expression(text))


@_remembered
def _name_program(text: str) -> re2._Regexp:
    return _compiled(_regular(text) or f"^{_glob(text)}$")


def _compiled(expression: str) -> re2._Regexp:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    options.dot_nl = True
    return re2.compile(expression, options)
