"""Many descriptors watched as one (shell).

The reactor looks up each descriptor that is ready, makes a logging context for it and asks it what it is; for a session
that carries one message this takes as long as its answers.  An epoll descriptor can itself be watched, so the reactor
sees one that is ready when any of ours is, and we tell them in one loop (docs/decisions/0019).
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta import maillog
from fopemta.wire.turn_end import TurnEnd

# As in select.epoll; Twisted has no constants for them, and other systems no epoll.
_READ, _WRITE, _GONE = 0x001, 0x004, 0x008 | 0x010

_ENDS: dict[type[BaseException], Failure] = {
    ConnectionDone: Failure(CONNECTION_DONE),
    ConnectionLost: Failure(CONNECTION_LOST),
}


@attrs.define(eq=False)
class _Watched:
    descriptor: Any
    events: int


@implementer(IReadDescriptor, IReactorFDSet)
class Watch:
    """A set of descriptors beneath one of a reactor's.  They are told what they would be told by the reactor.

    Nothing is opened before the first of them comes: a daemon forks before that.
    """

    def __init__(self, reactor: IReactorFDSet, turn_end: TurnEnd, make_epoll: Callable[[], Any] | None = None) -> None:
        self._reactor = reactor
        self._turn_end = turn_end
        self._make_epoll = make_epoll
        self._epoll: Any = None
        self._watched: dict[int, _Watched] = {}
        # Numbers that have been given back since the kernel was asked: what it said of them is of no use to whoever has
        # got the same number since.
        self._given_back: set[int] = set()

    # --- what descriptors say --------------------------------------------------------------------------------------

    def addReader(self, reader: Any) -> None:
        """Tell it when it can read."""
        self._want(reader, _READ)

    def addWriter(self, writer: Any) -> None:
        """Tell it when it can write."""
        self._want(writer, _WRITE)

    def removeReader(self, reader: Any) -> None:
        """Tell it so no more.  To be said before its descriptor is closed, harmless when it was not added."""
        self._want_no_more(reader, _READ)

    def removeWriter(self, writer: Any) -> None:
        """Tell it so no more.  To be said before its descriptor is closed, harmless when it was not added."""
        self._want_no_more(writer, _WRITE)

    def removeAll(self) -> list[Any]:
        """Watch none of them any more; those that were."""
        watched = list(self._watched.values())
        for each in watched:
            self._want_no_more(each.descriptor, _READ | _WRITE)
        return [each.descriptor for each in watched]

    def getReaders(self) -> list[Any]:
        """Those that want to read."""
        return [each.descriptor for each in self._watched.values() if each.events & _READ]

    def getWriters(self) -> list[Any]:
        """Those that want to write."""
        return [each.descriptor for each in self._watched.values() if each.events & _WRITE]

    def _want(self, descriptor: Any, event: int) -> None:
        number = descriptor.fileno()
        watched = self._watched.get(number)
        if watched is None:
            if self._epoll is None:
                self._begin()
            self._epoll.register(number, event)
            self._watched[number] = _Watched(descriptor, event)
        elif not watched.events & event:
            watched.events |= event
            self._epoll.modify(number, watched.events)

    def _want_no_more(self, descriptor: Any, event: int) -> None:
        number = descriptor.fileno()
        watched = self._watched.get(number)
        if watched is None or not watched.events & event:
            return
        watched.events &= ~event
        if watched.events:
            self._epoll.modify(number, watched.events)
        else:
            # Not watched for nothing: the kernel would go on to tell of its end.
            self._epoll.unregister(number)
            del self._watched[number]
            self._given_back.add(number)

    def _begin(self) -> None:
        self._epoll = (self._make_epoll or select.epoll)()
        self._reactor.addReader(self)

    # --- what the reactor says -------------------------------------------------------------------------------------

    def doRead(self) -> None:
        """Some of them are ready."""
        watched, given_back = self._watched, self._given_back
        given_back.clear()
        ready = self._epoll.poll(0, len(watched) or 1)
        self._turn_end.announce()
        for number, events in ready:
            each = watched.get(number)
            if each is None or number in given_back:
                continue
            try:
                if events & _READ:
                    end = each.descriptor.doRead()
                    if end is None and events & _WRITE and number not in given_back:
                        end = each.descriptor.doWrite()
                elif events & _GONE:
                    # Who reads and hears nothing more has come to the end of it.
                    end = CONNECTION_DONE if each.events & _READ else CONNECTION_LOST
                else:
                    end = each.descriptor.doWrite()
            except BaseException as error:  # noqa: BLE001  as the reactor does: it must not take us all for broken
                maillog.failed_unexpectedly("serving a connection")
                end = error
            if end is not None:
                self._lose(each.descriptor, end)
        self._turn_end.come()

    def _lose(self, descriptor: Any, end: BaseException) -> None:
        self._want_no_more(descriptor, _READ | _WRITE)
        try:
            descriptor.connectionLost(_ENDS.get(type(end)) or Failure(end))
        except Exception:  # noqa: BLE001  the others have nothing to do with it
            maillog.failed_unexpectedly("ending a connection")

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends: so do all connections."""
        for descriptor in self.removeAll():
            descriptor.connectionLost(reason)
        epoll, self._epoll = self._epoll, None
        epoll.close()

    def fileno(self) -> int:
        """The descriptor that is ready when any of ours is."""
        return -1 if self._epoll is None else int(self._epoll.fileno())

    def logPrefix(self) -> str:
        """ILoggingContext."""
        return "connections"
