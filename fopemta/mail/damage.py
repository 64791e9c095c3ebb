"""Damage in the spool that was put aside (pure)."""

from __future__ import annotations

import attrs


@attrs.frozen
class PutAside:
    """`what` is the damaged thing, mostly a path, and `why` says in a few words what is wrong with it."""

    what: str
    why: str
