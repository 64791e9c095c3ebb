"""What follows from what is known of revocation: the whole table."""

from __future__ import annotations

import itertools

from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.demand import Proof, Revocation
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.plan import Judgement
from fopemta.trust.revocation import (
    Finding,
    RevocationConclusion,
    Status,
    combine,
    mode_of,
    sourceless_passes,
    with_revocation,
)

HARD, SOFT, OFF = Revocation.HARD, Revocation.SOFT, Revocation.OFF
REVOKED, UNKNOWN = Diagnosis.CERT_REVOKED, Diagnosis.REVOCATION_UNKNOWN
UNUSABLE = Diagnosis.CERT_UNUSABLE

# One certificate: diagnosis under hard, under soft, and the record's word.
ALONE: dict[Status, tuple[Diagnosis | None, Diagnosis | None, str]] = {
    Status.NOT_NEEDED: (None, None, "not needed"),
    Status.GOOD: (None, None, "good (crl)"),
    Status.NO_SOURCE: (UNKNOWN, None, "unknown (no source)"),
    Status.UNKNOWN: (UNKNOWN, None, "unknown (unknown)"),
    Status.STAPLE_MISSING: (UNUSABLE, UNUSABLE, "unknown (staple missing)"),
    Status.REVOKED: (REVOKED, REVOKED, "revoked"),
}
# The worse of two comes later here.
ORDER = [
    Status.NOT_NEEDED, Status.GOOD, Status.NO_SOURCE, Status.UNKNOWN, Status.STAPLE_MISSING, Status.REVOKED,
]  # fmt: skip


class FindingTests(SynchronousTestCase):
    def test_who_need_not_be_asked_any_more(self) -> None:
        decided = {status for status in Status if Finding(status).decided}
        self.assertEqual(decided, {Status.GOOD, Status.REVOKED})


class CombineTests(SynchronousTestCase):
    def test_one_certificate(self) -> None:
        found = {}
        for status in Status:
            finding = (Finding(status, "crl"),)
            hard, soft = combine(finding, HARD), combine(finding, SOFT)
            self.assertEqual(hard.record, soft.record)
            found[status] = (hard.diagnosis, soft.diagnosis, hard.record)
        self.assertEqual(found, ALONE)

    def test_leaf_and_intermediate_are_as_good_as_the_worse_of_them(self) -> None:
        for leaf, intermediate, mode in itertools.product(Status, Status, (HARD, SOFT)):
            worse = max(leaf, intermediate, key=ORDER.index)
            expected = combine((Finding(worse, "crl"),), mode)
            found = combine((Finding(leaf, "crl"), Finding(intermediate, "crl")), mode)
            self.assertEqual(found, expected, (leaf, intermediate, mode))

    def test_off_says_nothing_whatever_is_known(self) -> None:
        for status in Status:
            self.assertEqual(combine((Finding(status, "ocsp", "why"),), OFF), RevocationConclusion(None, None))

    def test_nothing_looked_at_is_nothing_known(self) -> None:
        self.assertEqual(combine((), HARD).diagnosis, UNKNOWN)
        self.assertEqual(
            combine((), SOFT), RevocationConclusion(None, "unknown (nothing was looked at)", "nothing was looked at")
        )

    def test_sourceless_under_roots_of_ones_own_is_recorded_only(self) -> None:
        for status in Status:
            finding = (Finding(status, "crl"),)
            expected = None if status is Status.NO_SOURCE else combine(finding, HARD).diagnosis
            self.assertEqual(combine(finding, HARD, sourceless_passes=True).diagnosis, expected, status)
        both = (Finding(Status.NO_SOURCE), Finding(Status.UNKNOWN))
        self.assertEqual(combine(both, HARD, sourceless_passes=True).diagnosis, UNKNOWN)

    def test_record_names_every_witness_once(self) -> None:
        good = (Finding(Status.GOOD, "staple"), Finding(Status.GOOD, "crl"), Finding(Status.GOOD, "crl"))
        self.assertEqual(combine(good, HARD).record, "good (staple, crl)")
        self.assertEqual(combine((good[0], Finding(Status.NOT_NEEDED)), HARD).record, "good (staple)")


class ModeTests(SynchronousTestCase):
    def test_strictest_of_what_is_asked(self) -> None:
        table = {
            (): SOFT,
            (None,): SOFT,
            (HARD,): HARD,
            (OFF,): OFF,
            (OFF, None): SOFT,
            (OFF, HARD, SOFT): HARD,
            (SOFT, OFF): SOFT,
        }
        found = {asked: mode_of(SOFT, [Proof(revocation=each) for each in asked]) for asked in table}
        self.assertEqual(found, table)


class SourcelessTests(SynchronousTestCase):
    def test_only_under_roots_of_ones_own_and_unless_a_rule_says_hard(self) -> None:
        own = Proof(roots="/etc/own.pem")
        table = {
            (False, ()): False,
            (True, ()): True,
            (False, (own,)): True,
            (False, (own, Proof())): False,
            (True, (own, Proof())): True,
            # Force TLS is hard by itself; only in so many words it is so for what names no source, too.
            (True, (Proof(revocation=HARD),)): True,
            (True, (Proof(revocation=HARD, strict=True),)): False,
            (False, (Proof(roots="/etc/own.pem", revocation=HARD),)): True,
            (False, (Proof(roots="/etc/own.pem", revocation=HARD, strict=True),)): False,
            (False, (Proof(roots="/etc/own.pem", revocation=SOFT),)): True,
        }
        self.assertEqual({case: sourceless_passes(*case) for case in table}, table)


class WithRevocationTests(SynchronousTestCase):
    GOOD = Judgement(True, ("mx.test",), "pkix", None, "good for mx.test")
    BAD = Judgement(False, ("mx.test",), None, Diagnosis.CERT_EXPIRED, "expired")

    def test_takes_a_proof_away(self) -> None:
        found = with_revocation(self.GOOD, RevocationConclusion(REVOKED, "revoked", "revoked since then"))
        expected = Judgement(False, ("mx.test",), None, REVOKED, "revoked since then", "revoked")
        self.assertEqual(found, expected)

    def test_keeps_what_is_good(self) -> None:
        found = with_revocation(self.GOOD, RevocationConclusion(None, "good (crl)"))
        self.assertEqual(found, Judgement(True, ("mx.test",), "pkix", None, "good for mx.test", "good (crl)"))

    def test_gives_none(self) -> None:
        for diagnosis in (None, REVOKED):
            found = with_revocation(self.BAD, RevocationConclusion(diagnosis, "good (crl)"))
            self.assertEqual((found.authenticated, found.diagnosis), (False, Diagnosis.CERT_EXPIRED))
