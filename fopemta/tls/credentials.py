"""Our own certificates (shell): read and checked once, as bytes, so that no file can change between check and use."""

from __future__ import annotations

import datetime
import itertools
import os
import tempfile
from collections.abc import Callable
from typing import TypeAlias

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from fopemta.plain_file import read_plain, replace_durably
from fopemta.private_folder import make_private_folders
from fopemta.trust.certificates import UNREADABLE
from fopemta.trust.names import matching, patterns, presented
from fopemta.trust.plan import CertificateFiles

ServerKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

# Certificates are usually renewed with a third of their life left; the shortest-lived that this must warn about have 45
# days.
_EXPIRES_SOON = 10 * 86_400.0
_TEN_YEARS = datetime.timedelta(days=3650)


class CredentialsError(Exception):
    """A certificate or key cannot be used; the text tells the operator why and names the file."""


# A chain and its key have a few KiB.
_LARGEST = 1024 * 1024


@attrs.frozen
class Credentials:
    """`chain` leaf first, `key` its private key, `source` the file it was read from."""

    chain: tuple[x509.Certificate, ...]
    key: ServerKey = attrs.field(repr=False)
    source: str


def load(files: CertificateFiles) -> Credentials:
    """Read and check: the key matches the leaf, and each certificate is signed by the next.  Raises
    CredentialsError.
    """
    chain = _chain_of(files.chain)
    key = _key_of(files.key)
    _check_key(chain[0], key, files)
    _check_names(chain[0], files)
    _check_order(chain, files.chain)
    return Credentials(chain, key, files.chain)


def cautions_about(credentials: Credentials, hostname: str | None, now: float) -> list[str]:
    """Warnings about a usable certificate; `now` in seconds since the epoch.

    `hostname` None: it is not for a server of ours.
    """
    found = []
    for depth, each in enumerate(credentials.chain):
        left = each.not_valid_after_utc.timestamp() - now
        if left < _EXPIRES_SOON:
            when = f"{each.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
            what = f"{credentials.source}, certificate {depth + 1}"
            found.append(f"{what} {'has expired' if left < 0 else 'expires'} at {when}")
    names = presented(credentials.chain[0])
    if hostname is not None and matching(patterns(names), (hostname,)) is None:
        found.append(f"{credentials.source} is not for {hostname} but for {names.words}")
    return found


def use(context: SSL.Context, credentials: Credentials) -> None:
    """Make `context` use them.  Raises CredentialsError if OpenSSL does not accept them."""
    # `add_extra_chain_cert` would send every intermediate with either leaf; a chain file keeps them apart per key type,
    # and pyOpenSSL reads one from a path only, so a private copy of the checked bytes is written.
    with tempfile.NamedTemporaryFile(suffix=".pem") as copy:
        for certificate in credentials.chain:
            copy.write(certificate.public_bytes(Encoding.PEM))
        copy.flush()
        try:
            context.use_certificate_chain_file(copy.name)
            context.use_privatekey(credentials.key)
            context.check_privatekey()
        except SSL.Error as error:
            words = "; ".join(str(entry[-1]) for entry in error.args[0]) if error.args else ""
            raise CredentialsError(
                f"{credentials.source}: OpenSSL does not take it ({words or 'no reason'})"
            ) from error


# File name, and how the key is made: ECDSA for modern clients, RSA for those that support nothing else.
_SELF_SIGNED: dict[str, Callable[[], rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]] = {
    "self-signed": lambda: ec.generate_private_key(ec.SECP256R1()),
    "self-signed-rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=3072),
}


def self_signed(directory: str, hostname: str, now: datetime.datetime) -> tuple[list[Credentials], list[str]]:
    """The self-signed certificates in `directory`, and the files of those that were missing and have been made for
    `hostname`.

    They serve opportunistic encryption.  Raises CredentialsError.
    """
    found, made = [], []
    for name, new_key in _SELF_SIGNED.items():
        files = CertificateFiles(os.path.join(directory, f"{name}.pem"), os.path.join(directory, f"{name}.key"))
        if not (os.path.exists(files.chain) and os.path.exists(files.key)):
            _make(files, directory, new_key(), hostname, now)
            made.append(files.chain)
        found.append(load(files))
    return found, made


def _make(
    files: CertificateFiles,
    directory: str,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    hostname: str,
    now: datetime.datetime,
) -> None:
    try:
        make_private_folders(directory)
        # The key first: a crash in between leaves no certificate without its key.
        replace_durably(files.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        replace_durably(files.chain, _self_signed(key, hostname, now).public_bytes(Encoding.PEM))
    except OSError as error:
        raise CredentialsError(f"{error.filename or directory}: {error.strerror}") from error


def _self_signed(key: CertificateIssuerPrivateKeyTypes, hostname: str, now: datetime.datetime) -> x509.Certificate:
    # The common name is limited to 64 octets and ignored by clients: the host name is in the SAN.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _TEN_YEARS)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _read(path: str) -> bytes:
    try:
        return read_plain(path, _LARGEST)[0]
    except OSError as error:
        raise CredentialsError(f"{path}: {error.strerror}") from error


def _chain_of(path: str) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(_read(path)))
    except UNREADABLE as error:
        raise CredentialsError(f"{path}: holds no PEM certificate that can be read") from error


def _key_of(path: str) -> ServerKey:
    try:
        key = load_pem_private_key(_read(path), password=None)
    except TypeError as error:
        raise CredentialsError(f"{path}: the private key is encrypted; fopemta needs it without a password") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CredentialsError(f"{path}: holds no PEM private key that can be read") from error
    if not isinstance(key, ServerKey):
        raise CredentialsError(f"{path}: a server's key is RSA, ECDSA or Ed25519")
    return key


def _check_key(leaf: x509.Certificate, key: ServerKey, files: CertificateFiles) -> None:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        fits = leaf.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)
    except UNREADABLE as error:
        raise CredentialsError(f"{files.chain}: the first certificate's key cannot be read") from error
    if not fits:
        raise CredentialsError(f"{files.key}: is not the key of the first certificate in {files.chain}")


def _check_names(leaf: x509.Certificate, files: CertificateFiles) -> None:
    """Check that the names can be read, since they are needed again and again."""
    try:
        presented(leaf)
    except UNREADABLE as error:
        raise CredentialsError(f"{files.chain}: the first certificate's extensions cannot be read") from error


def _check_order(chain: tuple[x509.Certificate, ...], path: str) -> None:
    for index, (certificate, issuer) in enumerate(itertools.pairwise(chain), start=1):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (*UNREADABLE, InvalidSignature) as error:
            raise CredentialsError(
                f"{path}: certificate {index + 1} did not issue certificate {index}; the order is leaf, then issuers"
            ) from error
