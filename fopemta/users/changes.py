"""Edit a user file's text: other lines and comments are unchanged."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import attrs

from fopemta.smtp.saslprep import NotPreparable, prepared
from fopemta.smtp.scram import Verifier
from fopemta.users.account import Account, Accounts, NotAnAccount, account_of, holds_nothing, name_of, parse, sender_of
from fopemta.users.hashing import hashed
from fopemta.users.user_file import UserFileUnsound

_SALT_LENGTH = 16


class CannotChange(Exception):
    """The change cannot be made; the message says why."""


def new_account(name: str, password: str, senders: Sequence[str], scram: bool) -> Account:
    """An account with that password; without `senders`, a name that is an address may send from itself.

    Raises CannotChange.
    """
    try:
        name = name_of(name)
        if not senders and "@" in name:
            senders = (name,)
        return _with_password(Account(name, "", None, tuple(sender_of(each) for each in senders)), password, scram)
    except NotAnAccount as error:
        raise CannotChange(str(error)) from None


def added(text: str, account: Account) -> str:
    """`text` with another account.  Raises CannotChange, UserFileUnsound."""
    if _sound(text).find(account.name) is not None:
        raise CannotChange(f"there is a user {account.name} already")
    end = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{end}{account.line()}\n"


def removed(text: str, name: str) -> str:
    """`text` without the account of that name.  Raises CannotChange, UserFileUnsound."""
    return _replaced(text, name, lambda account: None)


def with_password(text: str, name: str, password: str, scram: bool) -> str:
    """`text` with another password.  Raises CannotChange, UserFileUnsound."""
    return _replaced(text, name, lambda account: _with_password(account, password, scram))


def with_senders(text: str, name: str, senders: Sequence[str]) -> str:
    """`text` with other sender addresses.  Raises CannotChange, UserFileUnsound."""
    try:
        canonical = tuple(dict.fromkeys(sender_of(each) for each in senders))
    except NotAnAccount as error:
        raise CannotChange(str(error)) from None
    return _replaced(text, name, lambda account: attrs.evolve(account, senders=canonical))


def _with_password(account: Account, password: str, scram: bool) -> Account:
    try:
        password = prepared(password)
    except NotPreparable as error:
        raise CannotChange(f"the password {error}") from None
    # Keeping the old verifier would keep the old password valid.
    verifier = Verifier.of(password, os.urandom(_SALT_LENGTH)) if scram else None
    return attrs.evolve(account, password=hashed(password), scram=verifier)


def _replaced(text: str, name: str, change: Callable[[Account], Account | None]) -> str:
    """`text` with the line of that account replaced by the result of `change`; None removes it."""
    if _sound(text).find(name) is None:
        raise CannotChange(f"there is no user {name}")
    lines = []
    for line in text.split("\n"):
        changed: str | None = line
        if not holds_nothing(line):
            account = account_of(line)
            if account.name.lower() == name.lower():
                after = change(account)
                changed = None if after is None else after.line()
        if changed is not None:
            lines.append(changed)
    return "\n".join(lines)


def _sound(text: str) -> Accounts:
    """Parse `text`: a file that is already invalid is not edited."""
    found = parse(text)
    if isinstance(found, Accounts):
        return found
    raise UserFileUnsound(*found)
