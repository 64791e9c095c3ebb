"""An inbound listener in memory, and a client that speaks to it by hand."""

from __future__ import annotations

import ipaddress
from typing import Any

import attrs
from OpenSSL import SSL
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Limits, Listener, ListenerTls, Node
from fopemta.inbound.clients import Clients
from fopemta.inbound.context import InboundServices
from fopemta.inbound.factory import InboundFactory
from fopemta.interfaces import IBlocklists, IExchange, ILogins, IRecipients
from fopemta.mail.login import Challenge, LoggedIn
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.reply import Reply
from fopemta.policy.admission import Relay
from fopemta.routing.route import Route, Via
from fopemta.spool.memory import MemorySpool
from fopemta.testing.transport import Pump, connect
from fopemta.tls.server import ServerTls
from tests.tls.handshakes import AUTHORITY, credentials

SERVER_TLS = ServerTls([credentials(AUTHORITY.leaf("mx.us.test"))])
ENVELOPE = b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<bob@us.test>\r\n"


@implementer(IHandshakeListener)
class Client(Protocol):
    """Says what a test says and keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.lost: Failure | None = None
        self.secured = False

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def handshakeCompleted(self) -> None:
        self.secured = True

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        self.lost = reason


@implementer(IOpenSSLClientConnectionCreator)
class AnyClient:
    """TLS that verifies nothing, as an old client's."""

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)


class RecordingQueue:
    """Takes messages and never delivers one."""

    def __init__(self) -> None:
        self.messages: list[QueuedMessage] = []

        self.flushed: list[str] = []
        self.waiting = 0

    def accepted(self, message: QueuedMessage) -> None:
        self.messages.append(message)

    def flush(self, domain: str) -> Deferred[int]:
        self.flushed.append(domain)
        return succeed(self.waiting)


class Scripted:
    """Answers what a test says, at once or with a Deferred of the test; remembers what it was asked."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    def _said(self, question: object) -> Any:
        self.asked.append(question)
        answer = self.answer(question) if callable(self.answer) else self.answer
        return answer if isinstance(answer, Deferred) else succeed(answer)


@implementer(IBlocklists)
class Blocklists(Scripted):
    def judge(self, client: str) -> Deferred[Reply | None]:
        answer: Deferred[Reply | None] = self._said(client)
        return answer


@implementer(IRecipients)
class Recipients(Scripted):
    def verify(self, recipient: Mailbox) -> Deferred[Reply | None]:
        answer: Deferred[Reply | None] = self._said(recipient)
        return answer


@implementer(ILogins, IExchange)
class Logins(Scripted):
    """One mechanism, whose exchange is this object."""

    def mechanisms(self) -> tuple[str, ...]:
        return ("PLAIN",)

    def begin(self, mechanism: str, client: str) -> IExchange:
        return self

    def known(self, name: str) -> Deferred[LoggedIn | None]:
        return succeed(LoggedIn(name, frozenset({f"{name}@us.test"})) if name == "bob" else None)

    def respond(self, response: bytes | None) -> Deferred[Challenge | LoggedIn | Reply]:
        answer: Deferred[Challenge | LoggedIn | Reply] = self._said(response)
        return answer


class Inbound:
    """One listener; `open()` connects a client."""

    def __init__(
        self,
        tls: ListenerTls = ListenerTls.OPPORTUNISTIC,
        clock: Clock | None = None,
        domain: str = "us.test",
        listener: Listener | None = None,
        parts: dict[str, Any] | None = None,
        **limits: Any,
    ) -> None:
        self.clock = clock or Clock()
        self.spool = MemorySpool(self.clock)
        self.queue = RecordingQueue()
        numbers = iter("BCDFGHJKMNPQRSTVWXYZ")
        listener = listener or Listener(endpoint="tcp:25", tls=tls)
        self.config = Configuration(
            node=Node(hostname=f"mx.{domain}", postmaster=Mailbox("pm", domain)),
            listeners=(listener,),
            relay=Relay(networks=(ipaddress.ip_network("192.0.2.200/32"),)),
            routes=(Route(domain=domain, via=Via.MAILDIR, maildir="/m"),),
            limits=Limits(**limits),
        )
        services = InboundServices(
            spool=self.spool,
            queue=self.queue,
            clients=Clients(self.config, self.clock),
            clock=self.clock,
            ids=lambda: f"BCDFGHJK{next(numbers)}",
            now=lambda: 1_795_583_385.0,
            server_tls=SERVER_TLS,
        )
        self.factory = InboundFactory(listener, self.config, attrs.evolve(services, **(parts or {})))
        self.pumps: list[Pump] = []

    @property
    def services(self) -> InboundServices:
        return self.factory.context.services

    def exchange(self, **services: Any) -> None:
        """Other services in the place of those that are there."""
        context = self.factory.context
        self.factory.context = attrs.evolve(context, services=attrs.evolve(context.services, **services))

    def open(self, address: str = "192.0.2.10") -> Talk:
        client = Client()
        server = self.factory.buildProtocol(None)
        pump = connect(client, server, self.clock, client_address=address)
        self.pumps.append(pump)
        talk = Talk(self, client, pump)
        talk.flush()
        return talk

    def forgotten(self) -> list[str]:
        """The ids of messages that the spool is told to forget from now on, each time anew."""
        receive, forgotten = self.spool.receive, []

        def receiving(message_id: str) -> Any:
            incoming: Any = receive(message_id)
            incoming.abort = lambda: forgotten.append(message_id)
            return incoming

        self.spool.receive = receiving  # type: ignore[method-assign]
        return forgotten

    def kept(self) -> list[bytes]:
        return [each.content for each in self.spool.kept.values()]


class Talk:
    """One client's connection."""

    def __init__(self, inbound: Inbound, client: Client, pump: Pump) -> None:
        self.inbound, self.client, self.pump = inbound, client, pump

    def flush(self) -> None:
        self.pump.flush()

    def say(self, data: bytes) -> bytes:
        """What comes back."""
        before = len(self.client.heard)
        self.client.transport.write(data)
        self.flush()
        return self.client.heard[before:]

    def codes(self) -> list[int]:
        return [int(line[:3]) for line in self.client.heard.split(b"\r\n") if line and line[3:4] != b"-"]

    def start_tls(self) -> None:
        """The handshake, after 220."""
        self.client.transport.startTLS(AnyClient())
        self.flush()
        assert self.client.secured, self.client.lost

    def go(self) -> None:
        """The client is gone, without a word."""
        self.client.transport.abortConnection()
        self.flush()

    def wait(self, seconds: float) -> None:
        self.inbound.clock.advance(seconds)
        self.flush()

    @property
    def closed(self) -> bool:
        return self.client.lost is not None
