"""A peer that speaks TLS 1.3 by itself: KeyUpdates as many as it likes, which no library sends in a row."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

APPLICATION_DATA, HANDSHAKE = 23, 22
# RFC 8446 4.6.3: type 24, one octet; 1 asks for the other side's new keys, too.
KEY_UPDATE = b"\x18\x00\x00\x01"


class Sender:
    """One direction of a session with TLS_AES_256_GCM_SHA384, from its application traffic secret on; `sent` records
    have gone by that already.
    """

    def __init__(self, secret: bytes, sent: int = 0) -> None:
        self._use(secret)
        self._count = sent

    def _use(self, secret: bytes) -> None:
        self._secret, self._count = secret, 0
        self._key, self._iv = AESGCM(_label(secret, b"key", 32)), _label(secret, b"iv", 12)

    def record(self, content: bytes, kind: int = APPLICATION_DATA) -> bytes:
        """One record of that kind."""
        nonce = bytes(one ^ other for one, other in zip(self._iv, self._count.to_bytes(12, "big"), strict=True))
        header = b"\x17\x03\x03" + (len(content) + 17).to_bytes(2, "big")
        self._count += 1
        return header + self._key.encrypt(nonce, content + bytes([kind]), header)

    def key_update(self, asks: bool = False) -> bytes:
        """A KeyUpdate; what follows goes by the next keys."""
        record = self.record(KEY_UPDATE + bytes([asks]), HANDSHAKE)
        self._use(_label(self._secret, b"traffic upd", 48))
        return record


def _label(secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 7.1."""
    name = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(name)]) + name + b"\x00"
    return HKDFExpand(SHA384(), length, info).derive(secret)
