"""Looking at content while it comes: what rules need to see is held back until it is seen.

Only the beginning of a message is looked at (`[limits.content] looked_at`), and only what rules ask of it; headers that
rules add must stand in front of it, so until then nothing is written.
"""

from __future__ import annotations

from fopemta.mime.flaws import ContentBounds
from fopemta.policy.content import content_facts
from fopemta.policy.facts import Asked, ContentFacts


class Inspection:
    """The beginning of one message, of which rules have `asked` so much.  `begun`: what was held back is let go."""

    def __init__(self, asked: Asked, bounds: ContentBounds) -> None:
        self.asked = asked
        self._bounds = bounds
        self._held: list[bytes] = []
        self._facts: ContentFacts | None = None
        self.begun = False
        self.size = 0

    def take(self, data: bytes) -> None:
        """The next piece of the content."""
        self.size += len(data)
        if not self.begun:
            self._held.append(data)

    @property
    def enough(self) -> bool:
        """There is as much as is ever looked at."""
        return self.size >= self._bounds.looked_at

    @property
    def beginning(self) -> bytes:
        """What there is by now; nothing once it has been read."""
        return b"" if self._facts is not None else b"".join(self._held)

    def read(self, beginning: bytes, whole: bool) -> ContentFacts:
        """What rules may know of it; `whole` when nothing follows.  May be called in any thread, but one at a time."""
        if self._facts is None:
            self._facts = content_facts(beginning, whole, self.asked, self._bounds)
        return self._facts

    def let_go(self) -> bytes:
        """What was held back, once."""
        self.begun = True
        held, self._held = b"".join(self._held), []
        return held
