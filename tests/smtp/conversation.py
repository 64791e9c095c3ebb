"""A server session with a policy and a spool that answer at once: what session tests have in common."""

from __future__ import annotations

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import BodyType, TlsSession
from fopemta.mail.login import Challenge, LoggedIn
from fopemta.mail.reply import Reply
from fopemta.smtp.server_effects import (
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
    OpenMessage,
    Send,
    UpgradeToTls,
    WriteContent,
)
from fopemta.smtp.server_session import ServerSession
from fopemta.smtp.server_states import State
from fopemta.smtp.session_rules import SessionRules

TLS = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
LOGIN = LoggedIn("bob", frozenset({"bob@local.test"}))
REFUSED = Reply.of(550, "5.7.1", "Relaying denied")


def rules(**changes: object) -> SessionRules:
    values: dict[str, object] = {
        "hostname": "mx.test", "banner": "ESMTP fopemta", "postmaster": Mailbox("pm", "local.test"),
        "message_size": 1000, "recipients": 3, "errors": 20, "starttls": True, "tls_required": False,
    }  # fmt: skip
    return SessionRules(**{**values, **changes})  # type: ignore[arg-type]


# Why a session was closed, where a 421 follows the reply to the command.
ENDED_WITH_MORE = frozenset({"too many errors", "an endless line"})


class Conversation:
    """Performs a session's effects: recipients at denied.test are refused, the spool keeps what is committed."""

    def __init__(self, session_rules: SessionRules | None = None, tls: TlsSession | None = None) -> None:
        self.session = ServerSession(session_rules or rules(), tls)
        self.sent = b""
        self.sends: list[bytes] = []
        self.messages: list[tuple[OpenMessage, bytes]] = []
        self.content = b""
        self.body_types: list[BodyType] = []
        self.opened: OpenMessage | None = None
        self.closed: str | None = None
        self.cut_in_content = False
        self.handshakes = 0
        self.aborted = 0
        self.refuse_tls: Reply | None = None
        self.refuse_login = Reply.of(535, "5.7.8", "Wrong")
        self.refuse_open: Reply | None = None
        self.refuse_commit: Reply | None = None
        self.perform(self.session.start())

    def say(self, data: bytes) -> bytes:
        """Send `data`; what came back."""
        before = len(self.sent)
        self.perform(self.session.receive(data))
        return self.sent[before:]

    def say_in_pieces(self, data: bytes, *cuts: int) -> None:
        for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
            self.perform(self.session.receive(data[start:end]))

    def secure(self) -> None:
        """The handshake that was asked for succeeds."""
        self.perform(self.session.secured(TLS))

    def codes(self) -> list[int]:
        """The code of every reply so far."""
        return [int(line[:3]) for line in self.sent.split(b"\r\n") if line and line[3:4] != b"-"]

    def perform(self, effects: list[Effect]) -> None:
        queue = list(effects)
        while queue:
            queue[:0] = self.one(queue.pop(0))

    def login(self, response: bytes | None) -> list[Effect]:
        """One password opens; "more" and nothing are answered with a challenge."""
        if response in (None, b"more"):
            return self.session.challenged(Challenge(b"what?"))
        if response == b"secret":
            return self.session.logged_in(LOGIN)
        return self.session.login_refused(self.refuse_login)

    def one(self, effect: Effect) -> list[Effect]:
        match effect:
            case Send(data):
                self.sent += data
                self.sends.append(data)
            case AskFlush(domain):
                started = domain == "local.test"
                return self.session.flushed(Reply.of(253, "2.0.0", "started") if started else REFUSED)
            case AskLogin(_, initial):
                return self.login(initial)
            case ContinueLogin(response):
                return self.login(response)
            case AskTls():
                if self.refuse_tls is not None:
                    return self.session.tls_refused(self.refuse_tls)
                return self.session.tls_granted()
            case Impersonate("ADDR=192.0.2.9"):
                return self.session.restarted(rules(hostname="other.test"))
            case Impersonate():
                return self.session.not_impersonated(Reply.of(501, "5.5.4", "Bad attributes"))
            case AskSender():
                return self.session.judged(None)
            case AskRecipient(recipient):
                return self.session.judged(REFUSED if recipient.domain == "denied.test" else None)
            case OpenMessage():
                if self.refuse_open is not None:
                    return self.session.failed(self.refuse_open)
                self.opened, self.content = effect, b""
                return self.session.opened()
            case WriteContent(data):
                self.content += data
            case CommitMessage(body_type):
                self.body_types.append(body_type)
                if self.refuse_commit is not None:
                    return self.session.failed(self.refuse_commit)
                assert self.opened is not None
                self.messages.append((self.opened, self.content))
                return self.session.committed(f"ID{len(self.messages)}")
            case AbortMessage():
                self.aborted += 1
            case UpgradeToTls():
                self.handshakes += 1
            case Close(why):
                self.cut_in_content = self.session.state is State.CONTENT
                self.closed = why
        return []
