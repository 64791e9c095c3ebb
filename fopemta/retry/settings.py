"""[retry] as a value (pure)."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Retry:
    """[retry]  The n-th wait is first * factor^(n-1), at most `longest`, with jitter; given up after `lifetime`.

    A sender is warned of the delay at the first attempt that fails `warn_after` its arrival or later, None for never.
    """

    first: float = 300.0
    factor: float = 2.0
    longest: float = 4 * 3600.0
    lifetime: float = 5 * 86400.0
    warn_after: float | None = 4 * 3600.0
