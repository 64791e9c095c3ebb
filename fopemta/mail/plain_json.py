"""Fast JSON of plain values (pure), for what is written or read with every message."""

from __future__ import annotations

import json
from typing import Any

import orjson


def encoded(plain: Any) -> bytes:
    """One line of UTF-8.

    A lone surrogate, which UTF-8 cannot express, is escaped: it must not prevent storing a message or its outcome.
    """
    try:
        return orjson.dumps(plain)
    except TypeError:
        return _ENCODER.encode(plain).encode("ascii")


def kept(octets: bytes) -> bytes:
    """A copy for who keeps it: what `encoded` gives holds on to the 4 KiB that it was written in."""
    return bytes(memoryview(octets))


def decoded(text: bytes) -> Any:
    """The value that `encoded` was given.  Raises ValueError for invalid JSON."""
    try:
        return orjson.loads(text)
    except ValueError:
        return _DECODER.decode(text.decode("ascii"))


def _refuse(word: str) -> float:
    raise ValueError(f"not a number: {word}")


_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)
_DECODER = json.JSONDecoder(parse_constant=_refuse)
