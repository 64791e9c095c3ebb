"""Certificates that others have let pass (advisories and bugs of TLS clients): none proves anything here."""

from __future__ import annotations

import attrs
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Leaf
from fopemta.tls.observed import observe
from fopemta.tls.server import ServerTls
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.pkix import judge
from fopemta.trust.rungs import Hello, Rung
from tests.tls.handshakes import AUTHORITY, client_tls, credentials, shake

NOW = AUTHORITY.now.timestamp()
_FULL = (Rung.STRONG_256, Hello.FULL)


def verdict(leaf: Leaf, *names: str) -> Diagnosis | None:
    """What is wrong with `leaf`, shown in a real handshake; None when it is good."""
    _, _, evidence = shake(client_tls(), ServerTls([credentials(leaf)]).creator())
    assert evidence is not None
    return judge(evidence, names or ("mx.test",), NOW).diagnosis


class NoSubjectAltNameTests(SynchronousTestCase):
    """service-identity 66: without subjectAltName the list of names is empty, not "nothing to check"."""

    def test_common_name_counts_for_nothing(self) -> None:
        self.assertIs(verdict(AUTHORITY.leaf(common_name="mx.test")), Diagnosis.NO_SUBJECT_ALT_NAME)

    def test_only_an_address_and_a_name_wanted(self) -> None:
        self.assertIs(verdict(AUTHORITY.leaf("192.0.2.1", common_name="mx.test")), Diagnosis.NAME_MISMATCH)

    def test_only_a_name_and_an_address_wanted(self) -> None:
        self.assertIs(verdict(AUTHORITY.leaf("mx.test"), "192.0.2.1"), Diagnosis.NAME_MISMATCH)


class FailingCallbackTests(SynchronousTestCase):
    """Twisted 26.10 `_verifyCB`: an unexpected exception in the callback can count as success."""

    def test_exception_while_looking_on_is_no_success_and_does_not_escape(self) -> None:
        client = client_tls()
        connection = client.creator(*_FULL, "mx.test").clientConnectionForTLS(None)
        connection.observed.errors = None  # whatever is done with it fails
        self.assertTrue(observe(connection, None, 18, 0, 0))
        self.assertTrue(connection.observed.failed)

    def test_connection_of_somebody_else_is_never_evidence(self) -> None:
        stranger = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        self.assertTrue(observe(stranger, None, 18, 0, 0))  # type: ignore[arg-type]
        self.assertIsNotNone(client_tls().evidence(stranger).judging_error)

    def test_later_success_does_not_wipe_out_an_error(self) -> None:
        # OpenSSL calls once for every certificate: the last call says nothing of the others.
        _, _, evidence = shake(
            client_tls(), ServerTls([credentials(AUTHORITY.leaf("mx.test", days=(-9, -2)))]).creator()
        )
        assert evidence is not None
        self.assertEqual([each.code for each in evidence.chain_errors], [10])
        self.assertIs(judge(evidence, ("mx.test",), NOW).diagnosis, Diagnosis.CERT_EXPIRED)


class SwappedChainTests(SynchronousTestCase):
    def test_verified_leaf_must_be_the_one_shown(self) -> None:
        evidence = [
            shake(client_tls(), ServerTls([credentials(AUTHORITY.leaf(name))]).creator())[2]
            for name in ("mx.test", "evil.test")
        ]
        assert evidence[0] is not None
        assert evidence[1] is not None
        swapped = attrs.evolve(evidence[1], verified=evidence[0].verified)
        self.assertIs(judge(swapped, ("mx.test",), NOW).diagnosis, Diagnosis.JUDGING_FAILED)
