"""A server's ESMTP session without any I/O (pure): told what happened, it answers with effects.

Commands are run one at a time: while an answer is awaited (policy, spool, handshake), what the client sends waits.
Replies are put together into one `Send` for everything that came at once (RFC 2920 3.2).
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from fopemta.mail.address import Mailbox
from fopemta.mail.envelope import BodyType, TlsSession
from fopemta.mail.reply import Reply
from fopemta.smtp.commands import BARE_LINE_END, TOO_LONG, Command, Verb, parse
from fopemta.smtp.dot_stuffing import Unstuffer
from fopemta.smtp.extensions import Offered, ehlo_reply
from fopemta.smtp.line_buffer import LineBuffer, LineFlaw
from fopemta.smtp.server_effects import (
    AbortMessage,
    AskRecipient,
    AskSender,
    Close,
    CommitMessage,
    Effect,
    OpenMessage,
    Send,
    StartTls,
    WriteContent,
)
from fopemta.smtp.server_states import NEEDS, NEXT, READING, Event, State

# RFC 5321 4.5.3.1.4 wants 512 octets, parameters more; a client cannot need this much.
LONGEST_COMMAND = 2048


@attrs.frozen(kw_only=True)
class SessionRules:
    """What the configuration says about a session.

    `postmaster` is whom `<postmaster>` means; `starttls` whether TLS can be begun; `tls_required` before any mail.
    Sizes in octets; `errors` before the client is cut off.
    """

    hostname: str
    banner: str
    postmaster: Mailbox
    message_size: int
    recipients: int
    errors: int
    starttls: bool
    tls_required: bool


@attrs.define
class _Transaction:
    """What one message has come to; a new one is made for each, so nothing can be left over (C202)."""

    sender: Mailbox | None = None
    body: BodyType = BodyType.SEVEN_BIT
    # A dict keeps the order; an address given twice is one recipient.
    recipients: dict[Mailbox, None] = attrs.Factory(dict)
    asked: Mailbox | None = None
    size: int = 0
    too_large: bool = False


_BAD_SEQUENCE = {
    Verb.MAIL: "Say EHLO first, and end one transaction before the next",
    Verb.RCPT: "Say MAIL first",
    Verb.DATA: "Say RCPT first",
    Verb.STARTTLS: "Not in the middle of a transaction",
}
_BEFORE_TLS = frozenset({Verb.EHLO, Verb.HELO, Verb.STARTTLS, Verb.NOOP, Verb.QUIT, Verb.RSET})
_TLS_FIRST = Reply.of(530, "5.7.0", "Must issue a STARTTLS command first")
_TOO_LARGE = Reply.of(552, "5.3.4", "Message is too large")
_TOO_MANY_RECIPIENTS = Reply.of(452, "4.5.3", "Too many recipients, send the others in another transaction")
_TOO_MANY_ERRORS = Reply.of(421, "4.7.0", "Too many errors")
# What every session says, rendered once.
_OK = Reply.of(250, "2.0.0", "Ok").render()
_SENDER_OK = Reply.of(250, "2.1.0", "Ok").render()
_RECIPIENT_OK = Reply.of(250, "2.1.5", "Ok").render()
_GO_AHEAD = Reply.of(354, None, "End data with <CR><LF>.<CR><LF>").render()
# On purpose the one 2yz without an enhanced code: these are the exact words (R2, RULINGS 26).
_READY_FOR_TLS = Reply.of(220, None, "Ready to start TLS").render()


class ServerSession:
    """One connection.  Every public method gives the effects to perform, in order."""

    def __init__(self, rules: SessionRules, tls: TlsSession | None = None) -> None:
        self._rules = rules
        self.tls = tls
        self.state = State.START
        self.commands = 0
        self.messages = 0
        self.helo = ""
        self.extended = False
        self._errors = 0
        self._lines = LineBuffer(LONGEST_COMMAND)
        self._effects: list[Effect] = []
        self._replies: list[bytes] = []
        self._unstuffer = Unstuffer()
        self._transaction = _Transaction()

    # --- what happens to a session ---------------------------------------------------------------------------------

    def start(self) -> list[Effect]:
        """The connection stands: greet."""
        self._reply(Reply.of(220, None, f"{self._rules.hostname} {self._rules.banner}"))
        return self._taken()

    def receive(self, data: bytes) -> list[Effect]:
        """The client sent `data`, cut anywhere."""
        if self.state is State.CONTENT:
            self._content(data)
        elif self.state not in (State.CLOSED, State.HANDSHAKE):
            self._lines.feed(data)
        self._run()
        return self._taken()

    def judged(self, refusal: Reply | None) -> list[Effect]:
        """Policy has answered AskSender or AskRecipient: None accepts."""
        if self.state is State.SENDER_ASKED:
            self._sender_judged(refusal)
        else:
            self._recipient_judged(refusal)
        self._run()
        return self._taken()

    def opened(self) -> list[Effect]:
        """There is room for the message."""
        self._go(Event.OPENED)
        self._replies.append(_GO_AHEAD)
        self._unstuffer = Unstuffer()
        self._content(self._lines.take_rest())
        self._run()
        return self._taken()

    def committed(self, message_id: str) -> list[Effect]:
        """The message is durable."""
        self._go(Event.DONE)
        self.messages += 1
        self._errors = 0
        self._forget_transaction()
        self._reply(Reply.of(250, "2.0.0", f"Ok: queued as {message_id}"))
        self._run()
        return self._taken()

    def failed(self, reply: Reply) -> list[Effect]:
        """OpenMessage or CommitMessage came to nothing: nothing was kept."""
        self._go(Event.FAILED)
        self._forget_transaction()
        self._reply(reply)
        self._run()
        return self._taken()

    def secured(self, tls: TlsSession) -> list[Effect]:
        """The handshake has succeeded.  RFC 3207 4.2: the session begins anew, nothing of before counts."""
        self._go(Event.SECURED)
        self.tls = tls
        self.helo, self.extended = "", False
        self._forget_transaction()
        self._lines.clear()
        return self._taken()

    def end(self, reply: Reply, why: str) -> list[Effect]:
        """We end it (idle, shutting down): a last reply, and close.  Content under way is forgotten."""
        if self.state is State.CLOSED:
            return []
        if self.state is State.CONTENT:
            self._effects.append(AbortMessage())
        if self.state is not State.HANDSHAKE:
            self._reply(reply)
        self._close(why)
        return self._taken()

    @property
    def in_transaction(self) -> bool:
        """A message is on its way in."""
        return self.state in (State.OPENING, State.CONTENT, State.COMMITTING)

    # --- running commands ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self.state in READING:
            line = self._lines.next_line()
            if line is None:
                return
            self.commands += 1
            if isinstance(line, LineFlaw):
                self._refuse(TOO_LONG if line is LineFlaw.TOO_LONG else BARE_LINE_END)
            else:
                self._command(line)

    def _command(self, line: bytes) -> None:
        parsed = parse(line, self.extended)
        if isinstance(parsed, Reply):
            self._refuse(parsed)
            return
        if self._rules.tls_required and self.tls is None and parsed.verb not in _BEFORE_TLS:
            self._refuse(_TLS_FIRST)
            return
        needed = NEEDS.get(parsed.verb)
        if needed is not None and self.state not in needed:
            self._refuse(Reply.of(503, "5.5.1", _BAD_SEQUENCE[parsed.verb]))
            return
        _PROCEED[parsed.verb](self, parsed)

    def _helo(self, command: Command) -> None:
        self._greeted(command, extended=False)
        self._reply(Reply.of(250, None, self._rules.hostname))

    def _ehlo(self, command: Command) -> None:
        self._greeted(command, extended=True)
        offered = Offered(self._rules.starttls and self.tls is None, self._rules.message_size)
        self._replies.append(ehlo_reply(self._rules.hostname, offered))

    def _greeted(self, command: Command, extended: bool) -> None:
        self._go(Event.GREETED)
        self._forget_transaction()
        self.helo, self.extended = command.name, extended

    def _mail(self, command: Command) -> None:
        if command.size > self._rules.message_size:
            self._refuse(_TOO_LARGE)
            return
        self._go(Event.MAIL)
        self._transaction.sender, self._transaction.body = command.path, command.body
        self._do(AskSender(command.path))

    def _sender_judged(self, refusal: Reply | None) -> None:
        if refusal is not None:
            self._go(Event.REFUSED)
            self._forget_transaction()
            self._refuse(refusal)
            return
        self._go(Event.ACCEPTED)
        self._replies.append(_SENDER_OK)

    def _rcpt(self, command: Command) -> None:
        assert command.path is not None
        recipient = command.path if command.path.domain else self._rules.postmaster
        if (
            len(self._transaction.recipients) >= self._rules.recipients
            and recipient not in self._transaction.recipients
        ):
            self._refuse(_TOO_MANY_RECIPIENTS)
            return
        self._go(Event.RCPT)
        self._transaction.asked = recipient
        self._do(AskRecipient(recipient))

    def _recipient_judged(self, refusal: Reply | None) -> None:
        if refusal is not None:
            self._go(Event.REFUSED_AFTER_OTHERS if self._transaction.recipients else Event.REFUSED)
            self._refuse(refusal)
            return
        self._go(Event.ACCEPTED)
        assert self._transaction.asked is not None
        self._transaction.recipients[self._transaction.asked] = None
        self._replies.append(_RECIPIENT_OK)

    def _data(self, _: Command) -> None:
        self._go(Event.DATA)
        self._do(OpenMessage(self._transaction.sender, tuple(self._transaction.recipients), self._transaction.body))

    def _rset(self, _: Command) -> None:
        self._go(Event.RESET)
        self._forget_transaction()
        self._replies.append(_OK)

    def _noop(self, _: Command) -> None:
        self._replies.append(_OK)

    def _quit(self, _: Command) -> None:
        self._reply(Reply.of(221, "2.0.0", f"{self._rules.hostname} closing connection"))
        self._close("quit")

    def _vrfy(self, _: Command) -> None:
        # RFC 5321 7.3: no answer that would tell which addresses exist.
        self._reply(Reply.of(252, "2.1.5", "Cannot verify, but will take mail and try to deliver it"))

    def _help(self, _: Command) -> None:
        self._reply(Reply.of(214, "2.0.0", "Commands: " + " ".join(verb.value for verb in Verb)))

    def _starttls(self, _: Command) -> None:
        if self.tls is not None:
            self._refuse(Reply.of(503, "5.5.1", "TLS is already active"))
        elif not self._rules.starttls:
            self._refuse(Reply.of(502, "5.5.1", "TLS is not available"))
        else:
            self._go(Event.TLS)
            self._replies.append(_READY_FOR_TLS)
            # RFC 3207 4.2: whatever came in the clear behind STARTTLS is dropped, never run.
            self._lines.clear()
            self._do(StartTls())

    # --- content ---------------------------------------------------------------------------------------------------

    def _content(self, data: bytes) -> None:
        content = self._unstuffer.feed(data)
        if content:
            self._take_content(content)
        if self._unstuffer.ended:
            self._lines.feed(self._unstuffer.rest)
            self._content_ended()

    def _take_content(self, content: bytes) -> None:
        self._transaction.size += len(content)
        if self._transaction.too_large:
            return
        if self._transaction.size > self._rules.message_size:
            # Read on to the end, keep nothing, answer once there.
            self._transaction.too_large = True
            self._do(AbortMessage())
        else:
            self._do(WriteContent(content))

    def _content_ended(self) -> None:
        if self._transaction.too_large:
            self._go(Event.FAILED)
            self._forget_transaction()
            self._refuse(_TOO_LARGE)
        else:
            self._go(Event.ENDED)
            self._do(CommitMessage())

    # --- small steps -----------------------------------------------------------------------------------------------

    def _go(self, event: Event) -> None:
        self.state = NEXT[self.state, event]

    def _forget_transaction(self) -> None:
        self._transaction = _Transaction()

    def _reply(self, reply: Reply) -> None:
        self._replies.append(reply.render())

    def _refuse(self, reply: Reply) -> None:
        self._reply(reply)
        # RFC 5321 4.5.3.1.10: "too many recipients" (452) is no fault of the client, it sends the others later.
        self._errors += not reply.temporary
        if self._errors > self._rules.errors:
            self._reply(_TOO_MANY_ERRORS)
            self._close("too many errors")

    def _close(self, why: str) -> None:
        self._go(Event.CLOSE)
        self._lines.clear()
        self._do(Close(why))

    def _do(self, effect: Effect) -> None:
        # Replies so far go out before anything that may take its time.
        if self._replies and not isinstance(effect, AskSender | AskRecipient):
            self._flush_replies()
        self._effects.append(effect)

    def _flush_replies(self) -> None:
        self._effects.append(Send(b"".join(self._replies)))
        self._replies.clear()

    def _taken(self) -> list[Effect]:
        waiting = self.state in (State.SENDER_ASKED, State.RECIPIENT_ASKED)
        if self._replies and not waiting:
            self._flush_replies()
        effects, self._effects = self._effects, []
        return effects


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
    Verb.STARTTLS: ServerSession._starttls,
}
