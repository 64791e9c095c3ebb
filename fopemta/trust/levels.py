"""The one ordered scale of what may be demanded of the way to a host (pure).

plain < opportunistic < encrypt < authenticated.  Authenticated always implies encrypted.
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
        """The level a configuration word names.  Raises KeyError for an unknown word."""
        return {level.word: level for level in cls}[word]
