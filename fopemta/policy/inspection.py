"""Inspect content as it comes: content that rules ask for is held back until they have seen it.

Only the beginning of a message is read (`[limits.content] looked_at`), and only what rules ask for; headers that rules
add go in front of it, so nothing is written before.
"""

from __future__ import annotations

from fopemta.mime.flaws import ContentBounds
from fopemta.policy.content import content_facts
from fopemta.policy.facts import Asked, ContentFacts


class Inspection:
    """The beginning of one message; rules have `asked` for this much of it.  `begun`: the held-back part was
    released.
    """

    def __init__(self, asked: Asked, bounds: ContentBounds) -> None:
        self.asked = asked
        self._bounds = bounds
        self._held: list[bytes] = []
        self._facts: ContentFacts | None = None
        self.begun = False
        self.size = 0

    def take(self, data: bytes) -> None:
        """Add the next piece of the content."""
        self.size += len(data)
        if not self.begun:
            self._held.append(data)

    @property
    def enough(self) -> bool:
        """Whether as much as is ever read has come."""
        return self.size >= self._bounds.looked_at

    @property
    def beginning(self) -> bytes:
        """The beginning so far; empty once it has been read."""
        return b"" if self._facts is not None else b"".join(self._held)

    def read(self, beginning: bytes, whole: bool) -> ContentFacts:
        """What rules may know of it; `whole`: nothing follows.  May be called in any thread, one call at a time."""
        if self._facts is None:
            self._facts = content_facts(beginning, whole, self.asked, self._bounds)
        return self._facts

    def let_go(self) -> bytes:
        """The part that was held back; returned once."""
        self.begun = True
        held, self._held = b"".join(self._held), []
        return held
