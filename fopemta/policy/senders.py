"""The addresses that a login may send from (pure): the only place that decides about senders.

RFC 6409 6.1: a submission server may restrict its users to their own addresses.
"""

from __future__ import annotations

from fopemta.address.mailbox import Mailbox
from fopemta.mail.login import LoggedIn
from fopemta.mail.reply import Reply

_NOT_YOURS = Reply.of(553, "5.7.1", "You may not send as that address")
_NO_NULL_SENDER = Reply.of(550, "5.7.1", "Only reports and automatic replies may have the null sender")


def judge_sender(login: LoggedIn | None, sender: Mailbox | None) -> Reply | None:
    """None if a client with that login may send from `sender`, else the refusal.

    Without a login relay control decides.  The null sender (None) passes here for any client that may send at all: its
    use is judged by the header (`judge_null_sender`).
    """
    if login is None:
        return None
    may = bool(login.senders) if sender is None else login.may_write_as(sender)
    return None if may else _NOT_YOURS


def judge_null_sender(login: LoggedIn | None, sender: Mailbox | None, automatic: bool) -> Reply | None:
    """None if a message with that header may pass; `automatic`: its header says that a program wrote it.

    Mail programs must send their receipts from the null sender (RFC 8098 3, RFC 3834 3.3), so logins may use it for
    those.  Anything else is refused: a person's message needs a sender that is accountable and gets failure reports,
    and the null sender would bypass the restriction to a login's own addresses.
    """
    if login is None or sender is not None or automatic:
        return None
    return _NO_NULL_SENDER
