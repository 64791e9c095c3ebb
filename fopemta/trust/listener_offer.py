"""The TLS offer of a listener (pure): suites and groups, by profile or as configured.

`internet.nl`: what the mail test of internet.nl accepts (NCSC-NL's guidelines of May 2025); CBC suites with SHA-2,
which it calls "phase out", come last.  `mail`: also what only old senders need, CBC suites with SHA-1 and RSA key
transport, without forward secrecy.  `bsi`: what TR-02102-2 recommends, only AES, the curves of NIST and brainpool.

None has DHE: it lets every client cause expensive computation (CVE-2002-20001), and clients with DHE but no curve
support RSA key transport, too.
"""

from __future__ import annotations

import enum
from typing import Protocol

import attrs

from fopemta.trust.rungs import OFFERS, Rung

TLS13 = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
_AEAD = (*OFFERS[Rung.STRONG_256].tls12, *OFFERS[Rung.STRONG_128].tls12)
_SHA2 = tuple(
    each
    for each in OFFERS[Rung.COMPATIBLE].tls12
    if each.startswith("ECDHE-") and each.endswith(("-SHA384", "-SHA256"))
)
_OLD = tuple(each for each in OFFERS[Rung.COMPATIBLE].tls12 if not each.startswith("DHE-") and each not in _SHA2)

# A post-quantum group is worth another round trip (see `tls.groups`).
HYBRIDS = ("X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024")
_NIST = ("secp256r1", "secp384r1", "secp521r1")
# TLS 1.3 has its own names for these (RFC 8734).
_BRAINPOOL = (
    "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1",
    "brainpoolP256r1tls13", "brainpoolP384r1tls13", "brainpoolP512r1tls13",
)  # fmt: skip
_GROUPS = (*HYBRIDS, "X25519", "secp256r1", "X448", "secp384r1", "secp521r1", *_BRAINPOOL)

# The suites that may be configured, by OpenSSL's names.
KNOWN_SUITES = (*TLS13, *_AEAD, *_SHA2, *_OLD)
KNOWN_GROUPS = _GROUPS


class ServerProfile(enum.Enum):
    """Which suites and groups a listener speaks: see `trust.listener_offer`."""

    INTERNET_NL = "internet.nl"
    MAIL = "mail"
    BSI = "bsi"


@attrs.frozen
class ListenerOffer:
    """The suites of TLS 1.3, those of TLS 1.2, and the groups, by OpenSSL's names; the first that the client supports
    is chosen.  One of the first two may be empty, which disables that version.
    """

    tls13: tuple[str, ...]
    tls12: tuple[str, ...]
    groups: tuple[str, ...]


class Choice(Protocol):
    """The choice of [tls.server] or of one [[listener]]; None and () leave it to the other."""

    @property
    def profile(self) -> ServerProfile | None:
        """The profile; the lists of the same section take precedence."""

    @property
    def suites(self) -> tuple[str, ...]:
        """OpenSSL's names, best first; they take precedence over the profile."""

    @property
    def groups(self) -> tuple[str, ...]:
        """OpenSSL's names of key exchange groups; they take precedence over the profile."""


PROFILES: dict[ServerProfile, ListenerOffer] = {
    ServerProfile.INTERNET_NL: ListenerOffer(TLS13, (*_AEAD, *_SHA2), _GROUPS),
    ServerProfile.MAIL: ListenerOffer(TLS13, (*_AEAD, *_SHA2, *_OLD), _GROUPS),
    ServerProfile.BSI: ListenerOffer(
        tuple(each for each in TLS13 if "_AES_" in each),
        tuple(each for each in (*_AEAD, *_SHA2) if "CHACHA20" not in each),
        (*HYBRIDS[1:], *_NIST, *_BRAINPOOL),
    ),
}


def offer_of(server: Choice, listener: Choice) -> ListenerOffer:
    """The offer of `listener`: its own lists first, then its own profile, then [tls.server]."""
    own = listener.profile is not None
    profile = PROFILES[listener.profile or server.profile or ServerProfile.INTERNET_NL]
    suites = listener.suites or (() if own else server.suites)
    groups = listener.groups or (() if own else server.groups)
    return ListenerOffer(
        tuple(each for each in suites if each in TLS13) if suites else profile.tls13,
        tuple(each for each in suites if each not in TLS13) if suites else profile.tls12,
        groups or profile.groups,
    )
