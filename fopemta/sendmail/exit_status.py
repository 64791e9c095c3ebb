"""The exit status of the command (pure): the codes of sysexits.h, which mail programs know.

Anything but OK means that nothing was accepted, so trying again sends nothing twice.
"""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """sysexits.h"""

    OK = 0
    USAGE = 64  # the command line is invalid
    DATAERR = 65  # the input is no message, or an address is invalid
    NOUSER = 67  # a recipient does not exist
    UNAVAILABLE = 69  # the server refuses the message, or cannot do what is requested
    TEMPFAIL = 75  # it could not be stored now: try again
    NOPERM = 77  # permitted only to the server's user
    CONFIG = 78  # the configuration is invalid, or has no drop folder


def exit_of(code: int, enhanced: str) -> Exit:
    """The status for the server's answer about a message."""
    if 200 <= code < 300:
        return Exit.OK
    if code < 500:
        return Exit.TEMPFAIL
    return Exit.NOUSER if enhanced.startswith("5.1.") else Exit.UNAVAILABLE
