"""Who a client has proven to be (pure): what AUTH comes to, for sessions, rules and the Received header."""

from __future__ import annotations

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.address.written import names_of


@attrs.frozen
class Challenge:
    """What the server of a SASL exchange says next; octets, not yet in base64."""

    octets: bytes


@attrs.frozen
class LoggedIn:
    """A login that was proven.

    `name` as the user file has it.  `senders` are the addresses that it may write as: whole mailboxes, and domain
    patterns of which it owns every address; in canonical form (see `address.written`).
    """

    name: str
    senders: frozenset[str]

    def may_write_as(self, sender: Mailbox) -> bool:
        """`sender` is one of its addresses.  Local parts are compared without case: one mailbox, one owner."""
        own = str(Mailbox(sender.compared, sender.domain))
        return own in self.senders or any(name in self.senders for name in names_of(sender.domain))
