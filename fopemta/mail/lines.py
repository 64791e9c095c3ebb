"""The limits of lines in a text (pure): RFC 5322 2.1.1, RFC 5321 2.3.8."""

from __future__ import annotations

import re

CRLF = b"\r\n"
# RFC 5322 2.1.1, without the CRLF.
LONGEST = 998
BARE_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def are_legal(octets: bytes) -> bool:
    """Whether all lines end with CRLF, none is too long, and there is no NUL."""
    return b"\0" not in octets and not BARE_LINE_END.search(octets) and are_short(octets)


def are_short(octets: bytes) -> bool:
    """Whether no line is too long.  Many lines at once, since a message may have millions."""
    start = 0
    while len(octets) - start > LONGEST:
        end = octets.rfind(CRLF, start, start + LONGEST + len(CRLF))
        if end < 0:
            return False
        start = end + len(CRLF)
    return True
