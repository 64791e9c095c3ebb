"""Families of suites, one asked for at a time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.families import FAMILIES
from fopemta.trust.rungs import OFFERS, Rung, Version

NEW, TLS_1_2, TLS_1_1, TLS_1_0 = Version.TLS_1_3, Version.TLS_1_2, Version.TLS_1_1, Version.TLS_1_0


class FamiliesTests(SynchronousTestCase):
    def test_names_and_versions(self) -> None:
        found = [(each.name, each.offer.lowest, each.offer.highest) for each in FAMILIES]
        self.assertEqual(
            found,
            [
                ("TLSv1.3 AES-256-GCM", NEW, NEW),
                ("TLSv1.3 ChaCha20", NEW, NEW),
                ("TLSv1.3 AES-128-GCM", NEW, NEW),
                ("TLSv1.2 ECDHE, AEAD, 256 bits", TLS_1_2, TLS_1_2),
                ("TLSv1.2 ECDHE, AEAD, 128 bits", TLS_1_2, TLS_1_2),
                ("TLSv1.2 ECDHE, CBC", TLS_1_2, TLS_1_2),
                ("TLSv1.2 DHE", TLS_1_2, TLS_1_2),
                ("TLSv1.2 without forward secrecy", TLS_1_2, TLS_1_2),
                ("TLSv1.1", TLS_1_1, TLS_1_1),
                ("TLSv1.0", TLS_1_0, TLS_1_0),
            ],
        )

    def test_one_suite_of_tls13_each(self) -> None:
        found = [(each.offer.tls13, each.offer.tls12) for each in FAMILIES[:3]]
        self.assertEqual(
            found,
            [
                (("TLS_AES_256_GCM_SHA384",), ()),
                (("TLS_CHACHA20_POLY1305_SHA256",), ()),
                (("TLS_AES_128_GCM_SHA256",), ()),
            ],
        )

    def test_those_of_tls12_are_the_rungs_suites_each_once(self) -> None:
        rungs = (Rung.STRONG_256, Rung.STRONG_128, Rung.COMPATIBLE)
        wanted = [suite for rung in rungs for suite in OFFERS[rung].tls12]
        found = [suite for each in FAMILIES[3:8] for suite in each.offer.tls12]
        self.assertEqual(sorted(found), sorted(wanted))
        for each, rung in zip(FAMILIES[3:8], (*rungs, Rung.COMPATIBLE, Rung.COMPATIBLE), strict=True):
            offer = each.offer
            self.assertEqual(offer.tls13, ())
            self.assertEqual((offer.security_level, offer.legacy_servers), (OFFERS[rung].security_level, True))
            self.assertTrue(all(suite in OFFERS[rung].tls12 for suite in offer.tls12), each.name)
        kinds = [{suite.partition("-")[0] for suite in each.offer.tls12} for each in FAMILIES[3:8]]
        self.assertEqual(kinds, [{"ECDHE"}, {"ECDHE"}, {"ECDHE"}, {"DHE"}, {"AES256", "AES128"}])

    def test_old_versions_are_the_legacy_rung_s(self) -> None:
        for each in FAMILIES[8:]:
            self.assertEqual(each.offer.tls12, OFFERS[Rung.LEGACY].tls12)
            self.assertEqual((each.offer.security_level, each.offer.legacy_servers), (0, True))
