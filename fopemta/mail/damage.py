"""Reports of damaged files that the spool has quarantined (pure)."""

from __future__ import annotations

import attrs


@attrs.frozen
class PutAside:
    """A quarantined file: `what` is usually a path, `why` a short reason."""

    what: str
    why: str
