"""What is demanded of the way to a recipient, and by whom (pure): rules, routes and published policy all say it so.

Demands are merged before anyone dials; the strictest wins in every respect.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

import attrs

from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung


class NameSource(enum.Enum):
    """Whose name a certificate must bear, where it is no list of names."""

    MX = "mx"
    DOMAIN = "domain"


class Revocation(enum.StrEnum):
    """How much must be known of revocation: nothing may be open; what is known counts; nothing is asked."""

    HARD = "hard"
    SOFT = "soft"
    OFF = "off"


@attrs.frozen(kw_only=True)
class Proof:
    """What proves that a host is the one that is meant.

    `names` is a source or the names themselves; `roots` a file or folder of authorities, None for those of
    [tls.client]; `pins` are SHA-256 fingerprints, in lower-case hex, of the certificate or its key: one of them proves
    all by itself.  `revocation` None: as [tls.client] has it; `strict`: it was asked for in words, so that
    a certificate that names no source is not let pass either.
    """

    names: NameSource | tuple[str, ...] = NameSource.MX
    roots: str | None = None
    pins: tuple[str, ...] = ()
    revocation: Revocation | None = None
    strict: bool = False


@attrs.frozen(kw_only=True)
class Patience:
    """The clock of its own that forced TLS has: seconds from the first TLS failure of a recipient until the
    sender is warned, and until the message is given up.
    """

    hold: float
    warn_after: float


# Who asks for what a notice has inherited.
REPORT = "report"


@attrs.frozen(kw_only=True)
class Demand:
    """One demand.  `source` names who asks: "default", "route", "rule bank", "report".

    `preferred`: this level is tried at all hosts first, and `level` is what there must be.  `lowest_rung` None: as
    [tls.client] has it.  `patience` is set for forced TLS alone.
    """

    level: Level
    source: str
    preferred: Level | None = None
    proof: Proof | None = None
    lowest_rung: Rung | None = None
    patience: Patience | None = None
    # What the sender may be told, and what of the message a report may carry.
    tell_sender: bool = False
    bare_report: bool = False

    @property
    def forced(self) -> bool:
        """Force TLS: it has a clock of its own, and reports are bound as the message was (docs/force-tls.md)."""
        return self.patience is not None

    @property
    def inherited(self) -> bool:
        """Of a notice, from the message that it is about: an exception for the notice's own way does not lower it."""
        return self.source == REPORT


@attrs.frozen(kw_only=True)
class Merged:
    """All demands together.  `sources` are those that ask for `level`; `proofs` must all be given."""

    level: Level
    sources: tuple[str, ...]
    preferred: Level
    proofs: tuple[Proof, ...] = ()
    lowest_rung: Rung | None = None
    patience: Patience | None = None
    bare_report: bool = False

    @property
    def forced(self) -> bool:
        """At least one of the demands is Force TLS."""
        return self.patience is not None


@attrs.frozen(kw_only=True, cache_hash=True)  # recipients are grouped by it
class Demanded:
    """What is demanded of the way to a recipient besides what its route and the default say: by rules, and by the
    message that a report is about.

    `rules` contributed, in order.  `tested` are the demands of rules in test mode: recorded, not enforced.  `weakest`
    and its rule: the exception that lowers what rules and routes demand.  `domain` is the recipient's, set
    where a certificate must bear it.
    """

    demands: tuple[Demand, ...] = ()
    tested: tuple[Demand, ...] = ()
    rules: tuple[str, ...] = ()
    weakest: Level | None = None
    weakened_by: str | None = None
    domain: str = ""

    def merged(self, own: Demand, published: Iterable[Demand] = ()) -> Merged:
        """Together with the route's or default's `own` demand and what is `published`, which no exception lowers."""
        local = (own, *self.demands)
        if self.weakest is not None:
            local = tuple(_lowered(each, self.weakest, self.weakened_by) for each in local)
        return merge((*local, *published))

    @property
    def forced(self) -> bool:
        """Force TLS: it has a clock of its own, and reports are bound as the message was (docs/force-tls.md)."""
        return self.patience is not None

    @property
    def patience(self) -> Patience | None:
        """The clock of forced TLS, None without."""
        clocks = [each.patience for each in self.demands if each.patience is not None and not self._lifts(each)]
        return _shortest(clocks)

    def _lifts(self, demand: Demand) -> bool:
        """The exception leaves nothing of it that could fail for want of TLS."""
        if self.weakest is None or demand.inherited:
            return False
        return self.weakest <= Level.OPPORTUNISTIC and self.weakest < demand.level


NOTHING_DEMANDED = Demanded()


def _lowered(demand: Demand, weakest: Level, by: str | None) -> Demand:
    """`demand` as an exception leaves it: what it asked for is still tried first."""
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
    """What a notice about a message must keep to: what the message itself has `inherited`, what is `demanded` of the
    way to each of its recipients, finished ones too, and what their `routes` demand.

    Whoever is to be told has servers of his own: a list of names, or a pin, is another's, so his MX must prove itself.
    A bare report carries nothing of the message, and any TLS will do.
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
    """The strictest in each respect.  Raises ValueError without any demand."""
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
        # A report may be bare only where every rule that forces TLS says so.
        bare_report=bool(clocks) and all(each.bare_report for each in known if each.forced),
    )


def weaker(new: Merged, old: Merged) -> bool:
    """Less is demanded by `new` than by `old` in some respect: mail may go where it might not have gone."""
    return (
        new.level < old.level
        or new.preferred < old.preferred
        or (old.level >= Level.AUTHENTICATED and not set(old.proofs) <= set(new.proofs))
        or _deeper(new.lowest_rung, old.lowest_rung)
    )


def _deeper(new: Rung | None, old: Rung | None) -> bool:
    """`new` lets the ladder lead further down than `old`; None is as the configuration has it."""
    if old is None:
        return False
    return new is None or _RUNGS.index(new) > _RUNGS.index(old)


def _shortest(clocks: list[Patience]) -> Patience | None:
    if not clocks:
        return None
    return Patience(hold=min(each.hold for each in clocks), warn_after=min(each.warn_after for each in clocks))
