"""The list of a route's recipients (pure): one address or local part per line.

    # the mailboxes there
    anna                  # at every domain of the route
    "first last"@example.org

Matching is case-insensitive.  A "#" at the start of a line or after a blank begins a comment.
"""

from __future__ import annotations

import re

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.address.written import NotWritten, suggestion, written_address, written_local_part
from fopemta.settings.place import printable

_COMMENT = re.compile(r"(?:^|\s)#.*")


@attrs.frozen
class RecipientList:
    """Local parts in lower case: those for every domain, and those for one."""

    everywhere: frozenset[str] = frozenset()
    addresses: frozenset[tuple[str, str]] = frozenset()

    def holds(self, recipient: Mailbox) -> bool:
        """Whether it is on the list."""
        local_part = recipient.compared
        return local_part in self.everywhere or (local_part, recipient.domain) in self.addresses

    def __len__(self) -> int:
        return len(self.everywhere) + len(self.addresses)


def parse(text: str) -> RecipientList | tuple[str, ...]:
    """Parse the list; or return everything that is wrong with it, each with its line."""
    everywhere, addresses, wrong = set(), set(), []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = _COMMENT.sub("", line).strip()
        if not entry:
            continue
        try:
            if "@" in entry:
                found = written_address(entry)
                addresses.add((found.compared, found.domain))
            else:
                everywhere.add(Mailbox(written_local_part(entry), "").compared)
        except NotWritten as error:
            wrong.append(f"line {number}: must be an address or a local part{suggestion(error.meant)}")
    return tuple(map(printable, wrong)) or RecipientList(frozenset(everywhere), frozenset(addresses))
