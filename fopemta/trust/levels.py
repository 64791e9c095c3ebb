"""The ordered scale of demands on the connection to a host (pure).

plain < opportunistic < encrypt < authenticated.  Authenticated implies encrypted.
"""

from __future__ import annotations

import enum


class Level(enum.IntEnum):
    """A demand on the connection to the next hop; larger is stricter, so `max` merges demands."""

    PLAIN = 0
    OPPORTUNISTIC = 1
    ENCRYPT = 2
    AUTHENTICATED = 3

    @property
    def word(self) -> str:
        """The word in configuration, logs and records."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Level:
        """The level for a configuration word.  Raises KeyError if unknown."""
        return {level.word: level for level in cls}[word]
