"""Whether a recipient is taken: the whole table of what is known of it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.policy.recipients import (
    FRESH,
    GOOD_KEPT,
    Remembered,
    Said,
    by_callout,
    by_list,
    is_postmaster,
    remembered_after,
)
from fopemta.routing.route import Unverified

DAY = 86400.0
NOW = 1_000_000_000.0


class ListTests(SynchronousTestCase):
    def test_what_a_list_says(self) -> None:
        codes = {listed: getattr(by_list(listed), "enhanced", None) for listed in (True, False, None)}
        self.assertEqual(codes, {True: None, False: "5.1.1", None: "4.3.0"})


class CalloutTests(SynchronousTestCase):
    def test_whole_table(self) -> None:
        """Answer x last good (days ago) x unverified."""
        table = {}
        for said in Said:
            for days in (None, 30, 31, 40):
                for unverified in Unverified:
                    known = Remembered(said, NOW, None if days is None else NOW - days * DAY)
                    reply = by_callout(known, unverified, NOW)
                    table[said.value, days, unverified.value] = reply.code if reply else 250
        expected = {("good", days, mode): 250 for days in (None, 30, 31, 40) for mode in ("accept", "defer")}
        expected |= {("bad", days, mode): 550 for days in (None, 30, 31, 40) for mode in ("accept", "defer")}
        expected |= {("unknown", days, mode): 450 for days in (None, 30, 31, 40) for mode in ("accept", "defer")}
        expected["unknown", 30, "accept"] = 250
        self.assertEqual(table, expected)

    def test_no_answer_keeps_the_good_one_and_a_bad_one_ends_it(self) -> None:
        good = remembered_after(None, Said.GOOD, NOW)
        self.assertEqual(good, Remembered(Said.GOOD, NOW, NOW))
        unknown = remembered_after(good, Said.UNKNOWN, NOW + DAY)
        self.assertEqual(unknown, Remembered(Said.UNKNOWN, NOW + DAY, NOW))
        self.assertEqual(remembered_after(unknown, Said.BAD, NOW), Remembered(Said.BAD, NOW))
        self.assertEqual(remembered_after(None, Said.UNKNOWN, NOW), Remembered(Said.UNKNOWN, NOW))

    def test_how_long_an_answer_is_used_without_asking(self) -> None:
        for said, seconds in FRESH.items():
            known = Remembered(said, NOW)
            self.assertTrue(known.fresh(NOW + seconds - 1), said)
            self.assertFalse(known.fresh(NOW + seconds), said)

    def test_an_answer_of_tomorrow_is_none(self) -> None:
        known = Remembered(Said.BAD, NOW + DAY, NOW + DAY)
        self.assertFalse(known.fresh(NOW) or known.vouched(NOW))

    def test_what_is_of_no_use_any_more(self) -> None:
        good = remembered_after(None, Said.GOOD, NOW)
        self.assertFalse(good.worthless(NOW + GOOD_KEPT - 1))
        self.assertTrue(good.worthless(NOW + GOOD_KEPT))


class PostmasterTests(SynchronousTestCase):
    def test_in_whatever_case(self) -> None:
        found = [is_postmaster(Mailbox(each, "d.test")) for each in ("postmaster", "PostMaster", "postmasters")]
        self.assertEqual(found, [True, True, False])
