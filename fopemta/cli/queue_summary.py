"""The queue in numbers: waiting recipients by destination and age (like Postfix's qshape)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from fopemta.cli.table import lines_of
from fopemta.mail.listed import Listed, is_open
from fopemta.mail.queued import RecipientState
from fopemta.trust.verdict import from_rfc3339

# Ages in minutes; each bucket is twice as wide as the one before it.
_MINUTES = (5, 10, 20, 40, 80, 160, 320, 640, 1280)
_BUCKETS = (*(str(each) for each in _MINUTES), f"{_MINUTES[-1]}+")
_HELD = RecipientState.HELD.value
_NULL_SENDER = "<>"


class Summary:
    """Waiting recipients by destination, or by the sender's domain with `senders`; `now` in seconds since the epoch.

    A held one counts as held, whatever its age.
    """

    def __init__(self, now: float, senders: bool = False) -> None:
        self._now = now
        self._senders = senders
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)

    def counted(self, messages: Iterable[Listed]) -> Summary:
        """Count all their recipients."""
        for message in messages:
            self._add(message)
        return self

    def _add(self, message: Listed) -> None:
        bucket = _bucket((self._now - from_rfc3339(message["arrived"])) / 60)
        for recipient in message["recipients"]:
            if not is_open(recipient):
                continue
            domain = recipient["address"].rpartition("@")[2]
            if self._senders:
                domain = message["sender"].rpartition("@")[2] or _NULL_SENDER
            self._counts[domain][_HELD if recipient["state"] == _HELD else bucket] += 1

    def add_all(self, other: Summary) -> None:
        """Add the counts of `other`."""
        for domain, counts in other._counts.items():
            self._counts[domain].update(counts)

    def lines(self) -> Iterator[str]:
        """A table, the largest rows first, and the total."""
        if not self._counts:
            yield "The queue is empty."
            return
        total: Counter[str] = Counter()
        for counts in self._counts.values():
            total.update(counts)
        heading = "SENDER DOMAIN" if self._senders else "DESTINATION"
        body = [self._row(domain, self._counts[domain]) for domain in self._by_size()]
        table = [self._row("all", total), *body]
        yield from lines_of((heading, "ALL", *_ages(), "HELD"), table)

    def to_json(self) -> dict[str, Any]:
        """The same for programs: by domain, the number of recipients for each age in minutes."""
        rows = [
            {
                "domain": domain,
                "recipients": counts.total(),
                "held": counts[_HELD],
                "minutes": {bucket: counts[bucket] for bucket in _BUCKETS},
            }
            for domain in self._by_size()
            for counts in (self._counts[domain],)
        ]
        return {"by": "sender" if self._senders else "destination", "rows": rows}

    def _by_size(self) -> list[str]:
        return sorted(self._counts, key=lambda domain: (-self._counts[domain].total(), domain))

    def _row(self, domain: str, counts: Counter[str]) -> tuple[str, ...]:
        cells = (counts.total(), *(counts[bucket] for bucket in _BUCKETS), counts[_HELD])
        return (domain, *(str(cell) for cell in cells))


def _ages() -> tuple[str, ...]:
    """Headings: the greatest age in minutes."""
    return (f"<{_MINUTES[0]}m", *(f"<{later}" for _, later in pairwise(_MINUTES)), f"{_MINUTES[-1]}+")


def _bucket(minutes: float) -> str:
    return next((str(limit) for limit in _MINUTES if minutes < limit), _BUCKETS[-1])
