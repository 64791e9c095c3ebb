"""What is noted of a handshake lets it go on, and is never believed where the noting failed."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from fopemta.tls.observed import ObservedConnection, keep_staple, observe
from fopemta.trust.evidence import ChainError


class ObserveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = ObservedConnection(SSL.Context(SSL.TLS_CLIENT_METHOD))

    def test_errors_in_their_order(self) -> None:
        for code, depth, ok in ((20, 1, 0), (0, 1, 1), (10, 0, 0)):
            self.assertIs(observe(self.connection, None, code, depth, ok), True)
        found = self.connection.observed
        self.assertEqual((found.seen, found.failed), (3, False))
        self.assertEqual(
            found.errors,
            [
                ChainError(20, 1, "the issuer is neither sent nor among the roots"),
                ChainError(10, 0, "certificate has expired"),
            ],
        )

    def test_a_fault_of_ours_is_noted_and_not_raised(self) -> None:
        broken: Any = None
        self.connection.observed.errors = broken
        self.assertIs(observe(self.connection, None, 0, 0, 1), True)
        self.assertFalse(self.connection.observed.failed)
        self.assertIs(observe(self.connection, None, 10, 0, 0), True)
        self.assertTrue(self.connection.observed.failed)

    def test_staple(self) -> None:
        self.assertEqual(self.connection.observed.staple, b"")
        self.assertIs(keep_staple(self.connection, b"x", None), True)
        self.assertEqual(self.connection.observed.staple, b"x")

    def test_a_connection_that_is_not_ours(self) -> None:
        other = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        self.assertIs(observe(other, None, 10, 0, 0), True)
        self.assertIs(keep_staple(other, b"x", None), True)
