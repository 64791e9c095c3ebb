"""The addresses in a line of text (pure): RFC 5322 3.4, as people and programs write them.

The result is text; `address.grammar` validates it.  Linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# A quoted string, a literal, a special character, or anything between them; the alternatives do not overlap.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|\[[^\]]*\]?|[()<>,;:]|\\.|[^"\[()<>,;:\\]+|\\', re.DOTALL)
# In a comment a quote has no meaning.
_IN_COMMENT = re.compile(r"[()]|\\.|[^()\\]+|\\", re.DOTALL)
_BLANKS = re.compile(r"[ \t\r\n]+")
# RFC 5322 4.4: blanks may stand around the dots and the @ of an address.
_AROUND = re.compile(r"[ \t\r\n]*([.@])[ \t\r\n]*")


def addresses(text: str) -> tuple[str, ...]:
    """In order, each without its name, comments and brackets; empty ones are left out."""
    reader = _Reader()
    for word in _outside_comments(text):
        reader.take(word)
    reader.end()
    return tuple(reader.found)


def _outside_comments(text: str) -> Iterator[str]:
    place = depth = 0
    while match := (_IN_COMMENT if depth else _TOKEN).match(text, place):
        place, word = match.end(), match[0]
        if word == "(":
            depth += 1
        elif depth:
            depth -= word == ")"
        else:
            yield word


class _Reader:
    """Takes tokens; `inside` are those in angle brackets, None if there were none."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._outside: list[str] = []
        self._inside: list[str] | None = None
        self._closed = False
        # Within the hosts of a source route, "<@one,@two:user@three>", a comma ends no address.
        self._in_route = False

    def take(self, word: str) -> None:
        """Take the next token."""
        if word == "<" and self._inside is None:
            self._inside = []
        elif word == ">" and self._inside is not None:
            self._closed, self._in_route = True, False
        elif word in (",", ";") and not self._in_route:
            self.end()
        elif word == ":" and self._inside is None:
            self._outside.clear()  # the name of a group
        elif self._inside is None:
            self._outside.append(word)
        elif not self._closed:
            # Words after the brackets are in effect a comment.
            self._in_route = word != ":" and (self._in_route or (not self._inside and word.startswith("@")))
            self._inside.append(word)

    def end(self) -> None:
        """The end of an address."""
        if address := _joined(self._outside if self._inside is None else self._inside):
            self.found.append(address)
        self._outside, self._inside, self._closed, self._in_route = [], None, False, False


def _joined(words: list[str]) -> str:
    text = _AROUND.sub(r"\1", "".join(words).strip())
    return _BLANKS.sub(" ", text)
