"""Asking lists of unwanted clients."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.answer import Unavailable
from fopemta.interfaces import IBlocklists
from fopemta.lookup.blocklists import Blocklists
from fopemta.policy.blocklist import Blocklist
from fopemta.testing.dns import ScriptedResolver

CLIENT = "192.0.2.1"
BY_A, BY_B = "1.2.0.192.a.test", "1.2.0.192.b.test"


class BlocklistsTests(SynchronousTestCase):
    def lists(self, hosts: dict[str, Any]) -> Blocklists:
        self.clock = Clock()
        self.resolver = ScriptedResolver({}, hosts)
        return Blocklists(self.resolver, [Blocklist("a.test"), Blocklist("b.test")], self.clock)

    def told(self) -> list[tuple[str, str, str]]:
        """(event, list, why) of what is logged from now on."""
        events: list[tuple[str, str, str]] = []

        def observe(event: dict[str, Any]) -> None:
            if str(event.get("event", "")).startswith("blocklist"):
                events.append((event["event"], event["zone"], event.get("why", "")))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return events

    def test_interface(self) -> None:
        self.assertTrue(verifyObject(IBlocklists, self.lists({})))

    def test_who_is_refused(self) -> None:
        """By the first list that has the client, whatever the other says or cannot say."""
        yes, no, rubbish = ("127.0.0.3",), None, ("127.255.255.254",)
        sick = Unavailable("SERVFAIL")
        table: dict[tuple[Any, Any], str | None] = {
            (no, no): None,
            (yes, no): "a.test",
            (no, yes): "b.test",
            (yes, yes): "a.test",
            (sick, yes): "b.test",
            (yes, sick): "a.test",
            (sick, no): None,
            (sick, sick): None,
            (rubbish, no): None,
            (rubbish, yes): "b.test",
        }
        for (by_a, by_b), zone in table.items():
            hosts = {name: said for name, said in ((BY_A, by_a), (BY_B, by_b)) if said is not None}
            reply = self.successResultOf(self.lists(hosts).judge(CLIENT))
            expected = zone and f"554 5.7.1 Service unavailable; client [192.0.2.1] blocked using {zone}\r\n".encode()
            self.assertEqual(reply and reply.render(), expected, (by_a, by_b))
            self.assertEqual(self.resolver.asked, [f"A {BY_A}", f"A {BY_B}"])

    def test_of_what_is_no_address_nobody_is_asked(self) -> None:
        lists = self.lists({})
        self.assertIsNone(self.successResultOf(lists.judge("unknown")))
        self.assertEqual(self.resolver.asked, [])

    def test_a_silent_list_is_waited_for_ten_seconds(self) -> None:
        events = self.told()
        for by_b, code in ((("127.0.0.3",), 554), (("127.0.0.1",), None)):
            waiting = self.lists({BY_A: Deferred(), BY_B: by_b}).judge(CLIENT)
            self.clock.advance(9)
            self.assertNoResult(waiting)
            self.clock.advance(1)
            reply = self.successResultOf(waiting)
            self.assertEqual(reply and reply.code, code)
            self.assertEqual(self.clock.getDelayedCalls(), [])
        silent, useless = "no answer in 10 s", "it answers 127.0.0.1"
        told = [("a.test", silent), ("a.test", silent), ("b.test", useless)]
        self.assertEqual(events, [("blocklist_failing", *each) for each in told])

    def test_trouble_is_told_of_once_and_so_is_its_end(self) -> None:
        events = self.told()
        lists = self.lists({BY_A: Unavailable("SERVFAIL")})
        for _ in range(3):
            self.assertIsNone(self.successResultOf(lists.judge(CLIENT)))
        self.resolver.hosts.clear()
        for _ in range(3):
            self.successResultOf(lists.judge(CLIENT))
        self.assertEqual(events, [("blocklist_failing", "a.test", "SERVFAIL"), ("blocklist_works_again", "a.test", "")])
