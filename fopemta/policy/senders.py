"""As whom a login may write: the one place that decides about senders (pure).

RFC 6409 6.1: a submission server may hold its users to their own addresses.
"""

from __future__ import annotations

from fopemta.address.mailbox import Mailbox
from fopemta.mail.login import LoggedIn
from fopemta.mail.reply import Reply

_NOT_YOURS = Reply.of(553, "5.7.1", "You may not send as that address")
_NO_NULL_SENDER = Reply.of(550, "5.7.1", "Only reports and automatic replies may have the null sender")


def judge_sender(login: LoggedIn | None, sender: Mailbox | None) -> Reply | None:
    """None where a client with that login may write as `sender`, else the refusal.

    Without a login it is a matter of relaying, and not of senders.  The null sender (None) passes for now, for whoever
    may write at all: what it is used for shows in the header (`judge_null_sender`).
    """
    if login is None:
        return None
    may = bool(login.senders) if sender is None else login.may_write_as(sender)
    return None if may else _NOT_YOURS


def judge_null_sender(login: LoggedIn | None, sender: Mailbox | None, automatic: bool) -> Reply | None:
    """None where a message with that header may go; `automatic`: it says that a program wrote it.

    A mail program sends its receipts from the null sender because it must (RFC 8098 3, RFC 3834 3.3), so it cannot be
    refused to logins altogether.  For all else it is: what a person writes has a sender that can be held to account and
    hears of failures, and the null sender would be a way around the addresses that a login owns.
    """
    if login is None or sender is not None or automatic:
        return None
    return _NO_NULL_SENDER
