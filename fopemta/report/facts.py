"""What a report needs to know of the server that makes it (pure)."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class Facts:
    """`now` seconds since the epoch, `lifetime` of the queue in seconds; `report_id` is the report's own queue id.
    `rules` that the sender may be told of, by the text of the recipient's address.
    """

    hostname: str
    postmaster: str
    report_id: str
    now: float
    lifetime: float
    rules: Mapping[str, tuple[str, ...]] = attrs.Factory(dict)
