"""What a server says, and what the record says of it: bounded, and of one mind about what is final."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.report.quotation import quoted_codes
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback
from fopemta.trust.verdict import VerdictRecord
from tests.outbound.delivery import Delivery, peer
from tests.outbound.ladder import KINDS

# A reply to RCPT → result, code, enhanced code, diagnosis, text.
TO_RCPT = {
    "550 5.1.1 no": ("failed", 550, "5.1.1", "refused_by_peer", "no"),
    "550 no": ("failed", 550, "5.0.0", "refused_by_peer", "no"),
    "554 4.4.7 no": ("failed", 554, "5.4.7", "refused_by_peer", "4.4.7 no"),
    "450 4.2.0 later": ("deferred", 450, "4.2.0", "deferred_by_peer", "later"),
    "451 5.7.3 later": ("deferred", 451, "4.7.3", "deferred_by_peer", "5.7.3 later"),
    "552 5.3.4 too big": ("failed", 552, "5.3.4", "refused_by_peer", "too big"),
    "552 5.5.3 too many": ("deferred", 452, "4.5.3", "refused_by_peer", "552 5.5.3 too many"),
    "552 too many": ("deferred", 452, "4.0.0", "refused_by_peer", "552 too many"),
    "552 4.2.2 full": ("deferred", 452, "4.2.2", "refused_by_peer", "552 4.2.2 full"),
    "354 go": ("deferred", 451, "4.5.0", "protocol_error", "354 go"),
}
TO_THE_GREETING = {
    "554 5.3.2 never": ("deferred", 451, "4.3.2", "refused_by_peer", "554 5.3.2 never"),
    "554 never": ("deferred", 451, "4.0.0", "refused_by_peer", "554 never"),
    "421 4.3.2 later": ("deferred", 421, "4.3.2", "deferred_by_peer", "later"),
    "450 5.3.2 later": ("deferred", 450, "4.3.2", "deferred_by_peer", "5.3.2 later"),
    "250 hello": ("deferred", 451, "4.5.0", "protocol_error", "250 hello"),
}


def facts(verdict: VerdictRecord) -> tuple[Any, ...]:
    return verdict.result.value, verdict.code, verdict.enhanced, verdict.diagnosis, verdict.text


def said(verdict: VerdictRecord) -> str:
    """What a report quotes."""
    return " ".join([*quoted_codes(verdict), verdict.text])


class ReplyTests(SynchronousTestCase):
    def test_tables(self) -> None:
        for stage, table in (("RCPT", TO_RCPT), ("greeting", TO_THE_GREETING)):
            for reply, wanted in table.items():
                [verdict] = Delivery(peer(replies={stage: reply})).run(5)
                self.assertEqual(facts(verdict), wanted, (stage, reply))
                if verdict.diagnosis != "protocol_error":
                    self.assertEqual(said(verdict), reply)

    def test_code_and_enhanced_code_never_contradict_each_other(self) -> None:
        for kind, servers in KINDS.items():
            for level in (None, Level.AUTHENTICATED):
                delivery = Delivery(*servers(), level=level, fallback=Fallback.NEVER)
                [verdict] = delivery.run(400 if "hangs" in kind else 40)
                self.assertEqual(str(verdict.code)[0], verdict.enhanced[0], kind)


class LongReplyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def told(self) -> list[tuple[str, int]]:
        return [(each["server"], each["octets"]) for each in self.events if each.get("event") == "reply_bound_exceeded"]

    def test_a_hundred_recipients_cost_a_hundred_short_texts(self) -> None:
        everybody = tuple(Mailbox(f"r{number}", "d.test") for number in range(100))
        reply = "\r\n".join([f"450-{'x' * 1000}"] * 60 + ["450 x"])
        verdicts = Delivery(peer(replies={"RCPT": reply}), recipients=everybody).run(5)
        self.assertEqual(len(verdicts), 100)
        self.assertLess(max(len(verdict.text) for verdict in verdicts), 1100)
        self.assertTrue(verdicts[0].text.endswith("... (58977 more characters)"), verdicts[0].text[-40:])
        self.assertEqual(self.told(), [("192.0.2.1", 60001)])

    def test_what_is_kept_can_be_set(self) -> None:
        for stage in ("RCPT", "greeting"):
            server = peer(replies={stage: f"450-{'x' * 250}\r\n450 y"})
            self.assertEqual(Delivery(server).run(5)[0].text, "x" * 250 + " y")
            self.assertEqual(Delivery(server, reply_text=200).run(5)[0].text, "x" * 200 + "... (51 more characters)")
        self.assertEqual(self.told(), [("192.0.2.1", 251)] * 2)

    def test_more_than_anybody_reads_is_no_reply(self) -> None:
        for reply in ("\r\n".join(["450-x"] * 300), f"450 {'x' * 5000}", "\r\n".join([f"450-{'x' * 4000}"] * 30)):
            [verdict] = Delivery(peer(replies={"RCPT": reply})).run(5)
            self.assertEqual((verdict.result.value, verdict.diagnosis), ("deferred", "protocol_error"))
            self.assertIn("more than 200 lines", verdict.text)
