"""What a chain of Received headers says about a message's whole path (pure)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from itertools import pairwise

import attrs

from fopemta.mail.received_chain import Encrypted, Hop


class Conclusion(enum.Enum):
    """The conclusion about all hops together; the worst hop decides."""

    ENCRYPTED = "every hop across a network was encrypted"
    WEAK = "every hop across a network was encrypted, some of it in a way that is out of date"
    UNKNOWN = "not every hop says whether it was encrypted"
    PLAIN = "at least one hop was not encrypted"
    NONE = "there are no Received headers"


@attrs.frozen
class TraceReading:
    """`hops` oldest first.  `took`: seconds of each hop since the time in the header before it; None if one of the
    times is unknown, always for the first; negative if two clocks differ.  `trusted`: how many of the newest hops were
    written by trusted servers; the others may be forged.
    """

    hops: tuple[Hop, ...]
    took: tuple[float | None, ...]
    conclusion: Conclusion
    trusted: int


def reading_of(newest_first: Sequence[Hop], trusted_names: Sequence[str] = ()) -> TraceReading:
    """The reading of a message's hops.  `trusted_names` are servers, or "*.example.org" for those below a domain;
    without any, only the newest header is trusted: it is your own server's.
    """
    hops = tuple(reversed(newest_first))
    times = [hop.time for hop in hops]
    took = [None, *(_difference(before, after) for before, after in pairwise(times))][: len(hops)]
    return TraceReading(hops, tuple(took), _conclusion(hops), _trusted(newest_first, trusted_names))


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _conclusion(hops: Sequence[Hop]) -> Conclusion:
    if not hops:
        return Conclusion.NONE
    said = {hop.encrypted for hop in hops}
    if Encrypted.NO in said:
        return Conclusion.PLAIN
    if Encrypted.UNKNOWN in said:
        return Conclusion.UNKNOWN
    return Conclusion.WEAK if any(hop.weak for hop in hops) else Conclusion.ENCRYPTED


def _trusted(newest_first: Sequence[Hop], names: Sequence[str]) -> int:
    """The number of newest hops written by trusted servers: below the first other one, all may be forged."""
    if not names:
        return min(len(newest_first), 1)
    count = 0
    for hop in newest_first:
        if not any(_is(hop.receiver.lower(), name.lower()) for name in names):
            break
        count += 1
    return count


def _is(receiver: str, name: str) -> bool:
    return receiver == name or (name.startswith("*.") and receiver.endswith(name[1:]))
