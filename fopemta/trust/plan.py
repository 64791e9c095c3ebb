"""The TLS plan of a destination and the judgement of a handshake (pure)."""

from __future__ import annotations

import enum

import attrs

from fopemta.settings.key import REQUIRED
from fopemta.settings.key import key as settings_key
from fopemta.settings.words import path
from fopemta.trust.demand import Proof
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung


class Fallback(enum.Enum):
    """When plain SMTP may follow a failed handshake at level opportunistic."""

    IMMEDIATE = "immediate"
    AFTER_DEFERRAL = "after_deferral"
    NEVER = "never"


@attrs.frozen
class CertificateFiles:
    """Paths of PEM files: `chain` the leaf and its intermediates in order, `key` its private key."""

    chain: str = settings_key(path(), REQUIRED, "The leaf first and then its intermediates.", decides=True)
    key: str = settings_key(path(), REQUIRED, "Its private key.")


@attrs.frozen(cache_hash=True)  # part of the key of the session cache
class TlsPlan:
    """What may be tried towards a destination; connection code walks down it and cannot lower it.

    `rungs` permitted, strongest first, with `Rung.PLAIN` only if plain text is permitted.  `fallback` says when plain
    text may follow a *failed* handshake.  `sources` are those of the level ("default", "rule bank").

    `preferred`, if above `level`: all hosts are tried at it first.  All `proofs` are required for "authenticated", none
    means the MX name by the usual roots; `domain` is the recipient's if a proof needs it; `certificate` is ours to
    show, None for none.
    """

    level: Level
    rungs: tuple[Rung, ...]
    fallback: Fallback
    sources: tuple[str, ...] = ("default",)
    preferred: Level | None = None
    proofs: tuple[Proof, ...] = ()
    domain: str = ""
    certificate: CertificateFiles | None = None

    @property
    def plain_allowed(self) -> bool:
        """Whether plain text is permitted at all."""
        return Rung.PLAIN in self.rungs

    @property
    def wanted(self) -> Level:
        """The level to try first."""
        return self.level if self.preferred is None else max(self.level, self.preferred)

    @property
    def tls_rungs(self) -> tuple[Rung, ...]:
        """The permitted rungs that are TLS."""
        return tuple(rung for rung in self.rungs if rung is not Rung.PLAIN)


@attrs.frozen
class Judgement:
    """The verdict on a peer's certificate: valid for one of the names, or why not.

    `names` are the acceptable names; `by` what authenticated ("pkix", "pin") or None; `diagnosis` is None exactly if
    `authenticated`; `text` one sentence for the operator.  `revocation` as in the verdict record, None if not checked.
    """

    authenticated: bool
    names: tuple[str, ...]
    by: str | None
    diagnosis: Diagnosis | None
    text: str
    revocation: str | None = None
