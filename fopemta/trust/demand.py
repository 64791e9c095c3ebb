"""TLS demands on the path to a recipient, and their sources (pure): rules, routes and published policies all use them.

Demands are merged before any connection is made; the strictest wins in every respect.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

import attrs

from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung


class NameSource(enum.Enum):
    """The names that a certificate must match, if they are not listed."""

    MX = "mx"
    DOMAIN = "domain"


class Revocation(enum.StrEnum):
    """How strictly revocation is checked: unknown is refused; only a known revocation is; no check."""

    HARD = "hard"
    SOFT = "soft"
    OFF = "off"


@attrs.frozen(kw_only=True)
class Proof:
    """How a host must be authenticated.

    `names` is a source or a list of names; `roots` a file or folder of authorities, None for those of [tls.client];
    `pins` are SHA-256 fingerprints, in lower-case hex, of the certificate or its key: a matching pin is sufficient
    alone.  `revocation` None: as in [tls.client]; `strict`: it was requested explicitly, so a certificate without any
    CRL or OCSP address is refused too.
    """

    names: NameSource | tuple[str, ...] = NameSource.MX
    roots: str | None = None
    pins: tuple[str, ...] = ()
    revocation: Revocation | None = None
    strict: bool = False


@attrs.frozen(kw_only=True)
class Patience:
    """The time limits of forced TLS: seconds from a recipient's first TLS failure until the sender is warned, and until
    the message is returned.
    """

    hold: float
    warn_after: float


# The source of demands that a notice has inherited.
REPORT = "report"


@attrs.frozen(kw_only=True)
class Demand:
    """One demand.  `source` says where it comes from: "default", "route", "rule bank", "report".

    `preferred`: a level to try first at all hosts; `level` is required.  `lowest_rung` None: as in [tls.client].
    `patience` is set only for forced TLS.
    """

    level: Level
    source: str
    preferred: Level | None = None
    proof: Proof | None = None
    lowest_rung: Rung | None = None
    patience: Patience | None = None
    # What the sender may be told, and how much of the message a report may include.
    tell_sender: bool = False
    bare_report: bool = False

    @property
    def forced(self) -> bool:
        """Whether this is Force TLS, which has time limits of its own and binds reports too (docs/force-tls.md)."""
        return self.patience is not None

    @property
    def inherited(self) -> bool:
        """Whether a notice has it from the message it is about; an exception for the notice's own path does not lower
        it.
        """
        return self.source == REPORT


@attrs.frozen(kw_only=True)
class Merged:
    """All demands combined.  `sources` are those of `level`; all `proofs` are required."""

    level: Level
    sources: tuple[str, ...]
    preferred: Level
    proofs: tuple[Proof, ...] = ()
    lowest_rung: Rung | None = None
    patience: Patience | None = None
    bare_report: bool = False

    @property
    def forced(self) -> bool:
        """Whether at least one of the demands is Force TLS."""
        return self.patience is not None


@attrs.frozen(kw_only=True, cache_hash=True)  # key for grouping recipients
class Demanded:
    """The demands on the path to a recipient beyond those of its route and the default: from rules, and from the
    message that a report is about.

    `rules` contributed, in order.  `tested` are demands of rules in test mode: recorded, not enforced.  `weakest` and
    its rule: the exception that lowers the demands of rules and routes.  `domain` is the recipient's, set if a
    certificate must match it.
    """

    demands: tuple[Demand, ...] = ()
    tested: tuple[Demand, ...] = ()
    rules: tuple[str, ...] = ()
    weakest: Level | None = None
    weakened_by: str | None = None
    domain: str = ""

    def merged(self, own: Demand, published: Iterable[Demand] = ()) -> Merged:
        """Combine with the `own` demand of the route or default, and with `published` policies, which no exception
        lowers.
        """
        local = (own, *self.demands)
        if self.weakest is not None:
            local = tuple(_lowered(each, self.weakest, self.weakened_by) for each in local)
        return merge((*local, *published))

    @property
    def forced(self) -> bool:
        """Whether one of them is Force TLS, which has time limits of its own and binds reports too
        (docs/force-tls.md).
        """
        return self.patience is not None

    @property
    def patience(self) -> Patience | None:
        """The time limits of forced TLS; None without it."""
        clocks = [each.patience for each in self.demands if each.patience is not None and not self._lifts(each)]
        return _shortest(clocks)

    def _lifts(self, demand: Demand) -> bool:
        """Whether the exception leaves nothing of the demand that could fail for lack of TLS."""
        if self.weakest is None or demand.inherited:
            return False
        return self.weakest <= Level.OPPORTUNISTIC and self.weakest < demand.level


NOTHING_DEMANDED = Demanded()


def _lowered(demand: Demand, weakest: Level, by: str | None) -> Demand:
    """`demand` after an exception: what it asked for is still tried first."""
    if demand.level <= weakest or demand.inherited:
        return demand
    preferred = demand.level if demand.preferred is None else demand.preferred
    return attrs.evolve(
        demand,
        level=weakest,
        preferred=preferred,
        source=f"{demand.source}, weakened by rule {by}",
        lowest_rung=None,
        patience=demand.patience if weakest > Level.OPPORTUNISTIC else None,
    )


_RUNGS = tuple(Rung)


def inheritance(
    inherited: Iterable[Demand], demanded: Iterable[Demanded], routes: Iterable[Demand]
) -> tuple[Demand, ...]:
    """The demands on a notice about a message: those the message has `inherited`, those `demanded` for each of its
    recipients, finished ones included, and those of their `routes`.

    The notice goes to other servers, which a list of names or a pin cannot match; instead their MX must be
    authenticated.  A bare report contains nothing of the message, and any TLS will do.
    """
    kept = tuple(inherited)
    asked = [each for one in demanded for each in one.demands] + list(routes)
    strict = [each for each in asked if each.level >= Level.ENCRYPT]
    bare = [each for each in strict if each.bare_report]
    if bare and len(bare) == len(strict) and not kept:
        shortest = _shortest([each.patience for each in bare if each.patience is not None])
        return (Demand(level=Level.ENCRYPT, source=REPORT, patience=shortest, bare_report=True),)
    return tuple(dict.fromkeys((*kept, *(_for_a_notice(each) for each in strict if not each.bare_report))))


def _for_a_notice(demand: Demand) -> Demand:
    proof = demand.proof
    if proof is not None:
        names = proof.names if isinstance(proof.names, NameSource) else NameSource.MX
        proof = attrs.evolve(proof, names=names, pins=())
    return attrs.evolve(demand, source=REPORT, proof=proof, preferred=None, tell_sender=False)


def merge(demands: Iterable[Demand]) -> Merged:
    """Combine demands: the strictest in each respect.  Raises ValueError if there are none."""
    known = tuple(demands)
    level = max(each.level for each in known)
    preferred = max(each.preferred if each.preferred is not None else each.level for each in known)
    rungs = [each.lowest_rung for each in known if each.lowest_rung is not None]
    clocks = [each.patience for each in known if each.patience is not None]
    return Merged(
        level=level,
        sources=tuple(dict.fromkeys(each.source for each in known if each.level == level)),
        preferred=max(level, preferred),
        proofs=tuple(dict.fromkeys(each.proof for each in known if each.proof is not None)),
        lowest_rung=min(rungs, key=_RUNGS.index, default=None),
        patience=_shortest(clocks),
        # A report may be bare only if every rule that forces TLS says so.
        bare_report=bool(clocks) and all(each.bare_report for each in known if each.forced),
    )


def weaker(new: Merged, old: Merged) -> bool:
    """Whether `new` demands less than `old` in some respect: mail could then go where it could not before."""
    return (
        new.level < old.level
        or new.preferred < old.preferred
        or (old.level >= Level.AUTHENTICATED and not set(old.proofs) <= set(new.proofs))
        or _deeper(new.lowest_rung, old.lowest_rung)
    )


def _deeper(new: Rung | None, old: Rung | None) -> bool:
    """Whether `new` permits lower rungs than `old`; None is the configured limit."""
    if old is None:
        return False
    return new is None or _RUNGS.index(new) > _RUNGS.index(old)


def _shortest(clocks: list[Patience]) -> Patience | None:
    if not clocks:
        return None
    return Patience(hold=min(each.hold for each in clocks), warn_after=min(each.warn_after for each in clocks))
