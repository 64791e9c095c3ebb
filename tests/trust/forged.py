"""Certificates, lists and responses that no library signs any more: with SHA-1, or without what must be there."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

# AlgorithmIdentifiers of ECDSA (RFC 3279 2.2.3, RFC 5758 3.2).
_WITH_SHA1 = bytes.fromhex("300906072a8648ce3d0401")
_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_SEQUENCE, _BITS, _OCTETS = 0x30, 0x03, 0x04

Change = Callable[[list[bytes]], list[bytes]]


def with_sha1(der: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate or list, or what of a response is signed, with a good signature by `key` over SHA-1."""
    return signed(der, key, lambda parts: [_WITH_SHA1 if each == _WITH_SHA256 else each for each in parts], sha1=True)


def response_with_sha1(der: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """An OCSP response, likewise."""
    [status, tagged] = parts_of(der)
    [inner] = parts_of(tagged)
    [kind, octets] = parts_of(inner)
    basic = _made(_OCTETS, with_sha1(_content(octets), key))
    return _made(_SEQUENCE, status + _made(0xA0, _made(_SEQUENCE, kind + basic)))


def without_next_update(der: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A list that does not say when the next one comes."""
    return signed(der, key, lambda parts: parts[:4] + parts[5:])


def signed(der: bytes, key: ec.EllipticCurvePrivateKey, change: Change, sha1: bool = False) -> bytes:
    """What is signed with its parts changed, and signed anew."""
    to_sign, _, _, *more = parts_of(der)
    to_sign = _made(_SEQUENCE, b"".join(change(parts_of(to_sign))))
    signature = key.sign(to_sign, ec.ECDSA(hashes.SHA1() if sha1 else hashes.SHA256()))
    bits = _made(_BITS, b"\x00" + signature)
    return _made(_SEQUENCE, to_sign + (_WITH_SHA1 if sha1 else _WITH_SHA256) + bits + b"".join(more))


def parts_of(der: bytes) -> list[bytes]:
    """The values that stand in one, whole."""
    content, parts = _content(der), []
    while content:
        size = _head(content) + _length(content)
        parts.append(content[:size])
        content = content[size:]
    return parts


def _content(der: bytes) -> bytes:
    return der[_head(der) : _head(der) + _length(der)]


def _head(der: bytes) -> int:
    return 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)


def _length(der: bytes) -> int:
    return int.from_bytes(der[2 : _head(der)], "big") if der[1] & 0x80 else der[1]


def _made(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content
