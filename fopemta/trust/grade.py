"""What the TLS of a host is worth, in one letter (pure).

| grade | |
|---|---|
| A | the certificate proves the host, and the cipher is strong (rungs strong256, strong128) |
| B | the certificate proves the host, and the cipher is older |
| C | encrypted with a strong cipher, server identity not verified |
| D | encrypted with an older cipher, server identity not verified |
| E | out of date: TLS 1.0 or 1.1, a handshake that is signed by SHA-1, short keys |
| F | no TLS |
| - | not reached: nothing can be said |
"""

from __future__ import annotations

import enum

from fopemta.trust.rungs import Rung

_STRONG = frozenset({Rung.STRONG_256, Rung.STRONG_128})


class Grade(enum.StrEnum):
    """The grades, best first."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"
    NONE = "-"


def grade_of(rung: Rung | None, authenticated: bool, reached: bool = True) -> Grade:
    """The grade of a host; `rung` None: no TLS; `reached`: the host answered at all."""
    if rung is None or rung is Rung.PLAIN:
        return Grade.F if reached else Grade.NONE
    if rung in (Rung.LEGACY, Rung.LENIENT):
        return Grade.E
    if authenticated:
        return Grade.A if rung in _STRONG else Grade.B
    return Grade.C if rung in _STRONG else Grade.D


def worst(grades: list[Grade]) -> Grade:
    """The worst grade of those hosts that answered, since mail may go to any; NONE if none did."""
    said = [each for each in grades if each is not Grade.NONE]
    return max(said, key=tuple(Grade).index) if said else Grade.NONE
