"""What cannot be told of a message, and the bounds beyond which nothing is looked at (pure)."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.frozen(kw_only=True)
class ContentBounds:
    """[limits.content]  Octets `looked_at` of a message, of one `header` section and of one `field`; `parameters` of
    one field; `parts` of a message, `depth` of parts in parts.
    """

    looked_at: int = 1 << 20
    header: int = 1 << 20
    field: int = 128 << 10
    parameters: int = 100
    parts: int = 1000
    depth: int = 50


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
