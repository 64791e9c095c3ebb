"""Whoever guesses has to wait, and nobody else."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.users.slowdown import (
    HALF_LIFE,
    LONGEST_PAUSE_OF_NAME,
    MOST_AT_ONCE,
    PAUSE_OF_PUT_OFF,
    Slowdown,
    network_of,
)

CLIENT, OTHER = "192.0.2.7", "198.51.100.9"


class SlowdownTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.slowdown = Slowdown(self.clock, most_remembered=100)

    def wait(self, client: str, name: str) -> float | None:
        """How long a login must wait that then comes to nothing."""
        seconds = self.slowdown.begin(client, name)
        if seconds is not None:
            self.slowdown.end(client)
        return seconds

    def fail_times(self, times: int, client: str = CLIENT, name: str = "alice") -> None:
        for _ in range(times):
            self.slowdown.failed(client, name)

    def guess(self, client: str = CLIENT, name: str = "alice") -> float:
        """How long a guesser waits who takes each answer before the next guess."""
        seconds = self.wait(client, name)
        assert seconds is not None
        self.clock.advance(seconds)
        self.slowdown.failed(client, name)
        return round(seconds, 1)

    def test_pauses_of_a_network(self) -> None:
        names = iter(range(100))
        waits = [self.guess(name=f"user{next(names)}") for _ in range(13)]
        self.assertEqual(waits[:5], [0.0] * 5)
        for wait, least in zip(waits[5:], (1, 2, 4, 8, 15, 27, 28, 28), strict=True):
            self.assertTrue(least * 0.9 <= wait <= 30, waits)

    def test_pauses_of_a_name_from_everywhere(self) -> None:
        waits = [self.guess(client=f"192.0.2.{number}") for number in range(12)]
        self.assertEqual(waits[:5], [0.0] * 5)
        self.assertTrue(all(7.5 <= each <= 8 for each in waits[8:]), waits)
        self.assertEqual(self.wait(OTHER, "bob"), 0)

    def test_one_after_the_other_however_many_come_at_once(self) -> None:
        self.fail_times(7)
        waits = [self.slowdown.begin(CLIENT, "bob") for _ in range(12)]
        self.assertEqual(waits, [4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0] + [None] * 5)

    def test_the_owner_of_a_name_takes_no_turn_of_those_who_guess_at_it(self) -> None:
        waits = []
        for logins in (0, 6):
            self.slowdown = Slowdown(self.clock, most_remembered=100)
            for number in range(9):
                self.fail_times(1, client=f"192.0.2.{number}")
            for _ in range(logins):
                self.wait(OTHER, "alice")
            waits.append(self.wait("192.0.2.1", "alice"))
        self.assertEqual(waits[0], waits[1])
        self.assertGreater(waits[0] or 0, 0)

    def attack(self, networks: int, sessions: int, seconds: int = 120) -> list[float]:
        """How long the owner of the name waits, each second, who comes from where she has never been; meanwhile as many
        sessions of each network guess at it without a pause of their own.
        """
        free_at = {(network, session): 0.0 for network in range(networks) for session in range(sessions)}
        looked_at: set[tuple[int, int]] = set()
        waits = []
        for second in range(seconds):
            for (network, session), moment in free_at.items():
                if moment > self.clock.seconds():
                    continue
                client = f"203.0.{network}.1"
                if (network, session) in looked_at:
                    self.slowdown.failed(client, "alice")
                    self.slowdown.end(client)
                    looked_at.discard((network, session))
                pause = self.slowdown.begin(client, "alice")
                if pause is not None:
                    looked_at.add((network, session))
                free_at[network, session] = self.clock.seconds() + (PAUSE_OF_PUT_OFF if pause is None else pause)
            wait = self.wait(f"198.51.{second}.100", "alice")
            assert wait is not None, second
            waits.append(wait)
            self.clock.advance(1)
        return waits

    def test_one_network_that_guesses_holds_up_nobody_else(self) -> None:
        self.assertLessEqual(max(self.attack(networks=1, sessions=40)), 1)

    def test_the_owner_of_a_name_at_which_many_guess_waits_no_longer_than_a_pause(self) -> None:
        waits = self.attack(networks=40, sessions=4)
        self.assertLessEqual(max(waits), LONGEST_PAUSE_OF_NAME)
        # And the guessers stand in line.
        self.assertGreater(self.wait("203.0.7.1", "alice") or 31, 8)

    def test_networks_that_have_guessed_stand_in_line_for_a_name(self) -> None:
        for network in range(20):
            self.slowdown.failed(f"203.0.{network}.1", "alice")
        waits = [self.wait(f"203.0.{network}.1", "alice") for network in range(6)]
        self.assertEqual(waits, [8.0, 8.0, 16.0, 24.0, None, None])
        self.clock.advance(HALF_LIFE)
        for network in range(100, 120):
            self.slowdown.failed(f"203.0.{network}.1", "alice")
        waits = [self.wait(f"203.0.{network}.1", "alice") for network in (100, 101, 102, 9, 10)]
        # One mistake that long ago is forgotten.
        self.assertEqual(waits, [8.0, 8.0, 16.0, 8.0, 8.0])

    def test_a_network_that_is_slowed_itself_counts_no_more_against_the_name(self) -> None:
        self.fail_times(30)
        self.assertLessEqual(self.wait(OTHER, "alice") or 0, 1)
        self.fail_times(1, OTHER)
        self.assertEqual(self.wait("203.0.113.1", "alice"), 2)

    def test_networks(self) -> None:
        for client, network in {
            "192.0.2.7": "192.0.2.7",
            "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
            "2001:db8:1:2::1": "2001:db8:1:2::/64",
            "unknown": "unknown",
        }.items():
            self.assertEqual(network_of(client), network, client)

    def test_failures_are_forgotten(self) -> None:
        self.fail_times(8)
        self.clock.advance(HALF_LIFE)
        self.assertEqual(self.wait(CLIENT, "alice"), 0)
        self.fail_times(2)
        # 8 count as 4 by now, and with these as 6.
        self.assertEqual(self.wait(CLIENT, "alice"), 2.0)

    def test_who_was_here_before_is_not_locked_out_by_others(self) -> None:
        self.slowdown.succeeded(CLIENT, "alice")
        self.fail_times(20, CLIENT, "bob")
        for number in range(20):
            self.slowdown.failed(f"203.0.113.{number}", "alice")
        self.assertEqual(self.wait(CLIENT, "ALICE"), 0)
        self.assertGreater(self.wait(OTHER, "alice") or 0, 1)
        self.assertGreater(self.wait(CLIENT, "carol") or 0, 1)
        # Her own mistakes count, until she has it right.
        self.fail_times(7)
        self.assertEqual(self.wait(CLIENT, "alice"), 2**1 * 2.0)
        self.slowdown.succeeded(CLIENT, "alice")
        self.assertEqual(self.wait(CLIENT, "alice"), 0)

    def test_success_of_one_does_not_clear_the_network(self) -> None:
        """Whoever has an account here could guess at others for ever."""
        self.fail_times(9, CLIENT, "victim")
        self.slowdown.succeeded(CLIENT, "eve")
        self.assertGreater(self.wait(CLIENT, "victim") or 0, 1)

    def test_at_a_time_from_one_network(self) -> None:
        begun = [self.slowdown.begin(CLIENT, f"user{number}") for number in range(MOST_AT_ONCE + 1)]
        self.assertEqual(begun, [0] * MOST_AT_ONCE + [None])
        self.assertEqual(self.wait(OTHER, "alice"), 0)
        self.slowdown.end(CLIENT)
        self.assertEqual(self.wait(CLIENT, "alice"), 0)

    def test_memory_has_an_end(self) -> None:
        for number in range(1000):
            self.slowdown.failed(f"10.0.{number // 250}.{number % 250}", f"user{number}")
            self.slowdown.succeeded(f"10.1.{number // 250}.{number % 250}", f"user{number}")
            self.wait(f"10.2.{number // 250}.{number % 250}", "x" * 1000)
        self.assertLessEqual(len(self.slowdown._records), 100)
        self.assertLessEqual(len(self.slowdown._welcome), 100)
        self.assertEqual(self.slowdown._under_way, {})

    def test_those_who_go_on_are_not_forgotten_for_others(self) -> None:
        for number in range(500):
            if number % 10 == 0:
                self.slowdown.failed(CLIENT, "alice")
            self.slowdown.failed(f"10.0.{number // 250}.{number % 250}", f"user{number}")
        self.assertIsNotNone(self.wait(OTHER, "alice"))
        self.assertGreater(self.wait(CLIENT, "bob") or 0, 1)
