"""The rungs as data: what each may and may not hold."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.rungs import OFFERS, Hello, Rung, Version


class OffersTests(SynchronousTestCase):
    def test_words_strongest_first(self) -> None:
        self.assertEqual(
            [rung.value for rung in Rung], ["strong256", "strong128", "compatible", "lenient", "legacy", "plain"]
        )
        self.assertIs(Rung("compatible"), Rung.COMPATIBLE)

    def test_every_rung_but_plain_has_an_offer(self) -> None:
        self.assertEqual(set(OFFERS), set(Rung) - {Rung.PLAIN})

    def test_versions_and_levels(self) -> None:
        # C029, C031: TLS 1.2 and 1.3 at the top; laxer settings on the lowest rung alone.
        found = {
            rung: (offer.lowest, offer.highest, bool(offer.tls13), offer.security_level, offer.legacy_servers)
            for rung, offer in OFFERS.items()
        }
        strong = (Version.TLS_1_2, Version.TLS_1_3, True, 2, False)
        wanted = {
            Rung.STRONG_256: strong,
            Rung.STRONG_128: strong,
            Rung.COMPATIBLE: (Version.TLS_1_2, Version.TLS_1_2, False, 1, True),
            # Where plain text may be spoken, too.
            Rung.LENIENT: (Version.TLS_1_2, Version.TLS_1_2, False, 0, True),
            # Off by default.
            Rung.LEGACY: (Version.TLS_1_0, Version.TLS_1_1, False, 0, True),
        }
        self.assertEqual(found, wanted)

    def test_strong_rungs_are_ephemeral_curves_with_aead(self) -> None:
        for rung, marks in ((Rung.STRONG_256, ("AES256-GCM", "CHACHA20")), (Rung.STRONG_128, ("AES128-GCM",))):
            for suite in OFFERS[rung].tls12:
                self.assertTrue(suite.startswith("ECDHE-"), suite)
                self.assertTrue(any(mark in suite for mark in marks), suite)

    def test_nothing_odd_anywhere(self) -> None:
        for suite in (each for offer in OFFERS.values() for each in offer.tls12):
            for odd in ("CCM", "DSS", "RC4", "DES", "MD5", "NULL", "ADH", "AECDH", "PSK", "CAMELLIA", "EXP"):
                self.assertNotIn(odd, suite)

    def test_the_lenient_rung_has_what_the_sound_ones_have(self) -> None:
        sound = (*OFFERS[Rung.STRONG_256].tls12, *OFFERS[Rung.STRONG_128].tls12, *OFFERS[Rung.COMPATIBLE].tls12)
        self.assertEqual(OFFERS[Rung.LENIENT].tls12, sound)

    def test_static_rsa_comes_last(self) -> None:
        secret = [suite.startswith(("ECDHE-", "DHE-")) for suite in OFFERS[Rung.COMPATIBLE].tls12]
        self.assertEqual(secret, sorted(secret, reverse=True))


class HelloTests(SynchronousTestCase):
    def test_forms(self) -> None:
        table = {
            (small, named): Hello.of(small=small, named=named) for small in (False, True) for named in (False, True)
        }
        self.assertEqual(set(table.values()), set(Hello))
        for (small, named), hello in table.items():
            self.assertEqual((hello.small, hello.named), (small, named))
