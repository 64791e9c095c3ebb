"""Parse a command line into a checked command, or into the reply that says what is wrong with it (pure).

One row per verb.  Only the syntax is checked here; whether the command is allowed in the current state, and policy, are
checked later.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import attrs

from fopemta.address.grammar import NotInGrammar, canonical_domain, mailbox
from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import NO_OPTIONS, RecipientOptions
from fopemta.mail.reply import Reply
from fopemta.smtp.extensions import Offered, mail_parameters, rcpt_parameters
from fopemta.smtp.grammar import host_name, local_sender, parameters, split_path
from fopemta.smtp.parameters import MailOptions, Parameter


class Verb(enum.Enum):
    """The commands that are recognised."""

    # Enum's own __hash__ is slow, and a verb is looked up for every command.
    __hash__ = object.__hash__

    HELO = "HELO"
    EHLO = "EHLO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BDAT = "BDAT"
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"
    VRFY = "VRFY"
    HELP = "HELP"
    ETRN = "ETRN"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    XCLIENT = "XCLIENT"


@attrs.frozen
class Chunk:
    """A BDAT announcement: `octets` follow the line, `last` ends the message.

    `flaw` is what is wrong with the line; the octets follow all the same.
    """

    octets: int
    last: bool
    flaw: Reply | None = None


_NOTHING_OF_MAIL = MailOptions()


@attrs.frozen
class Command:
    """A command with good syntax.

    `name` is the argument of HELO and EHLO, the domain of ETRN or the mechanism of AUTH; `argument` is the unparsed
    rest (the initial response of AUTH, the attributes of XCLIENT), None if absent.  `path` is the address of MAIL or
    RCPT: None is `<>`, an empty domain is `<postmaster>`.  `mail` and `recipient` hold their parameters.
    """

    verb: Verb
    name: str = ""
    path: Mailbox | None = None
    mail: MailOptions = _NOTHING_OF_MAIL
    recipient: RecipientOptions = NO_OPTIONS
    chunk: Chunk | None = None
    argument: str | None = None


class SessionFacts(Protocol):
    """The facts about the session that the syntax of a command depends on."""

    @property
    def offered(self) -> Offered | None:
        """The extensions offered to the client; None unless it greeted with EHLO."""

    @property
    def utf8(self) -> bool:
        """Whether the current transaction uses SMTPUTF8."""

    @property
    def home(self) -> str | None:
        """The domain for sender addresses without one; None if the client must follow the grammar strictly."""


Parsed: TypeAlias = Command | Reply

UNKNOWN = Reply.of(500, "5.5.1", "Command not recognised")
TOO_LONG = Reply.of(500, "5.5.2", "Line too long")
BARE_LINE_END = Reply.of(500, "5.5.2", "Lines must end with CR LF")
_NO_ARGUMENT = Reply.of(501, "5.5.4", "This command takes no argument")
_ODD_CHARACTERS = Reply.of(501, "5.5.2", "Only printable ASCII characters are allowed in commands")
_NOT_UTF8 = Reply.of(501, "5.5.2", "Only printable characters in UTF-8 are allowed in commands")
_NO_SMTPUTF8 = Reply.of(553, "5.6.7", "Non-ASCII addresses need SMTPUTF8")
_UNKNOWN_PARAMETER = Reply.of(555, "5.5.4", "Unknown parameter")

# RFC 3030 2 sets no limit; a greater number announces octets that can never come.
_MOST_OCTETS = 2**63
_CHUNK = re.compile(r" *([0-9]{1,20})(.*)")
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")


def parse(line: bytes, known: SessionFacts) -> Parsed:
    """The command in `line` (without CRLF)."""
    word, _, rest = line.partition(b" ")
    row = _ROWS.get(word.upper())
    if row is None:
        return UNKNOWN
    verb, check = row
    try:
        argument = rest.decode("utf-8" if verb in _MAY_BE_UTF8 else "ascii", "replace" if verb in _NAMED else "strict")
    except UnicodeDecodeError:
        return _NOT_UTF8 if verb in _MAY_BE_UTF8 else _ODD_CHARACTERS
    if not argument.isprintable():
        return _ODD_CHARACTERS if argument.isascii() else _NOT_UTF8
    return check(verb, argument, known)


def chunk_of(line: bytes) -> Chunk | None:
    """The chunk that a BDAT line announces, even if the rest of the line is wrong; None if its size cannot be read."""
    word, _, rest = line.partition(b" ")
    match = _CHUNK.fullmatch(rest.decode("latin-1")) if word.upper() == b"BDAT" else None
    if match is None or int(match[1]) >= _MOST_OCTETS:
        return None
    end = match[2].strip(" ").upper()
    good = end in ("", "LAST") and (not match[2] or match[2].startswith(" "))
    return Chunk(int(match[1]), end == "LAST", None if good else _BDAT_SYNTAX)


_BDAT_SYNTAX = Reply.of(501, "5.5.4", "Syntax: BDAT size [LAST]")


def _bdat(verb: Verb, argument: str, known: SessionFacts) -> Parsed:
    chunk = chunk_of(b"BDAT " + argument.encode("latin-1"))
    return _BDAT_SYNTAX if chunk is None else Command(verb, chunk=chunk)


_BARE = {verb: Command(verb) for verb in Verb}


def _bare(verb: Verb, argument: str, known: SessionFacts) -> Parsed:
    return _NO_ARGUMENT if argument.strip(" ") else _BARE[verb]


def _anything(verb: Verb, argument: str, known: SessionFacts) -> Parsed:
    return Command(verb)


def _vrfy(verb: Verb, argument: str, known: SessionFacts) -> Parsed:
    return Command(verb) if argument.strip(" ") else Reply.of(501, "5.5.4", "Whom?")


def _greeting(verb: Verb, argument: str, known: SessionFacts) -> Parsed:
    try:
        return Command(verb, name=host_name(argument))
    except NotInGrammar as flaw:
        return Reply.of(501, "5.5.4", f"Syntax: {verb.value} host name ({flaw})")


def _etrn(verb: Verb, argument: str, known: SessionFacts) -> Parsed:
    """RFC 1985 5: a domain, with "@" before it to include its sub-domains; "#" names a queue, of which we have none."""
    name = argument.strip(" ")
    if name.startswith("#"):
        return Reply.of(458, "4.5.4", "There are no named queues here")
    try:
        domain = canonical_domain(name.removeprefix("@"))
    except NotInGrammar as flaw:
        return Reply.of(501, "5.5.4", f"Syntax: ETRN domain ({flaw})")
    return Command(verb, name=f"@{domain}" if name.startswith("@") else domain)


def _auth(verb: Verb, argument: str, known: SessionFacts) -> Parsed:
    """RFC 4954 4."""
    mechanism, _, initial = argument.strip(" ").partition(" ")
    if _MECHANISM.fullmatch(mechanism.upper()) is None or " " in initial.strip(" "):
        return Reply.of(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
    return Command(verb, name=mechanism.upper(), argument=initial.strip(" ") or None)


def _xclient(verb: Verb, argument: str, known: SessionFacts) -> Parsed:
    """`smtp.xclient` reads the attributes, if the client may use the command."""
    if known.offered is None or not known.offered.xclient:
        return UNKNOWN
    return Command(verb, argument=argument)


def _mail(verb: Verb, argument: str, known: SessionFacts) -> Parsed:
    if argument[:5].upper() != "FROM:":
        return Reply.of(501, "5.5.4", "Syntax: MAIL FROM:<address>")
    try:
        path, rest = split_path(argument[5:], known.home is not None)
        sender = None if not path else mailbox(path) if known.home is None else local_sender(path, known.home)
    except NotInGrammar as flaw:
        return Reply.of(501, "5.1.7", f"Bad sender address: {flaw}")
    said = _said(rest, mail_parameters, known)
    if isinstance(said, Reply):
        return said
    options = MailOptions(**said) if said else _NOTHING_OF_MAIL
    if not path.isascii() and not options.smtputf8:
        return _NO_SMTPUTF8
    return Command(verb, path=sender, mail=options)


def _rcpt(verb: Verb, argument: str, known: SessionFacts) -> Parsed:
    if argument[:3].upper() != "TO:":
        return Reply.of(501, "5.5.4", "Syntax: RCPT TO:<address>")
    try:
        path, rest = split_path(argument[3:], known.home is not None)
        # RFC 5321 4.1.1.3: the one address that needs no domain.
        recipient = Mailbox("postmaster", "") if path.lower() == "postmaster" else mailbox(path)
    except NotInGrammar as flaw:
        return Reply.of(501, "5.1.3", f"Bad recipient address: {flaw}")
    if not argument.isascii() and not known.utf8:
        return _NO_SMTPUTF8
    said = _said(rest, rcpt_parameters, known)
    if isinstance(said, Reply):
        return said
    return Command(verb, path=recipient, recipient=RecipientOptions(**said) if said else NO_OPTIONS)


def _said(text: str, table: Callable[[Offered], dict[str, Parameter]], known: SessionFacts) -> dict[str, Any] | Reply:
    """The attributes from the parameters in `text`; `table` has the parameters that are allowed here."""
    if not text:
        return {}
    rows = table(known.offered) if known.offered is not None else {}
    try:
        given = parameters(text)
        if not rows.keys() >= given.keys():
            # RFC 5321 4.1.1.11.
            return _UNKNOWN_PARAMETER
        read = {rows[keyword].attribute: rows[keyword].read(value) for keyword, value in given.items()}
    except NotInGrammar as flaw:
        return Reply.of(501, "5.5.4", f"Bad parameters: {flaw}")
    return {attribute: value for attribute, value in read.items() if attribute is not None}


_Check: TypeAlias = Callable[[Verb, str, SessionFacts], Parsed]

_CHECKS: dict[Verb, _Check] = {
    Verb.HELO: _greeting,
    Verb.EHLO: _greeting,
    Verb.MAIL: _mail,
    Verb.RCPT: _rcpt,
    Verb.DATA: _bare,
    Verb.BDAT: _bdat,
    Verb.RSET: _bare,
    Verb.NOOP: _anything,
    Verb.QUIT: _bare,
    Verb.VRFY: _vrfy,
    Verb.HELP: _anything,
    Verb.ETRN: _etrn,
    Verb.STARTTLS: _bare,
    Verb.AUTH: _auth,
    Verb.XCLIENT: _xclient,
}
_ROWS: dict[bytes, tuple[Verb, _Check]] = {verb.value.encode("ascii"): (verb, check) for verb, check in _CHECKS.items()}
_MAY_BE_UTF8 = frozenset({Verb.MAIL, Verb.RCPT, Verb.VRFY})
# Machine names may be in any code page, and nothing depends on them.
_NAMED = frozenset({Verb.HELO, Verb.EHLO})
