"""That a watched descriptor is told what a reactor would tell it, and what a reactor sees of them."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.wire.turn_end import TurnEnd
from fopemta.wire.watch import Watch
from tests.wire.doubles import Reactor

IN, OUT, HUP, ERR = 0x001, 0x004, 0x010, 0x008


class Epoll:
    """Knows what it was asked to look for; `events` are what the next poll gives."""

    def __init__(self) -> None:
        self.wanted: dict[int, int] = {}
        self.events: list[tuple[int, int]] = []
        self.closed = False

    def register(self, number: int, events: int) -> None:
        assert number not in self.wanted
        self.wanted[number] = events

    def modify(self, number: int, events: int) -> None:
        assert number in self.wanted
        self.wanted[number] = events

    def unregister(self, number: int) -> None:
        del self.wanted[number]

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        assert timeout == 0
        assert most > 0
        events, self.events = self.events, []
        return events

    def fileno(self) -> int:
        return 77

    def close(self) -> None:
        self.closed = True


class Descriptor:
    """Notes what it is told; `does` is called when it is told to read, and may give an end."""

    def __init__(self, number: int, does: Callable[[], Any] = lambda: None) -> None:
        self.number = number
        self.does = does
        self.told: list[Any] = []

    def fileno(self) -> int:
        return self.number

    def doRead(self) -> Any:
        self.told.append("read")
        return self.does()

    def doWrite(self) -> Any:
        self.told.append("write")

    def connectionLost(self, reason: Failure) -> None:
        self.told.append(reason.type)


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.turn_end = TurnEnd(self.reactor)
        self.epoll = Epoll()
        self.watch = Watch(self.reactor, self.turn_end, lambda: self.epoll)  # type: ignore[arg-type]

    def happen(self, *events: tuple[int, int]) -> None:
        self.epoll.events = list(events)
        self.watch.doRead()

    def test_it_is_what_a_reactor_expects(self) -> None:
        verifyObject(IReadDescriptor, self.watch)
        verifyObject(IReactorFDSet, self.watch)

    def test_nothing_is_opened_before_there_is_something_to_watch(self) -> None:
        self.assertEqual((self.watch.fileno(), self.reactor.readers), (-1, set()))
        self.watch.addReader(Descriptor(5))
        self.assertEqual((self.watch.fileno(), self.reactor.readers), (77, {self.watch}))

    def test_interests(self) -> None:
        one = Descriptor(5)
        steps: list[tuple[Callable[[Any], None], int | None]] = [
            (self.watch.removeReader, None),
            (self.watch.addReader, IN),
            (self.watch.addReader, IN),
            (self.watch.addWriter, IN | OUT),
            (self.watch.removeReader, OUT),
            (self.watch.removeReader, OUT),
            # Watched for nothing, the kernel would go on to tell of its end.
            (self.watch.removeWriter, None),
            (self.watch.addWriter, OUT),
        ]
        for number, (step, wanted) in enumerate(steps):
            step(one)
            self.assertEqual(self.epoll.wanted.get(5), wanted, number)
            self.assertEqual(self.watch.getReaders(), [one] if (wanted or 0) & IN else [])
            self.assertEqual(self.watch.getWriters(), [one] if (wanted or 0) & OUT else [])
        self.assertEqual((self.watch.removeAll(), self.epoll.wanted), ([one], {}))

    def test_what_is_told(self) -> None:
        table = [
            # wanted, events, told
            (IN, IN, ["read"]),
            (OUT, OUT, ["write"]),
            (IN | OUT, IN | OUT, ["read", "write"]),
            # What has come before the end is read first.
            (IN, IN | HUP, ["read"]),
            (IN, HUP, [ConnectionDone]),
            (IN, HUP | ERR, [ConnectionDone]),
            (OUT, HUP, [ConnectionLost]),
            (OUT, OUT | ERR | HUP, [ConnectionLost]),
            (IN | OUT, IN | OUT | HUP | ERR, ["read", "write"]),
        ]
        for wanted, events, told in table:
            one = Descriptor(5)
            if wanted & IN:
                self.watch.addReader(one)
            if wanted & OUT:
                self.watch.addWriter(one)
            self.happen((5, events))
            self.assertEqual(one.told, told, (wanted, events))
            self.watch.removeAll()

    def test_who_says_that_it_has_ended_is_watched_no_more_and_told_so(self) -> None:
        for end, told in ((CONNECTION_DONE, ConnectionDone), (CONNECTION_LOST, ConnectionLost), (OSError(), OSError)):
            one = Descriptor(5, lambda end=end: end)  # type: ignore[misc]
            self.watch.addReader(one)
            self.watch.addWriter(one)
            self.happen((5, IN | OUT))
            self.assertEqual((one.told, self.epoll.wanted), (["read", told], {}))

    def test_a_fault_in_one_ends_that_one(self) -> None:
        one, other = Descriptor(5, lambda: 1 / 0), Descriptor(6)
        self.watch.addReader(one)
        self.watch.addReader(other)
        self.happen((5, IN), (6, IN))
        self.assertEqual((one.told, other.told), (["read", ZeroDivisionError], ["read"]))
        self.assertEqual((self.epoll.wanted, len(self.flushLoggedErrors(ZeroDivisionError))), ({6: IN}, 1))

    def test_a_fault_in_its_end_too(self) -> None:
        one, other = Descriptor(5, lambda: CONNECTION_DONE), Descriptor(6)
        one.connectionLost = lambda reason: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        self.watch.addReader(one)
        self.watch.addReader(other)
        self.happen((5, IN), (6, IN))
        self.assertEqual((other.told, len(self.flushLoggedErrors(ZeroDivisionError))), (["read"], 1))

    def test_what_was_said_of_a_number_is_not_for_who_has_it_since(self) -> None:
        heir = Descriptor(6)
        second = Descriptor(6)

        def replace() -> None:
            self.watch.removeReader(second)
            self.watch.addWriter(heir)

        self.watch.addReader(Descriptor(5, replace))
        self.watch.addReader(second)
        self.happen((5, IN), (6, IN | HUP))
        self.assertEqual((second.told, heir.told), ([], []))
        self.happen((6, OUT))
        self.assertEqual(heir.told, ["write"])

    def test_who_is_gone_is_told_nothing(self) -> None:
        second = Descriptor(6)
        self.watch.addReader(Descriptor(5, lambda: self.watch.removeReader(second)))
        self.watch.addReader(second)
        self.happen((5, IN), (6, IN))
        self.assertEqual(second.told, [])

    def test_who_ends_itself_in_reading_is_not_told_to_write(self) -> None:
        one = Descriptor(5)
        one.does = lambda: self.watch.removeAll() and None
        self.watch.addReader(one)
        self.watch.addWriter(one)
        self.happen((5, IN | OUT))
        self.assertEqual(one.told, ["read"])

    def test_what_they_have_to_say_leaves_when_all_have_been_told(self) -> None:
        order: list[str] = []

        class Speaker:
            def speak(self) -> None:
                order.append("spoken")

        def hear() -> None:
            order.append("heard")
            self.turn_end.add(Speaker())

        self.watch.addReader(Descriptor(5, hear))
        self.watch.addReader(Descriptor(6, hear))
        self.happen((5, IN), (6, IN))
        self.assertEqual(order, ["heard", "heard", "spoken", "spoken"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_when_the_reactor_ends_all_do(self) -> None:
        both = [Descriptor(5), Descriptor(6)]
        for each in both:
            self.watch.addReader(each)
        self.watch.connectionLost(Failure(CONNECTION_LOST))
        self.assertEqual([each.told for each in both], [[ConnectionLost], [ConnectionLost]])
        self.assertEqual((self.epoll.closed, self.watch.fileno()), (True, -1))


class RealEpollTests(SynchronousTestCase):
    """A pipe beneath the kernel's own epoll, beneath another one as of a reactor."""

    def test_ready_when_one_of_ours_is(self) -> None:
        if not hasattr(select, "epoll"):
            self.assertFalse(hasattr(select, "epoll"))
            return
        reactor = Reactor()
        watch = Watch(reactor, TurnEnd(reactor))  # type: ignore[arg-type]
        ours, theirs = os.pipe()
        self.addCleanup(os.close, theirs)
        os.set_blocking(ours, False)
        heard: list[bytes] = []

        def read() -> Any:
            try:
                heard.append(os.read(ours, 3))
            except OSError as error:
                self.assertEqual(error.errno, errno.EAGAIN)

        watch.addReader(Descriptor(ours, read))
        with select.epoll() as outer:
            outer.register(watch.fileno(), select.EPOLLIN)
            self.assertEqual(outer.poll(0), [])
            os.write(theirs, b"abcdef")
            for left in (1, 1, 0):
                self.assertEqual(len(outer.poll(0)), left)
                watch.doRead()
        self.assertEqual(heard, [b"abc", b"def"])
        watch.connectionLost(Failure(CONNECTION_LOST))
        os.close(ours)
