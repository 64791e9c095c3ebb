"""Kinds of server for the table of the ladder: what docs/ladder.md shows is what these make the walk do."""

from __future__ import annotations

import base64
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from OpenSSL import SSL

from fopemta.interfaces import IClientTls
from fopemta.testing.authority import Authority, rsa_key
from fopemta.testing.peers import Peer, StartTls
from fopemta.tls.server import ServerTls
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback
from fopemta.trust.rungs import Hello, Rung
from tests.outbound.delivery import CLIENT, EXPIRED, ONLY_AES128, ONLY_CBC, ONLY_TLS10, OTHER_NAME, Delivery, peer
from tests.tls.handshakes import AUTHORITY, FromContext, credentials, server_context

MX = "mx1.d.test"
RSA = AUTHORITY.leaf(MX, key=rsa_key())
STRANGER = Authority()


def _served(leaf: Any) -> Any:
    return ServerTls([credentials(leaf)]).creator()


def _of(leaf: Any, **changes: Any) -> Any:
    return FromContext(server_context(leaf, **changes))


def _tls12(ciphers: bytes) -> Any:
    """A server that goes by its own preference."""
    context = server_context(RSA, ciphers=ciphers, maximum=SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
    return FromContext(context)


def _weak_dhe(prime: str) -> Any:
    """TLS 1.2 that knows nothing but DHE over this prime."""
    context = server_context(RSA, maximum=SSL.TLS1_2_VERSION, ciphers=b"DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0")
    number = b"\x00" + bytes.fromhex(prime)
    integers = b"\x02\x81" + bytes([len(number)]) + number + b"\x02\x01\x02"
    text = base64.encodebytes(b"\x30\x81" + bytes([len(integers)]) + integers).decode("ascii")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dh.pem")
        path.write_text(f"-----BEGIN DH PARAMETERS-----\n{text}-----END DH PARAMETERS-----\n")
        context.load_tmp_dh(str(path))
    return FromContext(context)


# RFC 2409 6.2: a known prime, so that none has to be looked for.
_PRIME_1024 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
)


def _wants_certificate(maximum: int) -> Any:
    context = server_context(AUTHORITY.leaf(MX), maximum=maximum)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    return FromContext(context)


# Each kind: the servers of the domain, best first; None is one that nobody reaches.
KINDS: dict[str, Callable[[], tuple[Peer | None, ...]]] = {
    "good": lambda: (peer(),),
    "prefers AES-128, has AES-256": lambda: (
        peer(creator=_tls12(b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384")),
    ),
    "only AES-128": lambda: (peer(creator=ONLY_AES128),),
    "only AES-128 in TLS 1.3": lambda: (
        peer(creator=_of(AUTHORITY.leaf(MX), minimum=SSL.TLS1_3_VERSION, tls13=b"TLS_AES_128_GCM_SHA256")),
    ),
    "only CBC": lambda: (peer(creator=ONLY_CBC),),
    "only static RSA": lambda: (peer(creator=_tls12(b"AES128-SHA")),),
    "only DHE with 1024 bits": lambda: (peer(creator=_weak_dhe(_PRIME_1024)),),
    "prefers DHE, has ECDHE": lambda: (
        peer(creator=_tls12(b"DHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384")),
    ),
    "only TLS 1.0": lambda: (peer(creator=ONLY_TLS10),),
    "certificate expired": lambda: (peer(creator=EXPIRED),),
    "certificate not yet valid": lambda: (peer(creator=_served(AUTHORITY.leaf(MX, days=(2, 9)))),),
    "certificate for another name": lambda: (peer(creator=OTHER_NAME),),
    "name only as common name": lambda: (peer(creator=_served(AUTHORITY.leaf(common_name=MX))),),
    "self-signed": lambda: (peer(creator=_served(STRANGER.self_signed(MX))),),
    "unknown authority": lambda: (peer(creator=_served(STRANGER.leaf(MX))),),
    "intermediate left out": lambda: (peer(creator=_of(AUTHORITY.leaf(MX, with_intermediate=False))),),
    "key of 1024 bits": lambda: (peer(creator=_of(AUTHORITY.leaf(MX, key=rsa_key(1024)), ciphers=b"ALL:@SECLEVEL=0")),),
    "wants a client certificate, TLS 1.2": lambda: (peer(creator=_wants_certificate(SSL.TLS1_2_VERSION)),),
    "wants a client certificate, TLS 1.3": lambda: (peer(creator=_wants_certificate(SSL.TLS1_3_VERSION)),),
    "no STARTTLS": lambda: (peer(StartTls.NOT_OFFERED),),
    "STARTTLS stripped (XXXXXXXA)": lambda: (peer(StartTls.STRIPPED),),
    "STARTTLS refused, 454": lambda: (peer(StartTls.REFUSED),),
    "STARTTLS refused, 502": lambda: (peer(StartTls.REFUSED, replies={"STARTTLS": "502 5.5.1 No"}),),
    "speaks no TLS after 220": lambda: (peer(StartTls.GARBAGE),),
    "more in the clear behind 220": lambda: (peer(StartTls.INJECTED),),
    "drops after 220": lambda: (peer(StartTls.DROP),),
    "drops after the ClientHello": lambda: (peer(StartTls.DROP_AFTER_HELLO),),
    "alert internal_error": lambda: (peer(StartTls.ALERT),),
    "signs its handshake by SHA-1 alone": lambda: (peer(StartTls.SHA1),),
    "sends more than 100 KiB of certificates": lambda: (peer(creator=_of(_many_names())),),
    "drops a large ClientHello": lambda: (peer(StartTls.CHOKES),),
    "refuses its own name": lambda: (peer(StartTls.NAMELESS),),
    "refuses its own name, has CBC alone": lambda: (peer(StartTls.NAMELESS, creator=ONLY_CBC),),
    "hangs after 220": lambda: (peer(StartTls.HANG),),
    "421 in the greeting": lambda: (peer(replies={"greeting": "421 4.3.2 Later"}),),
    "554 in the greeting": lambda: (peer(replies={"greeting": "554 5.3.2 Never"}),),
    "421 after TLS": lambda: (peer(after_tls={"EHLO": "421 4.3.2 Later"}),),
    "not reachable": lambda: (None,),
    "first no STARTTLS, second good": lambda: (peer(StartTls.NOT_OFFERED), _second()),
    "first no TLS after 220, second good": lambda: (peer(StartTls.GARBAGE), _second()),
    "first expired, second good": lambda: (peer(creator=EXPIRED), _second()),
    "first not reachable, second good": lambda: (None, _second()),
}  # fmt: skip


@functools.cache
def _many_names() -> Any:
    return AUTHORITY.leaf(MX, *(f"customer{number}.hosted.example" for number in range(5000)))


def _second() -> Peer:
    return peer(creator=_SECOND)


_SECOND = _served(AUTHORITY.leaf("mx2.d.test"))


@attrs.frozen
class Notary:
    """An IClientTls that notes what is tried."""

    tls: IClientTls
    tried: list[str]

    def channel(self, rung: Rung, hello: Hello, server_name: str | None, *more: Any) -> Any:
        self.tried.append(rung.value + ("" if hello is Hello.FULL else f" ({hello.value})"))
        return self.tls.channel(rung, hello, server_name, *more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tls, name)


def cell(kind: str, level: Level | None, fallback: Fallback, lowest_rung: str = "compatible") -> str:
    """What is tried in which order, and how it ends, in words."""
    servers = KINDS[kind]()
    delivery = Delivery(*servers, level=level, fallback=fallback, lowest_rung=lowest_rung)
    tried: list[str] = []
    delivery.manager.context = attrs.evolve(delivery.manager.context, tls=Notary(CLIENT, tried))
    verdict = delivery.run(400 if "hangs" in kind else 40 if None in servers else 0)[0]
    ways = ", ".join(tried)
    if verdict.rung == "plain" and verdict.result.value == "delivered":
        ways = ", ".join([*tried, "plain"])
    by = f" at {verdict.host}" if len(servers) > 1 and verdict.result.value == "delivered" else ""
    word = f" ({verdict.diagnosis})" if verdict.diagnosis else ""
    return f"{ways or '-'} → {verdict.result.value}{by}{word}"
