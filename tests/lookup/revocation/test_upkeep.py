"""What is done about revocation every hour."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.answer import Absent, Unavailable
from fopemta.lookup.revocation.list_shelf import ListShelf
from fopemta.lookup.revocation.lists import RevocationLists
from fopemta.lookup.revocation.revocations import Revocations
from fopemta.lookup.revocation.upkeep import INTERVAL, RevocationUpkeep
from fopemta.testing.fetch import ScriptedFetcher
from fopemta.testing.revoking import RevokingAuthority

PROBE, URL = "http://probe.test/", "http://c.test/list"
DOWN = Unavailable("probe.test: SERVFAIL")
CA = RevokingAuthority()


class UpkeepTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(CA.now.timestamp())
        self.fetcher = ScriptedFetcher({PROBE: b"a list"})
        shelf = ListShelf(self.mktemp())
        self.lists = RevocationLists(self.fetcher, shelf, 100_000, self.clock.seconds, maybeDeferred)
        self.events: list[str] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)

    def note(self, event: Any) -> None:
        self.events.append(str(event.get("event")))

    def upkeep(self, probe: str | None = PROBE) -> RevocationUpkeep:
        revocations = Revocations(self.clock, self.fetcher, self.lists, self.clock.seconds, maybeDeferred)
        return RevocationUpkeep(self.clock, revocations, self.lists, self.fetcher, probe)

    def hours(self, *answers: Any) -> list[str]:
        """One upkeep over as many hours; the events of each."""
        upkeep, told = self.upkeep(), []
        for number, answer in enumerate(answers):
            self.fetcher.answers[PROBE] = answer
            self.events.clear()
            if number == 0:
                upkeep.start()
            else:
                self.clock.advance(INTERVAL)
            told.append(" ".join(self.events))
        upkeep.stop()
        return told

    def test_told_once_for_each_change(self) -> None:
        down, up = "revocation_unreachable", "revocation_reachable"
        table = {
            (b"list", b"list"): ["", ""],
            (DOWN, DOWN, DOWN): [down, "", ""],
            (DOWN, b"list", b"list", DOWN): [down, up, "", down],
            (Absent(), DOWN): ["", down],  # somebody answered: HTTP works
        }
        self.assertEqual({answers: self.hours(*answers) for answers in table}, table)

    def test_nothing_is_fetched_where_nobody_would_miss_it(self) -> None:
        upkeep = self.upkeep(probe=None)
        upkeep.start()
        self.clock.advance(INTERVAL)
        upkeep.stop()
        self.assertEqual(self.fetcher.asked, [])

    def test_lists_are_fetched_ahead(self) -> None:
        self.fetcher.answers[URL] = CA.crl(hours=(-1, 3))
        self.successResultOf(self.lists.at(URL, CA.intermediate))
        upkeep = self.upkeep(probe=None)
        upkeep.start()
        self.clock.advance(INTERVAL + 1)
        upkeep.stop()
        self.assertEqual(self.fetcher.asked, [URL, URL])

    def test_stop_ends_all(self) -> None:
        waiting: Deferred[Any] = Deferred()
        self.fetcher.answers[URL] = waiting
        upkeep = self.upkeep()
        upkeep.stop()
        upkeep.start()
        found = self.lists.at(URL, CA.intermediate)
        upkeep.stop()
        self.failureResultOf(found)
        self.assertEqual(self.clock.getDelayedCalls(), [])
