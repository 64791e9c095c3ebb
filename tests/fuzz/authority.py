"""An authority whose names, numbers and keys are the same in each run, so that what is found can be replayed.

What is fuzzed is the content of a list or a response; it is signed here, since the rest is not looked at otherwise.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from fopemta.trust.crl_entries import sequence

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
_DAY = datetime.timedelta(days=1)
_SERIAL, _OTHER_SERIAL = 0x1F2E3D4C5B6A7988, 0x7766554433221100
_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_BASIC_RESPONSE = bytes.fromhex("06092b0601050507300101")


@attrs.frozen
class Signing:
    """`leaf` is asked about, `issuer` has issued it and another one."""

    key: ec.EllipticCurvePrivateKey
    issuer: x509.Certificate
    leaf: x509.Certificate
    other: x509.Certificate


@functools.cache
def signing() -> Signing:
    """Made once, in some milliseconds."""
    key = ec.derive_private_key(0x5EED, ec.SECP256R1())
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    issuer = _certificate(key, "issuer", 1, [constraints])
    names = x509.SubjectAlternativeName([x509.DNSName("mx.test"), x509.DNSName("*.mx.test")])
    return Signing(
        key, issuer, _certificate(key, "mx.test", _SERIAL, [names]), _certificate(key, "other", _OTHER_SERIAL, [names])
    )  # fmt: skip


def _certificate(
    key: ec.EllipticCurvePrivateKey, name: str, serial: int, says: Sequence[x509.ExtensionType]
) -> x509.Certificate:
    """By the issuer, whose key is everybody's."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named("issuer"))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW - _DAY)
        .not_valid_after(NOW + 30 * _DAY)
    )
    for each in says:
        builder = builder.add_extension(each, critical=False)
    return builder.sign(key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def signed_list(content: bytes) -> bytes:
    """A list of revoked certificates; `content` is its TBSCertList."""
    return sequence(_signed(content))


def signed_response(content: bytes) -> bytes:
    """An OCSP response; `content` is its ResponseData."""
    basic = sequence(_signed(content))
    inner = sequence(_BASIC_RESPONSE + _tagged(0x04, basic))
    return sequence(b"\x0a\x01\x00" + _tagged(0xA0, inner))


def _signed(content: bytes) -> bytes:
    signature = b"\0" + signing().key.sign(content, ec.ECDSA(hashes.SHA256()))
    return content + _WITH_SHA256 + _tagged(0x03, signature)


def _tagged(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + sequence(content)[1:]
