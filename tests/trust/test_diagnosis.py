"""Every diagnosis has its row."""

from __future__ import annotations

import re

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.diagnosis import Diagnosis, explain, is_tls_failure

# RFC 8460 4.3
RESULT_TYPES = {
    None,
    "starttls-not-supported",
    "certificate-host-mismatch",
    "certificate-expired",
    "certificate-not-trusted",
    "validation-failure",
}


class ExplanationTests(SynchronousTestCase):
    def test_every_member_has_a_whole_row(self) -> None:
        for diagnosis in Diagnosis:
            row = explain(diagnosis)
            self.assertIn(row.rfc8460, RESULT_TYPES, diagnosis)
            self.assertRegex(row.held, re.compile(r"^4\.\d{1,3}\.\d{1,3}$"), diagnosis)
            self.assertRegex(row.given_up, re.compile(r"^5\.\d{1,3}\.\d{1,3}$"), diagnosis)
            for text in (row.sender, row.cause, row.remedy):
                self.assertRegex(text, re.compile(r"^[A-Z].{8,}\.$"), diagnosis)

    def test_which_start_the_clock_of_forced_tls(self) -> None:
        tls = set(list(Diagnosis)[: list(Diagnosis).index(Diagnosis.DNS_UNAVAILABLE)])
        self.assertEqual({each for each in Diagnosis if is_tls_failure(each)}, tls - {Diagnosis.REVOCATION_UNKNOWN})

    def test_result_types(self) -> None:
        D = Diagnosis
        table = {
            "starttls-not-supported": {D.TLS_NOT_OFFERED, D.TLS_REFUSED},
            "certificate-expired": {D.CERT_EXPIRED, D.CERT_NOT_YET_VALID},
            "certificate-host-mismatch": {D.NAME_MISMATCH, D.NO_SUBJECT_ALT_NAME},
            "certificate-not-trusted": {
                D.SELF_SIGNED, D.UNTRUSTED_ROOT, D.INCOMPLETE_CHAIN, D.PIN_MISMATCH, D.WEAK_KEY, D.CERT_REVOKED,
            },
        }  # fmt: skip
        for word, wanted in table.items():
            self.assertEqual({each for each in Diagnosis if explain(each).rfc8460 == word}, wanted, word)

    def test_words_are_what_the_contract_says(self) -> None:
        self.assertTrue(
            all(re.fullmatch("[a-z0-9_]+", each.value) and each.name == each.value.upper() for each in Diagnosis)
        )

    def test_no_two_members_say_the_same_to_the_operator(self) -> None:
        rows = [attrs.astuple(explain(each))[-2:] for each in Diagnosis]
        self.assertEqual(len(rows), len(set(rows)))
