"""What inbound sessions lack of what rules require."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.envelope import TlsSession
from fopemta.policy.action import RequireTls
from fopemta.policy.require_tls import shortfall
from fopemta.trust.evidence import ClientCertificate
from fopemta.trust.levels import Level

GOOD = ClientCertificate(
    names=("mx.bank.test", "*.shop.test"), issuer="CN=Bank CA", sha256="aa" * 32, key_sha256="bb" * 32, verified=True
)
BAD = attrs.evolve(GOOD, verified=False, fault="self-signed certificate (depth 0)")
PLAIN = None
TLS = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)


class ShortfallTests(SynchronousTestCase):
    def test_table(self) -> None:
        encrypt, authenticated = RequireTls(), RequireTls(level=Level.AUTHENTICATED)
        named, shop = RequireTls(names=("mx.bank.test",)), RequireTls(names=("a.shop.test",))
        issued, other = RequireTls(issuers=("CN=Bank CA",)), RequireTls(issuers=("CN=Other",))
        pinned, by_key = RequireTls(fingerprints=("aa" * 32,)), RequireTls(fingerprints=("bb" * 32,))
        wrong_pin = RequireTls(fingerprints=("cc" * 32,))
        pin_or_name = RequireTls(fingerprints=("cc" * 32,), names=("mx.bank.test",))
        good, bad = attrs.evolve(TLS, client=GOOD), attrs.evolve(TLS, client=BAD)
        table: list[tuple[RequireTls, tuple[str | None, str | None, str | None, str | None]]] = [
            # plain, TLS without a certificate, with one that is not verified, with a good one
            (encrypt, ("530 5.7.0", None, None, None)),
            (authenticated, ("530 5.7.0", "530 5.7.0", "550 5.7.5", None)),
            (named, ("530 5.7.0", "530 5.7.0", "550 5.7.5", None)),
            (shop, ("530 5.7.0", "530 5.7.0", "550 5.7.5", None)),
            (RequireTls(names=("a.b.shop.test",)), ("530 5.7.0", "530 5.7.0", "550 5.7.5", "550 5.7.5")),
            (issued, ("530 5.7.0", "530 5.7.0", "550 5.7.5", None)),
            (other, ("530 5.7.0", "530 5.7.0", "550 5.7.5", "550 5.7.5")),
            (pinned, ("530 5.7.0", "530 5.7.0", None, None)),
            (by_key, ("530 5.7.0", "530 5.7.0", None, None)),
            (wrong_pin, ("530 5.7.0", "530 5.7.0", "550 5.7.5", "550 5.7.5")),
            (pin_or_name, ("530 5.7.0", "530 5.7.0", "550 5.7.5", None)),
        ]
        for action, wanted in table:
            replies = [shortfall(action, tls) for tls in (PLAIN, TLS, bad, good)]
            found = tuple(None if each is None else f"{each.code} {each.enhanced}" for each in replies)
            self.assertEqual(found, wanted, action)
