"""The queue in numbers: who waits for which destination, and for how long (as Postfix's qshape does)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from fopemta.cli.table import lines_of
from fopemta.mail.queued import QueuedMessage, RecipientState

# Ages in minutes; each bucket is twice as wide as the one before it.
_MINUTES = (5, 10, 20, 40, 80, 160, 320, 640, 1280)
_BUCKETS = (*(str(each) for each in _MINUTES), f"{_MINUTES[-1]}+")
_HELD = "held"
_NULL_SENDER = "<>"


class Summary:
    """Recipients that wait, by destination, or by the sender's domain with `senders`; `now` in seconds since the epoch.

    A held one counts as held, however old it is.
    """

    def __init__(self, now: float, senders: bool = False) -> None:
        self._now = now
        self._senders = senders
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, message: QueuedMessage) -> None:
        """Count a message's recipients."""
        bucket = _bucket((self._now - message.arrived) / 60)
        sender = message.envelope.sender
        for status in message.pending:
            domain = status.address.domain
            if self._senders:
                domain = _NULL_SENDER if sender is None else sender.domain
            self._counts[domain][_HELD if status.state is RecipientState.HELD else bucket] += 1

    def lines(self) -> Iterator[str]:
        """A table, the longest rows first, and the sum of all."""
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
        """The same for programs: by domain, the number of recipients in each bucket of minutes."""
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
    """Headings: each says up to how many minutes."""
    return (f"<{_MINUTES[0]}m", *(f"<{later}" for _, later in pairwise(_MINUTES)), f"{_MINUTES[-1]}+")


def _bucket(minutes: float) -> str:
    return next((str(limit) for limit in _MINUTES if minutes < limit), _BUCKETS[-1])
