"""Normalise user names and passwords, however a keyboard made them (pure): SASLprep, RFC 4013.

Required by RFC 4616 and RFC 5802.  Laxer in one respect: characters added after Unicode 3.2 (2002) pass unchanged, or
no password could contain them.
"""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Callable

# RFC 4013 2.3: control characters, private use, surrogates, display controls, noncharacters.
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
    """The text cannot be a name or password; the message says why, without the text."""


def prepared(text: str) -> str:
    """`text` prepared by SASLprep.  Raises NotPreparable, also if nothing is left of it."""
    if text.isascii() and text.isprintable() and text:
        return text  # the usual case
    mapped = "".join(" " if stringprep.in_table_c12(each) else each for each in text if not _is_nothing(each))
    normal = unicodedata.normalize("NFKC", mapped)
    if not normal:
        raise NotPreparable("is empty")
    if any(prohibited(each) for each in normal for prohibited in _PROHIBITED):
        raise NotPreparable("holds a control character or another that cannot be typed")
    _check_direction(normal)
    return normal


def _is_nothing(letter: str) -> bool:
    """Whether SASLprep maps the letter to nothing, as a soft hyphen."""
    return stringprep.in_table_b1(letter)


def _check_direction(text: str) -> None:
    """RFC 3454 6: right-to-left text has no left-to-right letters, and begins and ends with right-to-left ones."""
    right_to_left = [stringprep.in_table_d1(each) for each in text]
    if not any(right_to_left):
        return
    if any(stringprep.in_table_d2(each) for each in text) or not (right_to_left[0] and right_to_left[-1]):
        raise NotPreparable("mixes directions of writing")
