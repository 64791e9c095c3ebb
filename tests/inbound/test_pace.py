"""How long a client may take."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.inbound.pace import SessionPace


class PaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.happened: list[tuple[str, float]] = []
        self.pace = SessionPace(self.clock, lambda: self._note("missed"), lambda: self._note("over"))

    def _note(self, what: str) -> None:
        self.happened.append((what, self.clock.seconds()))

    def test_as_a_whole(self) -> None:
        """A handshake: whatever comes, it is not waited for any longer."""
        self.pace.expect(60)
        for _ in range(100):
            self.clock.advance(1)
            self.pace.came(500)
        self.assertEqual(self.happened, [("missed", 60)])

    def test_octets_of_a_command_are_no_progress_and_a_command_is(self) -> None:
        for second in range(400):
            if second % 10 == 0:
                self.pace.came(1)
                self.pace.expect_command("first" if second < 90 else "second", 100)
            self.clock.advance(1)
        self.assertEqual(self.happened, [("missed", 190)])

    def test_a_kib_of_content_is_progress(self) -> None:
        for second in range(400):
            if second % 10 == 0:
                self.pace.came(256 if second < 120 else 10)
                self.pace.expect_content("data", 50)
            self.clock.advance(1)
        # The fourth of the large pieces completes a KiB each time, last at 110 s.
        self.assertEqual(self.happened, [("missed", 160)])

    def test_after_we_were_waited_for_it_begins_anew(self) -> None:
        self.pace.expect_command("same", 100)
        self.clock.advance(99)
        self.pace.rest()
        self.clock.advance(1000)
        self.assertEqual(self.happened, [])
        self.pace.expect_command("same", 100)
        self.clock.advance(100)
        self.assertEqual(self.happened, [("missed", 1199)])

    def test_a_session_as_a_whole(self) -> None:
        self.pace.limit_session(10)
        self.clock.advance(5)
        self.pace.limit_session(20)
        self.clock.pump([1] * 20)
        self.assertEqual(self.happened, [("over", 25)])
        self.pace.look_again()
        self.pace.limit_session(None)
        self.clock.pump([1] * 20)
        self.assertEqual(len(self.happened), 1)

    def test_what_a_message_must_come_with_that_outlives_its_session(self) -> None:
        """A KiB a second on the average, after the first minute."""
        table = {1024: None, 1000: 2561, 512: 121, 0: 61}
        self.assertEqual({rate: self._ends(rate) for rate in table}, table)

    def test_another_client_has_its_own_time(self) -> None:
        self.assertTrue(self.pace.hurries())
        self.clock.advance(100)
        self.assertFalse(self.pace.hurries())
        self.pace.limit_session(50)
        self.assertTrue(self.pace.hurries())

    def _ends(self, rate: int) -> int | None:
        """After how many seconds; looked at for a while."""
        clock = Clock()
        pace = SessionPace(clock, lambda: None, lambda: None)
        for second in range(3000):
            if not pace.hurries():
                return second
            clock.advance(1)
            pace.came(rate)
        return None

    def test_nothing_is_left_of_one_that_is_gone(self) -> None:
        self.pace.limit_session(10)
        self.pace.expect(10)
        self.pace.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
