"""With what status the command ends (pure): the words of sysexits.h, which mail programs know.

Anything but OK says that nothing was taken: whoever tries again then sends nothing twice.
"""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """sysexits.h"""

    OK = 0
    USAGE = 64  # the command line is wrong
    DATAERR = 65  # what was handed in is no message, or an address is none
    NOUSER = 67  # a recipient does not exist
    UNAVAILABLE = 69  # the server refuses the message, or cannot do what is asked
    TEMPFAIL = 75  # it could not be kept now: try again
    NOPERM = 77  # only the server's user may
    CONFIG = 78  # the configuration is wrong, or has no drop folder


def exit_of(code: int, enhanced: str) -> Exit:
    """For the server's answer to a message."""
    if 200 <= code < 300:
        return Exit.OK
    if code < 500:
        return Exit.TEMPFAIL
    return Exit.NOUSER if enhanced.startswith("5.1.") else Exit.UNAVAILABLE
