"""The seams at which fopemta does I/O (shell): who promises what to whom.

Shell rooms know each other only by these; `server.assembly` puts the concrete objects together.  A Deferred that is
said to "fail with X" fails with nothing else by design; anything else is a bug and is logged as one.
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
from fopemta.mail.envelope import Envelope, RuleNote, TlsSession
from fopemta.mail.login import Challenge, LoggedIn
from fopemta.mail.orders import Order, OrderResult
from fopemta.mail.queued import QueuedMessage, Unfinished
from fopemta.mail.reply import Reply
from fopemta.policy.aliases import Aliases
from fopemta.policy.recipients import Said
from fopemta.policy.way import Way
from fopemta.routing.consignment import Consignment
from fopemta.routing.values import Host, NextHop, RoutingFailure
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.host_memory import Start
from fopemta.trust.plan import CertificateFiles
from fopemta.trust.revocation import Finding
from fopemta.trust.rungs import Hello, Rung
from fopemta.trust.verdict import VerdictRecord


class IMailReactor(IReactorCore, IReactorTCP, IReactorUNIX, IReactorFDSet, IReactorTime, IReactorThreads):
    """All that fopemta asks of a reactor (zope has no intersection types)."""


# --- spool ---------------------------------------------------------------------------------------------------------


class SpoolTrouble(Exception):
    """The spool cannot keep something now; nothing was accepted.  Subclasses say what the client should be told."""


class SpoolFull(SpoolTrouble):
    """No room: 452 4.3.1."""


class SpoolFailing(SpoolTrouble):
    """The disk or the file system fails: 451 4.3.0."""


class SpoolStopped(SpoolTrouble):
    """It was stopped while it was starting; nothing is wrong with it."""


class SpoolUnusable(Exception):
    """The spool is not to be used by this process: another one has it, or it has a newer format.  The text tells the
    operator.
    """


class UnknownMessage(SpoolTrouble):
    """There is no message of that id (any more)."""


class IIncoming(Interface):
    """A message being received.  Exactly one of `commit` and `abort` ends it."""

    message_id = Attribute("str: the queue id it will have")

    def write(data: bytes) -> Deferred[None] | None:
        """Take content as it goes on the wire (CRLF, not dot-stuffed), cut anywhere.

        Returns None when more may come at once, else a Deferred that fires when it may (the writer should pause; what
        still comes is taken).  A failure to write shows at `commit`.
        """

    def commit(envelope: Envelope) -> Deferred[QueuedMessage]:
        """Keep the message.  Fires only once it is durable: then, and only then, may `250` be sent.

        Fails with SpoolTrouble; then nothing is kept.
        """

    def abort() -> None:
        """Forget it; nothing stays."""


class IMessageContent(Interface):
    """The content of a spooled message, read from the front."""

    def read(size: int) -> Deferred[bytes]:
        """Up to `size` octets, b"" at the end.  Fails with SpoolFailing."""

    def close() -> None:
        """Give back the file; harmless twice."""


class ISpool(Interface):
    """Keeps accepted mail.  Every method that returns a Deferred may work in a thread of its own."""

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
        """Flush what is written and close."""

    def receive(message_id: str) -> IIncoming:
        """Begin a message.  Raises SpoolFull or SpoolFailing when it is known that it could not be kept."""

    def submit(message_id: str, envelope: Envelope, content: bytes) -> Deferred[QueuedMessage | None]:
        """Keep a message made here.  Fires with None when the spool already knew that id (so it can be repeated).

        Fails with SpoolTrouble.
        """

    def load(message_id: str) -> Deferred[QueuedMessage]:
        """The message with its recipients' states as recorded.  Fails with UnknownMessage or SpoolFailing."""

    def content(message_id: str) -> Deferred[IMessageContent]:
        """Its content.  Fails with UnknownMessage or SpoolFailing."""

    def record(message_id: str, verdicts: Sequence[VerdictRecord], finished: bool) -> Deferred[None]:
        """Write down outcomes.  Fires once they are written (a crash of the process keeps them); they are flushed
        with the next shared flush, within a second.  `finished`: no recipient is left, the message may go.

        Fails with SpoolTrouble, then the outcome is not known to the spool and will be worked out again.
        """

    def defer(message_id: str) -> Deferred[None]:
        """Move a message not finished by its first round to `deferred/`; harmless when it is there already.

        Fails with SpoolTrouble, then it stays where it was.
        """

    def listing() -> Iterator[bytes]:
        """Each unfinished message as the JSON of a `mail.listed.Brief`, oldest first, for who looks at the queue.

        It may be much: to be asked for a few at a time.  What ends meanwhile is left out.
        """

    def put_aside() -> Sequence[PutAside]:
        """What was found damaged and put aside since this was asked last: each thing once."""


# Takes the verdicts of recipients that have come to their end; fires when they are written down.
Ended: TypeAlias = Callable[[Sequence[VerdictRecord]], Deferred[None]]


@attrs.frozen
class Reloaded:
    """What came of a reload: `errors` for which nothing has changed; `cautions` about the new configuration;
    `at_start` keys that have changed and count from the next start on; `freed` recipients in the queue for whom less is
    demanded now.
    """

    errors: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    at_start: tuple[str, ...] = ()
    freed: int = 0


# --- queue and couriers --------------------------------------------------------------------------------------------


# Gives the next lines each time it is called, none at the end; fails with Unanswered.
Portions: TypeAlias = Callable[[], Deferred[Sequence[bytes]]]


class Unanswered(Exception):
    """Another process, whose answer is needed, gives none; the text says which."""


class IQueue(Interface):
    """Takes responsibility for spooled messages."""

    def accepted(message: QueuedMessage) -> None:
        """A message has been committed: deliver it."""

    def flush(domain: str) -> Deferred[int]:
        """Try at once what waits for a domain, "@domain" for those below it, too; fires with the number of messages.

        A request that comes while a message is on its way counts for it afterwards.  Does not fail.
        """

    size = Attribute("int: unfinished messages that are not held")

    def freed_by(config: Configuration) -> Deferred[int | None]:
        """For how many recipients in the queue less would be demanded under `config`.  Does not fail."""

    def let_demands_fall(lowered_by: str) -> None:
        """What rules and routes have ceased to demand is demanded of no mail any more, of that which is here neither;
        the record of each message says who has ordered it.
        """

    def order(message_id: str, order: Order) -> Deferred[OrderResult]:
        """Do what an operator wants with a message; what is on its way at the moment is seen to afterwards.

        Does not fail.
        """


class IDemandsInForce(Interface):
    """What is demanded of a message at this moment, whatever was worked out when it began to wait."""

    edition = Attribute("object: what a consignment is marked with; another one after each reload")

    def ways_in_force(consignment: Consignment) -> Deferred[Mapping[Mailbox, Way]] | Mapping[Mailbox, Way]:
        """The way for each recipient of the consignment, by the configuration of now.  The Deferred does not fail."""


class IRuleCounts(Interface):
    """Counts how often rules match, and what comes of it."""

    def noted(note: RuleNote) -> None:
        """A rule had something to say when a message came in."""

    def attempted(verdict: VerdictRecord) -> None:
        """An attempt has been made, in which rules may have had a say."""


class IReload(Interface):
    """Has everybody use what the files say now."""

    def run(allow_lower: bool | None = None, who: str = "") -> Deferred[Reloaded]:
        """Where anything is wrong with them, nothing changes.

        `allow_lower`: mail in the queue may go by less than it had to, by order of `who`; where that is False and some
        would, it is an error; None keeps the old demands for the mail that is here.  Does not fail.
        """


class ICourier(Interface):
    """Carries a consignment one attempt far."""

    def deliver(consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
        """One verdict for each of the consignment's recipients, in order, `next_try` None.

        An attempt that goes on after some recipients have come to their end tells `ended` of them and waits for it
        before its next transaction; these are not in what it fires with.  Does not fail: whatever goes wrong is a
        verdict.  `deferred` and `failed` are the attempt's result; the queue alone knows that a life has ended.
        """

    def close() -> None:
        """Give up what is kept for deliveries to come; nothing is under way any more."""


# --- lookups -------------------------------------------------------------------------------------------------------


class IResolver(Interface):
    """DNS questions; names in canonical form, with or without final dot.  The Deferreds do not fail."""

    def exchangers(domain: str) -> Deferred[Answer[tuple[tuple[int, str], ...]]]:
        """The MX set as (preference, host); a null MX is one entry with the host ""."""

    def addresses(host: str) -> Deferred[Answer[tuple[str, ...]]]:
        """Every A and AAAA address; an IP address is its own.  Unavailable when one kind could not be asked and the
        other found nothing.
        """

    def ipv4_addresses(host: str) -> Deferred[Answer[tuple[str, ...]]]:
        """The A addresses alone: lists (RFC 5782) answer with nothing else."""


class IRouter(Interface):
    """Finds the hosts of a next hop."""

    def hosts(next_hop: NextHop) -> Deferred[tuple[Host, ...] | RoutingFailure]:
        """The hosts to try, best first and at least one, each with at least one address.  Does not fail."""


class IFetcher(Interface):
    """Fetches over plain HTTP what is signed by itself.  The Deferreds fail only when they are cancelled; nothing is
    fetched from where it has no business (see `lookup.fetch`).
    """

    def get(url: str) -> Deferred[Answer[bytes]]:
        """What is at `url`; Absent when the server says that there is nothing."""

    def post(url: str, body: bytes, media_type: str, largest: int) -> Deferred[Answer[bytes]]:
        """What `url` answers to `body`, at most `largest` octets."""


class IRevocations(Interface):
    """What is known of the revocation of certificates: one finding for each of a verified path but its root.

    `path` is in DER, leaf first, root last; `staple` as the server sent it, b"" without one.
    """

    def known(path: tuple[bytes, ...], staple: bytes) -> tuple[Finding, ...]:
        """What is known without asking anybody, at once (for mail that does not depend on it).  Never raises."""

    def check(path: tuple[bytes, ...], staple: bytes) -> Deferred[tuple[Finding, ...]]:
        """What can be found out within ten seconds; what is asked then goes on for those to come.  Does not fail."""


# --- who may ---------------------------------------------------------------------------------------------------------


class IExchange(Interface):
    """One AUTH exchange (RFC 4954)."""

    def respond(response: bytes | None) -> Deferred[Challenge | LoggedIn | Reply]:
        """The client's next response, decoded from base64; None when AUTH brought no initial response.

        Fires with a challenge to send on, with who it is, or with the refusal (535 5.7.8, 454 4.7.0 ...), which ends
        the exchange.  Does not fail.
        """


class ILogins(Interface):
    """Who may log in, and as which senders they may write."""

    def mechanisms() -> tuple[str, ...]:
        """The SASL mechanisms to offer, strongest first: ("SCRAM-SHA-256", "PLAIN", "LOGIN")."""

    def begin(mechanism: str, client: str) -> IExchange:
        """An exchange with one of `mechanisms()` for the client with that IP address."""

    def known(name: str) -> Deferred[LoggedIn | None]:
        """The login of that name, which somebody has proven to a proxy that we trust; None where nobody has it."""


class IBlocklists(Interface):
    """DNS lists of clients that a listener does not want."""

    def judge(client: str) -> Deferred[Reply | None]:
        """The refusal for a listed client; None for all others, also when no list could be asked.  Does not fail."""


class IRecipients(Interface):
    """Whether a mailbox of ours, or behind us, exists."""

    def verify(recipient: Mailbox) -> Deferred[Reply | None] | None:
        """None at once where nobody is to be asked; else it fires with None where the mailbox exists or nobody says
        otherwise, with 550 5.1.1 or with a temporary refusal.  Does not fail.
        """


class IAliases(Interface):
    """Names at local domains that stand for others."""

    def weight(recipient: Mailbox) -> int:
        """What it costs to find out for whom it stands, in addresses; 0 where it is no alias."""

    def current() -> Aliases:
        """As they are known now; nothing waits for a file."""


class ICallout(Interface):
    """Asks the server of a recipient's route."""

    def ask(recipient: Mailbox) -> Deferred[Said]:
        """What it says of the recipient, within half a minute.  Does not fail."""


# --- TLS -----------------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Resumable:
    """A TLS session as OpenSSL keeps it, and the evidence of its full handshake, made at `since` on a steady clock."""

    session: Any
    evidence: HandshakeEvidence
    since: float


class IClientTls(Interface):
    """Makes outbound TLS sessions and says what they showed."""

    def channel(
        rung: Rung,
        hello: Hello,
        server_name: str | None,
        secured: Callable[[], None],
        received: Callable[[bytes], None],
        resumable: Resumable | None = None,
        certificate: CertificateFiles | None = None,
    ) -> ITlsChannel:
        """One for a connection that we made.  `server_name` is sent as SNI, unless it is None or `hello` is nameless.
        `secured` is called when the handshake has ended, whatever the certificate is; nothing is proven until the
        evidence has been judged.  `received` is told what the server says afterwards.  `resumable` is offered to the
        server; `certificate` is ours, shown if it asks for one.
        """

    def evidence(connection: Connection) -> HandshakeEvidence:
        """What the finished handshake of a connection of ours showed.  Never raises: see `judging_error`."""

    def session(connection: Connection) -> Any:
        """The session of a finished handshake that may be resumed, as the server has given it by now; None without."""

    def past_hello(connection: Connection) -> bool:
        """Of a handshake that failed: the server's hello had come.  Never raises."""

    def against(evidence: HandshakeEvidence, roots: str) -> HandshakeEvidence:
        """The same, verified against the file or folder `roots` of authorities.  Never raises, likewise."""


class IHostMemory(Interface):
    """Remembers what TLS hosts could do, so that the next walk begins there."""

    def start_of(host: Host, rungs: Sequence[Rung]) -> Start | None:
        """Where to begin with a host under a plan that permits `rungs`, strongest first; None for the top."""

    def succeeded(host: Host, rung: Rung, hello: Hello, remembered: bool) -> None:
        """A handshake has succeeded; `remembered`: the walk began there."""

    def failed(host: Host) -> None:
        """A handshake has failed where the walk began because of what was remembered: forget that."""

    def forget(hosts: Iterable[str]) -> int:
        """Forget hosts, by name or name:port, all of them without any; gives how many were known."""


class ITlsChannel(Interface):
    """TLS between a transport and a protocol: the protocol hands it what the transport says, and uses it as one."""

    def start(transport: Any) -> None:
        """From now on `transport` carries TLS; a client says hello."""

    def take(wire: bytes) -> None:
        """The peer has sent `wire`."""

    def wire_ended() -> None:
        """The peer has closed its half of the transport."""

    def lost(reason: Failure) -> Failure:
        """The transport is gone because of `reason`: why the session ended, which is TLS's own reason if it had one."""

    def write(data: bytes) -> None:
        """Send `data`; before the handshake has ended, and once the end has begun, nothing is."""

    def loseConnection() -> None:
        """Say good-bye in TLS and close once the peer has ended, too; a session without a handshake is cut off."""

    def abortConnection() -> None:
        """Cut the connection; nothing more is heard."""

    def pauseProducing() -> None:
        """Read no more from the transport; what has been read is told all the same."""

    def resumeProducing() -> None:
        """Read on."""

    def registerProducer(producer: Any, streaming: bool) -> None:
        """Have the transport pause and resume who writes much."""

    def unregisterProducer() -> None:
        """The last of it has been written."""

    def getHandle() -> Any:
        """OpenSSL's connection, None when all is over."""


class IServerTls(Interface):
    """Makes inbound TLS sessions."""

    def channel(
        secured: Callable[[], None], received: Callable[[bytes], None], ended: Callable[[], None] | None = None
    ) -> ITlsChannel:
        """One for an accepted connection.  `secured` is called once the handshake has ended well, `received` with what
        the client says afterwards, `ended` when it has said its last word; without it the session is closed then.
        """

    def session(connection: Connection) -> TlsSession:
        """The facts of a finished handshake."""
