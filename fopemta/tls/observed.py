"""Verification errors of one connection (shell), recorded by a callback that lets every handshake continue."""

from __future__ import annotations

import attrs
from OpenSSL import SSL

from fopemta.trust.chain_words import words_of
from fopemta.trust.evidence import ChainError


@attrs.define
class Observed:
    """`seen` counts the calls, `errors` are the faults, `failed`: the observation itself failed.  `staple` is the OCSP
    response that came with the certificate.
    """

    seen: int = 0
    failed: bool = False
    errors: list[ChainError] = attrs.Factory(list)
    staple: bytes = b""


class ObservedConnection(SSL.Connection):
    """A connection with its observations: the callback, shared by all connections of a Context, is passed this very
    object.  (The app data belong to Twisted.)
    """

    def __init__(self, context: SSL.Context) -> None:
        super().__init__(context, None)
        self.observed = Observed()


def observe(connection: SSL.Connection, _certificate: object, code: int, depth: int, ok: int) -> bool:
    """Record a verification error and let the handshake continue.  Must not raise: it would surface inside Twisted."""
    if isinstance(connection, ObservedConnection):
        observed = connection.observed
        try:
            observed.seen += 1
            if not ok:
                observed.errors.append(ChainError(code, depth, words_of(code)))
        except Exception:  # noqa: BLE001  whatever it is: `failed` means that nothing is proven
            observed.failed = True
    return True


def keep_staple(connection: SSL.Connection, response: bytes, _data: object) -> bool:
    """Record the server's staple and let the handshake continue; it is judged with the chain.  Must not raise."""
    if isinstance(connection, ObservedConnection):
        connection.observed.staple = response
    return True
