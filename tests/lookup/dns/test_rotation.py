"""The order of name servers."""

from __future__ import annotations

from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.lookup.dns.rotation import REST, Rotation

A, B, C = ("192.0.2.1", 53), ("192.0.2.2", 53), ("2001:db8::3", 53)


class RotationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rotation = Rotation((A, B, C))
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def test_as_configured(self) -> None:
        self.assertEqual(self.rotation.in_order(0), [A, B, C])

    def test_failed_ones_rest_at_the_end(self) -> None:
        self.rotation.failed(A, "nobody listens", 0)
        self.assertEqual(self.rotation.in_order(REST - 1), [B, C, A])
        self.rotation.failed(B, "nobody listens", 1)
        self.assertEqual(self.rotation.in_order(REST - 1), [C, A, B])
        self.assertEqual(self.rotation.in_order(REST), [A, C, B])
        self.assertEqual(self.rotation.in_order(REST + 1), [A, B, C])

    def test_one_that_answers_is_back_at_once(self) -> None:
        self.rotation.failed(A, "nobody listens", 0)
        self.rotation.answered(A)
        self.assertEqual(self.rotation.in_order(1), [A, B, C])

    def test_log_tells_the_turns_only(self) -> None:
        self.rotation.answered(C)
        for now in (0, 1, 40):
            self.rotation.failed(C, "no answer", now)
        self.rotation.answered(C)
        self.rotation.answered(C)
        told = [(event["event"], event["server"], event.get("why")) for event in self.events]
        self.assertEqual(
            told,
            [
                ("name_server_failing", "[2001:db8::3]:53", "no answer"),
                ("name_server_works_again", "[2001:db8::3]:53", None),
            ],
        )
