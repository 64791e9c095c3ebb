"""The PKIX verdict (pure): is the chain valid today, and does the leaf match one of the expected names?

Fails closed: anything unexpected while judging means "not authenticated".
"""

from __future__ import annotations

from typing import TypeAlias

from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.names import Patterns, PresentedNames, matching
from fopemta.trust.plan import Judgement
from fopemta.trust.read_certificate import ReadCertificate, path_fault, read

Path: TypeAlias = tuple[ReadCertificate, ...]
Fault: TypeAlias = tuple[Diagnosis, str]

# Cannot get the issuer, cannot get it locally, cannot verify the first certificate.
_ISSUER_UNKNOWN = frozenset({2, 20, 21})

# X509_V_ERR numbers (openssl/x509_vfy.h); of several errors, the first in this order is named.
_CHAIN_DIAGNOSES: tuple[tuple[frozenset[int], Diagnosis], ...] = (
    (frozenset({18}), Diagnosis.SELF_SIGNED),
    (frozenset({10}), Diagnosis.CERT_EXPIRED),
    (frozenset({9}), Diagnosis.CERT_NOT_YET_VALID),
    (frozenset({66, 67, 68}), Diagnosis.WEAK_KEY),
    # Self-signed in the chain; not trusted or rejected by settings of the store.
    (frozenset({19, 27, 28}), Diagnosis.UNTRUSTED_ROOT),
    (_ISSUER_UNKNOWN, Diagnosis.UNTRUSTED_ROOT),
)


def judge(evidence: HandshakeEvidence, names: tuple[str, ...], now: float) -> Judgement:
    """Judge the evidence of a full handshake.

    `names` are the acceptable names (host names in A-labels, or IP addresses), `now` seconds since the epoch.  Never
    raises.
    """
    try:
        found = _judged(evidence, names, now)
    except Exception as error:  # noqa: BLE001  whatever it is, a certificate that cannot be judged proves nothing
        found = Diagnosis.JUDGING_FAILED, f"the certificate could not be judged ({type(error).__name__})"
    if isinstance(found, str):
        return Judgement(True, names, "pkix", None, f"good for {found}")
    return Judgement(False, names, None, *found)


def _judged(evidence: HandshakeEvidence, names: tuple[str, ...], now: float) -> Fault | str:
    """What is wrong, or the name that the certificate matches."""
    if evidence.judging_error is not None:
        return Diagnosis.JUDGING_FAILED, f"the handshake could not be judged ({evidence.judging_error})"
    if not evidence.chain:
        return Diagnosis.CERT_UNUSABLE, "the server showed no certificate"
    if evidence.verified and evidence.verified[0] != evidence.chain[0]:
        return Diagnosis.JUDGING_FAILED, "what was verified is not what the server showed"
    if not evidence.verified and not evidence.chain_errors:
        return Diagnosis.JUDGING_FAILED, "nothing was verified"
    path = tuple(read(der) for der in evidence.verified or evidence.chain)
    # First of all: for an unreadable certificate nothing else is worth reporting, whatever OpenSSL says about it.
    found, fitting = path[0].names, path[0].patterns
    return (
        _chain_fault(evidence, path)
        or _purpose_fault(path)
        or _date_fault(path, now)
        or _strength_fault(path)
        or _name(found, fitting, names)
    )


def _chain_fault(evidence: HandshakeEvidence, path: Path) -> Fault | None:
    if not evidence.chain_errors:
        return None
    words = "; ".join(dict.fromkeys(f"{each.words} (depth {each.depth})" for each in evidence.chain_errors))
    if _leaf_alone(evidence) and not path[0].self_issued:
        return Diagnosis.INCOMPLETE_CHAIN, words
    met = {each.code for each in evidence.chain_errors}
    for codes, diagnosis in _CHAIN_DIAGNOSES:
        if met & codes:
            return diagnosis, words
    return Diagnosis.CERT_UNUSABLE, words


def _leaf_alone(evidence: HandshakeEvidence) -> bool:
    """Whether the only fault is the leaf's unknown issuer: most likely the server omits its intermediates."""
    return all(each.code in _ISSUER_UNKNOWN and each.depth == 0 for each in evidence.chain_errors)


def _purpose_fault(path: Path) -> Fault | None:
    words = path_fault(path)
    return None if words is None else (Diagnosis.CERT_UNUSABLE, words)


def _date_fault(path: Path, now: float) -> Fault | None:
    # OpenSSL checked the dates during the handshake; a session judged again later (kept open, resumed) is judged by
    # today's time.
    for depth, each in enumerate(path):
        if now > each.not_after:
            end = f"{each.certificate.not_valid_after_utc:%Y-%m-%d %H:%M}"
            return Diagnosis.CERT_EXPIRED, f"expired at {end} UTC (depth {depth})"
        if now < each.not_before:
            begin = f"{each.certificate.not_valid_before_utc:%Y-%m-%d %H:%M}"
            return Diagnosis.CERT_NOT_YET_VALID, f"not valid before {begin} UTC (depth {depth})"
    return None


def _strength_fault(path: Path) -> Fault | None:
    # OpenSSL's own check depends on the rung: at security level 1 it accepts RSA of 1024 bits, which is enough for
    # encryption, but not to prove a name.
    for depth, each in enumerate(path):
        if each.weakness is not None:
            return Diagnosis.WEAK_KEY, f"{each.weakness} (depth {depth})"
    return None


def _name(found: PresentedNames, fitting: Patterns, names: tuple[str, ...]) -> Fault | str:
    if not found.has_san:
        return Diagnosis.NO_SUBJECT_ALT_NAME, f"wanted {_or(names)}, the certificate has no subjectAltName"
    return matching(fitting, names) or (Diagnosis.NAME_MISMATCH, f"wanted {_or(names)}, found {found.words}")


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names) or "a name (none was known)"
