"""Make strangers' texts safe for a report (pure)."""

from __future__ import annotations

# A reply may have hundreds of long lines; this much is enough.
_LONGEST = 2000


def clean(text: str, *, ascii_only: bool = False) -> str:
    """`text` in one line, without control and invisible characters; at most 2000 characters.

    With `ascii_only` other characters become "?".
    """
    letters = [_shown(letter, ascii_only) for letter in text[: _LONGEST + 1]]
    line = " ".join("".join(letters).split())
    return line if len(text) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _shown(letter: str, ascii_only: bool) -> str:
    if not letter.isprintable():
        return " "
    return letter if letter.isascii() or not ascii_only else "?"
