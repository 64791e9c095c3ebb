"""The PKIX verdict (pure): is the chain good today, and does the leaf bear one of the names we meant?

Fails closed: anything unexpected while judging means "not authenticated".
"""

from __future__ import annotations

from cryptography import x509

from fopemta.trust.certificates import is_self_issued
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.names import matching, presented
from fopemta.trust.plan import Judgement

# X509_V_ERR numbers (openssl/x509_vfy.h), in the order in which one is named when several were met.
_CHAIN_DIAGNOSES: tuple[tuple[frozenset[int], Diagnosis], ...] = (
    (frozenset({18}), Diagnosis.SELF_SIGNED),
    (frozenset({10}), Diagnosis.CERT_EXPIRED),
    (frozenset({9}), Diagnosis.CERT_NOT_YET_VALID),
    (frozenset({66, 67, 68}), Diagnosis.WEAK_KEY),
    (frozenset({19}), Diagnosis.UNTRUSTED_ROOT),
    # Unable to get the issuer (locally), unable to verify the first certificate.
    (frozenset({2, 20, 21}), Diagnosis.UNTRUSTED_ROOT),
)


def judge(evidence: HandshakeEvidence, names: tuple[str, ...], now: float) -> Judgement:
    """The judgement of a full handshake's evidence.

    `names` are the acceptable reference names (host names in A-labels, or IP addresses), `now` seconds since the
    epoch.  Never raises.
    """
    try:
        diagnosis, text = _judged(evidence, names, now)
    except Exception as error:  # noqa: BLE001  whatever it is, a certificate that cannot be judged proves nothing
        diagnosis, text = Diagnosis.JUDGING_FAILED, f"the certificate could not be judged ({type(error).__name__})"
    good = diagnosis is None
    return Judgement(good, names, "pkix" if good else None, diagnosis, text)


def _judged(evidence: HandshakeEvidence, names: tuple[str, ...], now: float) -> tuple[Diagnosis | None, str]:
    if evidence.judging_error is not None:
        return Diagnosis.JUDGING_FAILED, f"the handshake could not be judged ({evidence.judging_error})"
    if not evidence.chain:
        return Diagnosis.CERT_UNUSABLE, "the server showed no certificate"
    chain = tuple(x509.load_der_x509_certificate(der) for der in evidence.chain)
    return _chain_fault(evidence, chain) or _date_fault(chain[0], now) or _name_fault(chain[0], names)


def _chain_fault(
    evidence: HandshakeEvidence, chain: tuple[x509.Certificate, ...]
) -> tuple[Diagnosis | None, str] | None:
    if not evidence.chain_errors:
        return None
    words = "; ".join(dict.fromkeys(f"{each.words} (depth {each.depth})" for each in evidence.chain_errors))
    met = {each.code for each in evidence.chain_errors}
    for codes, diagnosis in _CHAIN_DIAGNOSES:
        if met & codes:
            # A leaf alone whose issuer is unknown: most likely its intermediates were not sent.
            if diagnosis is Diagnosis.UNTRUSTED_ROOT and len(chain) == 1 and not is_self_issued(chain[0]):
                diagnosis = Diagnosis.INCOMPLETE_CHAIN
            return diagnosis, words
    return Diagnosis.CERT_UNUSABLE, words


def _date_fault(leaf: x509.Certificate, now: float) -> tuple[Diagnosis | None, str] | None:
    # OpenSSL looked at the dates of the whole chain during the handshake; a session that is judged again later (kept
    # open, resumed) is judged by today's time.
    if now > leaf.not_valid_after_utc.timestamp():
        return Diagnosis.CERT_EXPIRED, f"expired at {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    if now < leaf.not_valid_before_utc.timestamp():
        return Diagnosis.CERT_NOT_YET_VALID, f"not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    return None


def _name_fault(leaf: x509.Certificate, names: tuple[str, ...]) -> tuple[Diagnosis | None, str]:
    found = presented(leaf)
    if not found.has_san:
        return Diagnosis.NO_SUBJECT_ALT_NAME, f"wanted {_or(names)}, the certificate has no subjectAltName"
    name = matching(found, names)
    if name is None:
        return Diagnosis.NAME_MISMATCH, f"wanted {_or(names)}, found {found.words}"
    return None, f"good for {name}"


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names) or "a name (none was known)"
