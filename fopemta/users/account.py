"""The text of a user file: one line per user.

    alice password=$argon2id$... scram=SCRAM-SHA-256$... sender=alice@example.org sender=@example.com

The name comes first, then words in any order: `password` once, `scram` at most once, `sender` as often as needed.
Empty lines and lines that begin with "#" are kept, also when the file is edited.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import attrs

from fopemta.address.written import NotWritten, address_or_domains
from fopemta.mail.login import LoggedIn
from fopemta.smtp.saslprep import NotPreparable, prepared
from fopemta.smtp.scram import ITERATIONS, NotAVerifier, Verifier

# PHC string format: version, memory in KiB, passes, lanes; salt and digest in base64 without its padding.
_ARGON2ID = re.compile(
    r"(\$argon2id\$v=19\$m=([1-9][0-9]{0,7}),t=([1-9][0-9]{0,3}),p=([1-9][0-9]{0,2}))"
    r"\$(?:[A-Za-z0-9+/]{11,86})\$(?:[A-Za-z0-9+/]{22,86})"
)
# KiB; a hash that needs more memory could stop the server
_MOST_MEMORY = 1024 * 1024  # KiB; a hash that needs more memory could stop the server
_MOST_PASSES = 100
_LONGEST_NAME = 255
# RFC 9106 4 recommends more; these are OWASP's for servers that hash at every login: 19 MiB, about 30 ms.
DEFAULT_COST = "$argon2id$v=19$m=19456,t=2,p=1"
# Valid form, but the hash of no password.
_NO_SALT = "$" + "A" * 22 + "$" + "A" * 43


class NotAnAccount(Exception):
    """The text is no account; the message says why, without any part of a hash."""


@attrs.frozen
class Account:
    """One user.  `name` as written, unique regardless of case; `password` an argon2id hash; `senders` as in
    LoggedIn.
    """

    name: str
    password: str = attrs.field(repr=False)
    scram: Verifier | None = attrs.field(default=None, repr=False)
    senders: tuple[str, ...] = ()

    def logged_in(self) -> LoggedIn:
        """The login as other rooms see it."""
        return LoggedIn(self.name, frozenset(self.senders))

    def line(self) -> str:
        """Its line, without line end."""
        words = [self.name, f"password={self.password}"]
        if self.scram is not None:
            words.append(f"scram={self.scram.text()}")
        return " ".join([*words, *(f"sender={each}" for each in self.senders)])


@attrs.frozen
class Accounts:
    """All users, and the usual parameters of their hashes, which false ones for unknown names imitate."""

    by_name: Mapping[str, Account]
    dummy_password: str
    iterations: int

    @classmethod
    def of(cls, accounts: Iterable[Account]) -> Accounts:
        """Make it from accounts with distinct names."""
        by_name = {each.name.lower(): each for each in accounts}
        costs = Counter(_cost_of(each.password) for each in by_name.values())
        rounds = Counter(each.scram.iterations for each in by_name.values() if each.scram is not None)
        cost = costs.most_common(1)[0][0] if costs else DEFAULT_COST
        return cls(by_name, cost + _NO_SALT, rounds.most_common(1)[0][0] if rounds else ITERATIONS)

    def find(self, name: str) -> Account | None:
        """The account of that name; matching is case-insensitive."""
        return self.by_name.get(name.lower())


def name_of(text: str) -> str:
    """Check a name for an account.  Raises NotAnAccount."""
    try:
        name = prepared(text)
    except NotPreparable as error:
        raise NotAnAccount(f"a name {error}") from None
    if len(name) > _LONGEST_NAME or name.split() != [name] or name.startswith("#"):
        raise NotAnAccount(f"a name has at most {_LONGEST_NAME} characters, no blanks and no # in front")
    return name


def sender_of(text: str) -> str:
    """An address or a domain pattern (see `address.written`), in canonical form.  Raises NotAnAccount."""
    try:
        found = address_or_domains(text)
    except NotWritten as error:
        raise NotAnAccount(f"a sender {error}") from None
    if found.split() != [found]:
        raise NotAnAccount("a sender with a blank in it cannot be written here")
    return found


def parse(text: str) -> Accounts | tuple[str, ...]:
    """Parse the accounts; or return everything that is wrong with the text, each with its line number."""
    accounts: dict[str, Account] = {}
    wrong = []
    for number, line in enumerate(text.split("\n"), start=1):
        if holds_nothing(line):
            continue
        try:
            account = account_of(line)
        except NotAnAccount as error:
            wrong.append(f"line {number}: {error}")
            continue
        if accounts.setdefault(account.name.lower(), account) is not account:
            wrong.append(f"line {number}: {account.name} is there already")
    return tuple(wrong) if wrong else Accounts.of(accounts.values())


def holds_nothing(line: str) -> bool:
    """Whether the line is empty or a comment."""
    return not line.strip() or line.lstrip().startswith("#")


def account_of(line: str) -> Account:
    """Parse a line.  Raises NotAnAccount."""
    name, *words = line.split()
    found: dict[str, list[str]] = {"password": [], "scram": [], "sender": []}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in found:
            raise NotAnAccount("holds a word that is none of password=, scram= and sender=")
        found[key].append(value)
    if len(found["password"]) != 1 or len(found["scram"]) > 1:
        raise NotAnAccount("needs password= once, and scram= at most once")
    return Account(
        name_of(name),
        _password_of(found["password"][0]),
        _verifier_of(found["scram"][0]) if found["scram"] else None,
        tuple(dict.fromkeys(sender_of(each) for each in found["sender"])),
    )


def _password_of(text: str) -> str:
    match = _ARGON2ID.fullmatch(text)
    if match is None:
        raise NotAnAccount("password= is no argon2id hash")
    memory, passes, lanes = int(match[2]), int(match[3]), int(match[4])
    if not 8 * lanes <= memory <= _MOST_MEMORY or passes > _MOST_PASSES:
        raise NotAnAccount("password= is a hash that costs too much, or no possible one")
    return text


def _cost_of(password: str) -> str:
    return password.rsplit("$", 2)[0]


def _verifier_of(text: str) -> Verifier:
    try:
        return Verifier.parse(text)
    except NotAVerifier as error:
        raise NotAnAccount(f"scram= {error}") from None
