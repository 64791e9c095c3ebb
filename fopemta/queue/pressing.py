"""What of a message somebody wants tried at once (shell room, but no I/O)."""

from __future__ import annotations

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.queue.clocks import is_of


@attrs.frozen
class Pressing:
    """Its mail for `domains` (see `is_of`), who asked by ETRN, and its `recipients`, who are named in an order."""

    domains: frozenset[str] = frozenset()
    recipients: frozenset[str] = frozenset()

    def __or__(self, other: Pressing) -> Pressing:
        """Both together."""
        return Pressing(self.domains | other.domains, self.recipients | other.recipients)

    def __bool__(self) -> bool:
        """Whether it is about anything."""
        return bool(self.domains or self.recipients)

    def names(self, recipient: Mailbox) -> bool:
        """Whether it is about this one."""
        return str(recipient) in self.recipients or any(is_of(each, recipient.domain) for each in self.domains)


NOTHING_PRESSES = Pressing()
