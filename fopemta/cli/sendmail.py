"""`fopemta-sendmail`: sends mail of local programs; also under the names sendmail, mailq and newaliases.

It puts the message into the drop folder ([node] drop) and asks the server to collect it.  Exit statuses: sysexits.h.
"""

from __future__ import annotations

import os
import pwd
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from fopemta.address.grammar import NotInGrammar
from fopemta.cli.dropping import CannotDrop, Dropping, TooLarge, ring
from fopemta.config.model import Configuration
from fopemta.mail.envelope import BodyType
from fopemta.sendmail.address_list import addresses
from fopemta.sendmail.command_line import CommandMode, CommandOrder, Usage, read
from fopemta.sendmail.dropped import LONGEST_TEXT, MOST_RECIPIENTS, DroppedLetter
from fopemta.sendmail.exit_status import Exit, exit_of
from fopemta.sendmail.text import DotEnd, HeaderTaken, HeaderTooLong
from fopemta.settings.errors import ConfigurationErrors
from fopemta.smtp.grammar import local_sender

_STDIN = 0
_PIECE = 64 * 1024
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
# Signals that we ignore, and the caller does not.
_ignored: set[signal.Signals] = set()
_VARIABLE = "FOPEMTA_CONFIG"
# Not ./etc/fopemta.toml: a job may run in a folder that others can write to, and they must not redirect its mail.
_PLACE = "/etc/fopemta/fopemta.toml"


class Ended(Exception):
    """The command ends with that status; the text is for the caller."""

    def __init__(self, status: Exit, text: str = "") -> None:
        super().__init__(text)
        self.status = status


def main() -> NoReturn:
    """The console script."""
    sys.exit(run(sys.argv))


def run(words: Sequence[str]) -> int:
    """Run the command line; returns the exit status."""
    _on_signals(_interrupted)
    try:
        order = read(words)
        for each in order.ignored:
            _say(f"warning: {each} is not valid, and ignored")
        return int(_MODES[order.mode](order))
    except Usage as wrong:
        _say(str(wrong))
        return int(Exit.USAGE)
    except Ended as ended:
        if str(ended):
            _say(str(ended))
        return int(ended.status)


def _on_signals(act: Any) -> None:
    """Set handlers, but keep ignoring signals that the caller has ignored."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN or number in _ignored:
            signal.signal(number, act)
            (_ignored.add if act is signal.SIG_IGN else _ignored.discard)(number)


def _interrupted(number: int, _: object) -> NoReturn:
    raise Ended(Exit.TEMPFAIL, f"ended by {signal.Signals(number).name}; nothing was sent")


def _say(text: str) -> None:
    """On standard error, which cron and others report."""
    print(f"sendmail: {text}".encode("ascii", "backslashreplace").decode("ascii"), file=sys.stderr)


# --- the configuration -----------------------------------------------------------------------------------------------


def configuration_of(order: CommandOrder) -> Configuration:
    """The configuration without its rules, which not every user may read.  Raises Ended."""
    from fopemta.config.load import load
    from fopemta.server.configuration_file import text_of

    path = os.path.abspath(order.config or os.environ.get(_VARIABLE) or _PLACE)
    try:
        return load(text_of(path), os.path.dirname(path))
    except OSError as error:
        raise Ended(Exit.CONFIG, f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Ended(Exit.CONFIG, f"{path}: not UTF-8") from error
    except ConfigurationErrors as wrong:
        raise Ended(Exit.CONFIG, f"{path}: {wrong.errors[0]}") from wrong


def drop_of(configuration: Configuration) -> str:
    """The drop folder.  Raises Ended."""
    if configuration.node.drop == "off":
        raise Ended(Exit.CONFIG, "the configuration names no drop folder ([node] drop)")
    return configuration.node.drop


# --- a message -------------------------------------------------------------------------------------------------------


def mail(order: CommandOrder) -> Exit:
    """Send a message from standard input."""
    configuration = configuration_of(order)
    drop, home = drop_of(configuration), configuration.node.postmaster.domain
    sender = sender_of(order, home)
    named = recipients_of(order.recipients, home)
    if not named and not order.from_header:
        raise Usage("recipients must be named on the command line, or in the header with option -t")
    name = dropped(order, drop, configuration.limits.message_size, sender, named, home)
    return told(drop, name, order.verbose)


def dropped(order: CommandOrder, drop: str, most: int, sender: str, named: tuple[str, ...], home: str) -> str:
    """Drop the message; returns the name of the complete file.  Raises Ended."""
    taken = HeaderTaken()
    dropping: Dropping | None = None
    try:
        for data in _pieces(taken, order.dot_ends):
            if dropping is None and taken.header is not None:
                more = recipients_of(taken.header.recipients, home) if order.from_header else ()
                dropping = Dropping(drop, letter_of(order, sender, (*named, *more)), most)
            if dropping is not None:
                dropping.write(data)
        assert dropping is not None
        # From here on the message may have been sent.
        _on_signals(signal.SIG_IGN)
        dropping.finish()
        _on_signals(signal.SIG_DFL)
        return dropping.name
    except BaseException as wrong:
        if dropping is not None:
            dropping.abort()
        raise _ended(wrong, drop, most) from wrong


def _pieces(taken: HeaderTaken, dot_ends: bool) -> Iterator[bytes]:
    """Standard input in pieces; the header is `taken` before the first of them, and there is at least one."""
    dot = DotEnd()
    while not dot.ended and (data := os.read(_STDIN, _PIECE)):
        yield taken.feed(dot.feed(data) if dot_ends else data)
    yield taken.finish()


def _ended(wrong: BaseException, drop: str, most: int) -> BaseException:
    """The error as reported to the caller."""
    match wrong:
        case TooLarge():
            return Ended(Exit.UNAVAILABLE, f"the message is larger than {most} octets")
        case HeaderTooLong():
            return Ended(Exit.DATAERR, "the header of the message is too long")
        case CannotDrop():
            return Ended(Exit.CONFIG, str(wrong))
        case FileNotFoundError() | NotADirectoryError():
            return Ended(Exit.TEMPFAIL, f"{drop}: {wrong.strerror}; the server makes it when it starts")
        case OSError():
            return Ended(Exit.TEMPFAIL, f"{drop}: {wrong.strerror}")
        case _:
            return wrong


def told(drop: str, name: str, verbose: bool) -> Exit:
    """The server's answer.  If there is none now, a refusal is reported by mail later."""
    answer = ring(drop, name)
    if answer is None:
        if verbose:
            print("The message is kept, the server will collect it.")
        return Exit.OK
    code, enhanced, text = answer
    status = exit_of(code, enhanced)
    if status is not Exit.OK:
        raise Ended(status, f"{code} {enhanced} {text}")
    if verbose:
        print(f"{code} {enhanced} {text}")
    return status


def letter_of(order: CommandOrder, sender: str, recipients: tuple[str, ...]) -> DroppedLetter:
    """The envelope.  Raises Ended."""
    recipients = tuple(dict.fromkeys(recipients))
    if not recipients:
        raise Ended(Exit.USAGE, "the header names no recipients")
    if len(recipients) > MOST_RECIPIENTS:
        raise Ended(Exit.UNAVAILABLE, f"more than {MOST_RECIPIENTS} recipients")
    return DroppedLetter(
        sender=sender,
        recipients=recipients,
        full_name=_printable(order.full_name or os.environ.get("NAME", "") or _name_of_user()),
        body=order.body or BodyType.SEVEN_BIT,
        notify=order.notify,
        returned=order.returned,
        envelope_id=order.envelope_id,
    )


def sender_of(order: CommandOrder, home: str) -> str:
    """The sender of -f, else the calling user.  Raises Ended."""
    if order.sender is None:
        return _user()
    found = addresses(order.sender)
    if not found:
        return ""
    if len(found) > 1 or not _is_address(found[0], home):
        raise Ended(Exit.USAGE, f"option -f: not an address: {order.sender}")
    return found[0]


def recipients_of(words: Sequence[str], home: str) -> tuple[str, ...]:
    """The addresses of recipients.  Raises Ended if one is invalid."""
    found = [each for word in words for each in addresses(word)]
    for each in found:
        if not _is_address(each, home):
            raise Ended(Exit.DATAERR, f"not an address: {each}")
    return tuple(found)


def _is_address(text: str, home: str) -> bool:
    try:
        return text.isprintable() and bool(local_sender(text, home))
    except NotInGrammar:
        return False


def _user() -> str:
    """The user that owns the process, whatever the environment says; a number if it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _name_of_user() -> str:
    """passwd(5): up to the first comma, with "&" for the login name."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        return ""
    return entry.pw_gecos.partition(",")[0].replace("&", entry.pw_name.capitalize())


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)[:LONGEST_TEXT]


# --- the other modes -------------------------------------------------------------------------------------------------


def smtp(order: CommandOrder) -> Exit:
    """Speak SMTP on standard input and output."""
    from fopemta.cli.sendmail_session import StandardSession

    configuration = configuration_of(order)
    return StandardSession(configuration, drop_of(configuration), order).run()


def queue(order: CommandOrder) -> Exit:
    """Like `fopemta queue list`."""
    return _command(order, "queue", "list")


def flush(order: CommandOrder) -> Exit:
    """Like `fopemta queue retry` and `fopemta flush`."""
    if order.flush_site:
        return _command(order, "flush", order.flush_site)
    return _command(order, "queue", "retry", order.flush_id or "--all")


def aliases(order: CommandOrder) -> Exit:
    """The server reloads a changed file of aliases by itself; there is no table to make."""
    configuration = configuration_of(order)
    if order.verbose:
        print(f"{configuration.aliases.file}: read anew by the server whenever it changes")
    return Exit.OK


def _command(order: CommandOrder, *words: str) -> Exit:
    """Run `fopemta` with these words."""
    from fopemta.cli.main import main as fopemta

    given = ["--config", order.config or os.environ.get(_VARIABLE) or _PLACE]
    try:
        fopemta([*given, *words], prog_name="fopemta")
    except SystemExit as end:
        # 1: a negative answer, 2: usage or configuration error.
        if end.code not in (None, 0):
            return Exit.CONFIG if end.code == 2 else Exit.UNAVAILABLE
    return Exit.OK


_MODES = {
    CommandMode.MAIL: mail,
    CommandMode.SMTP: smtp,
    CommandMode.QUEUE: queue,
    CommandMode.FLUSH: flush,
    CommandMode.ALIASES: aliases,
}


if __name__ == "__main__":
    main()
