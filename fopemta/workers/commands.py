"""What a worker and its supervisor say to each other, as AMP commands (shell).

Values go as they are, pickled: both ends are one program, one has started the other, and the socket pair between them
is inherited and has no name.
"""

from __future__ import annotations

import pickle
from typing import Any

from twisted.protocols.amp import Argument, Boolean, Command, Integer, Unicode

# AMP has two octets for the length of a value.
_PIECE = 0xFFFF


class ValueArgument(Argument):
    """Any frozen value, in as many pieces as it needs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def toBox(self, name: bytes, strings: dict[bytes, bytes], objects: dict[str, Any], proto: Any) -> None:
        """See twisted.protocols.amp.Argument."""
        whole = pickle.dumps(objects[name.decode("ascii")], pickle.HIGHEST_PROTOCOL)
        for number, start in enumerate(range(0, len(whole), _PIECE)):
            strings[b"%b.%d" % (name, number)] = whole[start : start + _PIECE]

    def fromBox(self, name: bytes, strings: dict[bytes, bytes], objects: dict[str, Any], proto: Any) -> None:
        """See twisted.protocols.amp.Argument."""
        pieces: list[bytes] = []
        while (piece := strings.get(b"%b.%d" % (name, len(pieces)))) is not None:
            pieces.append(piece)
        objects[name.decode("ascii")] = pickle.loads(b"".join(pieces))  # noqa: S301  see above


# --- to a worker -----------------------------------------------------------------------------------------------------


class Begin(Command):
    """The first thing of all: a `Charge`."""

    arguments = [(b"charge", ValueArgument())]


class Tell(Command):
    """How destinations stand, leases granted and asked back: a list of `News`."""

    arguments = [(b"news", ValueArgument())]
    requiresAnswer = False


class TellHosts(Command):
    """What others have learned of hosts: by key, None for one that is to be forgotten."""

    arguments = [(b"known", ValueArgument())]
    requiresAnswer = False


class GiveOrder(Command):
    """An operator's order for a message; an `OrderResult`."""

    arguments = [(b"message", Unicode()), (b"order", ValueArgument())]
    response = [(b"result", ValueArgument())]


class FlushDomain(Command):
    """Try at once what waits for a domain; how many messages.  `etrn`: a client has asked for it, as clients may once
    in an interval.
    """

    arguments = [(b"domain", Unicode()), (b"etrn", Boolean())]
    response = [(b"messages", Integer())]


class FlushAll(Command):
    """A worker's client has asked for it, and means what waits with any of them."""

    arguments = [(b"domain", Unicode())]
    response = [(b"messages", Integer())]


class ListSome(Command):
    """The next lines of a list of the queue (`listings.Listings`), which `begins` with the first question."""

    arguments = [(b"listing", Integer()), (b"begins", Boolean())]
    response = [(b"lines", ValueArgument())]


class FreedBy(Command):
    """For how many recipients less would be demanded under a configuration."""

    arguments = [(b"config", ValueArgument())]
    response = [(b"recipients", Integer())]


class Prepare(Command):
    """Why a configuration cannot be gone by: a list of texts."""

    arguments = [(b"config", ValueArgument())]
    response = [(b"errors", ValueArgument())]


class Take(Command):
    """Go by it; `lowered_by`: who has ordered that demands on mail in the queue fall, None where nobody has."""

    arguments = [(b"config", ValueArgument()), (b"lowered_by", ValueArgument())]


class Alive(Command):
    """Does it still do anything?"""


class Reopen(Command):
    """Open the log files anew."""

    requiresAnswer = False


class Stop(Command):
    """Take no more clients, and end in good order."""

    requiresAnswer = False


# --- to the supervisor -----------------------------------------------------------------------------------------------


class ReadyCommand(Command):
    """Clients are let in."""

    requiresAnswer = False


class Say(Command):
    """Of places at destinations: a `Wishes`."""

    arguments = [(b"wishes", ValueArgument())]
    requiresAnswer = False


class Learned(Command):
    """What was learned since the last time: of hosts by key, how often rules matched; and how long the queue is."""

    arguments = [(b"hosts", ValueArgument()), (b"counts", ValueArgument()), (b"size", Integer())]


class RecallCallout(Command):
    """What is remembered of a recipient."""

    arguments = [(b"recipient", ValueArgument())]
    response = [(b"known", ValueArgument())]


class NoteCallout(Command):
    """What has been found out about a recipient."""

    arguments = [(b"recipient", ValueArgument()), (b"known", ValueArgument())]


class BeginLogin(Command):
    """Somebody wants to log in: seconds to wait, or None where that is not to be looked at."""

    arguments = [(b"client", ValueArgument()), (b"name", ValueArgument())]
    response = [(b"seconds", ValueArgument())]


class EndLogin(Command):
    """That is over."""

    arguments = [(b"client", ValueArgument())]
    requiresAnswer = False


class LoginFailed(Command):
    """How often that has happened lately."""

    arguments = [(b"client", ValueArgument()), (b"name", ValueArgument())]
    response = [(b"failures", Integer())]


class LoginSucceeded(Command):
    """From there this name is welcome."""

    arguments = [(b"client", ValueArgument()), (b"name", ValueArgument())]
    requiresAnswer = False


class FetchList(Command):
    """Have a CRL in the state folder: None, or why it cannot be had."""

    arguments = [(b"url", Unicode()), (b"issuer", ValueArgument())]
    response = [(b"why", ValueArgument())]
