"""Numbers, durations and sizes of the configuration (pure)."""

from __future__ import annotations

import re

from fopemta.settings.place import NotValid, Reader, plain, shown

_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_SIZE = re.compile(r"([0-9]{1,15})(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?")
_OCTETS = {
    None: 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip

_LONGEST = 3650 * 86400.0
_LONGEST_GREETING_DELAY = 120.0
_LARGEST = 2**60
# The largest number that keys which have no other bound take.
BOUNDLESS = 1_000_000


def duration_of(value: object) -> float:
    """Seconds of "90s", "5m", "24h" or "5d"; more than 0, at most ten years.  Raises NotValid."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise NotValid(f'must be a duration such as "90s", "5m", "24h" or "5d", not {shown(value)}')
    seconds = float(int(match[1]) * _SECONDS[match[2]])
    if not 0 < seconds <= _LONGEST:
        raise NotValid(f"must be more than 0 and at most ten years, not {shown(value)}")
    return seconds


def duration_or_off_of(value: object) -> float | None:
    """Like `duration_of`, but "off" is None."""
    if value == "off":
        return None
    try:
        return duration_of(value)
    except NotValid as flaw:
        raise NotValid(f'{flaw}; "off" for never') from flaw


def size_of(value: object) -> int:
    """Octets of 150000000, "10MB" (10^6) or "64KiB" (2^10); at least 1.  Raises NotValid."""
    octets: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        octets = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        octets = int(match[1]) * _OCTETS[match[2]]
    if octets is None:
        raise NotValid(f'must be a size such as 150000000, "10MB" or "64KiB", not {shown(value)}')
    if not 1 <= octets <= _LARGEST:
        raise NotValid(f"must be a size of 1 octet or more that a disk can have, not {shown(value)}")
    return octets


def whole(least: int, most: int) -> Reader:
    """Make a reader of integers from `least` to `most`."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise NotValid(f"must be a whole number from {least} to {most}, not {shown(value)}")
        return value

    return plain(read, f"whole number from {least} to {most}" if most < BOUNDLESS else f"whole number, {least} or more")


def number(least: float, most: float) -> Reader:
    """Make a reader of numbers from `least` to `most`, whole or not."""

    def read(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise NotValid(f"must be a number from {least:g} to {most:g}, not {shown(value)}")
        return float(value)

    return plain(read, f"number from {least:g} to {most:g}")


def size_or_none_of(value: object) -> int:
    """Like `size_of`, but 0 means no limit."""
    return 0 if value == 0 and not isinstance(value, bool) else size_of(value)


def size_between(least: int, most: int) -> Reader:
    """Make a reader of sizes from `least` to `most` octets."""

    def read(value: object) -> int:
        octets = size_of(value)
        if not least <= octets <= most:
            raise NotValid(f"must be a size from {least} to {most} octets, not {shown(value)}")
        return octets

    return plain(read, f"size from {least} to {most}", "octets")


def yes_or_no_of(value: object) -> bool:
    """Read true or false.  Raises NotValid."""
    if not isinstance(value, bool):
        raise NotValid(f"must be true or false, not {shown(value)}")
    return value


def greeting_delay_of(value: object) -> float:
    """Like `duration_of`, but 0 means no delay.  Clients wait five minutes for a greeting, and may be slow themselves
    (RFC 5321 4.5.3.2.1).
    """
    delay = 0.0 if value == 0 and not isinstance(value, bool) else duration_of(value)
    if delay > _LONGEST_GREETING_DELAY:
        raise NotValid(f"must be at most {_LONGEST_GREETING_DELAY:.0f} s: clients do not wait longer")
    return delay


duration = plain(duration_of, "duration", "seconds")
duration_or_off = plain(duration_or_off_of, 'duration, or "off"', "seconds")
greeting_delay = plain(greeting_delay_of, "duration, or 0", "seconds")
size = plain(size_of, "size", "octets")
size_or_none = plain(size_or_none_of, "size, or 0", "octets")
yes_or_no = plain(yes_or_no_of, "true or false")
port = whole(1, 65535)
