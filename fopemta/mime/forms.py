"""The forms in which a text is compared (pure): composed, case-folded, without invisible characters.

RE2 compares letters by simple case folding, so a form is added only for letters that fold to several ("ß" to "ss").
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

import re2

# The characters of Unicode's Default_Ignorable_Code_Point that a sender may hide in a word: the soft hyphen, zero-width
# characters, direction marks, variation selectors, tags.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
# UAX 15 13: no language has more in a row.  Ordering a run takes quadratic time.
MOST_MARKS = 30
# Their own combining class is 0, but they consist of two marks.
_MADE_OF_MARKS = "\u0f73\u0f75\u0f81"


def forms(text: str) -> Iterator[str]:
    """The forms to compare `text` in; the first is the composed text itself."""
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
    """The text in Unicode's form NFC; long runs of marks are cut (see `has_too_many_marks`)."""
    if text.isascii():
        return text
    if has_too_many_marks(text):
        text = _marks().sub(r"\1", text)
    return unicodedata.normalize("NFC", text)


def has_too_many_marks(text: str) -> bool:
    """Whether a run of marks is too long for any reader to show."""
    return not text.isascii() and _marks().search(text) is not None


def without_lines(text: str) -> str:
    """The text as a person reads it: line breaks and repeated blanks become one blank."""
    return " ".join(text.split())


@functools.cache
def _marks() -> re2._Regexp:
    """Matches longer runs of combining marks than texts have; group 1 are the marks to keep.  RE2 is fast with sets of
    characters, but the set comes from `unicodedata`, whose ordering is protected by this.
    """
    codes = [code for code in range(0x300, 0x20000) if unicodedata.combining(chr(code)) or chr(code) in _MADE_OF_MARKS]
    runs = [[code for _, code in run] for _, run in groupby(enumerate(codes), lambda each: each[1] - each[0])]
    marks = "".join(f"\\x{{{run[0]:x}}}-\\x{{{run[-1]:x}}}" for run in runs)
    return re2.compile(f"([{marks}]{{{MOST_MARKS}}})[{marks}]+")
