"""From the MX answer to host names."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.answer import Absent, Found, Unavailable
from fopemta.routing.exchangers import Exchanger, Exchangers, exchangers_of
from fopemta.routing.values import RoutingFailure
from fopemta.trust.diagnosis import Diagnosis

OWN = frozenset({"us.test"})
ORDER = (0.1, 0.2, 0.3, 0.4)


def names(*mx: tuple[int, str], order: tuple[float, ...] = ORDER) -> tuple[str, ...]:
    found = exchangers_of("d.test", Found(mx), OWN, order)
    assert isinstance(found, Exchangers), found
    return tuple(each.name for each in found.hosts)


def failure(answer: object) -> RoutingFailure:
    found = exchangers_of("d.test", answer, OWN, ORDER)  # type: ignore[arg-type]
    assert isinstance(found, RoutingFailure), found
    return found


class ExchangersTests(SynchronousTestCase):
    def test_lowest_preference_first(self) -> None:
        self.assertEqual(names((20, "b"), (10, "a"), (30, "c")), ("a", "b", "c"))

    def test_equal_ones_in_the_given_random_order(self) -> None:
        mx = ((10, "a"), (10, "b"), (5, "c"))
        self.assertEqual(names(*mx, order=(0.1, 0.2, 0.9)), ("c", "a", "b"))
        self.assertEqual(names(*mx, order=(0.2, 0.1, 0.9)), ("c", "b", "a"))

    def test_C120_null_mx(self) -> None:
        found = failure(Found(((0, ""),)))
        self.assertEqual((found.permanent, found.code, found.enhanced), (True, 556, "5.1.10"))
        self.assertIs(found.diagnosis, Diagnosis.NULL_MX)

    def test_C120_dot_in_a_mixed_set_is_ignored(self) -> None:
        self.assertEqual(names((0, ""), (10, "a")), ("a",))

    def test_implicit_mx(self) -> None:
        found = exchangers_of("d.test", Absent(), OWN, ORDER)
        self.assertEqual(found, Exchangers((Exchanger(0, "d.test"),), implicit=True))

    def test_C130_lookup_failure_defers_and_never_falls_to_the_address(self) -> None:
        found = failure(Unavailable("SERVFAIL from 192.0.2.53"))
        self.assertEqual((found.permanent, found.code, found.enhanced), (False, 451, "4.4.3"))
        self.assertIn("SERVFAIL", found.text)

    def test_nxdomain_is_final(self) -> None:
        found = failure(Absent(name_exists=False))
        self.assertEqual((found.permanent, found.code, found.enhanced), (True, 550, "5.1.2"))

    def test_C121_ourselves_in_the_set(self) -> None:
        self.assertEqual(names((5, "a"), (10, "us.test"), (10, "b"), (20, "c")), ("a",))
        found = failure(Found(((10, "us.test"), (20, "c"))))
        self.assertEqual((found.permanent, found.enhanced), (True, "5.4.6"))
        self.assertIs(found.diagnosis, Diagnosis.LOOPS_BACK)

    def test_C123_address_as_mx_name_is_skipped(self) -> None:
        self.assertEqual(names((10, "192.0.2.6"), (20, "a")), ("a",))
        self.assertTrue(failure(Found(((10, "192.0.2.6"),))).permanent)

    def test_host_named_twice_is_tried_once(self) -> None:
        self.assertEqual(names((10, "a"), (20, "a"), (30, "b")), ("a", "b"))
        found = exchangers_of("d.test", Found(((20, "a"), (10, "a"))), OWN, ORDER)
        self.assertEqual(found, Exchangers((Exchanger(10, "a"),)))

    def test_C121_localhost_is_ourselves(self) -> None:
        for name in ("localhost", "mx.localhost"):
            self.assertEqual(failure(Found(((0, name),))).enhanced, "5.4.6")
            self.assertEqual(names((5, "a"), (10, name), (20, "b")), ("a",))

    def test_proof_of_the_answer_is_kept(self) -> None:
        for answer in (Found(((10, "a"),), authenticated=True), Absent(authenticated=True)):
            found = exchangers_of("d.test", answer, OWN, ORDER)
            assert isinstance(found, Exchangers)
            self.assertTrue(found.authenticated)
