"""The interfaces between shell rooms, at which fopemta does I/O (shell).

Shell rooms know each other only through these; `server.assembly` puts the concrete objects together.  A Deferred that
"fails with X" fails with nothing else by design; anything else is a bug and is logged as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from OpenSSL.SSL import Connection
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFDSet,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
    IReactorUNIX,
)
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface

from fopemta.address.mailbox import Mailbox
from fopemta.answer import Answer
from fopemta.config.model import Configuration
from fopemta.mail.damage import PutAside
from fopemta.mail.envelope import Envelope, Notify, RuleNote, TlsSession
from fopemta.mail.listed import Listed
from fopemta.mail.login import Challenge, LoggedIn
from fopemta.mail.orders import Order, OrderResult
from fopemta.mail.queued import QueuedMessage, Unfinished
from fopemta.mail.reply import Reply
from fopemta.policy.aliases import Aliases
from fopemta.policy.recipients import Said
from fopemta.policy.way import Way
from fopemta.routing.consignment import Consignment
from fopemta.routing.values import Host, NextHop, RoutingFailure
from fopemta.sendmail.dropped import DroppedLetter
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.host_memory import Start
from fopemta.trust.plan import CertificateFiles
from fopemta.trust.revocation import Finding
from fopemta.trust.rungs import Hello, Rung
from fopemta.trust.verdict import VerdictRecord


class IMailReactor(IReactorCore, IReactorTCP, IReactorUNIX, IReactorFDSet, IReactorTime, IReactorThreads):
    """Everything that fopemta needs of a reactor (zope has no intersection types)."""


# --- spool ---------------------------------------------------------------------------------------------------------


class SpoolTrouble(Exception):
    """The spool cannot store something now; nothing was accepted.  Subclasses say what the client should be told."""


class SpoolFull(SpoolTrouble):
    """No space left: 452 4.3.1."""


class SpoolFailing(SpoolTrouble):
    """The disk or the file system fails: 451 4.3.0."""


class SpoolStopped(SpoolTrouble):
    """It was stopped while starting; nothing is wrong with it."""


class SpoolUnusable(Exception):
    """The spool is not to be used by this process: another one has it, or it has a newer format.  The text tells the
    operator.
    """


class UnknownMessage(SpoolTrouble):
    """There is no message with that id, or no longer."""


class IIncoming(Interface):
    """A message being received.  Exactly one of `commit` and `abort` ends it."""

    message_id = Attribute("str: the queue id it will have")

    def write(data: bytes) -> Deferred[None] | None:
        """Add content in wire form (CRLF, not dot-stuffed), cut anywhere.

        Returns None if more may come at once, else a Deferred that fires when it may (the writer should pause; data
        that still comes is accepted).  A failure to write is reported by `commit`.
        """

    def commit(envelope: Envelope) -> Deferred[QueuedMessage]:
        """Store the message.  Fires only once it is durable: then, and only then, may `250` be sent.

        Fails with SpoolTrouble; then nothing is stored.
        """

    def abort() -> None:
        """Discard the message; nothing remains."""


class IMessageContent(Interface):
    """The content of a spooled message, read from the front."""

    def read(size: int) -> Deferred[bytes]:
        """Up to `size` octets, b"" at the end.  Fails with SpoolFailing."""

    def close() -> None:
        """Close the file; may be called twice."""


@attrs.frozen(eq=False)
class FoundMessage:
    """A message that is read from outside: `history` has every verdict that was written down of it, oldest first."""

    message: QueuedMessage
    history: tuple[VerdictRecord, ...]


class ISpool(Interface):
    """Stores accepted mail.  A method that returns a Deferred may work in a thread of its own."""

    def lock() -> None:
        """Take the spool for this process; blocks shortly.  `start` does it if it has not been done.

        Raises SpoolUnusable or SpoolTrouble.
        """

    def start() -> Deferred[Sequence[Unfinished]]:
        """Open and recover: fires, soon, when mail can be taken, with what was accepted last, oldest first.  Call once;
        then `waiting`.

        There may be hundreds of thousands, so these are no messages: `load` reads one.  Fails with SpoolUnusable or
        SpoolTrouble; with SpoolStopped when `stop` is called meanwhile.
        """

    def waiting(take: Callable[[Sequence[Unfinished]], None]) -> Deferred[None]:
        """Read what waits from before the start: `take` is given all other unfinished messages, some at a time, in any
        order, while mail is taken and delivered.  Fires when it has them all, which on a disk that fails may take as
        long as that.  Call once.  Fails with SpoolStopped when `stop` is called meanwhile.
        """

    def stop() -> Deferred[None]:
        """Flush and close."""

    def receive(message_id: str) -> IIncoming:
        """Begin a message.  Raises SpoolFull or SpoolFailing if it is certain that it could not be stored."""

    def submit(message_id: str, envelope: Envelope, content: bytes) -> Deferred[QueuedMessage | None]:
        """Store a message made here.  Fires with None if the spool already has that id (so it can be repeated).

        Fails with SpoolTrouble.
        """

    def holds(message_id: str) -> bool:
        """A message was accepted under that id and is unfinished; what `waiting` has not read yet does not count."""

    def load(message_id: str) -> Deferred[QueuedMessage]:
        """The message with its recipients' recorded states.  Fails with UnknownMessage or SpoolFailing."""

    def content(message_id: str) -> Deferred[IMessageContent]:
        """Its content.  Fails with UnknownMessage or SpoolFailing."""

    def record(message_id: str, verdicts: Sequence[VerdictRecord], finished: bool) -> Deferred[None]:
        """Record outcomes.  Fires once they are written (and survive a crash of the process); they are flushed with the
        next shared flush, within a second.  `finished`: no recipient is left, and the message may be deleted.

        Fails with SpoolTrouble; then the spool does not have the outcome, and the attempt will be repeated.
        """

    def defer(message_id: str) -> Deferred[None]:
        """Move a message not finished by its first round to `deferred/`, unless it is there already.

        Fails with SpoolTrouble; then it stays where it was.
        """

    def listing() -> Iterator[bytes]:
        """Each unfinished message as the JSON of a `mail.listed.Brief`, oldest first, for displaying the queue.

        There may be many: take a few at a time.  Messages that finish meanwhile are left out.
        """

    def put_aside() -> Sequence[PutAside]:
        """The damaged files quarantined since the last call: each once."""


class ISpoolListing(Interface):
    """Messages in a spool that is read from outside, the oldest first."""

    def __len__() -> int:
        """How many there are, including those that end before they are read."""

    def rows(start: int = 0, stop: int | None = None) -> Iterator[Listed]:
        """Those from `start` up to `stop`, as `mail.listed`, without those that have ended or are damaged."""


class ISpoolReader(Interface):
    """Reads a spool that its server may have open at this moment, or that is stopped; changes nothing and blocks.

    Each method may raise OSError; SpoolUnusable is raised when the spool has another format.
    """

    def listing() -> ISpoolListing:
        """Every unfinished message, once."""

    def find(message_id: str) -> FoundMessage | None:
        """The message of that id; None when there is none that is unfinished."""

    def content(message_id: str) -> Iterator[bytes]:
        """The content of a message that `find` has found, in pieces; also raises ValueError when it is damaged."""

    def damaged() -> int:
        """How many damaged things are in quarantine."""


# Is given the verdicts of finished recipients; fires when they are recorded.
Ended: TypeAlias = Callable[[Sequence[VerdictRecord]], Deferred[None]]


@attrs.frozen
class Reloaded:
    """The result of a reload: `errors` because of which nothing has changed; `cautions` about the new configuration;
    `at_start` changed keys that take effect at the next start; `freed` the number of queued recipients whose TLS
    demands were lowered.
    """

    errors: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    at_start: tuple[str, ...] = ()
    freed: int = 0


# --- queue and couriers --------------------------------------------------------------------------------------------


# Returns the next lines at each call, none at the end; fails with Unanswered.
Portions: TypeAlias = Callable[[], Deferred[Sequence[bytes]]]


class Unanswered(Exception):
    """Another process, whose answer is needed, gave none; the text says which."""


class IQueue(Interface):
    """Takes responsibility for spooled messages."""

    def accepted(message: QueuedMessage) -> None:
        """A message has been committed: deliver it."""

    def flush(domain: str) -> Deferred[int]:
        """Try at once what waits for a domain, "@domain" includes its sub-domains; fires with the number of messages.

        A message being delivered is tried again afterwards.  Does not fail.
        """

    size = Attribute("int: unfinished messages that are not held")

    def freed_by(config: Configuration) -> Deferred[int | None]:
        """The number of queued recipients whose TLS demands would be lowered by `config`; None if unknown.  Does not
        fail.
        """

    def let_demands_fall(lowered_by: str) -> None:
        """Drop demands that rules and routes no longer make from queued mail, too; each message's record says who has
        ordered it.
        """

    def order(message_id: str, order: Order) -> Deferred[OrderResult]:
        """Carry out an operator's order; for a message being delivered, afterwards.

        Does not fail.
        """


class IDemandsInForce(Interface):
    """The demands on a message at this moment, whatever they were when it began to wait."""

    edition = Attribute("object: the mark of consignments; it changes with each reload")

    def ways_in_force(consignment: Consignment) -> Deferred[Mapping[Mailbox, Way]] | Mapping[Mailbox, Way]:
        """The way for each recipient of the consignment, by the present configuration.  The Deferred does not fail."""


class IRuleCounts(Interface):
    """Counts how often rules match, and with what result."""

    def noted(note: RuleNote) -> None:
        """A rule contributed when a message came in."""

    def attempted(verdict: VerdictRecord, lifted: Iterable[str] = ()) -> None:
        """An attempt was made, to which rules may have contributed; `lifted`: rules whose demands an operator has
        lifted for the recipient.
        """


class IReload(Interface):
    """Reloads the configuration files."""

    def run(allow_lower: bool | None = None, who: str = "") -> Deferred[Reloaded]:
        """If anything is wrong with them, nothing changes.

        `allow_lower` True: TLS demands on queued mail may be lowered, by order of `who`; False: if any would be, that
        is an error; None keeps the old demands on queued mail.  Does not fail.
        """


class ICourier(Interface):
    """Makes one delivery attempt for a consignment."""

    def deliver(consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
        """One verdict for each of the consignment's recipients, in order, `next_try` None.

        If the attempt continues after some recipients have finished, it passes their verdicts to `ended` and waits for
        it before its next transaction; these are not repeated in the result.  Does not fail: whatever goes wrong is a
        verdict.  `deferred` and `failed` are the result of the attempt; only the queue decides about the queue
        lifetime.
        """

    def close() -> None:
        """Release what is kept for later deliveries; none is under way any more."""


# --- what is handed in on this machine -------------------------------------------------------------------------------


# Gives the next piece of a content each time it is called, b"" at the end; may fail with what is wrong with it.
NextPiece: TypeAlias = Callable[[], Deferred[bytes]]


@attrs.frozen(kw_only=True)
class HandedIn:
    """The result of a message: `message` is durable and not in the queue yet, None if no recipient gets it.  `refused`
    are the refused recipients, as far as they are complete addresses, each with the reason; `notify` are the notices
    that the sender wants.
    """

    sender: Mailbox | None
    message: QueuedMessage | None = None
    refused: tuple[tuple[str, Reply], ...] = ()
    notify: frozenset[Notify] = frozenset()


class Later(Exception):
    """A message is not accepted now, but may be later; `handed_in` is the result if it is too late for that."""

    def __init__(self, handed_in: HandedIn) -> None:
        super().__init__(handed_in.refused[0][1].whole)
        self.handed_in = handed_in


class ILocalIntake(Interface):
    """Accepts messages of local users."""

    def take(
        message_id: str, letter: DroppedLetter, uid: int, piece: NextPiece, refuse: Callable[[HandedIn], Deferred[None]]
    ) -> Deferred[HandedIn]:
        """Judge it like a client's message, and store it under that id.  If only some recipients are refused, `refuse`
        makes sure that the sender gets a report, before the message is stored for the others.

        Fails with Later, SpoolTrouble, or as `piece` and `refuse` do; then the message is not stored.
        """


# --- lookups -------------------------------------------------------------------------------------------------------


class IResolver(Interface):
    """DNS questions; names in canonical form, with or without final dot.  The Deferreds do not fail."""

    def exchangers(domain: str) -> Deferred[Answer[tuple[tuple[int, str], ...]]]:
        """The MX set as (preference, host); a null MX is one entry with the host ""."""

    def addresses(host: str) -> Deferred[Answer[tuple[str, ...]]]:
        """Every A and AAAA address; an IP address is its own.  Unavailable if one type could not be looked up and the
        other has none.
        """

    def ipv4_addresses(host: str) -> Deferred[Answer[tuple[str, ...]]]:
        """Only the A addresses: DNS blocklists (RFC 5782) have no others."""


class IRouter(Interface):
    """Finds the hosts of a next hop."""

    def hosts(next_hop: NextHop) -> Deferred[tuple[Host, ...] | RoutingFailure]:
        """The hosts to try, best first and at least one, each with at least one address.  Does not fail."""


class IFetcher(Interface):
    """Fetches signed objects over plain HTTP.  The Deferreds fail only if they are cancelled; only permitted addresses
    are connected to (see `lookup.fetch`).
    """

    def get(url: str) -> Deferred[Answer[bytes]]:
        """The content at `url`; Absent if the server says that there is none."""

    def post(url: str, body: bytes, media_type: str, largest: int) -> Deferred[Answer[bytes]]:
        """The response of `url` to `body`, at most `largest` octets."""


class IRevocations(Interface):
    """Checks revocation: one finding for each certificate of a verified path except its root.

    `path` is in DER, leaf first, root last; `staple` as the server sent it, or b"".
    """

    def known(path: tuple[bytes, ...], staple: bytes) -> tuple[Finding, ...]:
        """What is known without a query (for mail that does not depend on it).  Never raises."""

    def check(path: tuple[bytes, ...], staple: bytes) -> Deferred[tuple[Finding, ...]]:
        """What can be found out within ten seconds; queries continue after that for later callers.  Does not fail."""


# --- who may ---------------------------------------------------------------------------------------------------------


class IExchange(Interface):
    """One AUTH exchange (RFC 4954)."""

    def respond(response: bytes | None) -> Deferred[Challenge | LoggedIn | Reply]:
        """Process the client's next response, decoded from base64; None if AUTH brought no initial response.

        Fires with a challenge to send, with the login, or with the refusal (535 5.7.8, 454 4.7.0 ...), which ends the
        exchange.  Does not fail.
        """


class ILogins(Interface):
    """Authenticates clients, and knows which senders they may use."""

    def mechanisms() -> tuple[str, ...]:
        """The SASL mechanisms to offer, strongest first: ("SCRAM-SHA-256", "PLAIN", "LOGIN")."""

    def begin(mechanism: str, client: str) -> IExchange:
        """Begin an exchange with one of `mechanisms()` for the client with that IP address."""

    def known(name: str) -> Deferred[LoggedIn | None]:
        """The login of that name, which a trusted proxy has authenticated; None if it does not exist."""


class IBlocklists(Interface):
    """DNS blocklists of a listener."""

    def judge(client: str) -> Deferred[Reply | None]:
        """The refusal for a listed client; None for all others, also if no list could be asked.  Does not fail."""


class IRecipients(Interface):
    """Knows whether a recipient's mailbox exists, here or on a server behind this one."""

    def verify(recipient: Mailbox) -> Deferred[Reply | None] | None:
        """None if no check is needed; else fires with None if the mailbox exists or its absence is not certain, with
        550 5.1.1, or with a temporary refusal.  Does not fail.
        """


class IAliases(Interface):
    """The aliases of local domains."""

    def weight(recipient: Mailbox) -> int:
        """The cost of expanding it, in addresses; 0 if it is no alias."""

    def current() -> Aliases:
        """The aliases as known now, without waiting for a file."""


class ICallout(Interface):
    """Asks the server of a recipient's route."""

    def ask(recipient: Mailbox) -> Deferred[Said]:
        """The server's answer about the recipient, within half a minute.  Does not fail."""


# --- TLS -----------------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Resumable:
    """A TLS session in OpenSSL's form, with the evidence of its full handshake, made at `since` of a steady clock."""

    session: Any
    evidence: HandshakeEvidence
    since: float


class IClientTls(Interface):
    """Makes outbound TLS sessions and returns their evidence."""

    def channel(
        rung: Rung,
        hello: Hello,
        server_name: str | None,
        secured: Callable[[], None],
        received: Callable[[bytes], None],
        resumable: Resumable | None = None,
        certificate: CertificateFiles | None = None,
    ) -> ITlsChannel:
        """A channel for an outgoing connection.  `server_name` is sent as SNI, unless it is None or `hello` is
        nameless. `secured` is called when the handshake has finished, whatever the certificate; nothing is proven until
        the evidence has been judged.  `received` is called with the data that follows.  `resumable` is offered to the
        server; `certificate` is ours, shown if the server requests one.
        """

    def evidence(connection: Connection) -> HandshakeEvidence:
        """The evidence of the finished handshake of one of our connections.  Never raises: see `judging_error`."""

    def session(connection: Connection) -> Any:
        """The resumable session of a finished handshake, as the server has given it so far; None if it has not."""

    def past_hello(connection: Connection) -> bool:
        """Whether the server's hello had come before the handshake failed.  Never raises."""

    def against(evidence: HandshakeEvidence, roots: str) -> HandshakeEvidence:
        """The evidence verified against the file or folder `roots` of authorities.  Never raises, likewise."""


class IHostMemory(Interface):
    """Remembers the TLS of hosts, so that the next walk begins there."""

    def start_of(host: Host, rungs: Sequence[Rung]) -> Start | None:
        """Where to begin with a host under a plan that permits `rungs`, strongest first; None for the top."""

    def succeeded(host: Host, rung: Rung, hello: Hello, remembered: bool) -> None:
        """A handshake has succeeded; `remembered`: the walk began there because of what was remembered."""

    def failed(host: Host) -> None:
        """A handshake has failed where the walk began because of what was remembered: forget that."""

    def forget(hosts: Iterable[str]) -> int:
        """Forget hosts, by name or name:port, no hosts means all; returns how many were known."""


class ITlsChannel(Interface):
    """TLS between a transport and a protocol: the protocol passes it what the transport receives, and writes to it."""

    def start(transport: Any) -> None:
        """Carry TLS over `transport` from now on; a client sends its hello."""

    def take(wire: bytes) -> None:
        """Process `wire`, octets from the peer."""

    def wire_ended() -> None:
        """The peer has closed its half of the transport."""

    def lost(reason: Failure) -> Failure:
        """The transport was lost because of `reason`; returns why the session ended, TLS's own reason if there
        is one.
        """

    def write(data: bytes) -> None:
        """Send `data`; before the handshake has ended, and while closing, it is dropped."""

    def loseConnection() -> None:
        """Send close_notify and close once the peer has ended too; without a handshake the connection is aborted."""

    def abortConnection() -> None:
        """Abort the connection; nothing more is received."""

    def pauseProducing() -> None:
        """Stop reading from the transport; what was read is still delivered."""

    def resumeProducing() -> None:
        """Resume reading."""

    def registerProducer(producer: Any, streaming: bool) -> None:
        """Let the transport pause and resume a producer of much data."""

    def unregisterProducer() -> None:
        """The producer has finished."""

    def getHandle() -> Any:
        """OpenSSL's connection, None after the end."""


class IServerTls(Interface):
    """Makes inbound TLS sessions."""

    def channel(
        secured: Callable[[], None], received: Callable[[bytes], None], ended: Callable[[], None] | None = None
    ) -> ITlsChannel:
        """A channel for an accepted connection.  `secured` is called once the handshake has succeeded, `received` with
        the data that follows, `ended` when the client has ended its side; without it the session is closed then.
        """

    def session(connection: Connection) -> TlsSession:
        """The facts of a finished handshake."""
