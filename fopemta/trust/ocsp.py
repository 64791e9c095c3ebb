"""Judge an OCSP response (pure), stapled or fetched (RFC 6960).

No nonce is used: responses are prepared in advance for everybody (RFC 5019), and state their own validity.
"""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from fopemta.trust.certificates import weakness
from fopemta.trust.revocation import Finding, Status

# Tolerance for clock differences, in seconds.
SKEW = 300.0
# RFC 6960 4.2.2.1: without nextUpdate newer information is always available; such a response is valid for at most a day
# after thisUpdate, and cached for an hour.
_UNDATED_AGE = 86400.0
_UNDATED_MEMORY = 3600.0
_MOST_RESPONSES = 50
_MOST_CERTIFICATES = 5


def request_for(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """The request about `certificate`, in DER.  SHA-1 only identifies the issuer here, and every responder supports it
    (RFC 5019 2.1.1).
    """
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()  # noqa: S303
    return request.public_bytes(Encoding.DER)


def judge_ocsp(
    der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: float, by: str = "ocsp"
) -> Finding:
    """What the response `der` says about `certificate`; `now` in seconds since the epoch.  Never raises: an invalid
    response gives `UNKNOWN` with an explanation.
    """
    try:
        return _judged(ocsp.load_der_ocsp_response(der), certificate, issuer, now, by)
    except Exception as error:  # noqa: BLE001  a stranger's bytes: whatever is wrong with them, they prove nothing
        return _unknown(by, f"the OCSP response could not be read ({type(error).__name__})")


def _judged(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate, now: float, by: str
) -> Finding:
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return _unknown(by, f"the responder says {response.response_status.name.lower()}")
    for extension in response.extensions:
        if extension.critical:
            return _unknown(by, f"the OCSP response has a critical extension {extension.oid.dotted_string}")
    fault = _signature_fault(response, issuer, now)
    if fault is not None:
        return _unknown(by, fault)
    single = _about(response, certificate, issuer)
    if single is None:
        return _unknown(by, "the OCSP response is about another certificate")
    return _of_single(single, now, by)


def _unknown(by: str, text: str) -> Finding:
    return Finding(Status.UNKNOWN, by, text)


def _about(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse | None:
    """The part about `certificate` of `issuer`; None if there is none."""
    for _, single in zip(range(_MOST_RESPONSES), response.responses, strict=False):
        if single.serial_number != certificate.serial_number:
            continue
        ours = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, single.hash_algorithm).build()
        if (single.issuer_name_hash, single.issuer_key_hash) == (ours.issuer_name_hash, ours.issuer_key_hash):
            return single
    return None


def _of_single(single: ocsp.OCSPSingleResponse, now: float, by: str) -> Finding:
    made = single.this_update_utc.timestamp()
    until = made + _UNDATED_AGE if single.next_update_utc is None else single.next_update_utc.timestamp()
    if made > now + SKEW:
        return _unknown(by, "the OCSP response is from the future")
    if now > until:
        return _unknown(by, f"the OCSP response was good until {_day(until)}")
    remembered = min(until, now + _UNDATED_MEMORY) if single.next_update_utc is None else until
    if single.certificate_status is ocsp.OCSPCertStatus.GOOD:
        return Finding(Status.GOOD, by, "", remembered)
    if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        since = single.revocation_time_utc
        return Finding(Status.REVOKED, by, revoked_words(since, single.revocation_reason, by), remembered)
    return _unknown(by, "the responder does not know the certificate")


def _day(seconds: float) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M} UTC"


def revoked_words(since: datetime.datetime | None, reason: x509.ReasonFlags | None, by: str) -> str:
    """A sentence such as: the certificate is revoked since 2026-11-25 (key_compromise), says crl."""
    when = f" since {since:%Y-%m-%d}" if since is not None else ""
    why = f" ({reason.name})" if reason is not None else ""
    return f"the certificate is revoked{when}{why}, says {by}"


# --- who signed it -------------------------------------------------------------------------------------------------


def _signature_fault(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: float) -> str | None:
    """None if the issuer or its authorised responder has signed it.

    The signature itself decides which key it was; the responder's id only helps to find it.
    """
    digest = response.signature_hash_algorithm
    if isinstance(digest, hashes.MD5 | hashes.SHA1):
        return f"the OCSP response is signed with {digest.name}"
    if _signed_by(response, issuer):
        return None
    why = "the OCSP response is not signed by the issuer"
    for delegate in response.certificates[:_MOST_CERTIFICATES]:
        fault = _delegate_fault(delegate, issuer, now)
        if fault is not None:
            why = f"the OCSP response's signer {fault}"
        elif _signed_by(response, delegate):
            return None
    return why


def _delegate_fault(delegate: x509.Certificate, issuer: x509.Certificate, now: float) -> str | None:
    """RFC 6960 4.2.2.2.  Revocation of the delegate is not checked: 4.2.2.2.1 leaves that to the client, and the answer
    would come from the same issuer.
    """
    try:
        delegate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return "was not made a responder by the issuer"
    try:
        usage = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return "may not sign OCSP responses"
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
        return "may not sign OCSP responses"
    if not delegate.not_valid_before_utc.timestamp() <= now <= delegate.not_valid_after_utc.timestamp():
        return "has a certificate that is not valid today"
    weak = weakness(delegate)
    return None if weak is None else f"has {weak}"


def _signed_by(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, signature, signed = signer.public_key(), response.signature, response.tbs_response_bytes
    digest = response.signature_hash_algorithm
    try:
        if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, signed)
        elif digest is None:
            return False
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(digest))
        else:
            return False
    except InvalidSignature:
        return False
    return True
