"""What a report needs to know of the server that makes it (pure)."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Facts:
    """`now` seconds since the epoch, `lifetime` of the queue in seconds; `report_id` is the report's own queue id."""

    hostname: str
    postmaster: str
    report_id: str
    now: float
    lifetime: float
