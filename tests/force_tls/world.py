"""A queue that delivers, servers with every kind of TLS, and a clock (see the package)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from email import message_from_bytes
from email.message import Message
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from zope.interface import implementer

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Listener, Node
from fopemta.config.rules import load_rules
from fopemta.interfaces import Ended, ICourier
from fopemta.lookup.router import Router
from fopemta.mail.envelope import Arrival, Envelope
from fopemta.outbound.context import OutboundContext
from fopemta.outbound.delivery_manager import DeliveryManager
from fopemta.policy.acceptance import accept
from fopemta.policy.content import content_facts
from fopemta.policy.rulebook import NO_RULES
from fopemta.policy.steps import House
from fopemta.queue.demanding import Demanding
from fopemta.queue.dispatcher import Dispatcher
from fopemta.queue.rule_counts import RuleCounts
from fopemta.retry.settings import Retry
from fopemta.routing.consignment import Consignment
from fopemta.routing.hosts import OwnAddresses
from fopemta.routing.route import Route, Via
from fopemta.spool.memory import MemorySpool
from fopemta.testing.authority import Authority
from fopemta.testing.dns import EVERYWHERE, ScriptedResolver
from fopemta.testing.network import MemoryNetwork
from fopemta.testing.peers import Behaviour, Peer, StartTls
from fopemta.tls.server import ServerTls
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.revocation import Finding, Status
from fopemta.trust.verdict import Result, VerdictRecord
from tests.outbound.delivery import CLIENT
from tests.outbound.test_weighing import ScriptedRevocations
from tests.tls.handshakes import AUTHORITY, credentials

HOUR = 3600.0
ALICE = Mailbox("alice", "us.test")
BOB, CAROL = Mailbox("bob", "bank.test"), Mailbox("carol", "other.test")
HOSTS = ("mx.bank.test", "mx.other.test", "mx.far.test")

_STRANGER = Authority()
# One certificate for all hosts: what is wrong with a kind of server is wrong for each.
_CREATORS: dict[str, Any] = {}


def creator(kind: str) -> Any:
    """The TLS of a kind of server, made once."""
    if kind not in _CREATORS:
        leaf = {
            "self-signed": lambda: _STRANGER.self_signed(*HOSTS),
            "other authority": lambda: _STRANGER.leaf(*HOSTS),
            "expired": lambda: AUTHORITY.leaf(*HOSTS, days=(-9, -2)),
            "wrong name": lambda: AUTHORITY.leaf("elsewhere.test"),
        }.get(kind, lambda: AUTHORITY.leaf(*HOSTS))
        _CREATORS[kind] = ServerTls([credentials(leaf())]).creator()
    return _CREATORS[kind]


_STARTTLS = {"none": StartTls.NOT_OFFERED, "refused": StartTls.REFUSED, "dropped": StartTls.DROP}
_GOOD = (Finding(Status.GOOD, "crl"),)
_FINDINGS = {
    "revoked": (Finding(Status.REVOKED, "crl", "the certificate is revoked"),),
    "unknown": (Finding(Status.UNKNOWN, text="nobody answers"),),
}


def server(kind: str) -> Any:
    """A server of that kind; None for one that nobody reaches."""
    if kind == "unreachable":
        return None
    return Peer(Behaviour(starttls=_STARTTLS.get(kind, StartTls.GOOD), creator=creator(kind)))


@implementer(ICourier)
class LocalMail:
    """Keeps what is for mailboxes here."""

    def __init__(self, spool: MemorySpool, now: Callable[[], float]) -> None:
        self.spool = spool
        self.now = now
        self.delivered: list[tuple[str, bytes]] = []

    def close(self) -> None:
        """Nothing is open."""

    def deliver(self, consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
        message = consignment.message
        verdicts = []
        for each in consignment.recipients:
            self.delivered.append((str(each), self.spool.kept[message.id].content))
            verdicts.append(
                VerdictRecord(
                    time=self.now(), message=message.id, sender="", recipient=str(each), attempt=1,
                    result=Result.DELIVERED, code=250, enhanced="2.0.0", text="in the mailbox",
                )
            )  # fmt: skip
        return succeed(verdicts)


class World:
    """us.test is here; bank.test and other.test have a server each, of the kinds `bank` and `other`."""

    def __init__(self, rules: str, bank: str = "good", other: str = "good", **servers: str) -> None:
        self.network = MemoryNetwork()
        self.begun = self.network.rightNow = AUTHORITY.now.timestamp()
        self.kinds: dict[str, str] = {}
        self.peers: dict[str, Any] = {}
        self.revocations = ScriptedRevocations(_GOOD)
        domains = {"bank": bank, "other": other, **servers}
        self.addresses = {name: f"192.0.2.{number}" for number, name in enumerate(domains, start=1)}
        for name, kind in domains.items():
            self.become(name, kind)
        resolver = ScriptedResolver(
            {f"{name}.test": ((10, f"mx.{name}.test"),) for name in domains},
            {f"mx.{name}.test": (address,) for name, address in self.addresses.items()},
        )
        self.config = self.configured(rules)
        self.spool = MemorySpool(self.network)
        self.demanding = Demanding(self.spool, self.config, self.now)
        context = OutboundContext(
            reactor=self.network,
            router=Router(resolver, frozenset({"us.test"}), OwnAddresses(), 25, lambda: 0.5, EVERYWHERE),
            tls=CLIENT,
            spool=self.spool,
            config=self.config,
            now=self.now,
            demands=self.demanding,
            revocations=self.revocations,
        )
        self.manager = manager = DeliveryManager(context)
        self.local = LocalMail(self.spool, self.now)
        couriers: dict[Via, ICourier] = {Via.MX: manager, Via.SMTP: manager, Via.MAILDIR: self.local}
        # Never started: nothing is written.
        self.counts = RuleCounts("/nowhere", self.network, maybeDeferred)
        self.dispatcher = Dispatcher(
            self.spool, couriers, self.config, self.network, self.now, random.Random(7), counts=self.counts,
            demanding=self.demanding,
        )  # fmt: skip
        self.dispatcher.start([])
        self.number = 0

    def configured(self, rules: str) -> Configuration:
        return Configuration(
            node=Node(hostname="us.test", postmaster=Mailbox("postmaster", "us.test")),
            listeners=(Listener(endpoint="tcp:25"),),
            routes=(Route(domain="us.test", via=Via.MAILDIR, maildir="/m"),),
            tls_client=TlsClient(),
            retry=Retry(first=900.0, factor=2.0, longest=4 * HOUR, warn_after=5 * HOUR),
            rulebook=load_rules(rules, "/etc"),
        )

    def reconfigure(self, config: Configuration) -> None:
        """As a reload does it."""
        self.config = config
        self.dispatcher.reconfigure(config)
        self.manager.reconfigure(config)

    def now(self) -> float:
        return self.network.seconds()

    def become(self, name: str, kind: str) -> None:
        """The server of a domain is of that kind from now on."""
        found = server(kind)
        self.kinds[name] = kind
        self.network.servers.pop((self.addresses[name], 25), None)
        if found is not None:
            self.peers.setdefault(name, []).append(found)
            self.network.servers[self.addresses[name], 25] = found
        worst = next((each for each in self.kinds.values() if each in _FINDINGS), "good")
        self.revocations.findings = _FINDINGS.get(worst, _GOOD)

    def taken(self, name: str) -> list[Any]:
        """The messages that a domain's servers have taken, with the TLS they came by."""
        return [message for each in self.peers.get(name, ()) for message in each.messages]

    def send(self, *recipients: Mailbox, sender: Mailbox | None = ALICE, subject: str = "Lunch", **more: Any) -> str:
        self.number += 1
        message_id = f"0BCDFGHJKM{self.number:04}"
        arrival = Arrival("192.0.2.99", "client.test", "ESMTP", login="alice")
        content = f"Subject: {subject}\r\n\r\nThe body.\r\n".encode()
        done: list[Any] = []
        envelope = Envelope(sender, recipients, arrival=arrival, **more)
        book, house = self.config.rulebook or NO_RULES, House(self.config.routes, self.config.relay.domains)
        accepted = accept(envelope, book, house, content_facts(content, True), len(content), self.now())
        assert accepted.refusal is None
        envelope = accepted.envelope
        self.spool.submit(message_id, envelope, content).addCallback(done.append)
        self.network.flush()
        self.dispatcher.accepted(done[0])
        self.network.flush(2)
        return message_id

    def wait_until(self, seconds: float) -> None:
        """Let time pass, until so many seconds after the beginning, from one event to the next."""
        network, end = self.network, self.begun + seconds
        while True:
            network.flush()
            calls = [call.getTime() for call in network.getDelayedCalls()]
            if not calls or min(calls) > end:
                break
            network.advance(max(min(calls) - network.seconds(), 0))
        network.advance(max(end - network.seconds(), 0))
        network.flush()

    def verdicts(self, recipient: Mailbox) -> list[VerdictRecord]:
        return [each for each in self.spool.verdicts if each.recipient == str(recipient)]

    def state(self, recipient: Mailbox) -> str:
        """Where a recipient stands, and by which kind of session if it was delivered."""
        last = self.verdicts(recipient)[-1]
        if last.result is not Result.DELIVERED:
            return "queued" if last.result is Result.DEFERRED else f"failed {last.diagnosis} {last.enhanced}"
        if last.rung == "plain":
            return "plain"
        return "authenticated" if last.authenticated else "encrypted"

    def told(self, mailbox: str = "alice@us.test") -> list[Message]:
        """The notices that somebody here has got."""
        return [message_from_bytes(content) for to, content in self.local.delivered if to == mailbox]

    def subjects(self, recipient: Mailbox) -> list[str]:
        """The notices to Alice about a recipient, in short."""
        short = {"Your message is delayed": "warned", "Your message could not be delivered": "failed"}
        about = f"<{recipient}>"
        return [short[str(each["Subject"])] for each in self.told() if about in text_of(each)]


def text_of(report: Message) -> str:
    """The part for people, on one line."""
    part = report.get_payload(0)
    assert isinstance(part, Message)
    octets = part.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return " ".join(octets.decode("utf-8").split())
