"""Matching names, with entries that no honest authority would sign."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority
from fopemta.trust.names import PresentedNames, matching, patterns, presented

AUTHORITY = Authority()


def bears(entry: str, name: str) -> bool:
    return matching(patterns(PresentedNames((entry,), (), True)), (name,)) == name


class MatchingTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {
            ("mx.example.org", "mx.example.org"): True,
            ("mx.example.org", "MX.example.org"): True,
            ("*.example.org", "mx.example.org"): True,
            ("*.org", "example.org"): False,
            ("*", "org"): False,
            ("*.*.org", "a.b.org"): False,
            ("mx.*.org", "mx.example.org"): False,
            # service_identity is stricter here than RFC 9525.
            ("*.example.org", "xn--bcher-kva.example.org"): False,
            ("xn--bcher-kva.example.org", "xn--bcher-kva.example.org"): True,
            ("mx.example.org\0.evil.example", "mx.example.org"): False,
            ("mx.example.org.evil.example", "mx.example.org"): False,
            ("192.0.2.1", "192.0.2.1"): False,
            ("", "mx.example.org"): False,
        }
        self.assertEqual({pair: bears(*pair) for pair in table}, table)

    def test_addresses_match_address_entries_alone(self) -> None:
        names = PresentedNames((), ("192.0.2.1", "2001:db8::1"), True)
        wanted = ("192.0.2.2", "2001:0db8:0::1")
        self.assertEqual(matching(patterns(names), wanted), "2001:0db8:0::1")

    def test_first_wanted_name_is_told(self) -> None:
        names = PresentedNames(("b.test", "a.test"), (), True)
        self.assertEqual(matching(patterns(names), ("c.test", "a.test", "b.test")), "a.test")

    def test_presented(self) -> None:
        found = presented(AUTHORITY.leaf("mx.test", "192.0.2.1").chain[0])
        self.assertEqual(found, PresentedNames(("mx.test",), ("192.0.2.1",), True))
        self.assertFalse(presented(AUTHORITY.leaf(common_name="mx.test").chain[0]).has_san)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.text(max_size=40), st.text(max_size=40))
    def test_never_raises_and_matches_no_stranger(self, entry: str, name: str) -> None:
        matching(patterns(PresentedNames((entry,), (entry,), True)), (name,))
        self.assertIsNone(matching(patterns(PresentedNames((entry,), (entry,), True)), ("mx.fopemta-test.example",)))
