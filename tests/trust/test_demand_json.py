"""Demands on disk: whatever was demanded is demanded after a restart."""

from __future__ import annotations

import json
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.demand import Demand, Demanded, NameSource, Patience, Proof, Revocation
from fopemta.trust.demand_json import demand_from_plain, demand_to_plain, demanded_from_plain, demanded_to_plain
from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung

LEAST = Demand(level=Level.ENCRYPT, source="route")
PROOF = Proof(
    names=("a.test", "b.test"), roots="/r.pem", pins=("ab" * 32, "cd" * 32), revocation=Revocation.HARD, strict=True
)
MOST = Demand(
    level=Level.AUTHENTICATED, source="rule bank", preferred=Level.AUTHENTICATED, lowest_rung=Rung.STRONG_128,
    proof=PROOF, patience=Patience(hold=86_400.0, warn_after=3600.5), tell_sender=True, bare_report=True,
)  # fmt: skip
WHOLE = Demanded(
    demands=(MOST, LEAST), tested=(LEAST,), rules=("bank", "easy"), weakest=Level.OPPORTUNISTIC,
    weakened_by="old server", domain="d.test",
)  # fmt: skip


def again(plain: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(plain))  # type: ignore[no-any-return]


class DemandTests(SynchronousTestCase):
    def test_each_field_alone(self) -> None:
        for field in attrs.fields(Demand):
            one = attrs.evolve(LEAST, **{field.name: getattr(MOST, field.name)})
            self.assertEqual(demand_from_plain(again(demand_to_plain(one))), one, field.name)
        for changed in (MOST, LEAST, *(attrs.evolve(LEAST, level=level, preferred=level) for level in Level)):
            self.assertEqual(demand_from_plain(again(demand_to_plain(changed))), changed)
        for rung in Rung:
            one = attrs.evolve(LEAST, lowest_rung=rung)
            self.assertEqual(demand_from_plain(again(demand_to_plain(one))), one)

    def test_each_field_of_a_proof_alone(self) -> None:
        for field in attrs.fields(Proof):
            one = attrs.evolve(LEAST, proof=attrs.evolve(Proof(), **{field.name: getattr(PROOF, field.name)}))
            self.assertEqual(demand_from_plain(again(demand_to_plain(one))), one, field.name)
        for change in (*({"names": each} for each in NameSource), *({"revocation": each} for each in Revocation)):
            one = attrs.evolve(LEAST, proof=Proof(**change))  # type: ignore[arg-type]
            self.assertEqual(demand_from_plain(again(demand_to_plain(one))), one)

    def test_what_is_not_said_is_left_out(self) -> None:
        self.assertEqual(demand_to_plain(LEAST), {"level": "encrypt", "source": "route"})
        self.assertEqual(demanded_to_plain(Demanded()), {"demands": []})

    def test_what_an_older_version_did_not_write(self) -> None:
        plain = {"level": "encrypt", "source": "x", "proof": {"names": "mx"}}
        self.assertEqual(demand_from_plain(plain), Demand(level=Level.ENCRYPT, source="x", proof=Proof()))

    def test_what_cannot_be_read_is_no_demand(self) -> None:
        good = demand_to_plain(MOST)
        for change in (
            {"level": "x"}, {"preferred": "x"}, {"lowest_rung": "x"}, {"proof": {}}, {"proof": {"names": "x"}},
            {"patience": []}, {"patience": ["x", "y"]}, {"proof": {"names": "mx", "revocation": "x"}},
        ):  # fmt: skip
            self.assertRaises((ValueError, KeyError, TypeError, IndexError), demand_from_plain, {**good, **change})
        for missing in ("level", "source"):
            plain = {name: value for name, value in good.items() if name != missing}
            self.assertRaises(KeyError, demand_from_plain, plain)


class DemandedTests(SynchronousTestCase):
    def test_each_field_alone(self) -> None:
        for field in attrs.fields(Demanded):
            one = attrs.evolve(Demanded(), **{field.name: getattr(WHOLE, field.name)})
            self.assertEqual(demanded_from_plain(again(demanded_to_plain(one))), one, field.name)
        self.assertEqual(demanded_from_plain(again(demanded_to_plain(WHOLE))), WHOLE)
        for level in Level:
            one = attrs.evolve(Demanded(), weakest=level)
            self.assertEqual(demanded_from_plain(again(demanded_to_plain(one))), one)
