"""The thin loop between a connection and its session (shell): bytes in, effects performed, results reported."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred, TimeoutError  # noqa: A004  Twisted's own
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta import maillog
from fopemta.address.grammar import NotInGrammar
from fopemta.address.ip import canonical_ip_address
from fopemta.background import supervise
from fopemta.config.model import ListenerTls
from fopemta.inbound.context import InboundInForce
from fopemta.inbound.gate import Gate
from fopemta.inbound.pace import SessionPace
from fopemta.inbound.reception import Reception
from fopemta.inbound.sessions import Sessions
from fopemta.interfaces import IExchange, ITlsChannel, SpoolFull, SpoolTrouble
from fopemta.mail.envelope import Arrival, Envelope, TlsSession
from fopemta.mail.login import Challenge, LoggedIn
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.received import protocol_word
from fopemta.mail.reply import Reply
from fopemta.smtp.server_effects import (
    HEARD_OUT,
    QUIT,
    AbortMessage,
    AskFlush,
    AskLogin,
    AskRecipient,
    AskSender,
    AskTls,
    Close,
    CommitMessage,
    ContinueLogin,
    Effect,
    Impersonate,
    MessageRefused,
    OpenMessage,
    Send,
    UpgradeToTls,
    WriteContent,
)
from fopemta.smtp.server_session import ServerSession
from fopemta.smtp.server_states import State
from fopemta.smtp.xclient import OtherClient, other_client

_NO_ROOM = Reply.of(452, "4.3.1", "Insufficient system storage")
_LOCAL_TROUBLE = Reply.of(451, "4.3.0", "Temporary trouble here, please try again later")
_TOO_MANY = Reply.of(421, "4.3.2", "Too many connections, please try again later")
STARTING = Reply.of(421, "4.3.2", "The server is starting, please try again later")
_SHUTTING_DOWN = Reply.of(421, "4.3.2", "The server is shutting down, please try again later")
_CONNECT_AGAIN = Reply.of(421, "4.7.0", "Certificates are verified again, please reconnect")
_TOO_EARLY = Reply.of(554, "5.5.1", "You must wait for the greeting")
_TOO_LONG = Reply.of(421, "4.4.2", "The session took too long, closing connection")
_IDLE = Reply.of(421, "4.4.2", "Timeout, closing connection")
# After a fault of ours the session may be in any state, so it cannot continue: 421 and not 451 (RFC 5321 3.8).
_OUR_FAULT = Reply.of(421, "4.3.0", "Temporary trouble here, please try again later")

_NO_IMPERSONATION = Reply.of(501, "5.5.4", "Bad attributes")
_NO_TLS_NOW = Reply.of(454, "4.7.0", "TLS is not available for the moment")

# Seconds for an orderly close before the connection is aborted.
_CLOSING_GRACE = 10.0
# Each asked component has a deadline of its own; this one is a safety net.  Shorter than a client's timeouts by RFC
# 5321 4.5.3.2.
_LONGEST_THOUGHT = 120.0

T = TypeVar("T")


@implementer(IHalfCloseableProtocol)
class InboundProtocol(Protocol):
    """One client.  It decides nothing: the session says what to do, and the context provides the services for it."""

    def __init__(self, in_force: InboundInForce, sessions: Sessions) -> None:
        self._in_force = in_force
        self._sessions = sessions
        self._session: ServerSession | None = None
        self._effects: deque[Effect] = deque()
        self._performing = False
        self._reception: Reception | None = None
        # The last message, also after it was given up.
        self._coming: tuple[str, Envelope]
        self._pace = SessionPace(in_force.context.services.clock, self._timed_out, self._too_long)
        # The greeting is delayed by the listener's setting.
        self._silent = False
        self._closing = False
        self._distrusted = False
        # The client has closed its half of the connection.
        self._all_said = False
        self._client = "unknown"
        self._gate: Gate
        self._exchange: IExchange | None = None
        self._channel: ITlsChannel | None = None
        self._prepared: ITlsChannel | None = None
        self._pauses = 0
        self._reading_stopped = False
        self._lost = False

    # --- what the transport says -----------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """A client has connected; under implicit TLS the handshake comes first."""
        transport = self._transport
        self._client = canonical_ip_address(getattr(transport.getPeer(), "host", "unknown"))
        maillog.connected(self._client, self._in_force.context.listener.endpoint)
        refusal = self._not_welcome()
        if refusal is None:
            self._sessions.joined(self)
            self._gate = Gate(self._in_force, self._client)
            self._limit_session()
            self._start()
        elif self._implicit:
            # A reply would need the handshake, which costs us more than the client.
            transport.abortConnection()
        else:
            transport.write(refusal.render())
            self._hang_up()

    def _not_welcome(self) -> Reply | None:
        """Why the client is rejected at once; None if it is not."""
        context, sessions = self._in_force.context, self._sessions
        if sessions.closing:
            return _SHUTTING_DOWN
        if sessions.starting:
            return STARTING
        if sessions.full(context.most_sessions):
            return _TOO_MANY
        return self._not_admitted(self._client, context.admission.may_relay(self._client))

    def _not_admitted(self, client: str, trusted: bool) -> Reply | None:
        """Why a client with that address is not admitted; if it is, it counts from now on."""
        clients = self._in_force.context.services.clients
        refusal = clients.handshake(client) if self._implicit and self._session is None and not trusted else None
        refusal = refusal or clients.connecting(client, trusted)
        if refusal is not None:
            maillog.refused(client, "CONNECT", refusal.code, refusal.enhanced, refusal.text, client)
        return refusal

    def _limit_session(self) -> None:
        self._pace.limit_session(None if self._gate.trusted else self._in_force.context.config.limits.timeouts.session)

    def _start(self) -> None:
        listener = self._in_force.context.listener
        if self._implicit:
            self._pace.expect(self._in_force.context.config.limits.timeouts.handshake)
            self._begin_with_tls()
        elif listener.banner_delay and not self._gate.trusted:
            self._silent = True
            self._pace.expect(listener.banner_delay)
        else:
            self._greet()

    def _begin_with_tls(self) -> None:
        if self._in_force.context.services.server_tls is None or self._prepare_tls() is not None:
            self.abort("there is no TLS for it")
        else:
            self._put_tls_below()

    @property
    def _implicit(self) -> bool:
        return self._in_force.context.listener.tls is ListenerTls.IMPLICIT

    def dataReceived(self, data: bytes) -> None:
        """Process received data, which may come even while reading is paused."""
        if self._channel is None:
            self._heard(data)
        else:
            self._channel.take(data)

    def _heard(self, data: bytes) -> None:
        """Process data from the client, decrypted under TLS."""
        self._pace.came(len(data))
        if self._pauses and not self._reading_stopped:
            # Most clients wait for the answer; data sent before it must not fill our memory.
            self._reading_stopped = True
            self._transport.pauseProducing()
        if self._session is not None:
            self._do(self._session.receive, data)
        elif self._silent:
            # RFC 5321 4.3.1: clients wait for the greeting; spam programs often do not.
            self._silent = False
            self._transport.write(_TOO_EARLY.render())
            maillog.cut_off(self._client, "spoke before the greeting")
            self._hang_up()

    def _tls_stands(self) -> None:
        if not self._lost:
            self._do(self._secured)

    def readConnectionLost(self) -> None:
        """The client has closed its half of the connection."""
        if self._channel is None:
            self._heard_all()
        else:
            self._channel.wire_ended()

    def writeConnectionLost(self) -> None:
        """Our half is never closed alone."""

    def _heard_all(self) -> None:
        """No more data will come: what has come is answered, then the connection ends.

        Programs that have everything ready send the end of data and QUIT and close their half (Exim does so in the
        clear): without the 250 they would send the message again.
        """
        self._all_said = True
        if self._session is None:
            self._hang_up()
        else:
            self._wait_for_client()

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        """The client is gone.  A message whose final dot has come is kept; an unfinished one is discarded."""
        self._lost = True
        if self._channel is not None:
            reason = self._channel.lost(reason)
        self._pace.stop()
        if self not in self._sessions.present:
            return  # rejected at once
        self._in_force.context.services.clients.gone(self._client)
        session = self._session
        if session.state is State.HANDSHAKE if session is not None else self._implicit:
            maillog.tls_failed(self._client, _words(reason))
        # A message being committed belongs to the spool.
        self._abort_message()
        commands, messages = (session.commands, session.messages) if session else (0, 0)
        maillog.disconnected(self._client, _words(reason), commands, messages)
        self._sessions.left(self)

    # --- what the server says --------------------------------------------------------------------------------------

    def shut_down(self) -> None:
        """Close, unless a message is being received; then after it."""
        if self._session is None:
            self.abort("the server is shutting down")
        elif not self._session.in_transaction:
            self._do(self._session.end, _SHUTTING_DOWN, "shutting down")

    def distrust(self) -> None:
        """Client certificates must be verified again: if the client has one, close as in `shut_down`."""
        session = self._session
        certificate = session.tls.client if session is not None and session.tls is not None else None
        self._distrusted = certificate is not None and certificate.verified
        if self._distrusted and not self._talk.in_transaction:
            self._do(self._talk.end, _CONNECT_AGAIN, "the trusted roots have changed")

    def abort(self, why: str) -> None:
        """Abort the connection."""
        maillog.cut_off(self._client, why)
        self._transport.abortConnection()

    # --- performing effects ----------------------------------------------------------------------------------------

    @property
    def _transport(self) -> Any:
        return self.transport if self._channel is None else self._channel

    def _do(self, happening: Callable[..., list[Effect]], *facts: object) -> None:
        """Pass a `happening` to the session; perform its effects in order, and those that follow from them."""
        try:
            self._effects.extend(happening(*facts))
            if not self._performing:
                self._perform()
        except Exception:  # noqa: BLE001  # the reactor would drop the client without a word
            self._fail()

    def _perform(self) -> None:
        self._performing = True
        try:
            while self._effects and not self._lost:
                effect = self._effects.popleft()
                _PERFORM[type(effect)](self, effect)
        finally:
            self._performing = False
        if not self._lost:
            self._wait_for_client()

    def _fail(self) -> None:
        """Call while handling an exception of ours: it is logged, and the client gets no details."""
        maillog.failed_unexpectedly("serving a client")
        self._effects.clear()
        self._abort_message()
        if self._session is None or self._session.state is State.HANDSHAKE:
            self.abort("a fault of ours")
        else:
            self._effects.extend(self._session.end(_OUR_FAULT, "a fault of ours"))
            self._perform()

    def _begin(self, tls: TlsSession | None) -> list[Effect]:
        self._session = ServerSession(self._in_force.context.rules(self._client, self._gate.trusted), tls)
        return self._session.start()

    def _secured(self) -> list[Effect]:
        server_tls = self._in_force.context.services.server_tls
        assert server_tls is not None
        tls = server_tls.session(self._transport.getHandle())
        maillog.tls_started(self._client, tls)
        return self._begin(tls) if self._session is None else self._session.secured(tls)

    def _send(self, effect: Send) -> None:
        self._transport.write(effect.data)

    def _ask_sender(self, effect: AskSender) -> None:
        self._answer(self._gate.sender(effect.sender, self._talk.tls), self._talk.judged)

    def _ask_recipient(self, effect: AskRecipient) -> None:
        self._answer(self._gate.recipient(effect.recipient), self._talk.judged)

    def _ask_flush(self, effect: AskFlush) -> None:
        self._answer(Deferred.fromCoroutine(self._gate.flush(effect.domain, self._talk.tls)), self._talk.flushed)

    def _ask_login(self, effect: AskLogin) -> None:
        logins = self._in_force.context.logins
        assert logins is not None
        self._exchange = logins.begin(effect.mechanism, self._client)
        self._answer(self._exchange.respond(effect.initial), self._login_answered)

    def _continue_login(self, effect: ContinueLogin) -> None:
        assert self._exchange is not None
        self._answer(self._exchange.respond(effect.response), self._login_answered)

    def _login_answered(self, answer: Challenge | LoggedIn | Reply) -> list[Effect]:
        if isinstance(answer, Challenge):
            return self._talk.challenged(answer)
        self._exchange = None
        if isinstance(answer, LoggedIn):
            self._gate.login = answer
            return self._talk.logged_in(answer)
        return self._talk.login_refused(answer)

    def _ask_tls(self, _: AskTls) -> None:
        refusal = self._gate.handshake() or self._prepare_tls()
        self._tell(self._talk.tls_granted() if refusal is None else self._talk.tls_refused(refusal))

    def _prepare_tls(self) -> Reply | None:
        """Everything that may fail is done before the 220."""
        server_tls = self._in_force.context.services.server_tls
        assert server_tls is not None
        try:
            self._prepared = server_tls.channel(self._tls_stands, self._heard, self._heard_all)
        except Exception:  # noqa: BLE001  RFC 3207 4: 454, and the session goes on
            maillog.failed_unexpectedly("preparing TLS")
            return _NO_TLS_NOW
        return None

    def _start_tls(self, _: UpgradeToTls) -> None:
        self._put_tls_below()

    def _put_tls_below(self) -> None:
        assert self._prepared is not None
        self._channel = self._prepared
        self._channel.start(self.transport)

    def _impersonate(self, effect: Impersonate) -> None:
        """XCLIENT: what follows is from another client, with that client's permissions."""
        try:
            other = other_client(effect.attributes)
        except NotInGrammar:
            self._tell(self._talk.not_impersonated(_NO_IMPERSONATION))
            return
        logins = self._in_force.context.logins
        if other.login is None or logins is None:
            self._tell(self._become(other, None))
        else:
            become: Callable[[Any], list[Effect]] = functools.partial(self._become, other)
            self._answer(logins.known(other.login), become)

    def _become(self, other: OtherClient, login: LoggedIn | Reply | None) -> list[Effect]:
        if isinstance(login, Reply):
            return self._talk.not_impersonated(login)
        client = self._client if other.address is None else other.address
        refusal = self._not_admitted(client, self._in_force.context.admission.may_relay(client))
        if refusal is not None:
            return self._talk.end(refusal, "the client that was named has had enough")
        self._in_force.context.services.clients.gone(self._client)
        self._client = client
        self._gate = Gate(self._in_force, client)
        self._gate.login = login
        self._limit_session()
        # A client permitted to use XCLIENT may use it again.
        rules = attrs.evolve(self._in_force.context.rules(client, self._gate.trusted), xclient=True)
        return self._talk.restarted(rules, login)

    def _open_message(self, effect: OpenMessage) -> None:
        envelope = effect.envelope.arrived(self._arrival(effect.envelope), self._gate.from_outside)
        try:
            self._reception = Reception(self._in_force.context, self._gate, envelope, self._wait_for_room)
            self._coming = self._reception.named
        except SpoolTrouble as trouble:
            self._tell(self._talk.failed(_reply_to(trouble)))
            return
        self._tell(self._talk.opened())

    def _arrival(self, envelope: Envelope) -> Arrival:
        session, login = self._talk, self._talk.login
        return Arrival(
            self._client,
            session.helo,
            protocol_word(session.extended, session.tls is not None, login is not None, envelope.smtputf8),
            session.tls,
            None if login is None else login.name,
            self._in_force.context.listener.endpoint,
        )

    def _write_content(self, effect: WriteContent) -> None:
        assert self._reception is not None
        self._reception.write(effect.data)

    def _wait_for_room(self, room: Deferred[None]) -> None:
        self._pause()
        supervise(room.addBoth(self._resume), "waiting for room in the spool")

    def _commit_message(self, effect: CommitMessage) -> None:
        reception, self._reception = self._reception, None
        assert reception is not None
        committing = reception.commit(effect.body_type)
        if isinstance(committing, Reply):
            self._tell(self._talk.failed(committing))
            return
        # Reading stops, so that a client cannot fill our memory while the disk works.
        self._pause()
        committing.addCallbacks(self._committed, self._not_committed)
        supervise(committing.addBoth(self._resume), "committing a message")

    def _committed(self, message: QueuedMessage | Reply) -> None:
        if isinstance(message, Reply):
            if not self._lost:
                self._do(self._talk.failed, message)
            return
        maillog.accepted(message)
        try:
            self._in_force.context.services.queue.accepted(message)
        except Exception:  # noqa: BLE001  # it is durable: the client hears 250, and the next start finds it
            maillog.failed_unexpectedly("handing a message to the queue")
        if not self._lost:
            self._do(self._talk.committed, message.id)

    def _not_committed(self, failure: Failure) -> None:
        reply = _LOCAL_TROUBLE
        if failure.check(SpoolTrouble) is not None:
            reply = _reply_to(failure.value)
        else:
            maillog.background_failure("committing a message", failure)
        if not self._lost:
            self._do(self._talk.failed, reply)

    def _message_refused(self, effect: MessageRefused) -> None:
        maillog.message_refused(*self._coming, effect.reply, None)

    def _abort_message_effect(self, _: AbortMessage) -> None:
        self._abort_message()

    def _close(self, effect: Close) -> None:
        self._pace.rest()
        if effect.why not in (QUIT, HEARD_OUT):
            maillog.cut_off(self._client, effect.why)
        self._hang_up()

    # --- small steps -----------------------------------------------------------------------------------------------

    @property
    def _talk(self) -> ServerSession:
        assert self._session is not None
        return self._session

    def _answer(self, answer: Deferred[T] | T, tell: Callable[[T], list[Effect]]) -> None:
        """Pass an answer to the session, now or when its Deferred fires."""
        if not isinstance(answer, Deferred):
            self._tell(tell(answer))
            return
        self._pause()
        if not answer.called:
            self._tell(self._talk.held_back())
        answer.addTimeout(_LONGEST_THOUGHT, self._in_force.context.services.clock)
        answer.addCallbacks(self._thought, self._not_thought, callbackArgs=(tell,), errbackArgs=(tell,))
        supervise(answer.addBoth(self._resume), "answering a client")

    def _thought(self, answer: Any, tell: Callable[[Any], list[Effect]]) -> None:
        if not self._lost and self._talk.state is not State.CLOSED:
            self._do(tell, answer)

    def _not_thought(self, failure: Failure, tell: Callable[[Any], list[Effect]]) -> None:
        """No answer could be obtained: the client may try again.  Anything but a timeout is a fault of ours."""
        if failure.check(TimeoutError) is None:
            maillog.background_failure("answering a client", failure)
        self._thought(_LOCAL_TROUBLE, tell)

    def _tell(self, effects: list[Effect]) -> None:
        """The effects of an answer come before those still pending."""
        self._effects.extendleft(reversed(effects))

    def _abort_message(self) -> None:
        reception, self._reception = self._reception, None
        if reception is not None:
            reception.abort()

    def _hang_up(self) -> None:
        self._closing = True
        # A peer that does not read, or never begins its TLS, would otherwise keep the connection open for ever.
        self._pace.expect(_CLOSING_GRACE)
        self._transport.loseConnection()

    def _pause(self) -> None:
        """Stop processing until `_resume` was called as often: room and a commit may be awaited at once."""
        self._pauses += 1

    def _resume(self, result: Any) -> Any:
        self._pauses -= 1
        if self._pauses == 0 and not self._lost:
            if self._reading_stopped:
                self._reading_stopped = False
                self._transport.resumeProducing()
            self._wait_for_client()
        return result

    def _wait_for_client(self) -> None:
        """Set the deadline for the session's state; none while the client waits for us."""
        session = self._session
        assert session is not None
        state, timeouts = session.state, self._in_force.context.config.limits.timeouts
        if state is State.CLOSED:
            return
        if self._all_said and not self._pauses:
            self._do(session.heard_out)
        elif self._sessions.closing and not session.in_transaction:
            self.shut_down()
        elif self._distrusted and not session.in_transaction:
            self.distrust()
        elif self._pauses:
            self._pace.rest()
        elif state is State.HANDSHAKE:
            self._pace.expect(timeouts.handshake)
        elif state in _DATA_STATES:
            self._pace.expect_content((state, session.commands), timeouts.data)
        else:
            self._pace.expect_command((state, session.commands), timeouts.command)

    def _greet(self) -> None:
        self._do(self._begin, None)

    def _too_long(self) -> None:
        """The session's time is over; a message being received may be completed, if it comes fast enough."""
        if self._session is None:
            self.abort("the session took too long")
        elif self._pauses or (self._session.in_transaction and self._pace.hurries()):
            self._pace.look_again()
        else:
            self._do(self._session.end, _TOO_LONG, "the session took too long")

    def _timed_out(self) -> None:
        if self._closing:
            self._transport.abortConnection()
        elif self._silent:
            self._silent = False
            self._greet()
        elif self._session is None or self._session.state is State.HANDSHAKE:
            self.abort("no TLS handshake in time")
        else:
            self._do(self._session.end, _IDLE, "timeout")


_DATA_STATES = frozenset({State.CONTENT, State.CHUNK, State.DISCARDING})


def _reply_to(trouble: BaseException | None) -> Reply:
    return _NO_ROOM if isinstance(trouble, SpoolFull) else _LOCAL_TROUBLE


def _words(reason: Failure | None) -> str:
    """Why a connection ended, for the log."""
    if reason is None:
        return "closed"
    parts = getattr(reason.value, "args", ())
    if parts and isinstance(parts[0], list):  # OpenSSL: a list of (library, function, reason)
        return "; ".join(str(entry[-1]) for entry in parts[0]) or "TLS error"
    return str(reason.value) or type(reason.value).__name__


_PERFORM: dict[type[Effect], Callable[[InboundProtocol, Any], None]] = {
    Send: InboundProtocol._send,
    AskSender: InboundProtocol._ask_sender,
    AskRecipient: InboundProtocol._ask_recipient,
    AskFlush: InboundProtocol._ask_flush,
    AskLogin: InboundProtocol._ask_login,
    ContinueLogin: InboundProtocol._continue_login,
    AskTls: InboundProtocol._ask_tls,
    Impersonate: InboundProtocol._impersonate,
    UpgradeToTls: InboundProtocol._start_tls,
    OpenMessage: InboundProtocol._open_message,
    WriteContent: InboundProtocol._write_content,
    CommitMessage: InboundProtocol._commit_message,
    MessageRefused: InboundProtocol._message_refused,
    AbortMessage: InboundProtocol._abort_message_effect,
    Close: InboundProtocol._close,
}
