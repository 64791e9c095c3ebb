"""What an HTTP server may send before it is cut off."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.lookup.http_bounds import LARGEST_HEAD, MOST_LINES, Bounds, FetchPlaces, HeadMeter

OK = b"HTTP/1.1 200 OK\r\n"
TOO_LARGE = f"headers of more than {LARGEST_HEAD} octets"
TOO_MANY = f"more than {MOST_LINES} header lines"


def measured(data: bytes, step: int) -> tuple[str | None, bool]:
    """What a meter says of `data` that come in pieces of `step` octets, and whether the head was over."""
    meter = HeadMeter()
    for at in range(0, len(data), step):
        excess = meter.excess(data[at : at + step])
        if excess is not None:
            return excess, meter.over
    return None, meter.over


class HeadTests(SynchronousTestCase):
    def both(self, data: bytes) -> tuple[str | None, bool]:
        whole = measured(data, len(data))
        self.assertEqual(measured(data, 7), whole)
        self.assertEqual(measured(data, 1), whole)
        return whole

    def test_octets(self) -> None:
        line = b"X: " + b"x" * (LARGEST_HEAD - len(OK) - 7) + b"\r\n\r\n"
        self.assertEqual(len(OK + line), LARGEST_HEAD)
        self.assertEqual(self.both(OK + line), (None, True))
        self.assertEqual(self.both(OK + b"x" + line), (TOO_LARGE, False))
        self.assertEqual(self.both(b"x" * LARGEST_HEAD), (None, False))
        self.assertEqual(self.both(b"x" * (LARGEST_HEAD + 1)), (TOO_LARGE, False))

    def test_lines(self) -> None:
        for line in (b"X: y\r\n", b"X: y\n", b" folded\r\n", b"\r\r\n", b"\t\n"):
            self.assertEqual(self.both(OK + line * MOST_LINES + b"\r\n"), (None, True), line)
            self.assertEqual(self.both(OK + line * (MOST_LINES + 1)), (TOO_MANY, False), line)

    def test_interim_responses_count_with_the_last(self) -> None:
        interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        self.assertEqual(self.both(interim * MOST_LINES + OK + b"\r\n"), (None, True))
        self.assertEqual(self.both(interim * (MOST_LINES + 1)), (TOO_MANY, False))
        bare = b"HTTP/1.1 100 \r\n\r\n"
        self.assertEqual(self.both(bare * (LARGEST_HEAD // len(bare) + 1)), (TOO_LARGE, False))

    def test_what_ends_a_head(self) -> None:
        table = {
            b"HTTP/1.1 100 Continue\r\n\r\n": False,
            b"HTTP/1.1 199\r\n\r\n": False,
            b"HTTP/1.1 200 OK\n\n": True,
            b"HTTP/1.1 99 x\r\n\r\n": True,
            b"rubbish\r\n\r\n": True,
            b"HTTP/1.1 abc\r\n\r\n": True,
            b"\r\n\r\n": True,
        }
        self.assertEqual({data: self.both(data)[1] for data in table}, table)

    def test_nothing_counts_after_the_head(self) -> None:
        self.assertEqual(measured(OK + b"\r\n" + b"x\r\n" * LARGEST_HEAD, 1000), (None, True))


class BoundsTests(SynchronousTestCase):
    def test_octets_in_all(self) -> None:
        bounds = Bounds(len(OK) + 10)
        self.assertTrue(bounds.allow(OK + b"\r\n12345678"))
        self.assertIsNone(bounds.excess)
        self.assertFalse(bounds.allow(b"9"))
        self.assertEqual(bounds.excess, "more around its body than the body itself")

    def test_once_exceeded_it_stays_so(self) -> None:
        bounds = Bounds(10**9)
        self.assertFalse(bounds.allow(b"x" * (LARGEST_HEAD + 1)))
        self.assertFalse(bounds.allow(b""))
        self.assertEqual(bounds.excess, TOO_LARGE)


class PlacesTests(SynchronousTestCase):
    def enter(self, places: FetchPlaces, host: str) -> Deferred[None]:
        return Deferred.fromCoroutine(places.enter(host))

    def test_places_are_waited_for(self) -> None:
        places = FetchPlaces(3, 2, 10)
        first, second, third, other = (self.enter(places, host) for host in "aaab")
        for each in (first, second, other):
            self.successResultOf(each)
        self.assertNoResult(third)
        last = self.enter(places, "c")
        self.assertNoResult(last)
        places.leave("b")
        self.successResultOf(last)
        self.assertNoResult(third)
        places.leave("a")
        self.successResultOf(third)

    def test_nothing_is_kept_of_hosts_that_are_done_with(self) -> None:
        places = FetchPlaces(9, 2, 10)
        for host in "aab":
            self.successResultOf(self.enter(places, host))
        for host in "aab":
            places.leave(host)
        self.assertEqual(places._hosts, {})

    def test_who_gives_up_leaves_the_line(self) -> None:
        places = FetchPlaces(1, 1, 10)
        self.successResultOf(self.enter(places, "a"))
        for host in "ab":
            waiting = self.enter(places, host)
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
        places.leave("a")
        self.assertEqual(places._hosts, {})
        self.successResultOf(self.enter(places, "b"))

    def test_octets(self) -> None:
        places = FetchPlaces(1, 1, 10)
        self.assertEqual([places.take(each) for each in (4, 6, 1)], [True, True, False])
        self.assertTrue(places.take(-1))
        self.assertTrue(places.take(1))
