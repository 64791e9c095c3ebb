"""The kinds of notice to a sender, and their properties (pure)."""

from __future__ import annotations

import enum

import attrs


@attrs.frozen
class _Row:
    action: str
    status_class: str
    subject: str


class Kind(enum.StrEnum):
    """The word appears in the log and in the ids of reports."""

    FAILURE = "failure"
    DELAY = "delay"
    SUCCESS = "success"  # delivered to the recipient's mailbox
    RELAYED = "relayed"  # relayed to a server that does not report success
    DOUBLE_BOUNCE = "double_bounce"  # our own notice could not be delivered; postmaster is informed

    @property
    def action(self) -> str:
        """The Action field (RFC 3464 2.3.3)."""
        return _ROWS[self].action

    @property
    def status_class(self) -> str:
        """The first digit of every Status in such a report (RFC 3463 2)."""
        return _ROWS[self].status_class

    @property
    def subject(self) -> str:
        """The Subject header."""
        return _ROWS[self].subject


_ROWS = {
    Kind.FAILURE: _Row("failed", "5", "Your message could not be delivered"),
    Kind.DELAY: _Row("delayed", "4", "Your message is delayed"),
    Kind.SUCCESS: _Row("delivered", "2", "Your message has been delivered"),
    Kind.RELAYED: _Row("relayed", "2", "Your message has been passed on"),
    Kind.DOUBLE_BOUNCE: _Row("failed", "5", "A notice of this server could not be delivered"),
}
