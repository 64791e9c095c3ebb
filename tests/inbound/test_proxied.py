"""A listener behind a proxy: docs/decisions/0006."""

from __future__ import annotations

import ipaddress
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import ListenerTls
from fopemta.inbound.proxied import ProxiedFactory
from fopemta.smtp.proxy_header import SIGNATURE
from fopemta.testing.transport import connect
from tests.inbound.inbound import ENVELOPE, Client, Inbound, Talk
from tests.users.accounts import caught

OURS = "192.0.2.200"  # in [relay] networks


class ProxiedTests(SynchronousTestCase):
    def open(self, inbound: Inbound, address: str = "192.0.2.50", proxies: str = "192.0.2.50/32") -> Talk:
        networks = (ipaddress.ip_network(proxies),)
        factory: Any = ProxiedFactory(inbound.factory, lambda: networks, inbound.clock, 60.0)
        client = Client()
        pump = connect(client, factory.buildProtocol(None), inbound.clock, client_address=address)
        talk = Talk(inbound, client, pump)
        talk.flush()
        return talk

    def test_the_client_is_who_the_proxy_says(self) -> None:
        header = b"PROXY TCP4 192.0.2.200 198.51.100.1 40000 25\r\n"
        for cut in range(len(header)):
            inbound = Inbound()
            talk = self.open(inbound)
            talk.say(header[:cut])
            talk.say(header[cut:] + b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@far.test>\r\nDATA\r\n")
            talk.say(b"x\r\n.\r\n")
            self.assertEqual(talk.codes(), [220, 250, 250, 250, 354, 250])
            self.assertIn(b"(unknown [192.0.2.200])", inbound.kept()[0])

    def test_a_client_that_closes_its_half_is_answered(self) -> None:
        header = b"PROXY TCP4 192.0.2.9 198.51.100.1 1 25\r\n"
        for said, codes, kept in (
            (b"", [], 0),
            (header[:-1], [], 0),
            (header, [220], 0),
            (header + ENVELOPE + b"BDAT 3 LAST\r\nabcQUIT\r\n", [220, 250, 250, 250, 250, 221], 1),
        ):
            inbound = Inbound()
            inbound.spool.slow = True
            talk = self.open(inbound)
            talk.client.transport.write(said)
            talk.client.transport.loseWriteConnection()
            talk.flush()
            inbound.spool.flush()
            talk.flush()
            self.assertEqual((talk.closed, talk.codes(), len(inbound.kept())), (True, codes, kept), said)
            self.assertEqual(inbound.clock.getDelayedCalls(), [], said)

    def test_others_are_closed_before_a_word(self) -> None:
        inbound = Inbound()
        [event] = caught(lambda: self.open(inbound, "192.0.2.51"))
        said = [event[each] for each in ("event", "client", "why")]
        self.assertEqual(said, ["cut_off", "192.0.2.51", "not one of the listener's proxies"])
        talk = self.open(inbound, "192.0.2.51")
        self.assertEqual((talk.closed, talk.client.heard, inbound.factory.sessions.present), (True, b"", set()))
        # What comes while it is being closed is not read.
        talk.pump.server.protocol.disconnecting = True
        talk.pump.server.protocol.dataReceived(b"PROXY TCP4 192.0.2.200 198.51.100.1 40000 25\r\n")
        self.assertEqual(inbound.factory.sessions.present, set())

    def test_whose_rights(self) -> None:
        """A proxy in `[relay] networks` may send anywhere itself; a client that it does not know may not."""
        for header, code in {
            b"PROXY UNKNOWN\r\n": 550,
            SIGNATURE + b"\x21\x00\x00\x00": 550,
            b"PROXY TCP4 192.0.2.9 198.51.100.1 1 25\r\n": 550,
            SIGNATURE + b"\x20\x00\x00\x00": 250,
        }.items():
            talk = self.open(Inbound(), OURS, proxies=f"{OURS}/32")
            talk.say(header + b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@far.test>\r\n")
            self.assertEqual(talk.codes(), [220, 250, 250, code], header)

    def test_no_header_or_none_in_time(self) -> None:
        talk = self.open(Inbound())
        talk.say(b"EHLO c.test\r\n")
        self.assertEqual((talk.closed, talk.client.heard), (True, b""))
        clock = Clock()
        late = self.open(Inbound(clock=clock))
        late.say(b"PROXY TCP4 ")
        late.wait(61)
        self.assertTrue(late.closed)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_a_header_that_came_in_time_is_not_waited_for_again(self) -> None:
        talk = self.open(Inbound())
        talk.say(b"PROXY TCP4 192.0.2.9 198.51.100.1 40000 25\r\n")
        talk.wait(100)
        talk.say(b"NOOP\r\n")
        self.assertEqual((talk.codes(), talk.closed), ([220, 250], False))

    def test_implicit_tls_behind_it(self) -> None:
        inbound = Inbound(ListenerTls.IMPLICIT)
        talk = self.open(inbound)
        talk.say(b"PROXY TCP4 192.0.2.200 198.51.100.1 40000 465\r\n")
        talk.start_tls()
        self.assertEqual(talk.codes(), [220])
        talk.say(b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@far.test>\r\n")
        self.assertEqual(talk.codes()[-1], 250)

    def test_limits_are_for_the_client(self) -> None:
        inbound = Inbound(connections_per_client=1)
        codes = []
        for last in (7, 8, 7):
            talk = self.open(inbound)
            talk.say(b"PROXY TCP4 192.0.2.%d 198.51.100.1 40000 25\r\n" % last)
            codes += talk.codes()
        self.assertEqual(codes, [220, 220, 421])

    def test_starttls_behind_it(self) -> None:
        inbound = Inbound()
        talk = self.open(inbound)
        talk.say(b"PROXY UNKNOWN\r\nEHLO c.test\r\nSTARTTLS\r\n")
        talk.start_tls()
        talk.say(ENVELOPE)
        self.assertEqual(talk.codes()[-1], 250)
