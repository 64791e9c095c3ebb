"""`sendmail -bs`: SMTP on standard input and output, with the session of listeners; each message is dropped."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Any

from fopemta.cli.dropping import CannotDrop, Dropping, ring
from fopemta.config.model import Configuration
from fopemta.mail.envelope import Envelope, Notify
from fopemta.mail.reply import Reply
from fopemta.sendmail.command_line import CommandOrder
from fopemta.sendmail.dropped import DroppedLetter
from fopemta.sendmail.exit_status import Exit
from fopemta.smtp.server_effects import (
    AbortMessage,
    AskRecipient,
    AskSender,
    Close,
    CommitMessage,
    Effect,
    MessageRefused,
    OpenMessage,
    Send,
    WriteContent,
)
from fopemta.smtp.server_session import ServerSession
from fopemta.smtp.session_rules import SessionRules

_STDIN, _STDOUT = 0, 1
_PIECE = 64 * 1024
_CANNOT_KEEP = Reply.of(451, "4.3.0", "The message cannot be kept now")
_NOTHING: list[Effect] = []


class StandardSession:
    """Messages are judged by the server, which is asked for each one; if it does not answer, the message stays in the
    drop folder, and refusals are reported by mail.
    """

    def __init__(self, configuration: Configuration, drop: str, order: CommandOrder) -> None:
        node, limits = configuration.node, configuration.limits
        self._drop, self._order = drop, order
        rules = SessionRules(
            hostname=node.hostname,
            banner=node.banner,
            postmaster=node.postmaster,
            message_size=limits.message_size,
            recipients=limits.recipients,
            errors=limits.errors,
            starttls=False,
            tls_required=False,
            # No queue can be requested here; and a dropped file is text.
            without=frozenset({"ETRN", "BINARYMIME"}),
            trusted=True,
            hops=limits.hops,
            commands=0,
        )
        self._session = ServerSession(rules, None)
        self._effects: deque[Effect] = deque()
        self._dropping: Dropping | None = None
        self._open = True

    def run(self) -> Exit:
        """Run until QUIT, or the end of the input."""
        try:
            self._do(self._session.start())
            while self._open and (data := os.read(_STDIN, _PIECE)):
                self._do(self._session.receive(data))
            if self._open:
                self._do(self._session.heard_out())
        finally:
            self._abort(None)
        return Exit.OK

    def _do(self, effects: list[Effect]) -> None:
        self._effects.extend(effects)
        while self._effects:
            effect = self._effects.popleft()
            # The effects of an answer come before those still pending.
            self._effects.extendleft(reversed(_PERFORM[type(effect)](self, effect)))

    def _send(self, effect: Send) -> list[Effect]:
        view = memoryview(effect.data)
        while view:
            view = view[os.write(_STDOUT, view) :]
        return _NOTHING

    def _ask(self, _: AskSender | AskRecipient) -> list[Effect]:
        """Accept: the server judges everything at the end."""
        return self._session.judged(None)

    def _open_message(self, effect: OpenMessage) -> list[Effect]:
        try:
            self._dropping = Dropping(self._drop, self._letter(effect.envelope), 0)
        except (OSError, CannotDrop):
            return self._session.failed(_CANNOT_KEEP)
        return self._session.opened()

    def _letter(self, envelope: Envelope) -> DroppedLetter:
        notify: set[Notify] = set()
        for each in envelope.recipients:
            notify |= envelope.options_of(each).notify
        return DroppedLetter(
            sender="" if envelope.sender is None else str(envelope.sender),
            recipients=tuple(str(each) for each in envelope.recipients),
            full_name=self._order.full_name,
            body=envelope.body_type,
            # The options of one recipient apply to all, so that no requested notice is lost.
            notify=frozenset(notify - {Notify.NEVER} if len(notify) > 1 else notify),
            returned=envelope.returned,
            envelope_id=envelope.envelope_id,
        )

    def _write(self, effect: WriteContent) -> list[Effect]:
        if self._dropping is not None:
            try:
                self._dropping.write(effect.data)
            except OSError:
                # The rest is ignored; CommitMessage reports the failure.
                self._abort(None)
        return _NOTHING

    def _commit(self, _: CommitMessage) -> list[Effect]:
        dropping, self._dropping = self._dropping, None
        if dropping is None:
            return self._session.failed(_CANNOT_KEEP)
        try:
            dropping.finish()
        except OSError:
            dropping.abort()
            return self._session.failed(_CANNOT_KEEP)
        code, enhanced, text = ring(self._drop, dropping.name) or (250, "2.0.0", "")
        if code >= 300:
            return self._session.failed(Reply.of(code, enhanced, text))
        return self._session.committed(text.rpartition(" ")[2] or dropping.name)

    def _abort(self, _: AbortMessage | None) -> list[Effect]:
        dropping, self._dropping = self._dropping, None
        if dropping is not None:
            dropping.abort()
        return _NOTHING

    def _nothing(self, _: MessageRefused) -> list[Effect]:
        return _NOTHING

    def _close(self, _: Close) -> list[Effect]:
        self._open = False
        return _NOTHING


_PERFORM: dict[type[Effect], Callable[[StandardSession, Any], list[Effect]]] = {
    Send: StandardSession._send,
    AskSender: StandardSession._ask,
    AskRecipient: StandardSession._ask,
    OpenMessage: StandardSession._open_message,
    WriteContent: StandardSession._write,
    CommitMessage: StandardSession._commit,
    AbortMessage: StandardSession._abort,
    MessageRefused: StandardSession._nothing,
    Close: StandardSession._close,
}
