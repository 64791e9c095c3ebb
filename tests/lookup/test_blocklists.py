"""Asking lists of unwanted clients."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.answer import Unavailable
from fopemta.interfaces import IBlocklists
from fopemta.lookup.blocklists import Blocklists
from fopemta.policy.blocklist import Blocklist
from fopemta.testing.dns import ScriptedResolver


class BlocklistsTests(SynchronousTestCase):
    def lists(self, hosts: dict[str, Any]) -> Blocklists:
        return Blocklists(ScriptedResolver({}, hosts), [Blocklist("a.test"), Blocklist("b.test")])

    def test_interface(self) -> None:
        self.assertTrue(verifyObject(IBlocklists, self.lists({})))

    def test_listed_by_one(self) -> None:
        reply = self.successResultOf(self.lists({"1.2.0.192.b.test": ("127.0.0.3",)}).judge("192.0.2.1"))
        assert reply is not None
        self.assertEqual((reply.code, reply.enhanced), (554, "5.7.1"))
        self.assertEqual(reply.text, "Service unavailable; client [192.0.2.1] is listed by b.test")

    def test_listed_by_none(self) -> None:
        self.assertIsNone(self.successResultOf(self.lists({}).judge("192.0.2.1")))

    def test_a_list_that_cannot_say_lets_mail_pass_and_is_told_of_once(self) -> None:
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        resolver = ScriptedResolver({}, {"1.2.0.192.a.test": Unavailable("SERVFAIL")})
        lists = Blocklists(resolver, [Blocklist("a.test"), Blocklist("b.test")])
        for _ in range(3):
            self.assertIsNone(self.successResultOf(lists.judge("192.0.2.1")))
        resolver.hosts.clear()
        self.successResultOf(lists.judge("192.0.2.1"))
        names = [each["event"] for each in events if str(each.get("event", "")).startswith("blocklist")]
        self.assertEqual(names, ["blocklist_failing", "blocklist_works_again"])
