"""The forms in which a text is compared (pure): composed, case folded, without what nobody sees.

RE2 compares letters by their simple case folding, so that a form is added only where a text has letters that fold to
several ("ß" to "ss").
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

import re2

# Of the Unicode property Default_Ignorable_Code_Point all that a sender may put into a word without its being seen: the
# soft hyphen, zero-width characters, marks of direction, variation selectors, tags.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
# UAX 15 13: no text of any language has more in a row.  Ordering a run costs the square of its length.
MOST_MARKS = 30
# These have the combining class 0 themselves and are made of two marks.
_MADE_OF_MARKS = "\u0f73\u0f75\u0f81"


def forms(text: str) -> Iterator[str]:
    """The ways to compare `text`, the first of them as it is, composed."""
    if text.isascii():
        yield text
        return
    composed = normal(text)
    yield composed
    seen = _UNSEEN.sub("", composed)
    if seen != composed:
        yield normal(seen)
    if (folded := seen.casefold()) != seen.lower():
        yield normal(folded)


def normal(text: str) -> str:
    """In Unicode's form NFC; runs of marks are cut (see `has_too_many_marks`)."""
    if text.isascii():
        return text
    if has_too_many_marks(text):
        text = _marks().sub(r"\1", text)
    return unicodedata.normalize("NFC", text)


def has_too_many_marks(text: str) -> bool:
    """No reader shows it as it is."""
    return not text.isascii() and _marks().search(text) is not None


def without_lines(text: str) -> str:
    """As a person reads it, who does not see where lines were broken, or how many blanks there are."""
    return " ".join(text.split())


@functools.cache
def _marks() -> re2._Regexp:
    """More combining marks in a row than a text has; group 1 are those that stay.  RE2 is fast with sets of characters,
    but the set is that of `unicodedata`, whose ordering is what is guarded.
    """
    codes = [code for code in range(0x300, 0x20000) if unicodedata.combining(chr(code)) or chr(code) in _MADE_OF_MARKS]
    runs = [[code for _, code in run] for _, run in groupby(enumerate(codes), lambda each: each[1] - each[0])]
    marks = "".join(f"\\x{{{run[0]:x}}}-\\x{{{run[-1]:x}}}" for run in runs)
    return re2.compile(f"([{marks}]{{{MOST_MARKS}}})[{marks}]+")
