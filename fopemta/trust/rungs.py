"""The rungs of the TLS ladder (pure): each a literal set of versions and suites that one ClientHello offers.

DESIGN 5, RULINGS 10: strong rungs are TLS 1.3 and ECDHE only.
"""

from __future__ import annotations

import enum


class Rung(enum.Enum):
    """Strongest first; the value is the word in configuration and records."""

    STRONG_256 = "strong256"
    STRONG_128 = "strong128"
    COMPATIBLE = "compatible"
    PLAIN = "plain"


class Hello(enum.Enum):
    """The size of a rung's ClientHello: with the post-quantum key share, or without (for hosts that choke on it)."""

    FULL = "full"
    SMALL = "small"
