"""What a listener speaks: profiles, and lists that come before them."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Listener, TlsServer
from fopemta.trust.listener_offer import (
    HYBRIDS,
    KNOWN_GROUPS,
    KNOWN_SUITES,
    PROFILES,
    TLS13,
    ListenerOffer,
    ServerProfile,
    offer_of,
)
from fopemta.trust.rungs import OFFERS, Rung

LISTENER = Listener(endpoint="tcp:25")
INTERNET_NL, MAIL, BSI = ServerProfile.INTERNET_NL, ServerProfile.MAIL, ServerProfile.BSI

# As internet.nl's mail test has them, after NCSC-NL's guidelines of May 2025: good, sufficient, phase out.
GOOD = {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
SUFFICIENT = re.compile(r"TLS_AES_128_(GCM|CCM)_SHA256|ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA\d+|CHACHA20-POLY1305)")
PHASE_OUT = re.compile(r"ECDHE-(ECDSA|RSA)-AES(128|256)-SHA(256|384)")
GROUPS = {
    "secp256r1", "secp384r1", "secp521r1", "X25519", "X448", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1",
    "brainpoolP256r1tls13", "brainpoolP384r1tls13", "brainpoolP512r1tls13", *HYBRIDS,
}  # fmt: skip


def rank(suite: str) -> int:
    """Good and sufficient before what is phased out, and that before all that fails."""
    if suite in GOOD or SUFFICIENT.fullmatch(suite):
        return 0
    return 1 if PHASE_OUT.fullmatch(suite) else 2


class ProfileTests(SynchronousTestCase):
    def test_internet_nl_passes(self) -> None:
        offer = PROFILES[INTERNET_NL]
        suites = (*offer.tls13, *offer.tls12)
        self.assertEqual([each for each in suites if rank(each) == 2], [])
        self.assertEqual(sorted(suites, key=rank), list(suites))
        self.assertEqual(set(offer.groups) - GROUPS, set())
        self.assertEqual((len(offer.tls13), len(offer.tls12)), (3, 10))

    def test_mail_adds_what_old_senders_need_at_the_end(self) -> None:
        usual, mail = PROFILES[INTERNET_NL], PROFILES[MAIL]
        self.assertEqual((mail.tls13, mail.groups), (usual.tls13, usual.groups))
        self.assertEqual(mail.tls12[: len(usual.tls12)], usual.tls12)
        self.assertEqual(
            mail.tls12[len(usual.tls12) :],
            (
                "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA",
                "AES256-GCM-SHA384", "AES256-SHA256", "AES256-SHA", "AES128-GCM-SHA256", "AES128-SHA256", "AES128-SHA",
            ),
        )  # fmt: skip

    def test_bsi(self) -> None:
        offer = PROFILES[BSI]
        self.assertEqual(offer.tls13, ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"))
        self.assertEqual([each for each in offer.tls12 if "AES" not in each or rank(each) == 2], [])
        self.assertEqual(len(offer.tls12), 8)
        # TR-03116-4: these must be had.
        for group in ("brainpoolP256r1", "secp256r1", "secp384r1"):
            self.assertIn(group, offer.groups)
        self.assertEqual([each for each in offer.groups if "25519" in each or "448" in each], [])

    def test_the_strongest_first(self) -> None:
        for profile in ServerProfile:
            offer = PROFILES[profile]
            self.assertEqual(offer.tls13[0], "TLS_AES_256_GCM_SHA384", profile)
            self.assertEqual(offer.groups[0], HYBRIDS[0] if profile is not BSI else HYBRIDS[1], profile)
            aes = [each for each in OFFERS[Rung.STRONG_256].tls12 if "AES" in each]
            self.assertEqual([each for each in offer.tls12 if each in aes], aes, profile)
            self.assertIn(offer.tls12[0], aes)
        self.assertEqual(HYBRIDS, ("X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"))

    def test_nothing_odd_and_no_dhe(self) -> None:
        # CVE-2002-20001 for DHE.
        for suite in KNOWN_SUITES:
            self.assertFalse(suite.startswith("DHE-"), suite)
            for odd in ("CCM", "DSS", "RC4", "DES", "MD5", "NULL", "ADH", "AECDH", "PSK", "CAMELLIA", "EXP"):
                self.assertNotIn(odd, suite)

    def test_every_profile_s_are_known(self) -> None:
        for offer in PROFILES.values():
            self.assertEqual(set(offer.tls13) - set(TLS13), set())
            self.assertEqual({*offer.tls13, *offer.tls12} - set(KNOWN_SUITES), set())
            self.assertEqual(set(offer.groups) - set(KNOWN_GROUPS), set())
        self.assertEqual(len(set(KNOWN_SUITES)), len(KNOWN_SUITES))


class OfferTests(SynchronousTestCase):
    """What comes before what."""

    OWN = ("AES128-SHA", "TLS_AES_128_GCM_SHA256")
    OTHER = ("ECDHE-RSA-AES256-GCM-SHA384",)

    def test_default(self) -> None:
        self.assertEqual(offer_of(TlsServer(), LISTENER), PROFILES[INTERNET_NL])

    def test_order(self) -> None:
        own = ListenerOffer(("TLS_AES_128_GCM_SHA256",), ("AES128-SHA",), ("secp256r1",))
        other = ListenerOffer((), self.OTHER, ("X25519",))
        listed = {"suites": self.OTHER, "groups": ("X25519",)}
        ours = {"suites": self.OWN, "groups": ("secp256r1",)}
        for server, listener, wanted in (
            ({"profile": MAIL}, {}, PROFILES[MAIL]),
            ({"profile": MAIL}, {"profile": BSI}, PROFILES[BSI]),
            ({"profile": MAIL, **listed}, {}, other),
            ({**listed}, {"profile": BSI}, PROFILES[BSI]),
            ({**listed}, ours, own),
            ({**listed}, {"profile": BSI, **ours}, own),
            ({}, ours, own),
        ):
            found = offer_of(TlsServer(**server), Listener(endpoint="tcp:25", **listener))  # type: ignore[arg-type]
            self.assertEqual(found, wanted, (server, listener))
