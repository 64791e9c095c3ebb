"""The three possible answers of a lookup (pure).

A failed lookup must never be read as "there is none": `Absent` may relax a demand, `Unavailable` may only defer.
"""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen
class Found(Generic[T]):
    """The thing asked for exists.  `authenticated`: the answer was proven (for DNS: validated by DNSSEC)."""

    value: T
    authenticated: bool = False


@attrs.frozen
class Absent:
    """It is certain that there is none.

    `authenticated`: the denial was proven.  `name_exists`: for DNS, False means NXDOMAIN, True means that the name
    exists but has no record of the type asked for.
    """

    authenticated: bool = False
    name_exists: bool = True


@attrs.frozen
class Unavailable:
    """The answer could not be found out.  `reason` is for the operator: "SERVFAIL from 127.0.0.1", "no answer within 10
    s".
    """

    reason: str


Answer: TypeAlias = Found[T] | Absent | Unavailable
