"""A certificate authority for tests: issues valid and invalid certificates on the fly."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_DAY = datetime.timedelta(days=1)

_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
)  # fmt: skip


@attrs.frozen
class Leaf:
    """A server's certificate with its chain (leaf first, no root) and key."""

    chain: tuple[x509.Certificate, ...]
    key: Key

    @property
    def chain_pem(self) -> bytes:
        """The chain as PEM."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in self.chain)

    @property
    def key_pem(self) -> bytes:
        """The key as PEM without a password."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self, directory: str | Path, name: str) -> tuple[str, str]:
        """Write NAME.pem and NAME.key into `directory`; returns both paths."""
        chain, key = Path(directory) / f"{name}.pem", Path(directory) / f"{name}.key"
        chain.write_bytes(self.chain_pem)
        key.write_bytes(self.key_pem)
        key.chmod(0o600)
        return str(chain), str(key)


_CONSTRAINTS = x509.BasicConstraints(ca=True, path_length=None)


class Authority:
    """A root with one intermediate that issues server certificates.

    `intermediate_says`: more extensions of the intermediate; `constraints` and `key_usage` are its own, None for none.
    """

    def __init__(
        self,
        name: str = "fopemta test authority",
        now: datetime.datetime | None = None,
        root_days: tuple[int, int] = (-10, 3650),
        intermediate_days: tuple[int, int] = (-10, 3650),
        intermediate_says: Sequence[x509.ExtensionType] = (),
        issuer_key: Key | None = None,
        constraints: x509.BasicConstraints | None = _CONSTRAINTS,
        key_usage: x509.KeyUsage | None = _SIGNS_CERTIFICATES,
        root_says: Sequence[x509.ExtensionType] = (),
    ) -> None:
        self.now = now or datetime.datetime.now(datetime.UTC)
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._authority(name, self._root_key, name, self._root_key, root_days, root_says)
        self._issuer_key = issuer_key or ec.generate_private_key(ec.SECP256R1())
        self.intermediate = self._authority(
            f"{name}, issuing", self._issuer_key, name, self._root_key, intermediate_days, intermediate_says,
            constraints, key_usage,
        )  # fmt: skip

    def write_root(self, directory: str | Path, name: str = "root") -> str:
        """Write the root as NAME.pem into `directory`; returns the path, for `[tls.client] roots`."""
        path = Path(directory) / f"{name}.pem"
        path.write_bytes(self.root.public_bytes(Encoding.PEM))
        return str(path)

    def leaf(
        self,
        *names: str,
        common_name: str | None = None,
        key: Key | None = None,
        days: tuple[int, int] = (-1, 30),
        with_intermediate: bool = True,
        says: Sequence[x509.ExtensionType] = (),
        usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
    ) -> Leaf:
        """A certificate for `names` (dNSName, or iPAddress for an address; none: no subjectAltName).

        `days`: first and last day of validity, counted from `now`.  `says`: more extensions, none critical. `usage`:
        what its key is for, None to leave it out.
        """
        key = key or ec.generate_private_key(ec.SECP256R1())
        certificate = self._server(
            names, common_name, key, days, self.intermediate.subject, self._issuer_key, None, says, usage
        )
        return Leaf((certificate, self.intermediate) if with_intermediate else (certificate,), key)

    def below(self, *names: str) -> Leaf:
        """A certificate issued by another authority below the intermediate."""
        key, name = ec.generate_private_key(ec.SECP256R1()), "one more authority"
        issuer = self._builder(_name(name), self.intermediate.subject, key, self._issuer_key, (-10, 3650))
        issuer = issuer.add_extension(_CONSTRAINTS, critical=True).add_extension(_SIGNS_CERTIFICATES, critical=True)
        one_more = issuer.sign(self._issuer_key, digest_for(self._issuer_key))
        leaf_key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._server(names, None, leaf_key, (-1, 30), one_more.subject, key)
        return Leaf((leaf, one_more, self.intermediate), leaf_key)

    def vouch_for(self, other: x509.Certificate) -> x509.Certificate:
        """A certificate by this root for another authority, with the same name and key: cross-signed."""
        return (
            x509.CertificateBuilder()
            .subject_name(other.subject)
            .issuer_name(self.root.subject)
            .public_key(other.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(other.not_valid_before_utc)
            .not_valid_after(other.not_valid_after_utc)
            .add_extension(_CONSTRAINTS, critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
            .sign(self._root_key, digest_for(self._root_key))
        )

    def self_signed(self, *names: str, days: tuple[int, int] = (-1, 30)) -> Leaf:
        """A self-signed certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(names[0] if names else "nobody")
        return Leaf((self._server(names, None, key, days, subject, key, subject),), key)

    def _authority(
        self,
        name: str,
        key: Key,
        issuer: str,
        issuer_key: Key,
        days: tuple[int, int],
        says: Sequence[x509.ExtensionType] = (),
        constraints: x509.BasicConstraints | None = _CONSTRAINTS,
        key_usage: x509.KeyUsage | None = _SIGNS_CERTIFICATES,
    ) -> x509.Certificate:
        builder = self._builder(_name(name), _name(issuer), key, issuer_key, days)
        for extension in (constraints, key_usage):
            if extension is not None:
                builder = builder.add_extension(extension, critical=True)
        return _saying(builder, says).sign(issuer_key, digest_for(issuer_key))

    def _server(
        self,
        names: tuple[str, ...],
        common_name: str | None,
        key: Key,
        days: tuple[int, int],
        issuer: x509.Name,
        issuer_key: Key,
        subject: x509.Name | None = None,
        says: Sequence[x509.ExtensionType] = (),
        usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
    ) -> x509.Certificate:
        builder = self._builder(
            subject or _name(common_name or (names[0] if names else "no name")), issuer, key, issuer_key, days
        )
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            san = x509.SubjectAlternativeName([_general_name(each) for each in names])
            builder = builder.add_extension(san, critical=False)
        return _saying(builder, says).sign(issuer_key, digest_for(issuer_key))

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: Key, issuer_key: Key, days: tuple[int, int]
    ) -> x509.CertificateBuilder:
        # Strict clients require these identifiers (Python's ssl since 3.13).
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + days[0] * _DAY)
            .not_valid_after(self.now + days[1] * _DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )


def _saying(builder: x509.CertificateBuilder, says: Sequence[x509.ExtensionType]) -> x509.CertificateBuilder:
    for extension in says:
        builder = builder.add_extension(extension, critical=False)
    return builder


def key_usage(*names: str) -> x509.KeyUsage:
    """A KeyUsage with only these, by `cryptography`'s names."""
    return x509.KeyUsage(**{each: each in names for each in _KEY_USAGES})


_KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def digest_for(key: Key) -> hashes.SHA256 | None:
    """The digest for signatures with `key`; Ed25519 has its own."""
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, for servers with an RSA certificate."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
