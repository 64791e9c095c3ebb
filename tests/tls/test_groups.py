"""The groups of a listener, by real handshakes."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import rsa_key
from fopemta.testing.transport import connect
from fopemta.tls import groups
from fopemta.tls.server import ServerSettings, ServerTls
from fopemta.trust.listener_offer import HYBRIDS, KNOWN_GROUPS, PROFILES, ListenerOffer, ServerProfile
from tests.tls.handshakes import AUTHORITY, Listener, credentials
from tests.tls.test_server import ClientOf

# In TLS 1.2 a client's groups say what curve a certificate may have, too; of RSA they say nothing.
LEAVES = [credentials(AUTHORITY.leaf("mx.test")), credentials(AUTHORITY.leaf("mx.test", key=rsa_key()))]


def agreed(offer: ListenerOffer, client_groups: str, maximum: int = SSL.TLS1_3_VERSION) -> str | None:
    """The group that a client with these gets; None where the handshake fails."""
    client = ClientOf(maximum=maximum)
    assert groups._set(client.context, client_groups)
    near = Listener(client)
    far = Listener(ServerTls(LEAVES, ServerSettings(offer=offer)).creator())
    connect(near, far, Clock()).flush()
    return near.transport.getHandle().get_group_name() if near.done else None


def offering(*names: str) -> ListenerOffer:
    return ListenerOffer(("TLS_AES_256_GCM_SHA384",), ("ECDHE-ECDSA-AES256-GCM-SHA384",), names)


class GroupsTests(SynchronousTestCase):
    def test_all_that_are_known_are_had_here(self) -> None:
        # Of the OpenSSL that is pinned; an older one may have fewer.
        self.assertTrue(groups.settable())
        self.assertEqual(groups.had(KNOWN_GROUPS), KNOWN_GROUPS)
        self.assertEqual(groups.had(("X25519", "nonsense", "secp256r1")), ("X25519", "secp256r1"))

    def test_what_openssl_did_not_like_is_no_error_of_the_next_call(self) -> None:
        lib = groups._lib
        assert lib is not None

        def complaining(context: object, names: bytes) -> int:
            """As some releases do, which leave what they found wrong in the queue."""
            lib.SSL_CTX_use_certificate_chain_file(context, b"/no/such/file")
            return 0

        self.patch(groups, "_set_list", complaining)
        self.assertFalse(groups._set(SSL.Context(SSL.TLS_SERVER_METHOD), "not a group"))
        self.assertEqual(lib.ERR_peek_error(), 0)

    def test_the_first_that_both_have(self) -> None:
        offer = offering("secp384r1", "X25519", "secp256r1")
        for client, wanted in (
            # Key shares are sent for all of these at once where a star says so.
            ("*X25519:*secp384r1", "secp384r1"),
            ("X25519", "x25519"),
            ("secp256r1", "secp256r1"),
            ("secp521r1", None),
        ):
            found = agreed(offer, client)
            self.assertEqual(found and found.lower(), wanted, client)

    def test_a_hybrid_is_worth_a_round_trip_and_others_are_not(self) -> None:
        offer = PROFILES[ServerProfile.INTERNET_NL]
        # The client has it, and has sent its share for a classic one only.
        self.assertEqual(agreed(offer, "X25519MLKEM768:*X25519"), "X25519MLKEM768")
        self.assertEqual(agreed(offer, "X25519:*secp521r1").lower(), "secp521r1")  # type: ignore[union-attr]

    def test_nothing_but_what_is_listed(self) -> None:
        for group in ("X448", "secp521r1", "X25519", "brainpoolP256r1tls13"):
            self.assertIsNone(agreed(offering("secp256r1"), group), group)

    def test_brainpool(self) -> None:
        for profile in ServerProfile:
            for group in ("brainpoolP256r1tls13", "brainpoolP384r1tls13", "brainpoolP512r1tls13"):
                self.assertEqual(agreed(PROFILES[profile], group), group)
            for group in ("brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"):
                self.assertEqual(agreed(PROFILES[profile], group, SSL.TLS1_2_VERSION), group)

    def test_a_certificate_with_a_brainpool_key(self) -> None:
        for curve in (ec.BrainpoolP256R1(), ec.BrainpoolP384R1(), ec.BrainpoolP512R1()):
            leaf = credentials(AUTHORITY.leaf("mx.test", key=ec.generate_private_key(curve)))
            client = ClientOf(maximum=SSL.TLS1_2_VERSION)
            assert groups._set(client.context, f"{curve.name}:secp256r1")
            near, far = Listener(client), Listener(ServerTls([leaf]).creator())
            connect(near, far, Clock()).flush()
            self.assertTrue(near.done, curve.name)

    def test_without_the_binding_openssl_s_own_choice_stays(self) -> None:
        self.patch(groups, "_set_list", None)
        groups._has.cache_clear()
        self.addCleanup(groups._has.cache_clear)
        self.assertFalse(groups.settable())
        self.assertEqual(groups.had(("X25519",)), ())
        groups.prefer(SSL.Context(SSL.TLS_SERVER_METHOD), ("X25519",))

    def test_an_openssl_without_ranks_takes_them_in_a_row(self) -> None:
        taken: list[bytes] = []

        def old(context: object, names: bytes) -> int:
            taken.append(names)
            return 0 if b"/" in names else 1

        self.patch(groups, "_set_list", old)
        groups.prefer(SSL.Context(SSL.TLS_SERVER_METHOD), ("X25519", "X25519MLKEM768", "secp256r1"))
        self.assertEqual(taken[-2:], [b"X25519MLKEM768/X25519:secp256r1", b"X25519:X25519MLKEM768:secp256r1"])
        taken.clear()
        groups.prefer(SSL.Context(SSL.TLS_SERVER_METHOD), ("X25519", "secp256r1"))
        self.assertEqual(taken, [b"X25519:secp256r1"])
        taken.clear()
        groups.prefer(SSL.Context(SSL.TLS_SERVER_METHOD), ())
        self.assertEqual(taken, [])

    def test_hybrids_are_the_post_quantum_ones(self) -> None:
        self.assertEqual([each for each in KNOWN_GROUPS if "MLKEM" in each], list(HYBRIDS))
