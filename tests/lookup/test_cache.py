"""Answers kept for as long as they hold."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.lookup.cache import ExpiringCache


class ExpiringCacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cache: ExpiringCache[str, int] = ExpiringCache(3)

    def test_value_until_its_time_is_over(self) -> None:
        self.cache.put("a", 1, expires=10)
        self.assertEqual([self.cache.get("a", now) for now in (0, 9.9, 10, 0)], [1, 1, None, None])
        self.assertEqual(len(self.cache), 0)

    def test_longest_unused_goes_first(self) -> None:
        for number, key in enumerate("abc"):
            self.cache.put(key, number, expires=10)
        self.cache.get("a", 0)
        self.cache.put("d", 3, expires=10)
        self.assertEqual([self.cache.get(key, 0) for key in "abcd"], [0, None, 2, 3])

    def test_new_value_replaces_the_old(self) -> None:
        self.cache.put("a", 1, expires=10)
        self.cache.put("a", 2, expires=20)
        self.assertEqual((self.cache.get("a", 15), len(self.cache)), (2, 1))

    def test_heavy_values_make_room_for_themselves(self) -> None:
        self.cache.put("a", 1, expires=10)
        self.cache.put("b", 2, expires=10, weight=2)
        self.cache.put("c", 3, expires=10)
        self.assertEqual([self.cache.get(key, 0) for key in "abc"], [None, 2, 3])
        self.cache.put("d", 4, expires=10, weight=4)
        self.assertEqual(len(self.cache), 0)
        self.cache.put("e", 5, expires=10, weight=3)
        self.assertEqual(self.cache.get("e", 0), 5)

    def test_weight_of_what_has_gone_is_free(self) -> None:
        self.cache.put("a", 1, expires=10, weight=3)
        self.cache.put("a", 1, expires=10, weight=1)
        self.cache.put("b", 2, expires=1, weight=2)
        self.assertEqual([self.cache.get("a", 0), self.cache.get("b", 2)], [1, None])
        self.cache.put("c", 3, expires=10, weight=2)
        self.assertEqual([self.cache.get(key, 0) for key in "ac"], [1, 3])
