"""The verdict on a certificate, from real handshakes in memory."""

from __future__ import annotations

import attrs
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority, Leaf, rsa_key
from fopemta.tls.server import ServerTls
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.pkix import judge
from fopemta.trust.plan import Judgement
from fopemta.trust.rungs import Rung
from tests.tls.handshakes import AUTHORITY, FromContext, client_tls, credentials, server_context, shake

NOW = AUTHORITY.now.timestamp()


def evidence_of(leaf: Leaf) -> HandshakeEvidence:
    _, _, evidence = shake(client_tls(), ServerTls([credentials(leaf)]).creator())
    assert evidence is not None
    return evidence


def judged(leaf: Leaf, *names: str) -> Judgement:
    return judge(evidence_of(leaf), names or ("mx.test",), NOW)


class JudgeTests(SynchronousTestCase):
    def test_each_fault_is_named(self) -> None:
        a = AUTHORITY
        table = {
            "good": (a.leaf("mx.test"), None),
            "good, RSA": (a.leaf("mx.test", key=rsa_key()), None),
            "expired": (a.leaf("mx.test", days=(-9, -2)), Diagnosis.CERT_EXPIRED),
            "not yet valid": (a.leaf("mx.test", days=(2, 9)), Diagnosis.CERT_NOT_YET_VALID),
            "self-signed": (a.self_signed("mx.test"), Diagnosis.SELF_SIGNED),
            "self-signed, expired": (a.self_signed("mx.test", days=(-9, -2)), Diagnosis.SELF_SIGNED),
            "unknown root": (Authority("somebody else").leaf("mx.test"), Diagnosis.UNTRUSTED_ROOT),
            "no intermediate": (a.leaf("mx.test", with_intermediate=False), Diagnosis.INCOMPLETE_CHAIN),
            "other name": (a.leaf("other.test"), Diagnosis.NAME_MISMATCH),
            "C036 common name only": (a.leaf(common_name="mx.test"), Diagnosis.NO_SUBJECT_ALT_NAME),
        }
        found = {case: judged(leaf).diagnosis for case, (leaf, _) in table.items()}
        self.assertEqual(found, {case: diagnosis for case, (_, diagnosis) in table.items()})

    def test_C035_wildcard_is_one_whole_left_most_label(self) -> None:
        table = {
            ("*.example.org", "mx1.example.org"): True,
            ("*.example.org", "a.b.example.org"): False,
            ("*.example.org", "example.org"): False,
            ("*.mx.example.org", "mx1.example.org"): False,
            ("m*.example.org", "mx1.example.org"): False,
            ("MX1.Example.ORG", "mx1.example.org"): True,
            ("xn--bcher-kva.example", "xn--bcher-kva.example"): True,
            ("192.0.2.1", "192.0.2.1"): True,
            ("192.0.2.1", "192.0.2.2"): False,
            ("mx.test", "192.0.2.1"): False,
        }
        found = {pair: judged(AUTHORITY.leaf(pair[0]), pair[1]).authenticated for pair in table}
        self.assertEqual(found, table)

    def test_a_broken_entry_does_not_spoil_its_neighbour(self) -> None:
        self.assertTrue(judged(AUTHORITY.leaf("m*.example.org", "mx.test")).authenticated)

    def test_what_encrypts_may_be_too_weak_to_prove_a_name(self) -> None:
        # At security level 1 OpenSSL lets RSA of 1024 bits pass.
        context = server_context(AUTHORITY.leaf("mx.test", key=rsa_key(1024)), ciphers=b"ALL:@SECLEVEL=0")
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        _, _, evidence = shake(client_tls(), FromContext(context), Rung.COMPATIBLE)
        assert evidence is not None
        self.assertIs(judge(evidence, ("mx.test",), NOW).diagnosis, Diagnosis.WEAK_KEY)

    def test_names_of_a_stranger_are_fit_for_a_log(self) -> None:
        many = judged(AUTHORITY.leaf(*(f"host{number}.test" for number in range(50))))
        self.assertIn("and 40 more", many.text)

    def test_good_one_says_by_what_and_for_which_name(self) -> None:
        verdict = judged(AUTHORITY.leaf("b.test"), "a.test", "b.test")
        self.assertEqual((verdict.by, verdict.text, verdict.diagnosis), ("pkix", "good for b.test", None))

    def test_text_names_what_was_wanted_and_found(self) -> None:
        self.assertEqual(judged(AUTHORITY.leaf("b.test", "c.test")).text, "wanted mx.test, found b.test, c.test")

    def test_today_decides_not_the_day_of_the_handshake(self) -> None:
        evidence = evidence_of(AUTHORITY.leaf("mx.test", days=(-1, 30)))
        days = {-2: Diagnosis.CERT_NOT_YET_VALID, 0: None, 29: None, 31: Diagnosis.CERT_EXPIRED}
        self.assertEqual({day: judge(evidence, ("mx.test",), NOW + day * 86400).diagnosis for day in days}, days)


class FailsClosedTests(SynchronousTestCase):
    """Whatever cannot be judged is not authenticated."""

    def test_unreadable_and_missing(self) -> None:
        good = evidence_of(AUTHORITY.leaf("mx.test"))
        table = {
            "rubbish": (attrs.evolve(good, chain=(b"rubbish",)), Diagnosis.JUDGING_FAILED),
            "no chain": (attrs.evolve(good, chain=()), Diagnosis.CERT_UNUSABLE),
            "evidence failed": (attrs.evolve(good, judging_error="TypeError"), Diagnosis.JUDGING_FAILED),
            "no value at all": (None, Diagnosis.JUDGING_FAILED),
        }
        for case, (evidence, diagnosis) in table.items():
            verdict = judge(evidence, ("mx.test",), NOW)  # type: ignore[arg-type]
            self.assertEqual((verdict.authenticated, verdict.by, verdict.diagnosis), (False, None, diagnosis), case)

    def test_no_name_wanted_is_never_good(self) -> None:
        self.assertFalse(judge(evidence_of(AUTHORITY.leaf("mx.test")), (), NOW).authenticated)
