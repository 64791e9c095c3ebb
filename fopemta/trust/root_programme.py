"""An overview of the trusted roots for the operator (pure): how many, how old, which have expired or soon will."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import attrs
from cryptography import x509

from fopemta.trust.certificates import facts_of
from fopemta.trust.verdict import CertificateFacts, rfc3339

SOON = 90 * 86400.0


class Condition(enum.Enum):
    """The condition of a root today."""

    GOOD = "good"
    EXPIRES_SOON = "expires soon"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    UNREADABLE = "unreadable"


@attrs.frozen
class Root:
    """`begins` and `ends` in seconds since the epoch, 0 if the certificate cannot be read."""

    facts: CertificateFacts
    condition: Condition
    begins: float = 0.0
    ends: float = 0.0


@attrs.frozen
class Programme:
    """The trusted roots, each once, the earliest expiry first."""

    roots: tuple[Root, ...]

    def of(self, condition: Condition) -> tuple[Root, ...]:
        """The roots in this condition."""
        return tuple(each for each in self.roots if each.condition is condition)

    @property
    def usable(self) -> tuple[Root, ...]:
        """The roots that are valid today."""
        return tuple(each for each in self.roots if each.condition in (Condition.GOOD, Condition.EXPIRES_SOON))

    @property
    def newest(self) -> Root | None:
        """The usable root with the latest beginning."""
        return max(self.usable, key=lambda each: each.begins, default=None)

    @property
    def oldest(self) -> Root | None:
        """The usable root with the earliest beginning."""
        return min(self.usable, key=lambda each: each.begins, default=None)


def programme_of(ders: Sequence[bytes], now: float) -> Programme:
    """The programme of certificates in DER; `now` in seconds since the epoch.  Does not raise."""
    roots = [_root(der, now) for der in dict.fromkeys(ders)]
    return Programme(tuple(sorted(roots, key=lambda each: (each.ends, each.facts.sha256))))


def day(seconds: float) -> str:
    """The day, as 2026-11-25."""
    return rfc3339(seconds).partition("T")[0]


def _root(der: bytes, now: float) -> Root:
    facts = facts_of(der)
    try:
        certificate = x509.load_der_x509_certificate(der)
        begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    except Exception:  # noqa: BLE001  cryptography raises many kinds for certificates built to be odd
        return Root(facts, Condition.UNREADABLE)
    return Root(facts, _condition(begins, ends, now), begins, ends)


def _condition(begins: float, ends: float, now: float) -> Condition:
    if now > ends:
        return Condition.EXPIRED
    if now < begins:
        return Condition.NOT_YET_VALID
    return Condition.EXPIRES_SOON if ends - now < SOON else Condition.GOOD
