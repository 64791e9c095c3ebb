"""Looking at content while it comes (shell room, no I/O): what rules need to see is held back until it is seen.

Only the beginning of a message is looked at (`policy.content.MOST_READ`), and only where a rule asks for it; headers
that rules add must stand in front of it, so until then nothing is written.
"""

from __future__ import annotations

from fopemta.policy.content import MOST_READ, content_facts
from fopemta.policy.facts import ContentFacts


class Inspection:
    """The beginning of one message.  `begun`: what was held back has been let go."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._facts: ContentFacts | None = None
        self.begun = False
        self.size = 0

    def take(self, data: bytes) -> None:
        """The next piece of the content."""
        self.size += len(data)
        if not self.begun:
            self._held.append(data)
            self._size += len(data)

    @property
    def enough(self) -> bool:
        """There is as much as is ever looked at."""
        return self._size >= MOST_READ

    def facts(self, whole: bool) -> ContentFacts:
        """What was seen; `whole` when the message has ended."""
        if self._facts is None:
            self._facts = content_facts(b"".join(self._held)[:MOST_READ], whole and not self.begun and not self.enough)
        return self._facts

    def let_go(self) -> bytes:
        """What was held back, once."""
        self.begun = True
        held, self._held = b"".join(self._held), []
        return held
