"""Plain values as JSON, quickly (pure): for what is written or read with every message."""

from __future__ import annotations

import json
from typing import Any

import orjson


def encoded(plain: Any) -> bytes:
    """One line of UTF-8.

    Half a surrogate pair, which is no UTF-8, is escaped: whatever has brought it here, it must not keep a message from
    being kept, or its outcome from being written.
    """
    try:
        return orjson.dumps(plain)
    except TypeError:
        return _ENCODER.encode(plain).encode("ascii")


def decoded(text: bytes) -> Any:
    """What `encoded` was given.  Raises ValueError for what is no JSON."""
    try:
        return orjson.loads(text)
    except ValueError:
        return _DECODER.decode(text.decode("ascii"))


def _refuse(word: str) -> float:
    raise ValueError(f"not a number: {word}")


_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)
_DECODER = json.JSONDecoder(parse_constant=_refuse)
