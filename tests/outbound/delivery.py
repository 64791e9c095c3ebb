"""One delivery against servers in memory: what the tests of `outbound` have in common."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred, succeed

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Listener, Node
from fopemta.config.model import Delivery as DeliverySettings
from fopemta.lookup.router import Router
from fopemta.mail.envelope import BodyType, Envelope
from fopemta.outbound.context import OutboundContext
from fopemta.outbound.delivery_manager import DeliveryManager
from fopemta.queue.demanding import Demanding
from fopemta.routing.consignment import Consignment
from fopemta.routing.hosts import OwnAddresses
from fopemta.routing.route import Route, Via
from fopemta.routing.routes import next_hop
from fopemta.spool.memory import MemorySpool
from fopemta.testing.dns import EVERYWHERE, ScriptedResolver
from fopemta.testing.network import MemoryNetwork
from fopemta.testing.peers import Behaviour, Peer, StartTls
from fopemta.tls.server import ServerTls
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.demand import NOTHING_DEMANDED, Demanded, Revocation
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback
from fopemta.trust.verdict import VerdictRecord
from tests.tls.handshakes import AUTHORITY, FromContext, client_tls, credentials, server_context

CLIENT = client_tls()
GOOD = ServerTls([credentials(AUTHORITY.leaf("mx1.d.test"))]).creator()
OTHER_NAME = ServerTls([credentials(AUTHORITY.leaf("elsewhere.test"))]).creator()
EXPIRED = ServerTls([credentials(AUTHORITY.leaf("mx1.d.test", days=(-9, -2)))]).creator()
ONLY_AES128 = FromContext(
    server_context(AUTHORITY.leaf("mx1.d.test"), maximum=SSL.TLS1_2_VERSION, ciphers=b"ECDHE-ECDSA-AES128-GCM-SHA256")
)
ONLY_CBC = FromContext(
    server_context(AUTHORITY.leaf("mx1.d.test"), maximum=SSL.TLS1_2_VERSION, ciphers=b"ECDHE-ECDSA-AES128-SHA")
)
ONLY_TLS10 = FromContext(
    server_context(AUTHORITY.leaf("mx1.d.test"), minimum=SSL.TLS1_VERSION, maximum=SSL.TLS1_VERSION,
                   ciphers=b"ALL:@SECLEVEL=0")
)  # fmt: skip

BOB = Mailbox("bob", "d.test")
EVE = Mailbox("eve", "d.test")
CONTENT = b"Subject: x\r\n\r\nHello\r\n.dot\r\n"


def peer(starttls: StartTls = StartTls.GOOD, creator: Any = GOOD, **more: Any) -> Peer:
    return Peer(Behaviour(starttls=starttls, creator=creator, **more))


class Delivery:
    """mx1 and mx2 of d.test, at 192.0.2.1 and .2; one message for Bob, or for `recipients`."""

    def __init__(
        self,
        *servers: Any,
        level: Level | None = None,
        fallback: Fallback = Fallback.IMMEDIATE,
        lowest_rung: str = "compatible",
        recipients: tuple[Mailbox, ...] = (BOB,),
        content: bytes = CONTENT,
        sender: Mailbox | None = None,
        body: BodyType = BodyType.SEVEN_BIT,
        network: MemoryNetwork | None = None,
        revocation: Revocation = Revocation.SOFT,
        revocations: Any = None,
        route: Route | None = None,
        client: Any = CLIENT,
        reply_text: int = 1024,
    ) -> None:
        self.servers = servers
        addresses = [f"192.0.2.{number}" for number, _ in enumerate(servers, start=1)]
        pairs = zip(addresses, servers, strict=True)
        self.network = network or MemoryNetwork()
        self.network.servers |= {(address, 25): server for address, server in pairs if server is not None}
        mx = tuple((number * 10, f"mx{number}.d.test") for number, _ in enumerate(servers, start=1))
        hosts = {f"mx{number}.d.test": (address,) for number, address in enumerate(addresses, start=1)}
        self.resolver = ScriptedResolver({"d.test": mx}, hosts)
        route = route or (Route(domain="d.test", via=Via.MX, tls=level) if level is not None else None)
        self.config = Configuration(
            node=Node(hostname="us.test", postmaster=Mailbox("postmaster", "us.test")),
            listeners=(Listener(endpoint="tcp:25"),),
            routes=() if route is None else (route,),
            tls_client=TlsClient(fallback=fallback, lowest_rung=lowest_rung, revocation=revocation),
            delivery=DeliverySettings(reply_text=reply_text),
        )
        self.spool = MemorySpool(self.network)
        self.demands = Demanding(self.spool, self.config, lambda: AUTHORITY.now.timestamp())
        context = OutboundContext(
            reactor=self.network,
            router=Router(self.resolver, frozenset({"us.test"}), OwnAddresses(), 25, lambda: 0.5, EVERYWHERE),
            tls=client,
            spool=self.spool,
            config=self.config,
            now=lambda: AUTHORITY.now.timestamp(),
            demands=self.demands,
            revocations=revocations,
        )
        self.manager = DeliveryManager(context)
        self.envelope = Envelope(sender, recipients, body)
        self.content = content
        self.message: Any = None
        self.number = 0
        self.demanded: Demanded = NOTHING_DEMANDED
        self.early: list[VerdictRecord] = []

    def note(self, verdicts: Any) -> Deferred[None]:
        self.early.extend(verdicts)
        return succeed(None)

    def another(self, seconds: float = 0) -> list[VerdictRecord]:
        """Deliver one more message with the same envelope and content."""
        self.message, self.early = None, []
        return self.run(seconds)

    def run(self, seconds: float = 0) -> list[VerdictRecord]:
        """Deliver once; `seconds` pass meanwhile."""
        if self.message is None:
            done: list[Any] = []
            self.number += 1
            message_id = f"BCDFGH{self.number:02d}"
            self.spool.submit(message_id, self.envelope, self.content).addCallback(done.append)
            self.network.flush()
            self.message = done[0]
        verdicts: list[Any] = []
        pending = [each.address for each in self.message.recipients if each.open]
        hop = next_hop("d.test", self.config.routes)
        self.consignment = Consignment(self.message, hop, tuple(pending), self.demanded, self.demands.edition)
        self.manager.deliver(self.consignment, self.note).addCallback(verdicts.extend)
        self.network.flush(seconds)
        assert verdicts, "the delivery has not come to its end"
        order = [str(each) for each in pending]
        verdicts = sorted(self.early + verdicts, key=lambda verdict: order.index(verdict.recipient))
        self.message = self.message.after(verdicts)
        return verdicts
