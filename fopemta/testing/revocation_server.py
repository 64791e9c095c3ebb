"""The HTTP server of a revoking authority, for tests: lists and OCSP responses on loopback, valid or not."""

from __future__ import annotations

import enum
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from fopemta.testing.authority import Leaf
from fopemta.testing.revoking import RevokingAuthority, Signer, lists_at, responders_at


class Serving(enum.Enum):
    """What the server delivers."""

    SOUND = "sound"
    STALE = "stale"
    FORGED = "forged"
    OVERSIZED = "oversized"
    SLOW = "slow"
    NOTHING = "nothing"


class RevocationServer:
    """`revoked` are the certificates that lists and responses call revoked.  `requests` counts requests by path.

    `largest` is the client's limit; an oversized list is larger.
    """

    def __init__(self, reactor: Any, largest: int) -> None:
        self.lists = self.responses = Serving.SOUND
        self.revoked: list[x509.Certificate] = []
        self.requests: dict[str, int] = {}
        self._leaves: dict[int, Leaf] = {}
        self._largest = largest
        self._port = reactor.listenTCP(0, Site(_Everything(self)), interface="127.0.0.1")
        self.authority = RevokingAuthority(intermediate_says=[lists_at(self.url("roots.crl"))])

    def url(self, path: str) -> str:
        """The URL of a path."""
        return f"http://127.0.0.1:{self._port.getHost().port}/{path}"

    def leaf(self, name: str, with_list: bool = True, with_responder: bool = True) -> Leaf:
        """A server's certificate that names this server as its source."""
        says: list[x509.ExtensionType] = [lists_at(self.url("issuing.crl"))] if with_list else []
        leaf = self.authority.leaf(name, says=[*says, responders_at(self.url("ocsp"))] if with_responder else says)
        self._leaves[leaf.chain[0].serial_number] = leaf
        return leaf

    def stop(self) -> Deferred[Any]:
        """Close the port, and every connection that waits for a slow answer."""
        site = self._port.factory
        closing = [maybeDeferred(self._port.stopListening)]
        for channel in list(site.resource.open):
            channel.transport.abortConnection()
        return DeferredList(closing)

    # --- answers -----------------------------------------------------------------------------------------------------

    def answer(self, path: str, body: bytes) -> bytes | None:
        """The body of the response; None means silence."""
        self.requests[path] = self.requests.get(path, 0) + 1
        if path == "ocsp":
            return self._response(body)
        by = self.authority.rooted if path == "roots.crl" else self.authority.issuing
        # The root's own list stays valid, so that the other one matters.
        return self._list(by, Serving.SOUND if path == "roots.crl" else self.lists)

    def _list(self, by: Signer, serving: Serving) -> bytes | None:
        entries = [(each, None) for each in self.revoked if each.issuer == by.certificate.subject]
        if serving is Serving.SLOW:
            return None
        if serving is Serving.NOTHING:
            return b""
        if serving is Serving.FORGED:
            by = Signer(by.certificate, ec.generate_private_key(ec.SECP256R1()))
        if serving is Serving.OVERSIZED:
            number = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x04\x84" + bytes(self._largest))
            return self.authority.crl(by=by, extensions=[(number, False)])
        hours = (-48, -1) if serving is Serving.STALE else (-1, 24)
        return self.authority.crl(*entries, by=by, hours=hours)

    def _response(self, body: bytes) -> bytes | None:
        leaf = self._leaves[ocsp.load_der_ocsp_request(body).serial_number]
        if self.responses in (Serving.SLOW, Serving.NOTHING):
            return None if self.responses is Serving.SLOW else b""
        if self.responses is Serving.OVERSIZED:
            return bytes(70_000)
        response = self.authority.ocsp(
            leaf, leaf.chain[0] in self.revoked, hours=(-48, -1) if self.responses is Serving.STALE else (-1, 24)
        )
        if self.responses is Serving.FORGED:
            signature = ocsp.load_der_ocsp_response(response).signature
            response = response.replace(signature, signature[:-1] + bytes([signature[-1] ^ 1]))
        return response


class _Everything(Resource):
    """A resource for every path."""

    isLeaf = True

    def __init__(self, server: RevocationServer) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._server = server
        self.open: set[Any] = set()

    def render(self, request: Any) -> Any:
        """IResource."""
        answer = self._server.answer(request.path.decode("ascii").lstrip("/"), request.content.read())
        if answer is None:
            self.open.add(request.channel)
            request.notifyFinish().addErrback(lambda _: None)
            return NOT_DONE_YET
        return answer
