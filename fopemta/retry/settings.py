"""[retry] as a value (pure)."""

from __future__ import annotations

import attrs

from fopemta.settings.key import key
from fopemta.settings.quantities import duration, duration_or_off, number


@attrs.frozen(kw_only=True)
class Retry:
    """[retry]  The n-th wait is first * factor^(n-1), at most `longest`, with jitter."""

    first: float = key(
        duration,
        "5m",
        "The first wait.",
        above="The n-th wait is first * factor^(n-1), at most longest, with some jitter; after lifetime the sender "
        "gets a report.",
    )
    factor: float = key(number(1, 100), 2.0, "Each wait is so many times the one before.", above="")
    longest: float = key(duration, "4h", "No wait is longer.", above="")
    lifetime: float = key(duration, "5d", "Then the message is given up and the sender gets a report.", above="")
    warn_after: float | None = key(
        duration_or_off,
        "4h",
        'The first attempt that fails after so long tells the sender, once, that the message is delayed; `"off"` for '
        "never.",
    )
