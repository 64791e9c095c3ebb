"""The command line of sendmail, as in Postfix's sendmail(1) (pure).

Like getopt(3) with "+A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q:tvx": options may be combined, an argument may be
attached or follow, and the first word that is no option ends them, as "--" does.  So a recipient that begins with a
hyphen is never read as an option.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence

import attrs

from fopemta.mail.envelope import BodyType, Notify, Returned

_WITH_ARGUMENT = frozenset("ABCFLNORVXbefhopr")
# Ignored: what they ask for is always so, or has no meaning for this server.
_IGNORED = frozenset("AGLOUXcehmnpx")
_LONGEST_ENVELOPE_ID = 100
# RFC 3461 4.4: an ENVID is printable ASCII.
_ENVELOPE_ID = re.compile(r"[!-~]+")
_INTERVAL = re.compile(r"[0-9][0-9a-z]*")


class CommandMode(enum.Enum):
    """What the command is to do."""

    MAIL = "take a message from standard input"
    SMTP = "speak SMTP on standard input and output"
    QUEUE = "print the queue"
    FLUSH = "try at once what waits"
    ALIASES = "make the table of aliases"


class Usage(Exception):
    """The command line is not understood; the text says why."""


@attrs.frozen(kw_only=True)
class CommandOrder:
    """`recipients` are the words after the options; `from_header`: the header names more.  `dot_ends`: a line with only
    a dot ends the input.  `sender` None if not given, "" or "<>" for the null sender; `flush` is the site or the queue
    id for FLUSH, "" for all.  `ignored` are option values that were invalid.
    """

    mode: CommandMode = CommandMode.MAIL
    recipients: tuple[str, ...] = ()
    from_header: bool = False
    dot_ends: bool = True
    sender: str | None = None
    full_name: str = ""
    body: BodyType | None = None
    notify: frozenset[Notify] = frozenset()
    returned: Returned | None = None
    envelope_id: str | None = None
    config: str | None = None
    flush_site: str = ""
    flush_id: str = ""
    verbose: bool = False
    ignored: tuple[str, ...] = ()


def read(words: Sequence[str]) -> CommandOrder:
    """Parse `words`; the first is the name under which the command was called.  Raises Usage."""
    name = words[0].rpartition("/")[2] if words else ""
    said = attrs.asdict(CommandOrder(mode=_NAMES.get(name, CommandMode.MAIL)), recurse=False)
    rest = list(words[1:])
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        _cluster(word[1:], rest, said)
    said["recipients"] = tuple(rest)
    return _checked(CommandOrder(**said))


def _cluster(letters: str, rest: list[str], said: dict[str, object]) -> None:
    """Parse one word of options; takes from `rest` the argument of the last."""
    while letters:
        letter, letters = letters[0], letters[1:]
        argument = ""
        if letter == "q":
            # Its argument is attached or missing.
            argument, letters = letters, ""
        elif letter in _WITH_ARGUMENT:
            if not letters and not rest:
                raise Usage(f"option -{letter} needs an argument")
            argument, letters = (letters or rest.pop(0)), ""
        if letter in _READ:
            _READ[letter](argument, said)
        elif letter not in _IGNORED:
            raise Usage(f"unknown option: -{letter}")


def _checked(order: CommandOrder) -> CommandOrder:
    """Refuse options that cannot be combined."""
    if order.mode is not CommandMode.MAIL and order.from_header:
        raise Usage(f"option -t has no meaning where the command is to {order.mode.value}")
    if order.mode in (CommandMode.SMTP, CommandMode.FLUSH, CommandMode.ALIASES) and order.recipients:
        raise Usage(f"no recipients are expected where the command is to {order.mode.value}")
    return order


# --- one option each -------------------------------------------------------------------------------------------------


def _mode(argument: str, said: dict[str, object]) -> None:
    mode = _MODES.get(argument)
    if mode is None:
        raise Usage(f"option -b{argument}: {_NO_MODES.get(argument, 'there is no such mode')}")
    said["mode"] = mode


def _queue(argument: str, said: dict[str, object]) -> None:
    """-q, -qRsite, -qIid; Postfix has -qSsite only for compatibility, and refuses it."""
    kind, value = argument[:1], argument[1:]
    if _INTERVAL.fullmatch(argument):
        raise Usage(f"option -q{argument}: the server tries again by itself, see [retry] of its configuration")
    if kind not in ("", "R", "I") or (kind and not value):
        raise Usage(f"option -q{argument}: only -q, -qRdomain and -qIid are known")
    said["mode"] = CommandMode.FLUSH
    said["flush_site"], said["flush_id"] = (value if kind == "R" else ""), (value if kind == "I" else "")


def _old(argument: str, said: dict[str, object]) -> None:
    """-o and sendmail's options after it: -oi, -o7, -o8; all others have no meaning here."""
    if argument == "i":
        said["dot_ends"] = False
    elif argument in ("7", "8"):
        said["body"] = BodyType.SEVEN_BIT if argument == "7" else BodyType.EIGHT_BIT_MIME


def _body(argument: str, said: dict[str, object]) -> None:
    if argument.upper() not in ("7BIT", "8BITMIME"):
        raise Usage(f"option -B needs 7BIT or 8BITMIME, not {argument}")
    said["body"] = BodyType(argument.upper())


def _notify(argument: str, said: dict[str, object]) -> None:
    words = [each.strip().upper() for each in argument.split(",")]
    wanted = frozenset(Notify(each) for each in words if each in Notify.__members__)
    # RFC 3461 4.1: NEVER excludes the others.
    if len(wanted) != len(set(words)) or (Notify.NEVER in wanted and len(wanted) > 1):
        _ignore(f"-N {argument}", said)
    else:
        said["notify"] = wanted


def _returned(argument: str, said: dict[str, object]) -> None:
    if argument.upper() in ("FULL", "HDRS"):
        said["returned"] = Returned(argument.upper())
    else:
        _ignore(f"-R {argument}", said)


def _envelope_id(argument: str, said: dict[str, object]) -> None:
    if _ENVELOPE_ID.fullmatch(argument) and len(argument) <= _LONGEST_ENVELOPE_ID:
        said["envelope_id"] = argument
    else:
        _ignore("-V", said)


def _ignore(option: str, said: dict[str, object]) -> None:
    ignored = said["ignored"]
    assert isinstance(ignored, tuple)
    said["ignored"] = (*ignored, option)


def _sets(name: str, value: object) -> Callable[[str, dict[str, object]], None]:
    return lambda _, said: said.update({name: value})


def _keeps(name: str) -> Callable[[str, dict[str, object]], None]:
    return lambda argument, said: said.update({name: argument})


_NAMES = {"mailq": CommandMode.QUEUE, "newaliases": CommandMode.ALIASES}
_MODES = {"m": CommandMode.MAIL, "s": CommandMode.SMTP, "p": CommandMode.QUEUE, "i": CommandMode.ALIASES}
_NO_MODES = {
    "d": "the server is started by `twistd fopemta`, see etc/fopemta.service",
    "D": "the server is started by `twistd fopemta`, see etc/fopemta.service",
    "l": "the server is started by `twistd fopemta`, see etc/fopemta.service",
    "v": "`fopemta explain` says what would become of a message",
    "t": "`fopemta explain` says what would become of a message",
    "h": "`fopemta hosts` shows what is remembered of hosts",
    "H": "`fopemta hosts` shows what is remembered of hosts",
}
_READ: dict[str, Callable[[str, dict[str, object]], None]] = {
    "B": _body,
    "C": _keeps("config"),
    "F": _keeps("full_name"),
    "I": _sets("mode", CommandMode.ALIASES),
    "N": _notify,
    "R": _returned,
    "V": _envelope_id,
    "b": _mode,
    "f": _keeps("sender"),
    "i": _sets("dot_ends", False),
    "o": _old,
    "q": _queue,
    "r": _keeps("sender"),
    "t": _sets("from_header", True),
    "v": _sets("verbose", True),
}
