"""Facts about the server that a report needs (pure)."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class Facts:
    """`now` in seconds since the epoch, queue `lifetime` in seconds; `report_id` is the report's own queue id.  `rules`
    whose names the sender may learn, by the recipient's address as text.
    """

    hostname: str
    postmaster: str
    report_id: str
    now: float
    lifetime: float
    rules: Mapping[str, tuple[str, ...]] = attrs.Factory(dict)
