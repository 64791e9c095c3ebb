"""The kinds of notice that a sender gets (pure), and what follows from each."""

from __future__ import annotations

import enum

import attrs


@attrs.frozen
class _Row:
    action: str
    status_class: str
    subject: str


class Kind(enum.StrEnum):
    """The word stands in the log and in the ids of reports."""

    FAILURE = "failure"
    DELAY = "delay"
    SUCCESS = "success"  # it is in the recipient's mailbox
    RELAYED = "relayed"  # it has gone where nobody tells of success
    DOUBLE_BOUNCE = "double_bounce"  # a notice of ours that could not be delivered, told to postmaster

    @property
    def action(self) -> str:
        """RFC 3464 2.3.3."""
        return _ROWS[self].action

    @property
    def status_class(self) -> str:
        """The first digit of every Status in such a report (RFC 3463 2)."""
        return _ROWS[self].status_class

    @property
    def subject(self) -> str:
        """The header."""
        return _ROWS[self].subject


_ROWS = {
    Kind.FAILURE: _Row("failed", "5", "Your message could not be delivered"),
    Kind.DELAY: _Row("delayed", "4", "Your message is delayed"),
    Kind.SUCCESS: _Row("delivered", "2", "Your message has been delivered"),
    Kind.RELAYED: _Row("relayed", "2", "Your message has been handed on"),
    Kind.DOUBLE_BOUNCE: _Row("failed", "5", "A notice of this server could not be delivered"),
}
