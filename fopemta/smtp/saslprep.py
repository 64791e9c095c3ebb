"""User names and passwords in one form, however a keyboard made them (pure): SASLprep, RFC 4013.

RFC 4616 and RFC 5802 both want it.  We are laxer in one thing: characters that came after Unicode 3.2 (2002) are let
through as they are, or nobody could have one of them in a password.
"""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Callable

# RFC 4013 2.3: control characters, private use, surrogates, what changes the display, what is no text.
_PROHIBITED: tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class NotPreparable(Exception):
    """The text can be no name and no password; the message says why, without the text."""


def prepared(text: str) -> str:
    """`text` by SASLprep.  Raises NotPreparable, also when nothing is left of it."""
    if text.isascii() and text.isprintable() and text:
        return text  # as nearly all are
    mapped = "".join(" " if stringprep.in_table_c12(each) else each for each in text if not _is_nothing(each))
    normal = unicodedata.normalize("NFKC", mapped)
    if not normal:
        raise NotPreparable("is empty")
    if any(prohibited(each) for each in normal for prohibited in _PROHIBITED):
        raise NotPreparable("holds a control character or another that cannot be typed")
    _check_direction(normal)
    return normal


def _is_nothing(letter: str) -> bool:
    """Soft hyphens and their like."""
    return stringprep.in_table_b1(letter)


def _check_direction(text: str) -> None:
    """RFC 3454 6: text from right to left holds no letters from left to right, and begins and ends as such."""
    right_to_left = [stringprep.in_table_d1(each) for each in text]
    if not any(right_to_left):
        return
    if any(stringprep.in_table_d2(each) for each in text) or not (right_to_left[0] and right_to_left[-1]):
        raise NotPreparable("mixes directions of writing")
