"""Families of versions and suites, strongest first (pure), which `tlstest` offers to a server one at a time."""

from __future__ import annotations

import attrs

from fopemta.trust.rungs import OFFERS, Offer, Rung, Version


@attrs.frozen
class Family:
    """`name` for people; `offer` is everything offered."""

    name: str
    offer: Offer


def _tls13(suite: str) -> Offer:
    return Offer(tls13=(suite,), tls12=(), lowest=Version.TLS_1_3)


def _tls12(rung: Rung, *prefixes: str, without: str = " ") -> Offer:
    suites = tuple(each for each in OFFERS[rung].tls12 if each.startswith(prefixes) and without not in each)
    return Offer(
        tls13=(), tls12=suites, highest=Version.TLS_1_2, security_level=OFFERS[rung].security_level, legacy_servers=True
    )


def _old(version: Version) -> Offer:
    return attrs.evolve(OFFERS[Rung.LEGACY], lowest=version, highest=version)


FAMILIES = (
    Family("TLSv1.3 AES-256-GCM", _tls13("TLS_AES_256_GCM_SHA384")),
    Family("TLSv1.3 ChaCha20", _tls13("TLS_CHACHA20_POLY1305_SHA256")),
    Family("TLSv1.3 AES-128-GCM", _tls13("TLS_AES_128_GCM_SHA256")),
    Family("TLSv1.2 ECDHE, AEAD, 256 bits", _tls12(Rung.STRONG_256, "ECDHE-")),
    Family("TLSv1.2 ECDHE, AEAD, 128 bits", _tls12(Rung.STRONG_128, "ECDHE-")),
    Family("TLSv1.2 ECDHE, CBC", _tls12(Rung.COMPATIBLE, "ECDHE-")),
    Family("TLSv1.2 DHE", _tls12(Rung.COMPATIBLE, "DHE-")),
    Family("TLSv1.2 without forward secrecy", _tls12(Rung.COMPATIBLE, "AES")),
    Family("TLSv1.1", _old(Version.TLS_1_1)),
    Family("TLSv1.0", _old(Version.TLS_1_0)),
)
