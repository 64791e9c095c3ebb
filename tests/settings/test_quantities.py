"""Numbers, durations, sizes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.settings.place import WRONG, NotValid, Place, Reader
from fopemta.settings.quantities import duration_of, greeting_delay_of, number, size_between, size_of, whole, yes_or_no


def read(reader: Reader, value: object) -> object:
    """What a reader makes of a value."""
    return reader(value, Place("key", "/", []))


class DurationTests(SynchronousTestCase):
    def test_every_unit(self) -> None:
        found = {text: duration_of(text) for text in ("1s", "90s", "5m", "24h", "5d")}
        self.assertEqual(found, {"1s": 1.0, "90s": 90.0, "5m": 300.0, "24h": 86400.0, "5d": 432000.0})

    def test_everything_else_is_refused(self) -> None:
        for value in (
            "",
            "5",
            5,
            5.0,
            True,
            None,
            "s",
            "-5s",
            "1.5h",
            "5 m",
            "5M",
            "1h30m",
            "0s",
            "99999d",
            "٣s",
            "5s\n",
        ):
            with self.assertRaises(NotValid, msg=repr(value)):
                duration_of(value)


class GreetingDelayTests(SynchronousTestCase):
    def test_none_or_short(self) -> None:
        self.assertEqual([greeting_delay_of(each) for each in (0, "5s", "2m")], [0.0, 5.0, 120.0])
        for value in (False, 5, "121s", "5m", "0s"):
            with self.assertRaises(NotValid, msg=repr(value)):
                greeting_delay_of(value)


class SizeTests(SynchronousTestCase):
    def test_every_unit(self) -> None:
        found = [
            size_of(text) for text in (1, 150_000_000, "7", "7B", "1kB", "1KB", "10MB", "2GB", "1TB", "64KiB", "1MiB")
        ]
        self.assertEqual(found, [1, 150_000_000, 7, 7, 1000, 1000, 10_000_000, 2_000_000_000, 10**12, 65536, 1_048_576])

    def test_everything_else_is_refused(self) -> None:
        for value in ("", 0, -1, "0MB", "10mb", "10 MB", "1.5GB", 1.5, True, "MB", 2**70, "9" * 15 + "TB"):
            with self.assertRaises(NotValid, msg=repr(value)):
                size_of(value)


class NumberTests(SynchronousTestCase):
    def test_whole_within_its_bounds(self) -> None:
        values = (1, 3, 0, 4, True, 2.0, "2", None, 10**400)
        self.assertEqual([read(whole(1, 3), value) for value in values], [1, 3] + [WRONG] * 7)

    def test_number_within_its_bounds(self) -> None:
        values = (1, 2.5, 100, 0.9, 101, float("nan"), float("inf"), True, "2", 10**400)
        self.assertEqual([read(number(1, 100), value) for value in values], [1.0, 2.5, 100.0] + [WRONG] * 7)


class BoundsTests(SynchronousTestCase):
    def test_a_size_between_two_includes_both(self) -> None:
        reader = size_between(16, 64)
        for value in (16, 64, "64B"):
            self.assertNotEqual(read(reader, value), WRONG, value)
        for value in (15, 65, "1KiB"):
            self.assertIs(read(reader, value), WRONG, value)

    def test_yes_or_no_is_nothing_else(self) -> None:
        self.assertEqual([read(yes_or_no, each) for each in (True, False)], [True, False])
        for value in (1, 0, "true", None):
            self.assertIs(read(yes_or_no, value), WRONG, value)
