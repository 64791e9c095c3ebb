"""Who relays with a client certificate: real handshakes, in memory."""

from __future__ import annotations

import tempfile

import attrs
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from fopemta.config.model import ClientCertificates
from fopemta.config.rules import load_rules
from fopemta.mail.reply import Reply
from fopemta.policy.admission import Relay
from fopemta.testing.authority import Authority, Leaf
from fopemta.tls.server import ServerSettings, ServerTls
from fopemta.trust.proofs import fingerprints
from tests.inbound.inbound import Blocklists, Inbound, Talk
from tests.tls.handshakes import AUTHORITY, credentials

PARTNERS = Authority()
FAR = b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<x@far.test>\r\n"


@implementer(IOpenSSLClientConnectionCreator)
class Showing:
    """A client with a certificate, or with none."""

    def __init__(self, leaf: Leaf | None) -> None:
        self.leaf = leaf

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if self.leaf is not None:
            with tempfile.TemporaryDirectory() as folder:
                chain, key = self.leaf.write(folder, "leaf")
                context.use_certificate_chain_file(chain)
                context.use_privatekey_file(key)
        return SSL.Connection(context, None)


class CertifiedTests(SynchronousTestCase):
    LEAF = PARTNERS.leaf("mx.partner.test")

    def inbound(self, *certificates: str, **parts: object) -> Inbound:
        with tempfile.TemporaryDirectory() as folder:
            settings = ServerSettings(
                client_certificates=ClientCertificates.REQUEST, client_roots=PARTNERS.write_root(folder)
            )
            server = ServerTls([credentials(AUTHORITY.leaf("mx.us.test"))], settings)
        inbound = Inbound(parts=parts)
        inbound.exchange(server_tls=server)
        inbound.factory.reconfigure(attrs.evolve(inbound.config, relay=Relay(certificates=certificates)))
        return inbound

    def talk(self, inbound: Inbound, leaf: Leaf | None) -> Talk:
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\nSTARTTLS\r\n")
        talk.client.transport.startTLS(Showing(leaf))
        talk.flush()
        return talk

    def code(self, leaf: Leaf | None, *certificates: str) -> int:
        talk = self.talk(self.inbound(*certificates), leaf)
        talk.say(FAR)
        return talk.codes()[-1]

    def test_whose_certificate_relays(self) -> None:
        stranger = Authority().leaf("mx.partner.test")
        [known] = [each.public_bytes(Encoding.DER) for each in stranger.chain[:1]]
        for leaf, certificates, wanted in (
            (self.LEAF, ("mx.partner.test",), 250),
            (self.LEAF, ("mx.other.test",), 550),
            (self.LEAF, (), 550),
            (None, ("mx.partner.test",), 550),
            # A name counts only in a verified certificate, a fingerprint in any.
            (stranger, ("mx.partner.test",), 550),
            *((stranger, (each,), 250) for each in fingerprints(known)),
        ):
            self.assertEqual(self.code(leaf, *certificates), wanted, certificates)

    def test_it_is_gone_when_the_configuration_says_no_more(self) -> None:
        inbound = self.inbound("mx.partner.test")
        talk = self.talk(inbound, self.LEAF)
        talk.say(FAR)
        inbound.factory.reconfigure(attrs.evolve(inbound.config, relay=Relay()))
        talk.say(b"RSET\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<x@far.test>\r\n")
        self.assertEqual(talk.codes()[-1], 550)

    def test_it_ends_when_whom_we_trust_has_changed(self) -> None:
        gone = b"421 4.7.0 Certificates are verified again, please reconnect"
        for said, wanted in ((b"EHLO c.test\r\n", True), (FAR, True)):
            inbound = self.inbound("mx.partner.test")
            talk = self.talk(inbound, self.LEAF)
            talk.say(said)
            inbound.factory.distrust()
            talk.say(b"NOOP\r\n")
            self.assertEqual(gone in talk.client.heard, wanted)
            self.assertEqual(inbound.factory.sessions.present, set())

    def test_a_message_under_way_comes_to_its_end_first(self) -> None:
        inbound = self.inbound("mx.partner.test")
        talk = self.talk(inbound, self.LEAF)
        talk.say(FAR + b"DATA\r\n")
        self.assertEqual(talk.codes()[-1], 354)
        inbound.factory.distrust()
        talk.say(b"Subject: x\r\n\r\nx\r\n.\r\n")
        self.assertEqual(talk.codes()[-2:], [250, 421])

    def test_a_message_that_comes_slowly_has_its_time(self) -> None:
        inbound = self.inbound("mx.partner.test")
        talk = self.talk(inbound, self.LEAF)
        talk.say(FAR + b"DATA\r\nSubject: x\r\n\r\n")
        inbound.factory.distrust()
        for _ in range(4):
            talk.say((b"x" * 98 + b"\r\n") * 700)
            talk.wait(100)
        talk.say(b".\r\n")
        self.assertEqual(talk.codes()[-2:], [250, 421])

    def test_a_message_that_does_not_come_to_its_end_is_not_waited_for(self) -> None:
        inbound = self.inbound("mx.partner.test")
        talk = self.talk(inbound, self.LEAF)
        talk.say(FAR + b"DATA\r\n")
        inbound.factory.distrust()
        talk.say(b"Subject: x\r\n")
        talk.wait(181)
        self.assertTrue(talk.closed)

    def test_sessions_that_rest_on_no_certificate_go_on(self) -> None:
        for leaf in (None, Authority().leaf("mx.partner.test")):
            inbound = self.inbound("mx.partner.test")
            talk = self.talk(inbound, leaf)
            inbound.factory.distrust()
            talk.say(b"EHLO c.test\r\nNOOP\r\n")
            self.assertEqual(talk.codes()[-1], 250)
        plain = self.inbound().open()
        plain.say(b"EHLO c.test\r\n")
        inbound.factory.distrust()
        plain.say(b"NOOP\r\n")
        self.assertEqual(plain.codes()[-1], 250)

    def test_one_that_is_on_a_block_list_and_may_relay_is_taken(self) -> None:
        listed = Reply.of(550, "5.7.1", "Listed")
        for leaf, code in ((self.LEAF, 250), (None, 550)):
            talk = self.talk(self.inbound("mx.partner.test", blocklists=Blocklists(listed)), leaf)
            talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<bob@us.test>\r\n")
            self.assertEqual(talk.codes()[-1], code)

    def test_no_block_list_is_asked_about_its_recipients_and_its_mail_goes_out(self) -> None:
        inbound = self.inbound("mx.partner.test", blocklists=Blocklists(None))
        text = '[[rule]]\nname = "out"\ndirection = "outbound"\nthen = { action = "reject", text = "Not today" }\n'
        inbound.factory.reconfigure(attrs.evolve(inbound.factory.context.config, rulebook=load_rules(text, "/etc")))
        for leaf, refused in ((self.LEAF, True), (None, False)):
            talk = self.talk(inbound, leaf)
            talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<bob@us.test>\r\n")
            self.assertEqual(b"Not today" in talk.client.heard, refused)
