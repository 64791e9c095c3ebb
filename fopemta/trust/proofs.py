"""Apply a plan's proofs to a handshake (pure): all of them are required."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeAlias

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fopemta.trust.demand import NameSource, Proof
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.pkix import judge
from fopemta.trust.plan import Judgement

# The default proof: the MX name, by the usual roots.
USUAL = Proof()

# The evidence as verified against these roots; None means the usual ones.
Against: TypeAlias = Callable[[str | None], HandshakeEvidence]


def proven(proofs: tuple[Proof, ...], against: Against, host: str, domain: str, now: float) -> Judgement:
    """Judge by all of `proofs`, or by the usual one if empty; the first that fails is reported.

    `host` is the name or address by which the host was found, `domain` the recipient's, `now` seconds since the epoch.
    Never raises.
    """
    if against(None).lenient:
        return Judgement(False, (), None, Diagnosis.WEAK_PARAMETERS, "signatures by SHA-1 and short keys prove nothing")
    judgements = [_by(proof, against, host, domain, now) for proof in proofs or (USUAL,)]
    names = tuple(dict.fromkeys(name for each in judgements for name in each.names))
    decisive = next((each for each in judgements if not each.authenticated), None)
    if decisive is not None:
        return attrs.evolve(decisive, names=names)
    # A valid chain may be revoked: if one of several proofs relies on authorities, so does the result.
    by = next((each for each in judgements if each.by == "pkix"), judgements[0])
    return attrs.evolve(by, names=names)


def in_question(proofs: tuple[Proof, ...], against: Against) -> tuple[HandshakeEvidence, ...]:
    """The evidence whose paths need a revocation check: that of all proofs by authorities, each once.  Other roots may
    lead to other paths.
    """
    roots = dict.fromkeys(each.roots for each in proofs or (USUAL,) if not each.pins)
    found = [against(each) for each in roots]
    return tuple({each.verified: each for each in found}.values())


def rests_on_name(proofs: tuple[Proof, ...], host: str, domain: str) -> bool:
    """Whether one of `proofs` (or the usual one if empty) requires the very name by which `host` was found: the one in
    SNI.
    """
    return any(host in names_of(each, host, domain) for each in proofs or (USUAL,) if not each.pins)


def names_of(proof: Proof, host: str, domain: str) -> tuple[str, ...]:
    """The names of which the certificate must match one."""
    if isinstance(proof.names, tuple):
        return proof.names
    return (host,) if proof.names is NameSource.MX or not domain else (domain,)


def _by(proof: Proof, against: Against, host: str, domain: str, now: float) -> Judgement:
    if proof.pins:
        return _by_pins(proof.pins, against(None))
    return judge(against(proof.roots), names_of(proof, host, domain), now)


def _by_pins(pins: tuple[str, ...], evidence: HandshakeEvidence) -> Judgement:
    """Judge by pins, which replace chain, names, dates and revocation."""
    try:
        found = fingerprints(evidence.chain[0])
    except Exception as error:  # noqa: BLE001  a certificate that cannot be read is not the one that was meant
        why = f"the certificate could not be read ({type(error).__name__})"
        return Judgement(False, (), None, Diagnosis.JUDGING_FAILED, why)
    if evidence.judging_error is not None:
        why = f"the handshake could not be judged ({evidence.judging_error})"
        return Judgement(False, (), None, Diagnosis.JUDGING_FAILED, why)
    if found.isdisjoint(pins):
        shown = hashlib.sha256(evidence.chain[0]).hexdigest()
        return Judgement(False, (), None, Diagnosis.PIN_MISMATCH, f"the certificate {shown} is none of those pinned")
    return Judgement(True, (), "pin", None, "good by its pin")


def fingerprints(certificate: bytes) -> frozenset[str]:
    """SHA-256 of a certificate in DER and of its public key (SubjectPublicKeyInfo), in lower-case hex.

    Raises UNREADABLE.
    """
    key = x509.load_der_x509_certificate(certificate).public_key()
    key_octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return frozenset({hashlib.sha256(certificate).hexdigest(), hashlib.sha256(key_octets).hexdigest()})
