"""A whole session with a client, and one with a server; replies."""

from __future__ import annotations

import re

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import BodyType, Envelope
from fopemta.mail.lines import BARE_LINE_END
from fopemta.mail.reply import Reply
from fopemta.smtp.client_effects import (
    BeginTls,
    ClientEffect,
    Hangup,
    Linger,
    Phase,
    Ready,
    SendChunk,
    SendContent,
    SessionFailed,
    Transaction,
    TransactionDone,
    Write,
)
from fopemta.smtp.client_session import ClientSession
from fopemta.smtp.line_buffer import LineBuffer, LineFlaw
from fopemta.smtp.reply_parser import LONGEST_LINE, MOST_LINES, Garbage, ReplyParser
from fopemta.smtp.server_session import LONGEST_LINE as LONGEST_COMMAND
from fopemta.smtp.server_states import State
from fopemta.smtp.transaction import BareLineEnds
from tests.fuzz.dialogues import surplus
from tests.fuzz.targets.target import Target, in_pieces
from tests.smtp.conversation import TLS, Conversation, rules
from tests.smtp.permits import permit_for

# RFC 5321 4.5.3.1.5, with its CRLF.
_LONGEST_REPLY = 512
_REPLY_LINE = re.compile(rb"[2-5][0-9]{2}[ -][ -~]*")
_MOST_MESSAGES = 3
_REPLY_TEXT = 200


# --- clients ---------------------------------------------------------------------------------------------------------


def _server(octets: bytes) -> None:
    """The first two octets are the configuration and how the rest is cut; the rest is what a client says."""
    setting, how, stream = octets[:1], octets[1:2], octets[2:]
    if not how:
        return
    talk = _spoken(setting[0], in_pieces(stream, how[0]))
    _check_server(talk)
    # What comes in one segment with STARTTLS is dropped on purpose, so cutting matters there alone.
    if b"STARTTLS" not in stream.upper():
        whole = _spoken(setting[0], [stream])
        assert (talk.sent, talk.messages, talk.closed) == (whole.sent, whole.messages, whole.closed)


def _spoken(setting: int, segments: list[bytes]) -> Conversation:
    bits = [bool(setting >> bit & 1) for bit in range(8)]
    talk = Conversation(
        rules(
            message_size=60 if bits[0] else 0,
            errors=3 if bits[1] else 1000,
            hops=1 if bits[2] else 0,
            mechanisms=("PLAIN", "LOGIN") if bits[3] else (),
            xclient=bits[4],
            bare_newlines=list(BareLineEnds)[setting >> 5 & 1],
            tls_required=bits[6],
        ),
        TLS if bits[7] else None,
    )
    for segment in segments:
        talk.say(segment)
        assert talk.session.waiting_octets <= 2 * LONGEST_COMMAND
        if talk.session.state is State.HANDSHAKE:
            talk.secure()
    return talk


def _check_server(talk: Conversation) -> None:
    assert talk.session.state in State
    assert surplus(talk) == 0, talk.sent
    assert not BARE_LINE_END.search(talk.sent)
    assert not talk.sent or talk.sent.endswith(b"\r\n")
    for line in talk.sent.split(b"\r\n")[:-1]:
        assert _REPLY_LINE.fullmatch(line), line
        assert len(line) + 2 <= _LONGEST_REPLY, line
    for opened, content in talk.messages:
        assert opened.envelope.recipients
        if opened.envelope.body_type is not BodyType.BINARY_MIME:
            assert not BARE_LINE_END.search(content)


# --- servers ---------------------------------------------------------------------------------------------------------


def _client(octets: bytes) -> None:
    """The first two octets are the message and how the rest is cut; the rest is what a server says."""
    setting, how, stream = octets[:1], octets[1:2], octets[2:]
    if how:
        client = _Client(setting[0])
        for segment in in_pieces(stream, how[0]):
            client.hear(segment)
        client.end()


class _Client:
    """Performs what a session wants done, as whoever runs it does, and checks what it finds."""

    def __init__(self, setting: int) -> None:
        self._setting = setting
        self._session = ClientSession("us.test", bool(setting & 1), _REPLY_TEXT)
        self._transaction: Transaction | None = None
        self._begun = 0
        self._over = self._secured = False

    def hear(self, segment: bytes) -> None:
        self._perform(self._session.receive(segment))

    def end(self) -> None:
        """The connection is gone: what is known by then is one result for each recipient at most."""
        known = [each.recipient for each in self._session.answered()]
        assert len(known) == len(set(known))
        if not self._over:
            self._perform(self._session.quit())

    def _perform(self, effects: list[ClientEffect]) -> None:
        queue = list(effects)
        while queue:
            assert not self._over, queue
            queue += self._one(queue.pop(0))

    def _one(self, effect: ClientEffect) -> list[ClientEffect]:
        match effect:
            case Write(data):
                assert data.endswith(b"\r\n")
                assert not BARE_LINE_END.search(data)
            case BeginTls():
                assert self._setting & 1
                assert not self._secured
                self._secured = True
                return self._session.secured()
            case Linger():
                if self._setting & 32:
                    return self._session.waited()
            case Ready():
                assert effect.tls == self._secured
                return self._begin()
            case SendContent():
                self._session.content_sent()
            case SendChunk():
                self._session.chunk_sent(last=True)
            case TransactionDone():
                self._done(effect)
                return [] if self._session.phase is not Phase.MAIL else self._begin()
            case SessionFailed():
                _check_text(effect.text)
                _check_reply(effect.reply)
            case Hangup():
                self._over = True
        return []

    def _begin(self) -> list[ClientEffect]:
        if self._begun == _MOST_MESSAGES:
            return self._session.quit()
        self._begun += 1
        recipients = tuple(Mailbox(f"r{number}", "d.test") for number in range(1 + (self._setting >> 1 & 3)))
        self._transaction = Transaction(
            envelope=Envelope(None, recipients),
            recipients=recipients,
            size=1,
            body=BodyType.BINARY_MIME if self._setting & 8 else BodyType.SEVEN_BIT,
            probe=bool(self._setting & 16),
        )
        return self._session.begin(self._transaction, permit_for(self._transaction, self._session.tls))

    def _done(self, done: TransactionDone) -> None:
        assert self._transaction is not None
        assert tuple(each.recipient for each in done.results) == self._transaction.recipients
        for result in done.results:
            assert result.reply is not None
            _check_reply(result.reply)
            # Nothing is delivered but what the server has taken at the very end.
            where = Phase.RCPT if self._transaction.probe else Phase.FINAL
            assert not result.accepted or (result.phase is where and 200 <= result.reply.code < 300), result


def _check_text(text: str) -> None:
    assert text.isascii()
    assert text.isprintable()


def _check_reply(reply: Reply | None) -> None:
    if reply is not None:
        assert 200 <= reply.code <= 599
        assert sum(map(len, reply.lines)) <= _REPLY_TEXT
        for line in reply.lines:
            _check_text(line)


def _replies(octets: bytes) -> None:
    """However they come, they are the same, within bounds."""
    for patient in (False, True):
        found = _parsed([octets], patient)
        assert found == _parsed([octets[start : start + 1] for start in range(len(octets))], patient)
        for place, reply in enumerate(found):
            if isinstance(reply, Garbage):
                assert place == len(found) - 1
                _check_text(reply.text)
                continue
            assert 200 <= reply.code <= 599
            assert len(reply.lines) <= MOST_LINES
            assert all(len(line) <= LONGEST_LINE for line in reply.lines)
            assert reply.enhanced is None or reply.enhanced[0] == str(reply.code)[0]
            _check_text("".join(reply.lines))


def _parsed(segments: list[bytes], patient: bool) -> list[Reply | Garbage]:
    parser, found = ReplyParser(patient), []
    for segment in segments:
        parser.feed(segment)
        while (reply := parser.next_reply()) is not None:
            found.append(reply)
    return found


# --- lines -----------------------------------------------------------------------------------------------------------

_LIMIT = 20


def _lines(octets: bytes) -> None:
    """However they come, they are the same; no line holds a part of a line end or is longer than the limit."""
    found = _line_by_line([octets])
    assert found == _line_by_line([octets[start : start + 1] for start in range(len(octets))])
    for line in found:
        if not isinstance(line, LineFlaw):
            assert len(line) + 2 <= _LIMIT
            assert b"\r" not in line
            assert b"\n" not in line


def _line_by_line(segments: list[bytes]) -> list[bytes | LineFlaw]:
    lines, found = LineBuffer(_LIMIT), []
    for segment in segments:
        lines.feed(segment)
        while (line := lines.next_line()) is not None:
            found.append(line)
        assert lines.size <= _LIMIT
    return found


TARGETS = (
    Target("server-session", _server, ("commands",)),
    Target("client-session", _client, ("replies",)),
    Target("replies", _replies, ("replies",)),
    Target("lines", _lines, ("commands",), 256),
)
