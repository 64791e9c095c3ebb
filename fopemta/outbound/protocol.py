"""The thin loop between a connection to a server and its session (shell), with a deadline on every wait."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol as Conversation
from twisted.python.failure import Failure

from fopemta import maillog
from fopemta.background import supervise
from fopemta.config.model import DeliveryTimeouts
from fopemta.deadline import Deadline
from fopemta.interfaces import IClientTls, ITlsChannel, Resumable
from fopemta.outbound.content import ChunkSource, ContentSource, send_content
from fopemta.smtp.client_effects import (
    LINGER,
    BeginTls,
    Broken,
    ClientEffect,
    Hangup,
    Linger,
    Phase,
    Ready,
    RecipientResult,
    SendChunk,
    SendContent,
    SessionFailed,
    Transaction,
    TransactionDone,
    Write,
)
from fopemta.smtp.client_session import ClientSession
from fopemta.smtp.client_states import ClientState
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.handshake_failure import Ending, diagnose
from fopemta.trust.permit import Ground, NoPermit, permitted
from fopemta.trust.plan import CertificateFiles
from fopemta.trust.rungs import Hello, Rung

_CLOSING_GRACE = 5.0


@attrs.frozen
class OpenedSession:
    """A session is established: `ready` says how, `evidence` is that of its handshake, if there was one."""

    ready: Ready
    evidence: HandshakeEvidence | None


Opening: TypeAlias = OpenedSession | Broken
Transacted: TypeAlias = tuple[RecipientResult, ...] | Broken | NoPermit


class Count(Protocol):
    """Observes a connection."""

    def made(self) -> None:
        """It is established."""

    def left(self) -> None:
        """QUIT is sent; perhaps more than once."""

    def lost(self) -> None:
        """It is closed."""


class _Wait(enum.Enum):
    OPEN = "open"
    TRANSACTION = "transaction"


class OutboundProtocol(Conversation):
    """One connection to a server.

    `rung` PLAIN never begins TLS.  `server_name` is the name for SNI, None for a bare address.  The Deferreds that it
    returns do not fail.
    """

    def __init__(
        self,
        hostname: str,
        rung: Rung,
        hello: Hello,
        server_name: str | None,
        tls: IClientTls,
        clock: IReactorTime,
        timeouts: DeliveryTimeouts,
        resumable: Resumable | None = None,
        certificate: CertificateFiles | None = None,
        reply_text: int = 1024,
    ) -> None:
        self._resumable, self._certificate = resumable, certificate
        self._session = ClientSession(hostname, rung is not Rung.PLAIN, reply_text)
        self._told_of_excess = False
        self._rung, self._hello, self._server_name = rung, hello, server_name
        self._tls = tls
        self._timeouts = timeouts
        self._channel: ITlsChannel | None = None
        self._evidence: HandshakeEvidence | None = None
        self._deadline = Deadline(clock, self._timed_out)
        self._grace = Deadline(clock, self.abort)
        self._lingering = Deadline(clock, self._lingered)
        self._source: ContentSource | None = None
        self._chunks: ChunkSource | None = None
        self._result: Deferred[Any] | None = Deferred()
        self._waiting_for: _Wait | None = _Wait.OPEN
        self._cut = False
        # More of the message is to come; what was written so far must not be completed by an error.
        self._sending = False
        self.opened: Deferred[Opening] = self._result
        self.lost = False
        # For tools: called with what is sent by us (True) and by the server (False).
        self.overhear: Callable[[bool, bytes], object] | None = None
        # Whether others wait for this connection's place; None if that is never so.
        self.pressed: Callable[[], bool] | None = None
        # Asked when the server has the message and does not answer; True: this connection's place is another's.
        self.stalls: Callable[[], bool] | None = None
        self._more_time = 0.0
        # For the count of connections.
        self.counted: Count | None = None

    # --- what the delivery manager says ----------------------------------------------------------------------------

    def transact(
        self, transaction: Transaction, source: ContentSource, ground: Callable[[], Ground]
    ) -> Deferred[Transacted]:
        """Send one message, if this connection's evidence is good enough for the `ground` of this very moment.  Only
        while nothing else is under way.
        """
        self._source = source
        self._chunks = ChunkSource(source, transaction.size)
        done: Deferred[Transacted] = Deferred()
        self._result, self._waiting_for = done, _Wait.TRANSACTION
        if not self.usable:
            self._broke(Diagnosis.CONVERSATION_DROPPED, "the connection was closed")
            return done
        permit = permitted(ground(), self._evidence)
        if isinstance(permit, NoPermit):
            self._finish(permit)
        else:
            self._perform(self._session.begin(transaction, permit))
        return done

    @property
    def usable(self) -> bool:
        """Whether another message may be sent."""
        return not self.lost and self._session.state is ClientState.READY

    def resumable_session(self) -> Any:
        """The TLS session as the server has given it so far; None without TLS, or if the connection is closed."""
        if self._evidence is None or self.lost:
            return None
        return self._tls.session(self._transport.getHandle())

    def quit(self) -> None:
        """Send QUIT, and close after a short wait."""
        if self.counted is not None:
            self.counted.left()
        if not self.lost:
            self._perform(self._session.quit())

    def abort(self) -> None:
        """Abort the connection; pending results are given, too."""
        if not self.lost:
            self._transport.abortConnection()

    # --- what the transport says -----------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Wait for the server's greeting."""
        if self.counted is not None:
            self.counted.made()
        self._wait()

    def dataReceived(self, data: bytes) -> None:
        """Process received data."""
        if self._channel is None:
            self._heard(data)
        else:
            self._channel.take(data)

    def _heard(self, data: bytes) -> None:
        """Process data from the server, decrypted under TLS."""
        if self.overhear is not None:
            self.overhear(False, data)
        self._perform(self._session.receive(data))
        if self._session.oversize and not self._told_of_excess:
            self._told_of_excess = True
            transport: Any = self.transport
            maillog.reply_bound_exceeded(transport.getPeer().host, self._session.oversize)

    def _tls_stands(self) -> None:
        """The handshake has finished; nothing is judged yet."""
        self._evidence = self._tls.evidence(self._transport.getHandle())
        self._perform(self._session.secured())

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        """The connection is closed; what that means depends on the phase."""
        self.lost = True
        self._deadline.end()
        self._grace.end()
        self._lingering.end()
        shaking = self._session.phase is Phase.HANDSHAKE
        past_hello = shaking and self._channel is not None and self._tls.past_hello(self._channel.getHandle())
        if self._channel is not None:
            reason = self._channel.lost(reason)
        if self.counted is not None:
            self.counted.lost()
        if self._waiting_for is None:
            return
        if shaking:
            words = _words(reason)
            diagnosis = diagnose(Ending.ERROR, words, past_hello=past_hello)
            self._broke(diagnosis, words or "the connection was closed during the handshake")
        else:
            self._broke(Diagnosis.CONVERSATION_DROPPED, "the server closed the connection")

    # --- performing effects ----------------------------------------------------------------------------------------

    @property
    def _transport(self) -> Any:
        return self.transport if self._channel is None else self._channel

    def _perform(self, effects: list[ClientEffect]) -> None:
        for effect in effects:
            _PERFORM[type(effect)](self, effect)
        if effects:
            self._wait()

    def _write(self, effect: Write) -> None:
        if self.overhear is not None:
            self.overhear(True, effect.data)
        self._transport.write(effect.data)

    def _begin_tls(self, _: BeginTls) -> None:
        self._channel = self._tls.channel(
            self._rung, self._hello, self._server_name, self._tls_stands, self._heard, self._resumable,
            self._certificate,
        )  # fmt: skip
        self._channel.start(self.transport)

    def _linger(self, _: Linger) -> None:
        self._lingering.set(LINGER)

    def _lingered(self) -> None:
        self._perform(self._session.waited())

    def _ready(self, effect: Ready) -> None:
        self._finish(OpenedSession(effect, self._evidence))

    def _send_content(self, _: SendContent) -> None:
        assert self._source is not None
        sending = send_content(self._source, self._transport, self._wait)
        if sending is None:
            self._session.content_sent()
        else:
            self._sending = True
            supervise(sending.addCallbacks(self._content_sent, self._content_broke), "sending a message")

    def _send_chunk(self, _: SendChunk) -> None:
        self._sending = True
        sending = Deferred.fromCoroutine(self._next_chunk())
        supervise(sending.addErrback(self._content_broke), "sending a chunk")

    async def _next_chunk(self) -> None:
        assert self._chunks is not None
        octets, last = await self._chunks.next_chunk()
        self._sending = not last
        if not self._cut:
            self._session.chunk_sent(last)
            self._transport.write(octets)
            self._wait()

    def _content_sent(self, _: object) -> None:
        self._sending = False
        if not self._cut:
            self._session.content_sent()
            self._wait()

    def _content_broke(self, failure: Failure) -> None:
        # Our own spool failed in the middle of the message: without a final dot the server discards it.
        self._broke(Diagnosis.LOCAL_TROUBLE, "the message could not be read from the spool")
        self.abort()

    def _transaction_done(self, effect: TransactionDone) -> None:
        self._finish(effect.results)

    def _session_failed(self, effect: SessionFailed) -> None:
        self._finish(Broken(effect, self._session.answered()))

    def _hang_up(self, _: Hangup) -> None:
        self._deadline.clear()
        self._cut = True
        if self._sending:
            self.abort()
            return
        self._grace.set(_CLOSING_GRACE)
        self._transport.loseConnection()

    # --- deadlines and ends ----------------------------------------------------------------------------------------

    def _wait(self) -> None:
        if self.lost or self._cut:
            return
        if self._waiting_for is None and self._session.state is not ClientState.QUIT:
            return  # it is idle; its owner sets a timeout
        phase = self._session.phase
        seconds: float = getattr(self._timeouts, _TIMEOUT_OF[phase])
        asks = self.stalls if phase is Phase.FINAL else self.pressed if phase in _BEFORE_CONTENT else None
        first = min(seconds, _PATIENCE) if asks is not None else seconds
        self._more_time = seconds - first
        self._deadline.set(first)

    def _timed_out(self) -> None:
        if self._more_time > 0 and self._session.phase is Phase.FINAL and self.stalls is not None:
            # Not given up: the server may have accepted the message.
            if self.stalls():
                self.stalls = None
            more = self._more_time if self.stalls is None else min(self._more_time, _LOOK)
            self._more_time -= more
            self._deadline.set(more)
            return
        if self._more_time > 0 and self.pressed is not None and not self.pressed():
            more = min(self._more_time, _LOOK)
            self._more_time -= more
            self._deadline.set(more)
            return
        if self._session.phase is Phase.HANDSHAKE:
            self._broke(Diagnosis.HANDSHAKE_TIMEOUT, "no answer to the TLS handshake in time")
        else:
            self._broke(Diagnosis.CONVERSATION_TIMEOUT, f"no answer in time ({self._session.phase.value})")
        self.abort()

    def _broke(self, diagnosis: Diagnosis, text: str) -> None:
        self._finish(Broken(SessionFailed(self._session.phase, diagnosis, text), self._session.answered()))

    def _finish(self, value: Any) -> None:
        """Fire the pending Deferred, once."""
        result, self._result, self._waiting_for = self._result, None, None
        if result is not None:
            self._deadline.rest()
            result.callback(value)


# While other mail waits for a place, the server has this many seconds for each reply; and how often that is checked.
_PATIENCE = 30.0
_LOOK = 5.0
# Nothing of the message has been sent: giving up causes a delay, but no duplicate.
_BEFORE_CONTENT = frozenset(
    {Phase.GREETING, Phase.HELO, Phase.STARTTLS, Phase.HANDSHAKE, Phase.MAIL, Phase.RCPT, Phase.DATA}
)

_TIMEOUT_OF = {
    Phase.GREETING: "greeting",
    Phase.HELO: "helo",
    Phase.STARTTLS: "helo",
    Phase.HANDSHAKE: "handshake",
    Phase.MAIL: "mail",
    Phase.RCPT: "rcpt",
    Phase.DATA: "data",
    Phase.CONTENT: "block",
    Phase.FINAL: "final",
    Phase.QUIT: "quit",
}


def _words(reason: Failure) -> str:
    """OpenSSL's words about the end of a handshake; empty if the connection was just closed."""
    said: Any = getattr(reason.value, "args", ())
    entries = said[0] if said and isinstance(said[0], list) else []
    return "; ".join(str(entry[-1]) for entry in entries)


_PERFORM: dict[type[ClientEffect], Callable[[OutboundProtocol, Any], None]] = {
    Write: OutboundProtocol._write,
    BeginTls: OutboundProtocol._begin_tls,
    Linger: OutboundProtocol._linger,
    Ready: OutboundProtocol._ready,
    SendContent: OutboundProtocol._send_content,
    SendChunk: OutboundProtocol._send_chunk,
    TransactionDone: OutboundProtocol._transaction_done,
    SessionFailed: OutboundProtocol._session_failed,
    Hangup: OutboundProtocol._hang_up,
}
