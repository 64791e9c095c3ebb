"""A server's ESMTP session without any I/O (pure): events in, effects out.

Commands run one at a time: while an answer is awaited (policy, spool, queue, login, handshake), further input waits.
Replies to everything that came at once are collected into one `Send` (RFC 2920 3.2).
"""

from __future__ import annotations

from collections.abc import Callable

from fopemta.mail.envelope import BodyType, TlsSession
from fopemta.mail.login import Challenge, LoggedIn
from fopemta.mail.reply import Reply
from fopemta.smtp import sasl_lines
from fopemta.smtp import server_replies as replies
from fopemta.smtp.commands import BARE_LINE_END, TOO_LONG, Chunk, Command, Verb, chunk_of, parse
from fopemta.smtp.extensions import Offered, ehlo_reply
from fopemta.smtp.line_buffer import LineBuffer, LineFlaw
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
from fopemta.smtp.server_states import NEXT, READING, ServerEvent, State
from fopemta.smtp.session_rules import SessionRules, out_of_place
from fopemta.smtp.transaction import ContentIntake, IncomingTransaction

# RFC 4954 4: the longest line of AUTH in octets; RFC 5321 and the extensions need far less for all others.
LONGEST_LINE = 12_288
# A client that keeps extending a refused line is not sending commands.
_MOST_SWALLOWED = 8 * LONGEST_LINE


class ServerSession:
    """One connection.  Every public method returns the effects to perform, in order."""

    def __init__(self, rules: SessionRules, tls: TlsSession | None = None) -> None:
        self._rules = rules
        self.tls = tls
        self.login: LoggedIn | None = None
        self.state = State.START
        self.commands = 0
        self.messages = 0
        self.helo = ""
        # The offer made in reply to EHLO; None unless the client greeted with it.
        self.offered: Offered | None = None
        self._errors = 0
        self._commands_since = 0
        self._lines = LineBuffer(LONGEST_LINE)
        self._effects: list[Effect] = []
        self._replies: list[bytes] = []
        self._transaction = IncomingTransaction()
        # The BDAT chunk being read, and how many of its octets are still to come.
        self._chunk = _NO_CHUNK
        self._chunk_left = 0
        self._chunk_refusal = replies.NOT_AVAILABLE

    # --- what happens to a session ---------------------------------------------------------------------------------

    def start(self) -> list[Effect]:
        """The connection is established: greet."""
        self._replies.append(self._rules.greeting)
        return self._taken()

    def receive(self, data: bytes) -> list[Effect]:
        """Process `data` from the client, cut anywhere."""
        if self.state is State.CONTENT:
            self._content(data)
        elif self.state not in (State.CLOSED, State.HANDSHAKE):
            self._lines.feed(data)
        self._run()
        return self._taken()

    def judged(self, refusal: Reply | None) -> list[Effect]:
        """Policy has answered AskSender or AskRecipient; None means accepted."""
        if self.state is State.SENDER_ASKED:
            self._sender_judged(refusal)
        else:
            self._recipient_judged(refusal)
        return self._run_on()

    def opened(self) -> list[Effect]:
        """The answer to OpenMessage: the spool takes the content from now on."""
        self._transaction.content = ContentIntake(self._rules.content_limits(self.login), self._transaction.mail.body)
        if self._chunk is not _NO_CHUNK:
            self._go(ServerEvent.OPENED_FOR_CHUNK)
        else:
            self._go(ServerEvent.OPENED)
            self._replies.append(replies.GO_AHEAD)
            if self._lines.size:
                self._content(self._lines.take_rest())
        return self._run_on()

    def committed(self, message_id: str) -> list[Effect]:
        """The answer to CommitMessage: the message is durable under this id."""
        self._go(ServerEvent.DONE)
        self.messages += 1
        self._errors = self._commands_since = 0
        self._forget_transaction()
        self._replies.append(replies.queued(message_id))
        return self._run_on()

    def failed(self, reply: Reply) -> list[Effect]:
        """OpenMessage or CommitMessage failed, and nothing was stored."""
        if self.state is State.OPENING and self._chunk is not _NO_CHUNK:
            self._refuse_chunk(reply)
        else:
            self._go(ServerEvent.FAILED)
            self._forget_transaction()
            self._reply(reply)
        return self._run_on()

    def flushed(self, reply: Reply) -> list[Effect]:
        """The answer to AskFlush (ETRN)."""
        self._go(ServerEvent.DONE)
        if reply.positive:
            self._reply(reply)
        else:
            self._refuse(reply)
        return self._run_on()

    def challenged(self, challenge: Challenge) -> list[Effect]:
        """AUTH continues with a challenge."""
        self._go(ServerEvent.CHALLENGED)
        self._reply(sasl_lines.challenge(challenge.octets))
        return self._run_on()

    def logged_in(self, login: LoggedIn) -> list[Effect]:
        """AUTH has succeeded.  The login is valid until TLS begins or the connection ends."""
        self._go(ServerEvent.ACCEPTED)
        self.login = login
        self._replies.append(replies.LOGGED_IN)
        return self._run_on()

    def login_refused(self, reply: Reply) -> list[Effect]:
        """AUTH has failed.  A temporary failure counts too: an attacker guessing passwords may cause either."""
        self._go(ServerEvent.REFUSED)
        self._errors += reply.temporary
        self._refuse(reply)
        return self._run_on()

    def tls_granted(self) -> list[Effect]:
        """The answer to AskTls: a handshake may begin."""
        self._go(ServerEvent.TLS_GRANTED)
        self._replies.append(replies.READY_FOR_TLS)
        # RFC 3207 4.2: whatever came in the clear after STARTTLS is discarded, never executed.
        self._lines.clear()
        self._do(UpgradeToTls())
        return self._taken()

    def tls_refused(self, reply: Reply) -> list[Effect]:
        """The answer to AskTls: 454 (RFC 3207 4), and the session continues in the clear."""
        self._go(ServerEvent.TLS_REFUSED if self.helo else ServerEvent.TLS_REFUSED_BEFORE_GREETING)
        self._refuse(reply)
        return self._run_on()

    def secured(self, tls: TlsSession) -> list[Effect]:
        """The handshake has succeeded.  RFC 3207 4.2: the session starts again, with no knowledge from before."""
        self._go(ServerEvent.SECURED)
        self.tls = tls
        self._forget_client()
        self._lines.clear()
        return self._taken()

    def restarted(self, rules: SessionRules, login: LoggedIn | None = None) -> list[Effect]:
        """XCLIENT was accepted: the session starts again for another client, with other `rules`."""
        self._go(ServerEvent.RESTARTED)
        self._rules = rules
        self._forget_client()
        self.login = login
        self._replies.append(rules.greeting)
        return self._run_on()

    def not_impersonated(self, reply: Reply) -> list[Effect]:
        """XCLIENT was refused."""
        self._go(ServerEvent.REFUSED)
        self._refuse(reply)
        return self._run_on()

    def held_back(self) -> list[Effect]:
        """Release the replies to commands before a slow question, so that they need not wait for its answer."""
        if self._replies:
            self._flush_replies()
        return self._taken()

    def end(self, reply: Reply, why: str) -> list[Effect]:
        """End the session from our side (idle, shutdown): a last reply, and close.  An unfinished message is lost."""
        if self.state is State.CLOSED:
            return []
        if self.state is not State.COMMITTING:
            self._abort_content()
        if self.state is not State.HANDSHAKE:
            self._reply(reply)
        self._close(why)
        return self._taken()

    def heard_out(self) -> list[Effect]:
        """The client has closed its side and all is answered: close.  An unfinished message is lost."""
        if self.state is State.CLOSED:
            return []
        self._abort_content()
        self._close(HEARD_OUT)
        return self._taken()

    @property
    def in_transaction(self) -> bool:
        """Whether a message is being received."""
        return self.state in _BUSY

    @property
    def waiting_octets(self) -> int:
        """Octets received and not yet processed."""
        return self._lines.size

    @property
    def utf8(self) -> bool:
        """Whether the current transaction is internationalised (RFC 6531)."""
        return self._transaction.mail.smtputf8

    @property
    def home(self) -> str | None:
        """See `commands.Known`."""
        return self._rules.home(self.login)

    @property
    def extended(self) -> bool:
        """Whether the client greeted with EHLO."""
        return self.offered is not None

    # --- running commands ------------------------------------------------------------------------------------------

    def _run_on(self) -> list[Effect]:
        self._run()
        return self._taken()

    def _run(self) -> None:
        """Process the input as far as the state allows."""
        while (step := _STEPS.get(self.state)) is not None and step(self):
            pass

    def _read_command(self) -> bool:
        line = self._lines.next_line()
        if line is None:
            if self._lines.swallowed > _MOST_SWALLOWED:
                self._reply(replies.TOO_MANY_ERRORS)
                self._close("an endless line")
            return False
        self.commands += 1
        self._commands_since += 1
        if 0 < self._rules.commands < self._commands_since:
            self._reply(replies.TOO_MANY_COMMANDS)
            self._close("too many commands")
        elif isinstance(line, LineFlaw):
            self._refuse(TOO_LONG if line is LineFlaw.TOO_LONG else BARE_LINE_END)
        else:
            self._command(line)
        return True

    def _command(self, line: bytes) -> None:
        parsed = parse(line, self)
        refusal = parsed if isinstance(parsed, Reply) else out_of_place(self._rules, self, parsed)
        if refusal is None and isinstance(parsed, Command) and parsed.verb is not Verb.BDAT:
            _PROCEED[parsed.verb](self, parsed)
        elif isinstance(parsed, Command) and parsed.verb is Verb.DATA and self.state is State.CHUNKS:
            self._mixed()
        elif line[:4].upper() == b"BDAT":
            self._bdat(chunk_of(line), refusal)
        elif refusal is not None:
            self._refuse(refusal)

    def _helo(self, command: Command) -> None:
        self._greeted(command)
        self._reply(Reply.of(250, None, self._rules.hostname))

    def _ehlo(self, command: Command) -> None:
        self._greeted(command)
        self.offered = self._rules.offered(self.tls)
        self._replies.append(ehlo_reply(self._rules.hostname, self.offered))

    def _greeted(self, command: Command) -> None:
        self._abort_content()
        self._go(ServerEvent.GREETED)
        self._forget_transaction()
        self.helo, self.offered = command.name, None

    def _mail(self, command: Command) -> None:
        self._go(ServerEvent.MAIL)
        self._transaction.sender, self._transaction.mail = command.path, command.mail
        self._do(AskSender(command.path))

    def _sender_judged(self, refusal: Reply | None) -> None:
        if refusal is not None:
            self._go(ServerEvent.REFUSED)
            self._forget_transaction()
            self._refuse(refusal)
            return
        self._go(ServerEvent.ACCEPTED)
        self._replies.append(replies.SENDER_OK)

    def _rcpt(self, command: Command) -> None:
        assert command.path is not None
        recipient = command.path if command.path.domain else self._rules.postmaster
        known = self._transaction.recipients
        if len(known) >= self._rules.recipients and recipient not in known:
            self._refuse(replies.TOO_MANY_RECIPIENTS)
            return
        self._go(ServerEvent.RCPT)
        self._transaction.asked = (recipient, command.recipient)
        self._do(AskRecipient(recipient))

    def _recipient_judged(self, refusal: Reply | None) -> None:
        if refusal is not None:
            self._go(ServerEvent.REFUSED_AFTER_OTHERS if self._transaction.recipients else ServerEvent.REFUSED)
            self._refuse(refusal)
            return
        self._go(ServerEvent.ACCEPTED)
        # An accepted recipient is progress towards a message; the number of recipients has its own limit.
        self._commands_since -= self._transaction.recipient_accepted()
        self._replies.append(replies.RECIPIENT_OK)

    def _data(self, _: Command) -> None:
        if self._transaction.mail.body is BodyType.BINARY_MIME:
            # RFC 3030 3.
            self._refuse(replies.BINARY_NEEDS_BDAT)
            return
        self._go(ServerEvent.DATA)
        self._do(OpenMessage(self._transaction.envelope()))

    def _rset(self, _: Command) -> None:
        self._abort_content()
        self._go(ServerEvent.RESET)
        self._forget_transaction()
        self._replies.append(replies.OK)

    def _noop(self, _: Command) -> None:
        self._replies.append(replies.OK)

    def _quit(self, _: Command) -> None:
        self._abort_content()
        self._replies.append(self._rules.farewell)
        self._close(QUIT)

    def _vrfy(self, _: Command) -> None:
        # RFC 5321 7.3: the reply must not reveal which addresses exist.
        self._reply(Reply.of(252, "2.1.5", "Cannot verify, but will take mail and try to deliver it"))

    def _help(self, _: Command) -> None:
        self._replies.append(replies.HELP)

    def _etrn(self, command: Command) -> None:
        self._go(ServerEvent.FLUSH)
        self._do(AskFlush(command.name))

    def _starttls(self, _: Command) -> None:
        self._go(ServerEvent.TLS)
        self._do(AskTls())

    def _xclient(self, command: Command) -> None:
        self._go(ServerEvent.IMPERSONATE)
        self._do(Impersonate(command.argument or ""))

    # --- AUTH ------------------------------------------------------------------------------------------------------

    def _auth(self, command: Command) -> None:
        initial = sasl_lines.initial_response(command.argument)
        if isinstance(initial, Reply):
            self._refuse(initial)
            return
        self._go(ServerEvent.LOGIN)
        self._do(AskLogin(command.name, initial))

    def _read_response(self) -> bool:
        line = self._lines.next_line()
        if line is None:
            return False
        response = replies.LOGIN_LINE_TOO_LONG if isinstance(line, LineFlaw) else sasl_lines.response(line)
        if isinstance(response, Reply):
            self._go(ServerEvent.REFUSED)
            self._refuse(response)
        else:
            self._go(ServerEvent.RESPONDED)
            self._do(ContinueLogin(response))
        return True

    # --- content ---------------------------------------------------------------------------------------------------

    def _content(self, data: bytes) -> None:
        intake = self._transaction.content
        assert intake is not None
        self._keep(intake, intake.data(data))
        if intake.rest is not None:
            self._lines.feed(intake.rest)
            self._content_ended(intake)

    def _keep(self, intake: ContentIntake, content: bytes) -> None:
        """Write accepted content; abort as soon as it is certain that the message will be refused."""
        if content:
            self._do(WriteContent(content))
        elif intake.refusal is not None:
            # Read to the end without storing, and answer there.
            self._abort_content()

    def _content_ended(self, intake: ContentIntake) -> None:
        if intake.refusal is not None:
            self._do(MessageRefused(intake.refusal))
            self._go(ServerEvent.FAILED)
            self._forget_transaction()
            self._refuse(intake.refusal)
        else:
            self._go(ServerEvent.ENDED)
            self._do(CommitMessage(intake.body_type))

    def _abort_content(self) -> None:
        transaction = self._transaction
        if transaction.content is not None and not transaction.aborted:
            transaction.aborted = True
            self._do(AbortMessage())

    # --- BDAT: RFC 3030 --------------------------------------------------------------------------------------------

    def _bdat(self, chunk: Chunk | None, refusal: Reply | None) -> None:
        if chunk is None:
            # Without the size, content and commands cannot be told apart.
            self._reply(refusal or replies.NOT_AVAILABLE)
            self._close("a BDAT without a size")
            return
        self._chunk, self._chunk_left = chunk, chunk.octets
        refusal = refusal or chunk.flaw
        if refusal is not None:
            self._refuse_chunk(refusal)
        elif self.state is State.CHUNKS:
            self._go(ServerEvent.NEXT_CHUNK)
        else:
            self._go(ServerEvent.DATA)
            self._do(OpenMessage(self._transaction.envelope()))

    def _mixed(self) -> None:
        """RFC 3030 2: DATA after BDAT is answered 503, and the transaction cannot be completed."""
        self._abort_content()
        self._go(ServerEvent.RESET)
        self._forget_transaction()
        self._refuse(replies.DATA_AFTER_BDAT)

    def _refuse_chunk(self, refusal: Reply) -> None:
        """Discard the chunk's octets before answering; the transaction is over."""
        self._abort_content()
        self._go(ServerEvent.CHUNK_REFUSED)
        self._forget_transaction()
        self._chunk_refusal = refusal

    def _read_chunk(self) -> bool:
        intake = self._transaction.content
        assert intake is not None
        octets = self._lines.take(self._chunk_left)
        self._chunk_left -= len(octets)
        ended = self._chunk_left == 0
        self._keep(intake, intake.chunk(octets, ended and self._chunk.last))
        if intake.refusal is not None:
            self._do(MessageRefused(intake.refusal))
            self._refuse_chunk(intake.refusal)
            return True
        if not ended:
            return False
        chunk, self._chunk = self._chunk, _NO_CHUNK
        if chunk.last:
            self._content_ended(intake)
        else:
            self._go(ServerEvent.CHUNK_TAKEN)
            # Content is progress towards a message, however many chunks it takes; its size has its own limit.
            self._commands_since -= chunk.octets > 0
            self._reply(Reply.of(250, "2.0.0", f"{chunk.octets} octets received"))
        return True

    def _discard(self) -> bool:
        self._chunk_left -= len(self._lines.take(self._chunk_left))
        if self._chunk_left:
            return False
        self._chunk = _NO_CHUNK
        self._go(ServerEvent.DISCARDED if self.helo else ServerEvent.DISCARDED_BEFORE_GREETING)
        self._refuse(self._chunk_refusal)
        return True

    # --- small steps -----------------------------------------------------------------------------------------------

    def _go(self, event: ServerEvent) -> None:
        self.state = NEXT[self.state, event]

    def _forget_transaction(self) -> None:
        self._transaction = IncomingTransaction()

    def _forget_client(self) -> None:
        self.helo, self.offered, self.login = "", None, None
        self._forget_transaction()

    def _reply(self, reply: Reply) -> None:
        self._replies.append(reply.render())

    def _refuse(self, reply: Reply) -> None:
        self._reply(reply)
        # RFC 5321 4.5.3.1.10: "too many recipients" (452) is not the client's error; it sends the others later.
        self._errors += not reply.temporary
        if self._errors > self._rules.errors:
            self._reply(replies.TOO_MANY_ERRORS)
            self._close("too many errors")

    def _close(self, why: str) -> None:
        self._go(ServerEvent.CLOSE)
        self._lines.clear()
        self._do(Close(why))

    def _do(self, effect: Effect) -> None:
        # Send collected replies before anything that may take time.
        if self._replies and not isinstance(effect, _QUESTIONS):
            self._flush_replies()
        self._effects.append(effect)

    def _flush_replies(self) -> None:
        self._effects.append(Send(b"".join(self._replies)))
        self._replies.clear()

    def _taken(self) -> list[Effect]:
        if self._replies and self.state not in _ASKED:
            self._flush_replies()
        effects, self._effects = self._effects, []
        return effects


_NO_CHUNK = Chunk(0, False)
_QUESTIONS = (AskSender, AskRecipient)
_ASKED = frozenset({State.SENDER_ASKED, State.RECIPIENT_ASKED})
_BUSY = frozenset({State.OPENING, State.CONTENT, State.CHUNK, State.CHUNKS, State.COMMITTING})

# How each state processes its input: True if there may be more to do.
_STEPS: dict[State, Callable[[ServerSession], bool]] = {
    **dict.fromkeys(READING, ServerSession._read_command),
    State.CHUNK: ServerSession._read_chunk,
    State.DISCARDING: ServerSession._discard,
    State.LOGIN: ServerSession._read_response,
}

_PROCEED: dict[Verb, Callable[[ServerSession, Command], None]] = {
    Verb.HELO: ServerSession._helo,
    Verb.EHLO: ServerSession._ehlo,
    Verb.MAIL: ServerSession._mail,
    Verb.RCPT: ServerSession._rcpt,
    Verb.DATA: ServerSession._data,
    Verb.RSET: ServerSession._rset,
    Verb.NOOP: ServerSession._noop,
    Verb.QUIT: ServerSession._quit,
    Verb.VRFY: ServerSession._vrfy,
    Verb.HELP: ServerSession._help,
    Verb.ETRN: ServerSession._etrn,
    Verb.STARTTLS: ServerSession._starttls,
    Verb.AUTH: ServerSession._auth,
    Verb.XCLIENT: ServerSession._xclient,
}
