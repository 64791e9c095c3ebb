"""What cannot be told of a message, and the bounds beyond which nothing is looked at (pure)."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from fopemta.settings.key import key
from fopemta.settings.quantities import size_between, whole

# Held in memory while a message comes in: a mistake must not fill it.
_OCTETS = size_between(16 << 10, 64 << 20)


@attrs.frozen(kw_only=True)
class ContentBounds:
    """[limits.content]"""

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
    """Readers of mail differ about something, or cannot read it.  `bound` is the key of the bound that was exceeded, ""
    where it was none.
    """

    why: str
    bound: str = ""


class Exceeded(Exception):
    """A message is not read further; `flaw` says at which bound."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.why)
        self.flaw = flaw


def beyond(bound: str, why: str) -> Flaw:
    """A bound of `ContentBounds` is exceeded."""
    return Flaw(f"{why} (limits.content.{bound})", bound)


# Everything a message may cost: so many octets are gone over for each that it has, and for a small one.
_WORK = 80
_LEAST_WORK = 1 << 20


class Work:
    """What the reading of one message costs, in octets and characters gone over."""

    def __init__(self, size: int) -> None:
        self.left = size * _WORK + _LEAST_WORK

    def spend(self, amount: int) -> None:
        """Raises Exceeded."""
        self.left -= amount
        if self.left < 0:
            raise Exceeded(Flaw("it takes too much work to read", "work"))


def told(flaws: Iterable[Flaw]) -> Flaw | None:
    """All of them in one; None where there is none.  The first bound counts."""
    different = list(dict.fromkeys(flaws))
    if not different:
        return None
    words = "; ".join(each.why for each in different[:3])
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return Flaw(words + more, next((each.bound for each in different if each.bound), ""))
