"""How readers treat text that is not HTML (pure): format=flowed, folded calendars, enclosed data."""

from __future__ import annotations

import re

from fopemta.mime.flaws import Flaw

_SOFT_BREAK = re.compile(r" \r?\n(?:>+ ?| )?")
_STUFFED = re.compile(r"(?m)^ ")
_FOLD = re.compile(r"\r?\n[ \t]")
# Data that some readers unpack, each with a description.
_PACKED = {
    re.compile(r"(?m)^begin(?:-base64)? [0-7]{3,4} \S"): "uuencoded data",
    re.compile(r"(?m)^=ybegin "): "yEnc data",
    re.compile(r"(?m)^\(This file must be converted with BinHex"): "BinHex data",
    re.compile(r"(?m)^-----BEGIN PGP MESSAGE-----"): "a message that is encrypted",
    re.compile(r"(?m)^-----BEGIN PKCS7-----"): "PKCS #7",
}
_PACKED_NAME = re.compile(r"(?m)^(?:begin(?:-base64)? [0-7]{3,4} |=ybegin [^\r\n]{0,200}?name=)([^\r\n]{1,200})")


def unflowed(text: str, delete_blank: bool) -> str:
    """RFC 3676: join each line that ends with a blank to the next; `delete_blank`: without the blank (DelSp)."""
    return _STUFFED.sub("", _SOFT_BREAK.sub("" if delete_blank else " ", text))


def unfolded(text: str) -> str:
    """RFC 5545 3.1, RFC 6350 3.2: unfold a calendar or address card, which is folded within words."""
    return _FOLD.sub("", text)


def packed(text: str) -> Flaw | None:
    """The flaw if the text holds encoded data."""
    words = next((words for pattern, words in _PACKED.items() if pattern.search(text)), None)
    return None if words is None else Flaw(f"a text holds {words}")


def packed_names(text: str) -> tuple[str, ...]:
    """The names of the files that a text holds."""
    return tuple(each[1].strip() for each in _PACKED_NAME.finditer(text))
