"""SCRAM-SHA-256, held against the example of RFC 7677 and against a client of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.login import Challenge
from fopemta.smtp.sasl import Fault, Rejected
from fopemta.smtp.scram import (
    ClientProof,
    Confirmed,
    Named,
    NotAVerifier,
    Scram,
    ScramStep,
    Verifier,
    false_verifier,
)

# RFC 7677 3.
RFC_SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
RFC_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
RFC_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
RFC_SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
RFC_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
RFC_SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

SALT = b"0123456789abcdef"
VERIFIER = Verifier.of("pencil", SALT, 10_000)
MALFORMED, DENIED = Fault.MALFORMED, Fault.DENIED


def outcome(step: ScramStep) -> object:
    return step.fault if isinstance(step, Rejected) else step


def client_final(password: str, first: bytes, challenge: bytes, header: bytes = b"n,,") -> tuple[bytes, bytes]:
    """What a client says to the challenge, and the server's signature that it expects (RFC 5802 3)."""
    parts = dict(part.split(b"=", 1) for part in challenge.split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts[b"s"]), int(parts[b"i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    bare = b"c=" + base64.b64encode(header) + b",r=" + parts[b"r"]
    message = b",".join((first.removeprefix(header), challenge, bare))
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
    expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
    return bare + b",p=" + base64.b64encode(proof), b"v=" + base64.b64encode(expected)


def begun(first: bytes = b"n,,n=user,r=abc") -> tuple[Scram, bytes]:
    """An exchange in which the challenge has been said, and that challenge."""
    scram = Scram("def")
    assert isinstance(scram.respond(first), Named)
    return scram, scram.challenge(VERIFIER).octets


class ExampleTests(SynchronousTestCase):
    def test_of_rfc_7677(self) -> None:
        verifier = Verifier.of("pencil", RFC_SALT, 4096)
        scram = Scram(RFC_NONCE)
        self.assertEqual(scram.respond(None), Challenge(b""))
        self.assertEqual(scram.respond(RFC_FIRST), Named("user"))
        self.assertEqual(scram.challenge(verifier), Challenge(RFC_SERVER_FIRST))
        proof = scram.respond(RFC_FINAL)
        assert isinstance(proof, ClientProof)
        self.assertTrue(proof.fits(verifier))
        self.assertEqual(proof.answer(), Challenge(RFC_SERVER_FINAL))
        self.assertEqual(scram.respond(b""), Confirmed.CONFIRMED)


class FirstTests(SynchronousTestCase):
    def test_table(self) -> None:
        for first, expected in {
            b"n,,n=user,r=abc": Named("user"),
            b"y,,n=user,r=abc": Named("user"),
            b"n,a=user,n=user,r=abc": Named("user"),
            b"n,a=USER,n=user,r=abc": Named("user"),
            b"n,,n=a=2Cb=3Dc,r=abc": Named("a,b=c"),
            b"n,,n=user,r=abc,x=more": Named("user"),
            b"n,,n=caf\xc3\xa9,r=abc": Named("café"),
            b"n,,n=user,r=" + b"x" * 256: Named("user"),
            b"n,a=other,n=user,r=abc": DENIED,
            b"p=tls-unique,,n=user,r=abc": DENIED,
            b"p=tls-exporter,a=user,n=user,r=abc": DENIED,
            b"": MALFORMED,
            b"n": MALFORMED,
            b"n,,": MALFORMED,
            b"x,,n=user,r=abc": MALFORMED,
            b"n,b=user,n=user,r=abc": MALFORMED,
            b"n,,n=user": MALFORMED,
            b"n,,n=,r=abc": MALFORMED,
            b"n,,n=user,r=": MALFORMED,
            b"n,,r=abc,n=user": MALFORMED,
            b"n,,m=must,n=user,r=abc": MALFORMED,
            b"n,,n=us=er,r=abc": MALFORMED,
            b"n,,n=us=2cer,r=abc": MALFORMED,
            b"n,a=o=,n=user,r=abc": MALFORMED,
            b"n,,n=us\0er,r=abc": MALFORMED,
            b"n,,n=\xff,r=abc": MALFORMED,
            b"n,,n=user,r=a\xc3\xa9": MALFORMED,
            b"n,,n=user,r=a b": MALFORMED,
            b"n,,n=user,r=abc,": MALFORMED,
            b"n,,n=user,r=abc\n": MALFORMED,
            b"n,,n=user,r=" + b"x" * 257: MALFORMED,
            b"n,,n=" + b"x" * 1025 + b",r=abc": MALFORMED,
        }.items():
            self.assertEqual(outcome(Scram("def").respond(first)), expected, first[:40])


class FinalTests(SynchronousTestCase):
    def test_proof(self) -> None:
        for first, header in ((b"n,,n=user,r=abc", b"n,,"), (b"y,a=user,n=user,r=abc", b"y,a=user,")):
            scram, challenge = begun(first)
            final, expected = client_final("pencil", first, challenge, header)
            proof = scram.respond(final)
            assert isinstance(proof, ClientProof)
            self.assertTrue(proof.fits(VERIFIER))
            self.assertEqual(proof.answer().octets, expected)

    def test_wrong_password(self) -> None:
        scram, challenge = begun()
        proof = scram.respond(client_final("pen", b"n,,n=user,r=abc", challenge)[0])
        assert isinstance(proof, ClientProof)
        self.assertFalse(proof.fits(VERIFIER))

    def test_verifier_that_has_changed_since_proves_nothing(self) -> None:
        scram, challenge = begun()
        proof = scram.respond(client_final("pencil", b"n,,n=user,r=abc", challenge)[0])
        assert isinstance(proof, ClientProof)
        self.assertFalse(proof.fits(Verifier.of("pencil", b"another salt", 10_000)))
        self.assertFalse(proof.fits(attrs.evolve(VERIFIER, server_key=b"x" * 32)))

    def test_table(self) -> None:
        good = client_final("pencil", b"n,,n=user,r=abc", begun()[1])[0]
        for final, expected in {
            good.replace(b"biws", base64.b64encode(b"y,,")): DENIED,
            good.replace(b"r=abcdef", b"r=abc"): DENIED,
            good.replace(b"r=abcdef", b"r=abcdefg"): DENIED,
            b"": MALFORMED,
            good.partition(b",p=")[0]: MALFORMED,
            good + b",x=1": MALFORMED,
            good + b"\r\n": MALFORMED,
            good[:-4] + b"====": MALFORMED,
            good[:-4]: MALFORMED,
            b"c=biws,r=abcdef,p=AAAA": MALFORMED,
            b"r=abcdef,c=biws," + good.partition(b",p=")[2]: MALFORMED,
            b"n,,n=user,r=abc": MALFORMED,
        }.items():
            self.assertEqual(outcome(begun()[0].respond(final)), expected, final)

    def test_responses_out_of_place(self) -> None:
        scram, challenge = begun()
        self.assertEqual(outcome(scram.respond(None)), MALFORMED)
        scram.respond(client_final("pencil", b"n,,n=user,r=abc", challenge)[0])
        self.assertEqual(outcome(scram.respond(b"x")), MALFORMED)
        self.assertEqual(outcome(scram.respond(None)), MALFORMED)


class VerifierTests(SynchronousTestCase):
    def test_text(self) -> None:
        self.assertEqual(Verifier.parse(VERIFIER.text()), VERIFIER)
        self.assertTrue(VERIFIER.text().startswith("SCRAM-SHA-256$10000:MDEyMzQ1Njc4OWFiY2RlZg==$"))
        self.assertNotIn(VERIFIER.stored_key.hex(), repr(VERIFIER))

    def test_unusable(self) -> None:
        text = VERIFIER.text()
        short = base64.b64encode(b"short").decode()
        for wrong in (
            "", "pencil", text.replace("256", "1"), text.replace("10000", "9999"), text.replace("10000", "99999999"),
            text.replace("MDEyMzQ1Njc4OWFiY2RlZg==", short), text.replace("MDEyMzQ1Njc4OWFiY2RlZg==", "===="),
            text + "=", text[:-4], text.replace("$", ":"), text + "\n",
        ):  # fmt: skip
            with self.assertRaises(NotAVerifier, msg=wrong):
                Verifier.parse(wrong)

    def test_false_one(self) -> None:
        """Stable, of the same form, and no other's."""
        false = false_verifier("nobody", b"secret", 20_000)
        self.assertEqual(false, false_verifier("Nobody", b"secret", 20_000))
        self.assertEqual((len(false.salt), len(false.stored_key), len(false.server_key)), (16, 32, 32))
        others = [false_verifier("anybody", b"secret", 20_000), false_verifier("nobody", b"another", 20_000)]
        self.assertEqual(len({false.salt, *(each.salt for each in others)}), 3)
        self.assertEqual(Verifier.parse(false.text()), false)


class StrangersTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.lists(st.none() | st.binary(max_size=60) | st.sampled_from([b"n,,n=user,r=abc", b""]), max_size=4))
    def test_never_raises(self, responses: list[bytes | None]) -> None:
        scram = Scram("def")
        for response in responses:
            step = scram.respond(response)
            if isinstance(step, Named):
                scram.challenge(VERIFIER)
            elif not isinstance(step, Challenge):
                return

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.data())
    def test_one_octet_changed_is_never_a_good_proof(self, data: st.DataObject) -> None:
        scram, challenge = begun()
        final = bytearray(client_final("pencil", b"n,,n=user,r=abc", challenge)[0])
        place = data.draw(st.integers(0, len(final) - 1))
        final[place] ^= data.draw(st.integers(1, 255))
        step = scram.respond(bytes(final))
        self.assertTrue(
            isinstance(step, Rejected) or (isinstance(step, ClientProof) and not step.fits(VERIFIER)), final
        )
