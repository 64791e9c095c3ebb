"""Queue identifiers (pure): sortable by time, easy to say on the telephone, safe as a file name."""

from __future__ import annotations

import functools
import hashlib
import re

# No vowels (no accidental words), no l, and digits before letters, so that text order is time order.
_ALPHABET = "0123456789BCDFGHJKMNPQRSTVWXYZbcdfghjkmnpqrstvwxyz"
_BASE = len(_ALPHABET)

_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]

_TIME_DIGITS, _ENTROPY_DIGITS = 10, 4

MESSAGE_ID = re.compile(r"[0-9BCDFGHJKMNPQRSTVWXYZbcdfghjkmnpqrstvwxyz]{8,24}")


def message_id(microseconds: int, entropy: int) -> str:
    """The queue id of a message that arrived `microseconds` after the epoch.

    `entropy` (0 to 2**20 - 1) distinguishes messages of one microsecond, also across processes.
    """
    early, late = divmod(microseconds, _BASE**5)
    first, late = divmod(late, _BASE**4)
    return f"{_five_digits(early)}{_ALPHABET[first]}{_four_digits(late)}{_four_digits(entropy % 2**20)}"


def is_message_id(text: str) -> bool:
    """Whether `text` has the form of a queue id; check text from outside before using it as a file name."""
    return MESSAGE_ID.fullmatch(text) is not None


def tells_arrival(message_id: str) -> bool:
    """Whether the id's text order is the order of arrival; false for an id derived from another message."""
    return len(message_id) == _TIME_DIGITS + _ENTROPY_DIGITS


def derived_id(*parts: str) -> str:
    """An id that is always the same for the same parts, for messages that must not be made twice (a report, after a
    crash).
    """
    digest = hashlib.sha256("\0".join(parts).encode("utf-8")).digest()
    return _digits(int.from_bytes(digest, "big"), 18)


@functools.lru_cache(maxsize=4)  # it changes every five minutes
def _five_digits(number: int) -> str:
    return _digits(number, 5)


def _four_digits(number: int) -> str:
    high, low = divmod(number, _BASE**2)
    return _PAIRS[high] + _PAIRS[low]


def _digits(number: int, width: int) -> str:
    letters = []
    for _ in range(width):
        number, index = divmod(number, _BASE)
        letters.append(_ALPHABET[index])
    return "".join(reversed(letters))
