"""All proofs of a plan must be given: what each makes of a handshake, and what they come to together."""

from __future__ import annotations

import hashlib
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority
from fopemta.trust.demand import NameSource, Proof
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.proofs import Against, fingerprints, in_question, names_of, proven, rests_on_name
from tests.tls.handshakes import AUTHORITY, FromContext, client_tls, server_context, shake

NOW = AUTHORITY.now.timestamp()
LEAF = AUTHORITY.leaf("mx.test", "d.test")
DER = LEAF.chain[0].public_bytes(Encoding.DER)
CERTIFICATE = hashlib.sha256(DER).hexdigest()
KEY = hashlib.sha256(
    LEAF.chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).hexdigest()

MX = Proof()
DOMAIN = Proof(names=NameSource.DOMAIN)
OTHER_NAME = Proof(names=("elsewhere.test",))
PIN = Proof(pins=(CERTIFICATE,))
WRONG_PIN = Proof(pins=("00" * 32,))
OTHERS = Proof(roots="others")
OURS = Proof(roots="ours")

# All of them; by what they are given, or what is missing.
TABLE: dict[tuple[Proof, ...], str | Diagnosis] = {
    (): "pkix",
    (MX,): "pkix",
    (DOMAIN,): "pkix",
    (OTHER_NAME,): Diagnosis.NAME_MISMATCH,
    (MX, DOMAIN): "pkix",
    (MX, OTHER_NAME): Diagnosis.NAME_MISMATCH,
    (OTHER_NAME, MX): Diagnosis.NAME_MISMATCH,
    (PIN,): "pin",
    (WRONG_PIN,): Diagnosis.PIN_MISMATCH,
    # One that can be taken back by an authority makes the whole so, wherever it stands.
    (PIN, MX): "pkix",
    (MX, PIN): "pkix",
    (WRONG_PIN, MX): Diagnosis.PIN_MISMATCH,
    (MX, WRONG_PIN): Diagnosis.PIN_MISMATCH,
    (PIN, OTHER_NAME): Diagnosis.NAME_MISMATCH,
    (OTHERS,): Diagnosis.UNTRUSTED_ROOT,
    (MX, OTHERS): Diagnosis.UNTRUSTED_ROOT,
    (OURS, MX): "pkix",
    (PIN, OTHERS): Diagnosis.UNTRUSTED_ROOT,
}


class Shown(SynchronousTestCase):
    """A handshake with a good certificate, and files of roots that lead to it and do not."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        client = client_tls()
        _, _, evidence = shake(client, FromContext(server_context(LEAF)))
        assert evidence is not None
        self.evidence = evidence
        self.paths = {"ours": AUTHORITY.write_root(folder, "ours"), "others": Authority().write_root(folder, "others")}
        self.client = client

    def against(self, evidence: HandshakeEvidence | None = None) -> Against:
        usual = evidence or self.evidence
        return lambda roots: usual if roots is None else self.client.against(usual, self.paths[roots])


class ProofTests(Shown):
    def test_together(self) -> None:
        for proofs, wanted in TABLE.items():
            found = proven(proofs, self.against(), "mx.test", "d.test", NOW)
            self.assertEqual(found.diagnosis or found.by, wanted, proofs)
            self.assertEqual(found.authenticated, isinstance(wanted, str) and not isinstance(wanted, Diagnosis), proofs)

    def test_all_names_are_named_once(self) -> None:
        for proofs in ((MX, DOMAIN, OTHER_NAME, MX), (MX, DOMAIN)):
            found = proven(proofs, self.against(), "mx.test", "d.test", NOW)
            wanted = ("mx.test", "d.test", "elsewhere.test")[: len(set(proofs))]
            self.assertEqual(found.names, wanted)

    def test_names(self) -> None:
        self.assertEqual(names_of(MX, "mx.test", "d.test"), ("mx.test",))
        self.assertEqual(names_of(DOMAIN, "mx.test", "d.test"), ("d.test",))
        self.assertEqual(names_of(DOMAIN, "mx.test", ""), ("mx.test",))
        self.assertEqual(names_of(OTHER_NAME, "mx.test", "d.test"), ("elsewhere.test",))

    def test_whether_the_name_in_sni_is_asked_for(self) -> None:
        for proofs, wanted in (
            ((), True),
            ((MX,), True),
            ((DOMAIN,), False),
            ((OTHER_NAME, MX), True),
            ((Proof(pins=("ab" * 32,)),), False),
            ((Proof(names=("mx.test",)),), True),
        ):
            self.assertEqual(rests_on_name(proofs, "mx.test", "d.test"), wanted, proofs)

    def test_pins_of_certificate_and_key(self) -> None:
        self.assertEqual(fingerprints(DER), {CERTIFICATE, KEY})
        for pin in (CERTIFICATE, KEY):
            found = proven((Proof(pins=("11" * 32, pin)),), self.against(), "elsewhere.test", "", NOW + 1e9)
            self.assertEqual((found.authenticated, found.by, found.text), (True, "pin", "good by its pin"))

    def test_a_pin_proves_nothing_where_nothing_could_be_judged(self) -> None:
        failed = attrs.evolve(self.evidence, judging_error="OSError")
        found = proven((PIN,), self.against(failed), "mx.test", "", NOW)
        self.assertEqual((found.authenticated, found.by, found.diagnosis), (False, None, Diagnosis.JUDGING_FAILED))
        self.assertEqual(found.text, "the handshake could not be judged (OSError)")

    def test_a_pin_proves_nothing_of_a_certificate_that_cannot_be_read(self) -> None:
        rubbish = Proof(pins=(hashlib.sha256(b"rubbish").hexdigest(),))
        for chain, error in (((b"rubbish",), "ValueError"), ((), "IndexError")):
            odd = attrs.evolve(self.evidence, chain=chain)
            found = proven((rubbish,), self.against(odd), "mx.test", "", NOW)
            self.assertEqual((found.authenticated, found.by, found.diagnosis), (False, None, Diagnosis.JUDGING_FAILED))
            self.assertEqual(found.text, f"the certificate could not be read ({error})")

    def test_a_wrong_pin_names_what_was_shown(self) -> None:
        found = proven((WRONG_PIN,), self.against(), "mx.test", "", NOW)
        self.assertEqual((found.by, found.text), (None, f"the certificate {CERTIFICATE} is none of those pinned"))


class InQuestionTests(Shown):
    """Each path that counts is asked about, each once."""

    def test_paths(self) -> None:
        usual = self.evidence.verified
        for proofs, wanted in (
            ((), [usual]),
            ((MX,), [usual]),
            ((MX, DOMAIN), [usual]),
            ((PIN,), []),
            ((PIN, MX), [usual]),
            # The same root by another file makes the same path.
            ((MX, OURS), [usual]),
            ((OURS,), [usual]),
            # Who is not trusted has no path.
            ((MX, OTHERS), [usual, ()]),
        ):
            self.assertEqual([each.verified for each in in_question(proofs, self.against())], wanted, proofs)

    def test_a_root_that_another_vouches_for(self) -> None:
        # Cross-signed: what one store ends with another goes on from, and each has a question of its own.
        folder = Path(self.mktemp())
        folder.mkdir()
        crossed = Authority("crossed")
        signed = crossed.vouch_for(AUTHORITY.root)
        leaf = attrs.evolve(LEAF, chain=(*LEAF.chain, signed))
        client = client_tls()
        _, _, evidence = shake(client, FromContext(server_context(leaf)))
        assert evidence is not None
        self.evidence, self.paths["others"] = evidence, crossed.write_root(folder)
        self.assertEqual(proven((MX, OTHERS), self.against(), "mx.test", "", NOW).by, "pkix")
        found = [self.top(each.verified) for each in in_question((MX, OTHERS), self.against())]
        self.assertEqual(found, [AUTHORITY.root.subject, crossed.root.subject])

    def top(self, path: tuple[bytes, ...]) -> x509.Name:
        return x509.load_der_x509_certificate(path[-1]).subject
