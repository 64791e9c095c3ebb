"""`fopemta users`: manage logins by editing the user file, which a running server notices."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from fopemta.cli.configuration import config_option, configuration_of, json_option
from fopemta.cli.table import escaped, lines_of
from fopemta.config.model import UserSettings

if TYPE_CHECKING:
    from fopemta.users.account import Account

_stdin_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input, one line.")


@click.group()
def users() -> None:
    """Manage the users that may log in."""


@users.command("add")
@click.argument("name")
@click.option("--sender", "senders", multiple=True, metavar="ADDRESS|@DOMAIN", help="May send from this; repeatable.")
@_stdin_option
@config_option
def add(name: str, senders: tuple[str, ...], password_stdin: bool, config: str | None) -> None:
    """Add a user.  Without --sender, a NAME that is an address may send from itself."""
    from fopemta.users.changes import added, new_account

    settings = _settings(config)
    password = _password(password_stdin)
    with _refusals(settings.file):
        account = new_account(name, password, senders, settings.scram)
        _edit(settings.file, lambda text: added(text, account))
    click.echo(f"{escaped(account.name)} may log in, and send from: {_senders(account.senders)}")


@users.command("list")
@config_option
@json_option
def list_(config: str | None, as_json: bool) -> None:
    """List all users."""
    from fopemta.users.user_file import read

    settings = _settings(config)
    accounts: list[Account] = []
    with _refusals(settings.file):
        try:
            accounts += read(settings.file).by_name.values()
        except FileNotFoundError:
            pass  # made by the first `add`
    if as_json:
        for each in accounts:
            facts = {"name": each.name, "senders": each.senders, "scram": each.scram is not None}
            click.echo(json.dumps(facts))
        return
    if not accounts:
        click.echo("There are no users.")
        return
    rows = [(each.name, "yes" if each.scram else "no", _senders(each.senders)) for each in accounts]
    for line in lines_of(("NAME", "SCRAM", "SENDERS"), rows):
        click.echo(line)


@users.command("remove")
@click.argument("name")
@config_option
def remove(name: str, config: str | None) -> None:
    """Remove a user.  Open sessions continue until they end."""
    from fopemta.users.changes import removed

    _change(config, lambda text, settings: removed(text, name))
    click.echo(f"{escaped(name)} is no longer a user")


@users.command("passwd")
@click.argument("name")
@_stdin_option
@config_option
def passwd(name: str, password_stdin: bool, config: str | None) -> None:
    """Change a user's password."""
    from fopemta.users.changes import with_password

    password = _password(password_stdin)
    _change(config, lambda text, settings: with_password(text, name, password, settings.scram))
    click.echo(f"{escaped(name)} has a new password")


@users.command("senders")
@click.argument("name")
@click.argument("senders", nargs=-1, metavar="[ADDRESS|@DOMAIN]...")
@config_option
def senders(name: str, senders: tuple[str, ...], config: str | None) -> None:
    """Replace the addresses a user may send from; without any, it may not send."""
    from fopemta.users.changes import with_senders

    _change(config, lambda text, settings: with_senders(text, name, senders))
    click.echo(f"{escaped(name)} may send from: {escaped(_senders(senders))}")


def _settings(config: str | None) -> UserSettings:
    found = configuration_of(config).users
    if found.file == "off":
        click.echo("fopemta: users.file: no user file is configured", err=True)
        sys.exit(2)
    return found


def _change(config: str | None, change: Callable[[str, UserSettings], str]) -> None:
    settings = _settings(config)
    with _refusals(settings.file):
        _edit(settings.file, lambda text: change(text, settings))


def _edit(path: str, change: Callable[[str], str]) -> None:
    from fopemta.users.user_file import edit

    edit(path, change)


@contextmanager
def _refusals(path: str) -> Iterator[None]:
    """Status 1 for an impossible change, 2 for an unusable file."""
    from fopemta.users.changes import CannotChange
    from fopemta.users.user_file import UserFileUnsound

    try:
        yield
    except CannotChange as error:
        _refuse(1, str(error))
    except UserFileUnsound as unsound:
        _refuse(2, *(each if each.startswith(path) else f"{path}: {each}" for each in unsound.reasons))
    except UnicodeDecodeError as error:
        _refuse(2, f"{path}: not UTF-8 at octet {error.start}")
    except OSError as error:
        _refuse(2, f"{error.filename or path}: {error.strerror}")


def _refuse(status: int, *reasons: str) -> NoReturn:
    for reason in reasons:
        click.echo(f"fopemta: {escaped(reason)}", err=True)
    sys.exit(status)


def _password(from_stdin: bool) -> str:
    """Never from the command line, which every process can read; at a terminal it is prompted for without echo."""
    if not from_stdin or sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    try:
        line = sys.stdin.buffer.readline().decode("utf-8")
    except UnicodeDecodeError:
        _refuse(1, "the password is not UTF-8")
    return line.removesuffix("\n").removesuffix("\r")


def _senders(found: tuple[str, ...]) -> str:
    return ", ".join(found) or "nobody"
