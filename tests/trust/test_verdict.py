"""The verdict record as JSON."""

from __future__ import annotations

import json

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.demand import Demand, Demanded, Patience
from fopemta.trust.levels import Level
from fopemta.trust.verdict import ABSENT_FACTS, CertificateFacts, Result, Tested, VerdictRecord, from_rfc3339, rfc3339

CONTRACT = (
    "time message sender recipient attempt level rules sources host address port rung protocol cipher bits group chain "
    "names authenticated authenticated_by mx_proven_by revocation resumed downgraded result code enhanced diagnosis "
    "text next_try carried_dsn warned held tls_since tls_deadline overridden tested demanded lowered"
)
RECORD = VerdictRecord(
    time=1795583385.12, message="M1", sender="", recipient="bob@example.org", attempt=2, level="opportunistic",
    sources=("default",), host="mx.example.org", address="192.0.2.1", port=25, rung="strong256", protocol="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384", bits=256, group="X25519MLKEM768",
    chain=(CertificateFacts("CN=mx", "CN=ca", "1f", "2026-12-01T00:00:00.000Z", "ab" * 32),), names=("mx.example.org",),
    authenticated=True, authenticated_by="pkix", result=Result.DEFERRED, code=451, enhanced="4.7.1", text="later",
    next_try=1795583685.5, carried_dsn=False, warned=True, held=True, tls_since=1795583385.12,
    tls_deadline=1795669785.12, overridden="ticket 7", tested=(Tested("bank", False, "self_signed"),),
)  # fmt: skip


class VerdictJsonTests(SynchronousTestCase):
    def test_names_and_order_are_the_contract(self) -> None:
        self.assertEqual(" ".join(RECORD.to_json()), CONTRACT)

    def test_round_trip(self) -> None:
        self.assertEqual(VerdictRecord.from_json(json.loads(json.dumps(RECORD.to_json()))), RECORD)

    def test_absent_facts_are_null(self) -> None:
        bare = VerdictRecord(
            time=0.0, message="M", sender="", recipient="b@x", attempt=1, result=Result.FAILED, code=550,
            enhanced="5.1.1", text="",
        )  # fmt: skip
        plain = bare.to_json()
        self.assertEqual((plain["host"], plain["bits"], plain["next_try"], plain["rules"]), (None, None, None, ()))
        self.assertEqual(VerdictRecord.from_json(json.loads(json.dumps(plain))), bare)

    def test_brief_is_without_what_is_absent_and_reads_the_same(self) -> None:
        for record in (RECORD, attrs.evolve(RECORD, chain=(), names=(), tested=(), next_try=None, authenticated=False)):
            brief = json.loads(json.dumps(record.to_brief_json()))
            self.assertEqual(VerdictRecord.from_json(brief), record)
            whole = record.to_json()
            wanted = {name for name, fact in whole.items() if fact is not None and fact != ()}
            self.assertEqual(set(brief), wanted)

    def test_whether_the_server_has_proven_who_it_is(self) -> None:
        unproven = "authenticated (MX name unproven)"
        for authenticated, by, name, wanted in (
            (True, "pkix", None, unproven),
            (True, "pkix", "dnssec", "authenticated"),
            (True, "pin", None, "authenticated"),
            (False, "pkix", None, "not authenticated"),
            (False, None, None, "not authenticated"),
            (None, None, None, "not authenticated"),
        ):
            record = attrs.evolve(RECORD, authenticated=authenticated, authenticated_by=by, mx_proven_by=name)
            self.assertEqual((record.proof_words, record.mx_unproven), (wanted, wanted == unproven))

    def test_what_was_demanded(self) -> None:
        demand = Demand(level=Level.ENCRYPT, source="rule bank", patience=Patience(hold=60.0, warn_after=30.0))
        for demanded in (Demanded(), Demanded(demands=(demand,), rules=("bank",), weakest=Level.PLAIN)):
            record = attrs.evolve(RECORD, demanded=demanded)
            for plain in (record.to_json(), record.to_brief_json()):
                self.assertEqual(VerdictRecord.from_json(json.loads(json.dumps(plain))), record)

    def test_what_is_no_record(self) -> None:
        for change in ({"time": "x"}, {"result": "x"}, {"chain": [{}]}, {"tested": [{}]}, {"next_try": "x"}):
            self.assertRaises(
                (KeyError, TypeError, ValueError), VerdictRecord.from_json, {**RECORD.to_json(), **change}
            )
        self.assertRaises(KeyError, VerdictRecord.from_json, {})

    def test_absent_facts_of_the_contract(self) -> None:
        self.assertEqual(" ".join(ABSENT_FACTS), CONTRACT)
        for name, fact in ABSENT_FACTS.items():
            self.assertIn(fact, (None, (), False), name)

    def test_fields_of_a_newer_version_are_left_out(self) -> None:
        self.assertEqual(VerdictRecord.from_json({**RECORD.to_json(), "moon": "full"}), RECORD)

    def test_times(self) -> None:
        self.assertEqual(rfc3339(0.0), "1970-01-01T00:00:00.000Z")
        self.assertEqual(from_rfc3339("1970-01-01T00:00:01.500Z"), 1.5)
        self.assertRaises(ValueError, from_rfc3339, "yesterday")
