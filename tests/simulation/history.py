"""What was seen of a run, from outside: the wire, the clients' acknowledgements, the log, and what the queue lists.

`tick` orders everything that was seen; `wall` is the clock on the wall, in seconds since the epoch.
"""

from __future__ import annotations

from typing import Any

import attrs

from tests.simulation.inputs import Message, Setup


@attrs.frozen
class Tls:
    """The TLS of a connection as the peer saw it; `certificate` is the kind that it showed."""

    protocol: str
    cipher: str
    certificate: str


@attrs.define(eq=False)
class Transaction:
    """One MAIL at one server of others, and what followed.  `seen` is the text of everything that crossed for it."""

    tick: int
    at: float
    wall: float
    host: str
    tls: Tls | None
    sender: str
    recipients: list[tuple[str, bool]] = attrs.Factory(list)
    content: bytearray = attrs.Factory(bytearray)
    taken: bool = False
    taken_at: float = 0.0

    @property
    def accepted(self) -> list[str]:
        """Whom the server has taken the message for."""
        return [address for address, good in self.recipients if good] if self.taken else []


@attrs.define(eq=False)
class Acceptance:
    """A message whose client was told 250, or may be about to: `tick` None."""

    message: Message
    begun: int
    tick: int | None = None
    wall: float = 0.0
    id: str = ""
    recipients: list[str] = attrs.Factory(list)
    refused: bool = False


@attrs.frozen
class Change:
    """From `tick` on the server goes by `setup`; `lowered`: the operator allowed demands to fall."""

    tick: int
    setup: Setup
    lowered: bool = False


@attrs.frozen
class Lifted:
    """An operator has lifted the demands of rules for all recipients of a message."""

    tick: int
    id: str


@attrs.frozen
class Ending:
    """The process ended without being asked, at this moment; `power`: what was not flushed may be lost."""

    at: float
    power: bool


@attrs.frozen
class Verdict:
    """An `attempt` in the log."""

    tick: int
    at: float
    facts: dict[str, Any]


@attrs.define
class History:
    """One run."""

    changes: list[Change] = attrs.Factory(list)
    acceptances: list[Acceptance] = attrs.Factory(list)
    transactions: list[Transaction] = attrs.Factory(list)
    verdicts: list[Verdict] = attrs.Factory(list)
    reports: list[tuple[int, str, str, str]] = attrs.Factory(list)  # tick, message, report, recipient
    lifted: list[Lifted] = attrs.Factory(list)
    removed: list[tuple[str, str]] = attrs.Factory(list)
    endings: list[Ending] = attrs.Factory(list)
    # What was found in mailboxes here: (address, content).
    mailboxes: list[tuple[str, bytes]] = attrs.Factory(list)
    # What `queue list` says at the end.
    queue: list[dict[str, Any]] = attrs.Factory(list)
    # What the log calls a bug.
    bugs: list[str] = attrs.Factory(list)
