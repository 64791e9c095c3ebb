"""From a command line to a checked command, or to the reply that says what is wrong with it (pure).

One row per verb.  This is the *check* of syntax; whether the command fits the state, and policy, come after.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TypeAlias

import attrs

from fopemta.mail.address import Mailbox
from fopemta.mail.envelope import BodyType
from fopemta.mail.reply import Reply
from fopemta.smtp.extensions import MAIL_PARAMETERS
from fopemta.smtp.grammar import NotInGrammar, host_name, mailbox, parameters, split_path


class Verb(enum.Enum):
    """The commands we know."""

    HELO = "HELO"
    EHLO = "EHLO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"
    VRFY = "VRFY"
    HELP = "HELP"
    STARTTLS = "STARTTLS"


@attrs.frozen
class Command:
    """A command whose syntax is good.

    `name` of HELO and EHLO; `path` of MAIL and RCPT, where None is `<>` and an empty domain is `<postmaster>`; `size`
    and `body` as MAIL declared them.
    """

    verb: Verb
    name: str = ""
    path: Mailbox | None = None
    size: int = 0
    body: BodyType = BodyType.SEVEN_BIT


Parsed: TypeAlias = Command | Reply

UNKNOWN = Reply.of(500, "5.5.1", "Command not recognised")
TOO_LONG = Reply.of(500, "5.5.2", "Line too long")
BARE_LINE_END = Reply.of(500, "5.5.2", "Lines must end with CR LF")
_NO_ARGUMENT = Reply.of(501, "5.5.4", "This command takes no argument")
_ODD_CHARACTERS = Reply.of(501, "5.5.2", "Only printable ASCII characters are allowed in commands")
_NO_SMTPUTF8 = Reply.of(553, "5.6.7", "Non-ASCII addresses are not supported here")


def parse(line: bytes, extended: bool) -> Parsed:
    """The command in `line` (without CRLF).  `extended`: the client greeted with EHLO, so parameters are known."""
    word, _, rest = line.partition(b" ")
    row = _ROWS.get(word.upper())
    if row is None:
        return UNKNOWN
    try:
        argument = rest.decode("ascii")
    except UnicodeDecodeError:
        return _NO_SMTPUTF8 if row[0] in (Verb.MAIL, Verb.RCPT) else _ODD_CHARACTERS
    if not argument.isprintable():
        return _ODD_CHARACTERS
    verb, check = row
    return check(verb, argument, extended)


def _bare(verb: Verb, argument: str, extended: bool) -> Parsed:
    return _NO_ARGUMENT if argument.strip(" ") else Command(verb)


def _anything(verb: Verb, argument: str, extended: bool) -> Parsed:
    return Command(verb)


def _vrfy(verb: Verb, argument: str, extended: bool) -> Parsed:
    return Command(verb) if argument.strip(" ") else Reply.of(501, "5.5.4", "Whom?")


def _greeting(verb: Verb, argument: str, extended: bool) -> Parsed:
    try:
        return Command(verb, name=host_name(argument))
    except NotInGrammar as flaw:
        return Reply.of(501, "5.5.4", f"Syntax: {verb.value} host name ({flaw})")


def _mail(verb: Verb, argument: str, extended: bool) -> Parsed:
    if argument[:5].upper() != "FROM:":
        return Reply.of(501, "5.5.4", "Syntax: MAIL FROM:<address>")
    try:
        path, rest = split_path(argument[5:])
        sender = mailbox(path) if path else None
    except NotInGrammar as flaw:
        return Reply.of(501, "5.1.7", f"Bad sender address: {flaw}")
    try:
        given = parameters(rest)
    except NotInGrammar as flaw:
        return Reply.of(501, "5.5.4", f"Bad parameters: {flaw}")
    if given and (not extended or not MAIL_PARAMETERS.issuperset(given)):
        return Reply.of(555, "5.5.4", "Unknown parameter")
    return _mail_with(verb, sender, given)


def _mail_with(verb: Verb, sender: Mailbox | None, given: dict[str, str | None]) -> Parsed:
    size, body = given.get("SIZE", "0"), (given.get("BODY", "7BIT") or "").upper()
    # RFC 1870 3: up to twenty digits.
    if size is None or not size.isdigit() or len(size) > 20:
        return Reply.of(501, "5.5.4", "SIZE must be a number")
    if body not in ("7BIT", "8BITMIME"):
        return Reply.of(501, "5.5.4", "BODY must be 7BIT or 8BITMIME")
    return Command(verb, path=sender, size=int(size), body=BodyType(body))


def _rcpt(verb: Verb, argument: str, extended: bool) -> Parsed:
    if argument[:3].upper() != "TO:":
        return Reply.of(501, "5.5.4", "Syntax: RCPT TO:<address>")
    try:
        path, rest = split_path(argument[3:])
        # RFC 5321 4.1.1.3: the one address that needs no domain.
        recipient = Mailbox("postmaster", "") if path.lower() == "postmaster" else mailbox(path)
    except NotInGrammar as flaw:
        return Reply.of(501, "5.1.3", f"Bad recipient address: {flaw}")
    return Reply.of(555, "5.5.4", "Unknown parameter") if rest else Command(verb, path=recipient)


_Check: TypeAlias = Callable[[Verb, str, bool], Parsed]

_CHECKS: dict[Verb, _Check] = {
    Verb.HELO: _greeting,
    Verb.EHLO: _greeting,
    Verb.MAIL: _mail,
    Verb.RCPT: _rcpt,
    Verb.DATA: _bare,
    Verb.RSET: _bare,
    Verb.NOOP: _anything,
    Verb.QUIT: _bare,
    Verb.VRFY: _vrfy,
    Verb.HELP: _anything,
    Verb.STARTTLS: _bare,
}
_ROWS: dict[bytes, tuple[Verb, _Check]] = {verb.value.encode("ascii"): (verb, check) for verb, check in _CHECKS.items()}
