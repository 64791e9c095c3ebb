"""Judge a certificate revocation list (pure), RFC 5280 5 and 6.3: complete lists signed by the issuer itself.

Delta CRLs, indirect CRLs and CRLs for some reasons only are refused with an explanation: web CAs publish none.
"""

from __future__ import annotations

import hashlib

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import ExtensionOID

from fopemta.trust.crl_entries import Split, split
from fopemta.trust.ocsp import SKEW, revoked_words
from fopemta.trust.revocation import Finding, Status

_UNDERSTOOD = frozenset(
    {ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER, ExtensionOID.ISSUING_DISTRIBUTION_POINT}
)


@attrs.frozen
class SoundList:
    """A list with valid signature, issuer and dates; `made` and `until` in seconds since the epoch.  `crl` was read
    without the entries, which are in `split`.
    """

    crl: x509.CertificateRevocationList
    split: Split
    made: float
    until: float


def judge_crl(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: float) -> Finding:
    """What the list `der` says about `certificate`; `now` in seconds since the epoch.  Never raises: an invalid list
    gives `UNKNOWN` with an explanation.
    """
    found = read_crl(der, issuer, now)
    return Finding(Status.UNKNOWN, "crl", found) if isinstance(found, str) else judge_entry(found, certificate, now)


def read_crl(der: bytes, issuer: x509.Certificate, now: float) -> SoundList | str:
    """The list, or what is wrong with it.  A large one takes long (all of it is hashed), but without holding the GIL.
    Never raises.
    """
    try:
        parts = split(der)
        crl = x509.load_der_x509_crl(parts.with_entry())
        fault = _fault(crl, parts, issuer, now)
        if fault is not None:
            return fault
        assert crl.next_update_utc is not None
        return SoundList(crl, parts, crl.last_update_utc.timestamp(), crl.next_update_utc.timestamp())
    except Exception as error:  # noqa: BLE001  a stranger's bytes: whatever is wrong with them, they prove nothing
        return f"the CRL could not be read ({type(error).__name__})"


def judge_entry(found: SoundList, certificate: x509.Certificate, now: float) -> Finding:
    """What a valid list says about `certificate`.  Never raises."""
    try:
        fault = _date_fault(found.crl, now) or _scope_fault(found.crl, certificate)
        if fault is not None:
            return Finding(Status.UNKNOWN, "crl", fault)
        return _of_entry(found, certificate)
    except Exception as error:  # noqa: BLE001  as above
        return Finding(Status.UNKNOWN, "crl", f"the CRL could not be read ({type(error).__name__})")


def _of_entry(found: SoundList, certificate: x509.Certificate) -> Finding:
    octets = found.split.entry_of(certificate.serial_number)
    if octets is None:
        return Finding(Status.GOOD, "crl", "", found.until)
    [entry] = x509.load_der_x509_crl(found.split.with_entry(octets))
    reason = None
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = extension.value.reason
        elif extension.critical:
            # RFC 5280 5.3 would refuse the list for any such entry; only the relevant entry is looked at.
            text = f"the CRL's entry has a critical extension {extension.oid.dotted_string}"
            return Finding(Status.UNKNOWN, "crl", text)
    if reason is x509.ReasonFlags.remove_from_crl:
        return Finding(Status.GOOD, "crl", "", found.until)
    words = revoked_words(entry.revocation_date_utc, reason, "crl")
    return Finding(Status.REVOKED, "crl", words, found.until)


# --- the list itself -----------------------------------------------------------------------------------------------


def _fault(crl: x509.CertificateRevocationList, parts: Split, issuer: x509.Certificate, now: float) -> str | None:
    if crl.issuer != issuer.subject:
        return "the CRL is another issuer's"
    if not _may_sign_lists(issuer):
        return "the issuer may not sign CRLs"
    digest = crl.signature_hash_algorithm
    if isinstance(digest, hashes.MD5 | hashes.SHA1):
        return f"the CRL is signed with {digest.name}"
    if not _is_signed(crl, parts, issuer):
        return "the CRL is not signed by the issuer"
    return _extension_fault(crl) or _date_fault(crl, now)


def _is_signed(crl: x509.CertificateRevocationList, parts: Split, issuer: x509.Certificate) -> bool:
    """Whether the list as received is signed by the issuer.  That both algorithm fields agree (RFC 5280 5.1.1.2) is
    checked when it is read.  Raises if the key cannot sign.
    """
    key, signed = issuer.public_key(), memoryview(parts.der)[parts.signed : parts.signed_end]
    digest, how = crl.signature_hash_algorithm, crl.signature_algorithm_parameters
    try:
        if digest is None:
            key.verify(crl.signature, bytes(signed))  # type: ignore[call-arg, union-attr]  # Ed25519, Ed448
            return True
        # hashlib releases the GIL while it hashes, the library's own verify does not.
        hashed, prehashed = hashlib.new(digest.name.replace("-", "_"), signed).digest(), Prehashed(digest)
        if isinstance(key, rsa.RSAPublicKey) and isinstance(how, padding.PKCS1v15 | padding.PSS):
            key.verify(crl.signature, hashed, how, prehashed)
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
            key.verify(crl.signature, hashed, ec.ECDSA(prehashed))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _may_sign_lists(issuer: x509.Certificate) -> bool:
    """RFC 5280 6.3.3 (f): keyUsage permits it."""
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def _extension_fault(crl: x509.CertificateRevocationList) -> str | None:
    for extension in crl.extensions:
        if extension.oid == ExtensionOID.DELTA_CRL_INDICATOR:
            return "a delta CRL is not supported"
        if extension.critical and extension.oid not in _UNDERSTOOD:
            return f"the CRL has a critical extension {extension.oid.dotted_string}"
    point = _point(crl)
    if point is not None and point.indirect_crl:
        return "an indirect CRL is not supported"
    if point is not None and point.only_some_reasons:
        return "a CRL for some reasons only is not supported"
    return None


def _date_fault(crl: x509.CertificateRevocationList, now: float) -> str | None:
    if crl.next_update_utc is None:
        return "the CRL does not say how long it is good (RFC 5280 5.1.2.5)"
    if crl.last_update_utc.timestamp() > now + SKEW:
        return "the CRL is from the future"
    if crl.next_update_utc.timestamp() < now:
        return f"the CRL was good until {crl.next_update_utc:%Y-%m-%d %H:%M} UTC"
    return None


# --- is it about the certificate? ----------------------------------------------------------------------------------


def _point(crl: x509.CertificateRevocationList) -> x509.IssuingDistributionPoint | None:
    try:
        return crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return None


def _scope_fault(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> str | None:
    """RFC 5280 6.3.3 (b)(2): a list may cover only some of the issuer's certificates."""
    if certificate.issuer != crl.issuer:
        return "the CRL is another issuer's"
    point = _point(crl)
    if point is None:
        return None
    authority = _is_authority(certificate)
    wrong_kind = point.only_contains_user_certs if authority else point.only_contains_ca_certs
    if point.only_contains_attribute_certs or wrong_kind:
        return "the CRL is not about certificates of this kind"
    if point.full_name is not None and not set(point.full_name) & _named_by(certificate):
        return "the CRL is about another part of the issuer's certificates"
    if point.relative_name is not None:
        return "a CRL named relative to its issuer is not supported"
    return None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _named_by(certificate: x509.Certificate) -> set[x509.GeneralName]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return set()
    return {name for point in points for name in point.full_name or ()}
