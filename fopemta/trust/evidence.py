"""The evidence of a finished handshake (pure)."""

from __future__ import annotations

import attrs


@attrs.frozen
class ChainError:
    """An error of OpenSSL's chain verification: its X509_V_ERR number, and the depth of the certificate."""

    code: int
    depth: int
    words: str


@attrs.frozen(kw_only=True)
class HandshakeEvidence:
    """`protocol` ("TLSv1.3"), `cipher` (OpenSSL's name), `bits`, `group` (None if OpenSSL does not name it).

    `chain` is what the peer sent, `verified` the chain built from it (up to a root, if one was found), both leaf first,
    in DER.  `chain_errors` are the errors of verification against `roots`, in order; empty means a chain to a trusted
    root within its dates.  `server_name` is the SNI sent.  `staple` is the OCSP response sent with the certificate, or
    b"".  `lenient`: things that OpenSSL itself refuses were permitted, such as SHA-1 signatures; then nothing is
    proven.  `judging_error` is set if inspecting the handshake failed; then nothing is proven either.
    """

    protocol: str
    cipher: str
    bits: int
    group: str | None
    chain: tuple[bytes, ...]
    chain_errors: tuple[ChainError, ...]
    server_name: str | None
    verified: tuple[bytes, ...] = ()
    resumed: bool = False
    staple: bytes = b""
    judging_error: str | None = None
    lenient: bool = False


@attrs.frozen(kw_only=True)
class ClientCertificate:
    """The certificate of a client; all fields are printable text.

    `names` are its dNSName entries; `subject` and `issuer` as RFC 4514 text; `sha256` and `key_sha256` the fingerprints
    of the certificate and of its key, in lower-case hex.  `verified`: its chain leads to one of our roots for clients,
    and it is valid today; otherwise `fault` tells the operator why not.
    """

    names: tuple[str, ...] = ()
    subject: str = ""
    issuer: str = ""
    sha256: str = ""
    key_sha256: str = ""
    verified: bool = False
    fault: str | None = None
