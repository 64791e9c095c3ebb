"""A client's ESMTP session without any I/O (pure): events in, effects out.

It carries any number of messages one after another.  It does not decide which TLS is good enough: it reports the state
of the connection in `Ready`, and the caller begins a transaction or quits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from fopemta.address.mailbox import Mailbox, path_text
from fopemta.mail.envelope import BodyType
from fopemta.mail.reply import Reply
from fopemta.smtp.client_effects import (
    BeginTls,
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
from fopemta.smtp.client_states import NEXT, PHASES, ClientEvent, ClientState
from fopemta.smtp.reply_parser import MOST_LINES, Garbage, ReplyParser
from fopemta.smtp.server_offer import ServerOffer, continues_offer, extensions_of, lists_starttls
from fopemta.smtp.xtext import encode_unitext, encode_xtext
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.permit import Permit


class ClientSession:
    """One connection to a server.

    `hostname` is our name for EHLO; `wants_tls`: begin TLS where it is offered.  At most `reply_text` characters of a
    reply's text are retained; `oversize` is the length of the longest reply that was cut, 0 if none was.
    """

    def __init__(self, hostname: str, wants_tls: bool, reply_text: int = 1024) -> None:
        self._hostname = hostname
        self._wants_tls = wants_tls
        self._reply_text = reply_text
        self.oversize = 0
        self.state = ClientState.GREETING
        self.tls = False
        self._heard_under_tls = False
        self.offer = ServerOffer()
        self._starttls_offered = False
        self._name = ""
        self._greeting: Reply | None = None
        self._introduction: Reply | None = None
        self._parser = ReplyParser(patient=True)
        self._effects: list[ClientEffect] = []
        self._transaction: Transaction | None = None
        self._results: dict[Mailbox, RecipientResult] = {}
        # The lines so far of an answer to EHLO that may continue.
        self._heard_so_far: tuple[str, ...] = ()
        self._unsent: deque[_Command] = deque()
        self._awaited: deque[tuple[Phase, Mailbox | None]] = deque()

    # --- what happens ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[ClientEffect]:
        """Process `data` from the server, cut anywhere."""
        if self._closed:
            return []  # the session is over: what still comes must not pile up
        self._heard_under_tls = self._heard_under_tls or self.tls
        self._parser.feed(data)
        while not self._closed:
            reply = self._parser.next_reply()
            if reply is None:
                break
            if isinstance(reply, Garbage):
                self._fail(Diagnosis.PROTOCOL_ERROR, f"not an SMTP reply: {reply.text}")
            else:
                self._replied(reply)
        return self._taken()

    def secured(self) -> list[ClientEffect]:
        """The handshake has succeeded.  RFC 3207 4.2: everything learned in the clear is forgotten."""
        self._go(ClientEvent.SECURED)
        self.tls = True
        self.offer = ServerOffer()
        self._introduction = None
        self._parser = ReplyParser(patient=True)
        self._write(f"EHLO {self._hostname}")
        return self._taken()

    def waited(self) -> list[ClientEffect]:
        """Nothing more has come since `Linger` was said."""
        if self._heard_so_far and not self._closed:
            self._known()
        return self._taken()

    def begin(self, transaction: Transaction, permit: Permit) -> list[ClientEffect]:
        """Send a message.  Call it only after `Ready`, or after the `TransactionDone` of the previous message.

        Raises ValueError if `permit` was issued for other recipients or another kind of connection.
        """
        if not permit.covers(transaction.recipients, self.tls):
            raise ValueError("the permit is not for this transaction")
        self._go(ClientEvent.BEGIN)
        self._transaction, self._results = transaction, {}
        self._unsent.extend(_commands(transaction, self.offer))
        self._send_commands()
        return self._taken()

    def content_sent(self) -> None:
        """Report that the content with its final dot has been written."""
        self._go(ClientEvent.SENT)

    def chunk_sent(self, last: bool) -> None:
        """Report that a BDAT command and its octets have been written; `last`: they ended the message."""
        self._go(ClientEvent.SENT if last else ClientEvent.CHUNK_OUT)

    def quit(self) -> list[ClientEffect]:
        """Send QUIT if the session is idle, else hang up."""
        if self.state is ClientState.READY:
            self._go(ClientEvent.QUIT)
            self._write("QUIT")
        else:
            self._go(ClientEvent.CLOSE)
            self._effects.append(Hangup())
        return self._taken()

    @property
    def phase(self) -> Phase:
        """The command whose reply is awaited."""
        if self.state is ClientState.ENVELOPE and self._awaited:
            return self._awaited[0][0]
        if self.state is ClientState.EHLO_AGAIN and self._heard_under_tls:
            # TLS is established: what the server says or omits now is no failure of the handshake, and must not lead to
            # weaker TLS or to plain text.
            return Phase.HELO
        return PHASES[self.state]

    @property
    def _closed(self) -> bool:
        return self.state is ClientState.CLOSED

    def answered(self) -> tuple[RecipientResult, ...]:
        """The results known so far, of a transaction that broke off."""
        return tuple(self._results.values())

    # --- greeting and TLS ------------------------------------------------------------------------------------------

    def _replied(self, reply: Reply) -> None:
        if reply.code == 421 and self.state not in _ANSWERING_421:
            self._fail_by(reply)
            return
        match self.state:
            case ClientState.GREETING:
                self._greeted(reply)
            case ClientState.EHLO | ClientState.HELO | ClientState.EHLO_AGAIN | ClientState.HELO_AGAIN:
                self._introduced(reply)
            case ClientState.STARTTLS:
                self._starttls_answered(reply)
            case ClientState.ENVELOPE:
                self._envelope_answered(reply)
            case ClientState.CHUNK_SENT:
                self._chunk_answered(reply)
            case ClientState.FINAL:
                self._final(reply)
            case ClientState.RESET:
                self._go(ClientEvent.DONE)
                self._done()
            case ClientState.QUIT:
                self._go(ClientEvent.CLOSE)
                self._effects.append(Hangup())
            case ClientState.CONTENT | ClientState.CHUNK if reply.code >= 500:
                # It will never accept this message: the rest need not be sent.
                self._decide(self._undecided, Phase.CONTENT, reply)
                self._broken_off()
            case ClientState.CONTENT | ClientState.CHUNK if reply.code >= 400:
                self._fail_by(reply)
            case _:
                text = f"an unexpected reply: {reply.code} {self._kept(reply).text}"
                self._fail(Diagnosis.PROTOCOL_ERROR, text)

    def _greeted(self, reply: Reply) -> None:
        if reply.code != 220:
            self._fail_by(reply)
            return
        self._greeting = reply
        self._hear_out(lambda more: more == reply)
        self._go(ClientEvent.GREETED)
        self._write(f"EHLO {self._hostname}")

    def _introduced(self, reply: Reply) -> None:
        if self._heard_so_far:
            self._introduced_on(reply)
        elif self._is_greeting_again(reply):
            self._greeting = None
        elif 200 <= reply.code < 300:
            # HELO has no extensions, but STARTTLS is looked for in its reply too, whatever follows the server's name.
            self._introduction = reply
            self._name = reply.lines[0].partition(" ")[0]
            self._understand(reply.lines + self._hear_out(self._is_more_of_the_offer))
        elif self.state in _BY_EHLO and reply.code >= 500:
            # RFC 5321 3.2: an old server.
            self._starttls_offered = lists_starttls(reply.lines)
            self._go(ClientEvent.NO_EHLO)
            self._write(f"HELO {self._hostname}")
        else:
            self._fail_by(reply)

    def _understand(self, lines: tuple[str, ...]) -> None:
        """All that was heard of the answer to EHLO or HELO."""
        self._starttls_offered = self._starttls_offered or lists_starttls(lines)
        if self.state not in _BY_EHLO:
            self._known()
            return
        self.offer = ServerOffer.of(extensions_of(lines[1:]))
        wanted = self._wants_tls and self._starttls_offered and not self.tls
        assert self._introduction is not None
        # A server that ends each line as the last one may write each by itself: what it offers must not depend on how
        # they are cut, nor may a late one be taken for the answer to a command.  What comes behind STARTTLS is known.
        at_once = wanted and self._parser.empty
        if len(self._introduction.lines) > 1 or at_once or len(lines) >= MOST_LINES:
            self._known()
        else:
            self._heard_so_far = lines
            self._effects.append(Linger())

    def _introduced_on(self, reply: Reply) -> None:
        if self._is_more_of_the_offer(reply):
            self._understand(self._heard_so_far + reply.lines + self._hear_out(self._is_more_of_the_offer))
        else:
            self._parser.give_back(reply)
            self._known()

    def _is_greeting_again(self, reply: Reply) -> bool:
        """Whether the greeting is repeated, perhaps under TLS; taken as the answer to EHLO it would offer nothing."""
        if self._greeting is None or reply.code != 220 or lists_starttls(reply.lines):
            return False
        return reply.lines[0].split(" ")[0] == self._greeting.lines[0].split(" ")[0]

    def _is_more_of_the_offer(self, reply: Reply) -> bool:
        """Whether the answer to EHLO is repeated, or continued by a server that ends each line as the last one."""
        again = self._introduction
        return again is not None and (reply == again or (reply.code == again.code and continues_offer(reply.lines)))

    def _hear_out(self, belongs: Callable[[Reply], bool]) -> tuple[str, ...]:
        """The lines of replies already received that `belongs` assigns to the reply at hand."""
        lines: list[str] = []
        while (more := self._parser.next_reply(early=True)) is not None:
            if isinstance(more, Garbage) or len(lines) >= MOST_LINES or not belongs(more):
                self._parser.give_back(more)
                break
            lines += more.lines
        return tuple(lines)

    def _known(self) -> None:
        self._heard_so_far = ()
        offered = self._starttls_offered
        if self._wants_tls and offered and not self.tls:
            self._go(ClientEvent.WANT_TLS)
            self._write("STARTTLS")
            return
        self._ready(Ready(self.tls, offered or self.tls, name=self._name, offer=self.offer), ClientEvent.KNOWN)

    def _starttls_answered(self, reply: Reply) -> None:
        if self._is_more_of_the_offer(reply) and reply.code != 220:
            return  # it came late
        if not 200 <= reply.code < 300:
            self._ready(Ready(False, True, self._kept(reply), self._name, self.offer), ClientEvent.TLS_REFUSED)
        elif not self._parser.empty:
            # What came in the clear after the 220 was injected, or comes from a broken server.
            text = "data in the clear behind the answer to STARTTLS"
            self._effects.append(SessionFailed(Phase.HANDSHAKE, Diagnosis.NOT_TLS, text))
            self._go(ClientEvent.CLOSE)
            self._effects.append(Hangup())
        else:
            self._go(ClientEvent.TLS_GRANTED)
            self._effects.append(BeginTls())

    def _ready(self, ready: Ready, event: ClientEvent) -> None:
        self._go(event)
        self._parser.patient = False
        self._effects.append(ready)

    # --- transactions ----------------------------------------------------------------------------------------------

    def _send_commands(self) -> None:
        """Send all commands with PIPELINING, else only the next one (RFC 2920)."""
        if self._spoken_ahead():
            return
        count = len(self._unsent) if self.offer.pipelining else 1
        lines = []
        for _ in range(count):
            line, phase, recipient = self._unsent.popleft()
            self._awaited.append((phase, recipient))
            lines.append(line)
        self._effects.append(Write(b"".join(lines)))

    def _envelope_answered(self, reply: Reply) -> None:
        phase, recipient = self._awaited.popleft()
        if phase is Phase.DATA:
            self._data_answered(reply)
            return
        good = 200 <= reply.code < 300
        if phase is Phase.MAIL and not good:
            self._decide(self._undecided, Phase.MAIL, reply)
        elif recipient is not None and recipient not in self._results and (self._probes or not good):
            self._decide([recipient], Phase.RCPT, reply, accepted=good)
        if reply.code == 421:
            self._decide(self._undecided, phase, reply)
            self._broken_off()
        elif not self._awaited:
            self._next_command()

    def _next_command(self) -> None:
        """Continue while some recipient may still get the message, else abandon the transaction."""
        if self._anybody_undecided and self._unsent:
            self._send_commands()
        elif self._anybody_undecided:
            # Only the BDAT commands remain, which the performer sends.
            self._go(ClientEvent.TO_CHUNKS)
            self._effects.append(SendChunk())
        else:
            self._unsent.clear()
            self._reset()

    def _reset(self) -> None:
        """Send RSET: the server may still be in the failed transaction, and would refuse the next MAIL."""
        self._go(ClientEvent.TO_RESET)
        self._write("RSET")

    def _data_answered(self, reply: Reply) -> None:
        if reply.code == 354:
            self._go(ClientEvent.GO_AHEAD)
            if self._anybody_undecided:
                self._effects.append(SendContent())
            else:
                # Pipelined, and no recipient was accepted: an empty message ends it (RFC 2920 3.1).
                self._effects.append(Write(b".\r\n"))
                self._go(ClientEvent.SENT)
            return
        self._decide(self._undecided, Phase.DATA, reply)
        if reply.code == 421:
            self._broken_off()
        else:
            self._reset()

    def _chunk_answered(self, reply: Reply) -> None:
        if 200 <= reply.code < 300:
            self._go(ClientEvent.NEXT_CHUNK)
            self._effects.append(SendChunk())
            return
        self._decide(self._undecided, Phase.FINAL, reply)
        if reply.code == 421:
            self._broken_off()
        else:
            self._reset()

    def _final(self, reply: Reply) -> None:
        # Recipients with a result were refused before: the answer to an empty message concerns none of them.
        self._decide(self._undecided, Phase.FINAL, reply, accepted=200 <= reply.code < 300)
        if reply.code == 421:
            self._broken_off()
        elif reply.code >= 400 and self._by_chunks:
            # RFC 3030 2: after a refused BDAT the server waits for RSET.
            self._reset()
        else:
            self._go(ClientEvent.DONE)
            self._done()

    @property
    def _by_chunks(self) -> bool:
        return self._transaction is not None and self._transaction.body is BodyType.BINARY_MIME

    @property
    def _probes(self) -> bool:
        return self._transaction is not None and self._transaction.probe

    @property
    def _anybody_undecided(self) -> bool:
        """Whether some recipient has no result yet; O(1), since it is asked after each reply to RCPT."""
        assert self._transaction is not None
        return len(self._results) < len(self._transaction.recipients)

    @property
    def _undecided(self) -> list[Mailbox]:
        assert self._transaction is not None
        return [each for each in self._transaction.recipients if each not in self._results]

    def _decide(self, recipients: list[Mailbox], phase: Phase, reply: Reply, accepted: bool = False) -> None:
        reply = self._kept(reply)
        for each in recipients:
            self._results[each] = RecipientResult(each, accepted, phase, reply)

    def _done(self) -> None:
        assert self._transaction is not None
        ordered = tuple(self._results[each] for each in self._transaction.recipients)
        self._effects.append(TransactionDone(ordered))

    def _broken_off(self) -> None:
        """End the transaction and hang up: the server sent 421, or refused the rest of the content."""
        self._done()
        self._go(ClientEvent.CLOSE)
        self._effects.append(Hangup())

    # --- small steps -----------------------------------------------------------------------------------------------

    def _go(self, event: ClientEvent) -> None:
        self.state = NEXT[self.state, event]

    def _write(self, line: str) -> None:
        if not self._spoken_ahead():
            self._effects.append(Write(_line(line)))

    def _spoken_ahead(self) -> bool:
        """Fail if there is input before a command is sent: it cannot be the answer, and all replies would be off by
        one.
        """
        if self._parser.empty:
            return False
        self._fail(Diagnosis.PROTOCOL_ERROR, "a reply to what had not been said yet")
        return True

    def _fail_by(self, reply: Reply) -> None:
        kind = Diagnosis.REFUSED_BY_PEER if reply.code >= 500 else Diagnosis.DEFERRED_BY_PEER
        reply = self._kept(reply)
        self._fail(kind, reply.text, reply)

    def _kept(self, reply: Reply) -> Reply:
        """The reply, shortened: one for each recipient is stored in records, logs and reports."""
        kept = reply.shortened(self._reply_text)
        if kept is not reply:
            self.oversize = max(self.oversize, sum(map(len, reply.lines)))
        return kept

    def _fail(self, diagnosis: Diagnosis, text: str, reply: Reply | None = None) -> None:
        phase = self.phase
        # Cancel what was to be done next: a server that has spoken out of turn gets no transaction.
        self._effects = [each for each in self._effects if not isinstance(each, _NEXT_STEPS)]
        self._effects.append(SessionFailed(phase, diagnosis, text, reply))
        self._go(ClientEvent.CLOSE)
        self._effects.append(Hangup())

    def _taken(self) -> list[ClientEffect]:
        effects, self._effects = self._effects, []
        return effects


_Command: TypeAlias = tuple[bytes, Phase, Mailbox | None]
_BY_EHLO = frozenset({ClientState.EHLO, ClientState.EHLO_AGAIN})
_NEXT_STEPS = (Ready, SendContent, SendChunk)
_ANSWERING_421 = frozenset({ClientState.ENVELOPE, ClientState.CHUNK_SENT, ClientState.FINAL, ClientState.QUIT})


def _line(text: str) -> bytes:
    return text.encode("utf-8") + b"\r\n"


def _commands(transaction: Transaction, offer: ServerOffer) -> list[_Command]:
    """The commands before the content; with BDAT there is no DATA."""
    commands: list[_Command] = [(_line(_mail(transaction, offer)), Phase.MAIL, None)]
    commands += [(_line(_rcpt(transaction, each, offer)), Phase.RCPT, each) for each in transaction.recipients]
    if transaction.body is not BodyType.BINARY_MIME and not transaction.probe:
        commands.append((b"DATA\r\n", Phase.DATA, None))
    return commands


def _mail(transaction: Transaction, offer: ServerOffer) -> str:
    envelope = transaction.envelope
    words = [f"MAIL FROM:<{path_text(envelope.sender)}>"]
    if offer.says_size and not transaction.probe:
        words.append(f"SIZE={transaction.size}")
    if transaction.body is not BodyType.SEVEN_BIT:
        words.append(f"BODY={transaction.body.value}")
    if transaction.utf8:
        words.append("SMTPUTF8")
    if offer.dsn and envelope.returned is not None:
        words.append(f"RET={envelope.returned.value}")
    if offer.dsn and envelope.envelope_id is not None:
        words.append(f"ENVID={encode_xtext(envelope.envelope_id)}")
    return " ".join(words)


def _rcpt(transaction: Transaction, recipient: Mailbox, offer: ServerOffer) -> str:
    words = [f"RCPT TO:<{recipient}>"]
    options = transaction.envelope.options_of(recipient)
    if offer.dsn and options.notify:
        words.append("NOTIFY=" + ",".join(sorted(each.value for each in options.notify)))
    if offer.dsn and options.original is not None:
        # RFC 6533 3: the ASCII form suits every server.
        encode = encode_unitext if options.original.kind == "utf-8" else encode_xtext
        words.append(f"ORCPT={options.original.kind};{encode(options.original.address)}")
    return " ".join(words)
