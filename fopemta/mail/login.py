"""The identity of an authenticated client (pure), for sessions, rules and the Received header."""

from __future__ import annotations

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.address.written import names_of


@attrs.frozen
class Challenge:
    """The server's next challenge in a SASL exchange; octets, not yet in base64."""

    octets: bytes


@attrs.frozen
class LoggedIn:
    """An authenticated login.

    `name` as in the user file.  `senders` are the addresses it may send from: mailboxes, and patterns of domains in
    which it owns every address; in canonical form (see `address.written`).
    """

    name: str
    senders: frozenset[str]

    def may_write_as(self, sender: Mailbox) -> bool:
        """Whether it may send from `sender`.  Local parts match case-insensitively."""
        own = str(Mailbox(sender.compared, sender.domain))
        return own in self.senders or any(name in self.senders for name in names_of(sender.domain))
