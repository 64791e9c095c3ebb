"""Judge a client's certificate (pure): is it valid today, and does its chain lead to a root trusted for clients?

Rules check its names; a name that no rule asks for proves nothing.  Fails closed.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fopemta.trust.certificates import printable
from fopemta.trust.evidence import ChainError, ClientCertificate
from fopemta.trust.names import presented
from fopemta.trust.purpose import is_for_servers
from fopemta.trust.read_certificate import ReadCertificate, path_fault, read

# X509_V_ERR_INVALID_PURPOSE: OpenSSL requires a client's certificate to be meant for clients.
_INVALID_PURPOSE = 26
_MOST_NAMES = 20

Path: TypeAlias = tuple[ReadCertificate, ...]


def judge_client(
    chain: tuple[bytes, ...], errors: tuple[ChainError, ...], now: float, servers_too: bool
) -> ClientCertificate:
    """`chain` is the verified chain of what the client sent, leaf first, in DER, at least one certificate; `errors` are
    those of the verification.

    `servers_too`: a certificate for servers identifies an MTA as well, since public authorities issue no other kind
    from 2026 on.  Never raises.
    """
    sha256 = hashlib.sha256(chain[0]).hexdigest()
    try:
        path = tuple(read(der) for der in chain)
        fault = _fault(path, errors, now, servers_too)
        return _facts(path[0].certificate, sha256, fault)
    except Exception as error:  # noqa: BLE001  whatever it is, what cannot be judged proves nothing
        return ClientCertificate(sha256=sha256, fault=f"the certificate could not be judged ({type(error).__name__})")


def _facts(leaf: x509.Certificate, sha256: str, fault: str | None) -> ClientCertificate:
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return ClientCertificate(
        names=tuple(printable(each).lower() for each in presented(leaf).dns[:_MOST_NAMES]),
        subject=printable(leaf.subject.rfc4514_string()),
        issuer=printable(leaf.issuer.rfc4514_string()),
        sha256=sha256,
        key_sha256=hashlib.sha256(key).hexdigest(),
        verified=fault is None,
        fault=fault,
    )


def _fault(path: Path, errors: tuple[ChainError, ...], now: float, servers_too: bool) -> str | None:
    for each in errors:
        if each.code == _INVALID_PURPOSE and servers_too and _for_servers(path):
            continue
        words = "not meant for clients" if each.code == _INVALID_PURPOSE else each.words
        return f"{words} (depth {each.depth})"
    for depth, certificate in enumerate(path):
        if not certificate.not_before <= now <= certificate.not_after:
            return f"not valid today (depth {depth})"
        if certificate.weakness is not None:
            return f"{certificate.weakness} (depth {depth})"
    return None


def _for_servers(path: Path) -> bool:
    """Whether the path is valid for a server, and the leaf says so explicitly: authorities that issue only for servers
    are marked as such, too.
    """
    return is_for_servers(path[0].certificate) and path_fault(path) is None
