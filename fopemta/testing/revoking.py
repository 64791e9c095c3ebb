"""A certificate authority for tests that revokes: lists and OCSP responses, valid and invalid in every way."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TypeAlias

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from fopemta.testing.authority import Authority, Key, Leaf, digest_for

_HOUR = datetime.timedelta(hours=1)

MUST_STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])

Entry: TypeAlias = tuple[x509.Certificate, x509.ReasonFlags | None]


def lists_at(*urls: str) -> x509.CRLDistributionPoints:
    """The extension with the addresses of lists."""
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]
    )


def responders_at(*urls: str) -> x509.AuthorityInformationAccess:
    """The extension with the addresses of OCSP responders."""
    return x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))
            for url in urls
        ]
    )


@attrs.frozen
class Signer:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key


class RevokingAuthority(Authority):
    """Lists and responses of the issuing authority; hours are counted from its `now`."""

    @property
    def issuing(self) -> Signer:
        """The issuer of the leaves."""
        return Signer(self.intermediate, self._issuer_key)

    @property
    def rooted(self) -> Signer:
        """The issuer of the intermediate."""
        return Signer(self.root, self._root_key)

    def responder(
        self,
        *usages: x509.ObjectIdentifier,
        days: tuple[int, int] = (-1, 30),
        by: Signer | None = None,
    ) -> Signer:
        """A delegated OCSP responder; other `usages` make it an unauthorised one."""
        key, by = ec.generate_private_key(ec.SECP256R1()), by or self.issuing
        usage = x509.ExtendedKeyUsage(list(usages or (ExtendedKeyUsageOID.OCSP_SIGNING,)))
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "responder")])
        builder = self._builder(subject, by.certificate.subject, key, by.key, days).add_extension(usage, critical=False)
        return Signer(builder.sign(by.key, digest_for(by.key)), key)

    def crl(
        self,
        *revoked: Entry,
        hours: tuple[int, int] = (-1, 24),
        by: Signer | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        issuer: x509.Name | None = None,
    ) -> bytes:
        """A CRL in DER.  `extensions`, each with its criticality; `issuer` replaces the signer's name."""
        by = by or self.issuing
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer or by.certificate.subject)
            .last_update(self.now + hours[0] * _HOUR)
            .next_update(self.now + hours[1] * _HOUR)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        for certificate, reason in revoked:
            builder = builder.add_revoked_certificate(self._entry(certificate, reason))
        return builder.sign(by.key, digest_for(by.key)).public_bytes(Encoding.DER)

    def crl_saying(self, certificate: x509.Certificate, extensions: Sequence[tuple[x509.ExtensionType, bool]]) -> bytes:
        """A CRL with one entry, which has these extensions, each with its criticality."""
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
        entry = entry.revocation_date(self.now - 24 * _HOUR)
        for extension, critical in extensions:
            entry = entry.add_extension(extension, critical)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.intermediate.subject)
            .last_update(self.now - _HOUR)
            .next_update(self.now + 24 * _HOUR)
            .add_revoked_certificate(entry.build())
        )
        return builder.sign(self._issuer_key, digest_for(self._issuer_key)).public_bytes(Encoding.DER)

    def issued_by_root(self) -> x509.Certificate:
        """A server's certificate that needs no intermediate."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._server(("mx.test",), None, key, (-1, 30), self.root.subject, self._root_key)

    def _entry(self, certificate: x509.Certificate, reason: x509.ReasonFlags | None) -> x509.RevokedCertificate:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.serial_number)
            .revocation_date(self.now - 24 * _HOUR)
        )
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        return entry.build()

    def ocsp(
        self,
        leaf: Leaf,
        revoked: bool = False,
        hours: tuple[int, int | None] = (-1, 24),
        by: Signer | None = None,
        status: ocsp.OCSPCertStatus | None = None,
        digest: hashes.HashAlgorithm | None = None,
        shown: Sequence[x509.Certificate] | None = None,
        says: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> bytes:
        """A response about `leaf` in DER, signed by `by` (default: the issuer), whose certificate is included.

        `shown`: other certificates to include; `says`: extensions, each with its criticality.
        """
        status = status or (ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD)
        signer = by or self.issuing
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=leaf.chain[0],
            issuer=self.intermediate,
            algorithm=digest or hashes.SHA1(),
            cert_status=status,
            this_update=self.now + hours[0] * _HOUR,
            next_update=None if hours[1] is None else self.now + hours[1] * _HOUR,
            revocation_time=self.now - 24 * _HOUR if status is ocsp.OCSPCertStatus.REVOKED else None,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        certificates = list(shown) if shown is not None else [by.certificate] if by is not None else []
        if certificates:
            builder = builder.certificates(certificates)
        for extension, critical in says:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer.key, digest_for(signer.key)).public_bytes(Encoding.DER)
