"""The rungs of the TLS ladder (pure): each a literal set of versions and suites that one ClientHello offers.

The strong rungs are TLS 1.3 and ECDHE only: a peer that prefers a 1024-bit DHE group although it has ECDHE would
otherwise fail them.  The lists are literal, since loose cipher strings include CCM, CCM8 and DSS.
"""

from __future__ import annotations

import enum

import attrs


class Rung(enum.Enum):
    """Strongest first; the value is the word in configuration and records."""

    STRONG_256 = "strong256"
    STRONG_128 = "strong128"
    COMPATIBLE = "compatible"
    LENIENT = "lenient"
    LEGACY = "legacy"
    PLAIN = "plain"


class Hello(enum.Enum):
    """The form of a rung's ClientHello: with the post-quantum key share, or without (for hosts that choke on it); with
    the server's name (SNI), or without (for hosts that refuse the handshake because of it).
    """

    FULL = "full"
    SMALL = "small"
    NAMELESS = "nameless"
    SMALL_NAMELESS = "small, nameless"

    @classmethod
    def of(cls, *, small: bool, named: bool) -> Hello:
        """The hello with these properties."""
        if named:
            return cls.SMALL if small else cls.FULL
        return cls.SMALL_NAMELESS if small else cls.NAMELESS

    @property
    def small(self) -> bool:
        """Whether it lacks the post-quantum key share."""
        return self in (Hello.SMALL, Hello.SMALL_NAMELESS)

    @property
    def named(self) -> bool:
        """Whether it sends SNI."""
        return self in (Hello.FULL, Hello.SMALL)


class Version(enum.Enum):
    """The TLS versions supported here; the value is OpenSSL's name."""

    TLS_1_0 = "TLSv1"
    TLS_1_1 = "TLSv1.1"
    TLS_1_2 = "TLSv1.2"
    TLS_1_3 = "TLSv1.3"


@attrs.frozen
class Offer:
    """What a rung offers: suite names as OpenSSL writes them, and the versions from `lowest` to `highest`.

    `tls13` is empty exactly where `highest` is below TLS 1.3.

    `security_level` is OpenSSL's (2: keys of 112 bits and more; 1: 80 bits, for 1024-bit DHE and RSA; 0: any, and SHA-1
    signatures, without which TLS 1.0 and 1.1 cannot be).
    `legacy_servers`: talk to servers without RFC 5746 renegotiation info; a client alone never renegotiates.
    """

    tls13: tuple[str, ...]
    tls12: tuple[str, ...]
    lowest: Version = Version.TLS_1_2
    highest: Version = Version.TLS_1_3
    security_level: int = 2
    legacy_servers: bool = False


# 256 bits first.
_STRONG = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
)
# 256 bits before 128; static RSA, without forward secrecy, last.
_COMPATIBLE = (
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "DHE-RSA-AES256-GCM-SHA384",
    "DHE-RSA-CHACHA20-POLY1305",
    "DHE-RSA-AES256-SHA256",
    "DHE-RSA-AES256-SHA",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "DHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES128-SHA256",
    "DHE-RSA-AES128-SHA",
    "AES256-GCM-SHA384",
    "AES256-SHA256",
    "AES256-SHA",
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES128-SHA",
)

OFFERS: dict[Rung, Offer] = {
    Rung.STRONG_256: Offer(
        tls13=("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
        tls12=_STRONG[:4],
    ),
    Rung.STRONG_128: Offer(
        tls13=("TLS_AES_128_GCM_SHA256",),
        tls12=_STRONG[4:],
    ),
    # TLS 1.2 alone: servers with 1.3 were tried above.
    Rung.COMPATIBLE: Offer(
        tls13=(),
        tls12=_COMPATIBLE,
        highest=Version.TLS_1_2,
        security_level=1,
        legacy_servers=True,
    ),
    # The same version with what OpenSSL itself refuses today: a handshake signed with SHA-1, and keys of any length.
    # All suites, since a server that signs so may have the best of them.  Only for opportunistic TLS, and it proves
    # nothing.
    Rung.LENIENT: Offer(
        tls13=(), tls12=(*_STRONG, *_COMPATIBLE), highest=Version.TLS_1_2, security_level=0, legacy_servers=True
    ),
    # What is left of the nineties: better than plain text against passive eavesdroppers, but it proves nothing.  Off
    # unless [tls.client] lowest_rung says "legacy", and only for opportunistic TLS.
    Rung.LEGACY: Offer(
        tls13=(),
        tls12=(
            "ECDHE-ECDSA-AES256-SHA",
            "ECDHE-RSA-AES256-SHA",
            "DHE-RSA-AES256-SHA",
            "ECDHE-ECDSA-AES128-SHA",
            "ECDHE-RSA-AES128-SHA",
            "DHE-RSA-AES128-SHA",
            "AES256-SHA",
            "AES128-SHA",
        ),
        lowest=Version.TLS_1_0,
        highest=Version.TLS_1_1,
        security_level=0,
        legacy_servers=True,
    ),
}
