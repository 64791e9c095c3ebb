"""TLS demands as JSON (pure).

Reading raises ValueError, KeyError or TypeError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fopemta.trust.demand import Demand, Demanded, NameSource, Patience, Proof, Revocation
from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung


def demand_to_plain(demand: Demand) -> dict[str, Any]:
    """Plain values; unset ones are omitted."""
    plain: dict[str, Any] = {"level": demand.level.word, "source": demand.source}
    if demand.preferred is not None:
        plain["preferred"] = demand.preferred.word
    if demand.lowest_rung is not None:
        plain["lowest_rung"] = demand.lowest_rung.value
    if demand.proof is not None:
        plain["proof"] = _proof_to_plain(demand.proof)
    if demand.patience is not None:
        plain["patience"] = [demand.patience.hold, demand.patience.warn_after]
    if demand.tell_sender:
        plain["tell_sender"] = True
    if demand.bare_report:
        plain["bare_report"] = True
    return plain


def demand_from_plain(plain: Mapping[str, Any]) -> Demand:
    """Read what `demand_to_plain` wrote."""
    patience = plain.get("patience")
    return Demand(
        level=Level.from_word(plain["level"]),
        source=str(plain["source"]),
        preferred=None if plain.get("preferred") is None else Level.from_word(plain["preferred"]),
        lowest_rung=None if plain.get("lowest_rung") is None else Rung(plain["lowest_rung"]),
        proof=None if plain.get("proof") is None else _proof_from_plain(plain["proof"]),
        patience=None if patience is None else Patience(hold=float(patience[0]), warn_after=float(patience[1])),
        tell_sender=bool(plain.get("tell_sender", False)),
        bare_report=bool(plain.get("bare_report", False)),
    )


def demanded_to_plain(demanded: Demanded) -> dict[str, Any]:
    """Plain values; unset ones are omitted."""
    plain: dict[str, Any] = {"demands": [demand_to_plain(each) for each in demanded.demands]}
    if demanded.tested:
        plain["tested"] = [demand_to_plain(each) for each in demanded.tested]
    if demanded.rules:
        plain["rules"] = list(demanded.rules)
    if demanded.weakest is not None:
        plain["weakest"] = demanded.weakest.word
    if demanded.weakened_by is not None:
        plain["weakened_by"] = demanded.weakened_by
    if demanded.domain:
        plain["domain"] = demanded.domain
    return plain


def demanded_from_plain(plain: Mapping[str, Any]) -> Demanded:
    """Read what `demanded_to_plain` wrote."""
    weakest, weakened_by = plain.get("weakest"), plain.get("weakened_by")
    return Demanded(
        demands=tuple(demand_from_plain(each) for each in plain["demands"]),
        tested=tuple(demand_from_plain(each) for each in plain.get("tested", ())),
        rules=tuple(str(each) for each in plain.get("rules", ())),
        weakest=None if weakest is None else Level.from_word(weakest),
        weakened_by=None if weakened_by is None else str(weakened_by),
        domain=str(plain.get("domain", "")),
    )


def _proof_to_plain(proof: Proof) -> dict[str, Any]:
    return {
        "names": proof.names.value if isinstance(proof.names, NameSource) else list(proof.names),
        "roots": proof.roots,
        "pins": list(proof.pins),
        "revocation": None if proof.revocation is None else proof.revocation.value,
        "strict": proof.strict,
    }


def _proof_from_plain(plain: Mapping[str, Any]) -> Proof:
    names, revocation = plain["names"], plain.get("revocation")
    return Proof(
        names=NameSource(names) if isinstance(names, str) else tuple(str(each) for each in names),
        roots=None if plain.get("roots") is None else str(plain["roots"]),
        pins=tuple(str(each) for each in plain.get("pins", ())),
        revocation=None if revocation is None else Revocation(revocation),
        strict=bool(plain.get("strict", False)),
    )
