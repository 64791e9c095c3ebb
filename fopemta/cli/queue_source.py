"""The source of the queue for commands: the running server, which has it in memory, else the spool."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

from fopemta.cli.control import ControlClient
from fopemta.cli.portions import portions
from fopemta.cli.spool_view import spool_reader
from fopemta.mail.listed import Listed, listed
from fopemta.mail.plain_json import decoded

if TYPE_CHECKING:
    from fopemta.spool.looking.listing import Listing

T = TypeVar("T")

_PORTION = 500
_LIST = {"command": "list"}


class Source(Protocol):
    """Every unfinished message, oldest first."""

    def portions(self, work: Callable[[Iterator[Listed]], T]) -> Iterator[T]:
        """The results of `work` for portions of the messages."""

    def messages(self) -> Iterator[Listed]:
        """One by one."""


@contextmanager
def queue_source(config: str | None) -> Iterator[Source]:
    """Ends the command with a message and status 1 or 2 if there is no source."""
    # Messages contain no reference cycles, and searching for some would take a seventh of the time.
    gc.disable()
    try:
        control = ControlClient.if_running(config)
        if control is not None:
            yield RunningServer(control)
            return
        with spool_reader(config) as reader:
            yield StoppedSpool(reader.listing())
    finally:
        gc.enable()


class RunningServer:
    """The running server answers from memory."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    def portions(self, work: Callable[[Iterator[Listed]], T]) -> Iterator[T]:
        """As they come."""
        briefs = self._control.rows_of(_LIST)
        while some := list(islice(briefs, _PORTION)):
            yield work(listed(decoded(each)) for each in some)

    def messages(self) -> Iterator[Listed]:
        """As they come."""
        return (listed(decoded(each)) for each in self._control.rows_of(_LIST))


class StoppedSpool:
    """The files of a stopped server are read."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self.messages = listing.rows
        self.portions = partial(portions, listing)
