"""What a finished handshake showed, as values (pure)."""

from __future__ import annotations

import attrs


@attrs.frozen
class ChainError:
    """An error that OpenSSL's chain verification met: its X509_V_ERR number, the depth of the certificate."""

    code: int
    depth: int
    words: str


@attrs.frozen(kw_only=True)
class HandshakeEvidence:
    """`protocol` ("TLSv1.3"), `cipher` (OpenSSL's name), `bits`, `group` (None where OpenSSL names none).

    `chain` is what the peer sent and `verified` what verification made of it (up to a root where it found one), both
    leaf first, in DER.  `chain_errors` is what verification against `roots` met, in order; empty means a chain to a
    trusted root within its dates.  `server_name` is the SNI that was sent.
    `staple` is the OCSP response that the server sent with its certificate, b"" without one.
    `lenient`: what OpenSSL itself refuses was permitted, as signatures by SHA-1; then nothing is proven, either.
    `judging_error` is set when looking at the handshake itself failed: then nothing is proven.
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
    """The certificate that a client showed; printable text in all fields.

    `names` are its dNSName entries; `subject` and `issuer` as RFC 4514 text; `sha256` and `key_sha256` the fingerprints
    of the certificate and of its key, in lower-case hex.  `verified`: its chain leads to one of our roots for clients,
    and it is good today; `fault` says in an operator's words what is wrong with it otherwise.
    """

    names: tuple[str, ...] = ()
    subject: str = ""
    issuer: str = ""
    sha256: str = ""
    key_sha256: str = ""
    verified: bool = False
    fault: str | None = None
