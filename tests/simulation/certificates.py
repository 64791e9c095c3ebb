"""The certificates and contexts of the simulated servers, made once for all runs of this process."""

from __future__ import annotations

import datetime
import functools
import tempfile
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from fopemta.testing.authority import Authority, Leaf
from fopemta.tls.credentials import Credentials, load, use
from fopemta.trust.plan import CertificateFiles
from tests.tls.handshakes import FromContext

# The clock on the wall begins shortly before in every run: so far that OpenSSL, which goes by the real one, agrees.
BEGIN = datetime.datetime(2096, 1, 1, tzinfo=datetime.UTC)
_NOW = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
_LONG = (-3650, 40_000)
# Days from _NOW to the end of a certificate that ends ten minutes after the beginning.
_EXPIRING = (BEGIN - _NOW).days

OURS = Authority("ours", _NOW, root_days=_LONG, intermediate_days=_LONG)
OTHER = Authority("other", _NOW, root_days=_LONG, intermediate_days=_LONG)
EXPIRES_AFTER = 600.0
BEGIN_WALL = BEGIN.timestamp() - EXPIRES_AFTER


def leaf_of(kind: str, host: str) -> Leaf:
    """A certificate of that kind for a host."""
    domain = host.partition(".")[2]
    good = (-1, _LONG[1])
    if kind == "self-signed":
        return OURS.self_signed(host, days=good)
    if kind == "other":
        return OTHER.leaf(host, days=good)
    if kind == "expired":
        return OURS.leaf(host, days=(-90, -60))
    if kind == "expiring":
        return OURS.leaf(host, days=(-1, _EXPIRING))
    if kind == "wrong name":
        return OURS.leaf("elsewhere.test", days=good)
    if kind == "domain":
        return OURS.leaf(host, domain, days=good)
    return OURS.leaf(host, days=good)


# What is offered beside everything: suites of TLS 1.2 alone.
_SUITES = {"128": b"ECDHE-ECDSA-AES128-GCM-SHA256", "cbc": b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"}


@functools.cache
def creator(kind: str, suites: str, host: str) -> Any:
    """The TLS of a server."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    if suites in _SUITES:
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(_SUITES[suites] + b":@SECLEVEL=0")
    context.set_session_id(b"peer")
    use(context, _credentials(kind, host))
    return FromContext(context)


@functools.cache
def _credentials(kind: str, host: str) -> Credentials:
    with tempfile.TemporaryDirectory() as folder:
        return load(CertificateFiles(*leaf_of(kind, host).write(folder, "leaf")))


@functools.cache
def own_files() -> dict[str, bytes]:
    """The files that the server's configuration names."""
    with tempfile.TemporaryDirectory() as folder:
        OURS.leaf("mail.here.test", days=(-1, _LONG[1])).write(folder, "here")
        OURS.write_root(folder, "ours")
        OTHER.write_root(folder, "other")
        return {each.name: each.read_bytes() for each in Path(folder).iterdir()}


@implementer(IOpenSSLClientConnectionCreator)
class Anyone:
    """A client's TLS that verifies nobody."""

    def __init__(self, context: SSL.Context) -> None:
        self.context = context

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(self.context, None)


@functools.cache
def client_creator() -> Any:
    """For those who send us mail."""
    return Anyone(SSL.Context(SSL.TLS_CLIENT_METHOD))
