"""Uncertainties about a message, and the bounds of what is read (pure)."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from fopemta.settings.key import key
from fopemta.settings.quantities import size_between, whole

# Held in memory while a message comes in: a mistake must not fill it.
_OCTETS = size_between(16 << 10, 64 << 20)


@attrs.frozen(kw_only=True)
class ContentBounds:
    """The section [limits.content]."""

    looked_at: int = key(
        _OCTETS,
        "1MiB",
        "Of a message, so much is read for rules about what it says, and held in memory while it comes in; beyond this "
        "and the next five they cannot tell.",
        above="How much of a message is read for rules about subject, headers, body and attachments; beyond it they "
        "cannot tell, and a demand of TLS applies. Octets of the message (held in memory while it comes in), of one "
        "header section, and of one header; parameters of one header; parts; parts within parts.",
        see="rules.md",
    )
    header: int = key(_OCTETS, "1MiB", "Of it, the header of the message or of a message or part in it.", above="")
    field: int = key(_OCTETS, "128KiB", "One header.", above="")
    parameters: int = key(whole(10, 10_000), 100, "Parameters of one header.", above="")
    parts: int = key(whole(10, 100_000), 1000, "Parts of a message.", above="")
    depth: int = key(whole(5, 200), 50, "Parts within parts.", above="")


BOUNDS = ContentBounds()


@attrs.frozen
class Flaw:
    """Mail readers differ about something, or cannot read it.  `bound` is the key of the exceeded bound, "" if it was
    none.
    """

    why: str
    bound: str = ""


class Exceeded(Exception):
    """Reading of a message stops; `flaw` says at which bound."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.why)
        self.flaw = flaw


def beyond(bound: str, why: str) -> Flaw:
    """The flaw for an exceeded bound of `ContentBounds`."""
    return Flaw(f"{why} (limits.content.{bound})", bound)


# The work budget of a message: so many passes over each of its octets, with a minimum for small ones.
_WORK = 80
_LEAST_WORK = 1 << 20


class Work:
    """The work spent on reading one message, in octets and characters processed."""

    def __init__(self, size: int) -> None:
        self.left = size * _WORK + _LEAST_WORK

    def spend(self, amount: int) -> None:
        """Spend `amount` of the budget.  Raises Exceeded."""
        self.left -= amount
        if self.left < 0:
            raise Exceeded(Flaw("it takes too much work to read", "work"))


def told(flaws: Iterable[Flaw]) -> Flaw | None:
    """Combine all flaws into one; None if there are none.  The first bound counts."""
    different = list(dict.fromkeys(flaws))
    if not different:
        return None
    words = "; ".join(each.why for each in different[:3])
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return Flaw(words + more, next((each.bound for each in different if each.bound), ""))
