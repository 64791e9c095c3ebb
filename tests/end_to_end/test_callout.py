"""A client's RCPT, the callout that it causes, and what the client is told: all in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import execute
from twisted.trial.unittest import SynchronousTestCase

from fopemta.outbound.callout import Callout, CalloutDemands, hurried
from fopemta.policy.admission import Relay
from fopemta.recipients.calls import Calls
from fopemta.recipients.memory import CalloutMemory
from fopemta.recipients.recipients import RecipientVerifier
from fopemta.routing.route import Route, Unverified, Verify
from fopemta.testing.peers import StartTls
from fopemta.trust.levels import Level
from tests.inbound.inbound import Inbound
from tests.outbound.delivery import Delivery, peer

DAY = 86400.0


class Relaying:
    """A server that relays for d.test, whose own server is `server`."""

    def __init__(self, folder: Path, server: Any, level: Level | None, unverified: Unverified) -> None:
        self.now = 1_000_000_000.0
        delivery = Delivery(server)
        self.network, self.servers = delivery.network, delivery.network.servers
        route = Route(domain="d.test", tls=level, verify=Verify.CALLOUT, unverified=unverified)
        self.inbound = Inbound(clock=self.network, parts={"recipients": None})
        config = attrs.evolve(self.inbound.config, relay=Relay(domains=("d.test",)), routes=(route,))
        delivery.manager.reconfigure(hurried(config))
        memory = CalloutMemory.in_folder(str(folder))
        demands = CalloutDemands(config, lambda: self.now)
        delivery.manager.context = attrs.evolve(delivery.manager.context, demands=demands)
        calls = Calls(Callout(delivery.manager, demands), memory, self.network, execute, lambda: self.now)
        self.inbound.exchange(recipients=RecipientVerifier(config, calls, execute, lambda: self.now))
        self.inbound.factory.reconfigure(config)

    def answer(self, address: str = "bob@d.test") -> str:
        """To RCPT."""
        talk = self.inbound.open()
        talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\n")
        before = len(talk.client.heard)
        talk.say(f"RCPT TO:<{address}>\r\n".encode())
        for _ in range(40):
            self.network.flush(1)
            talk.flush()
        heard = talk.client.heard[before:].decode().strip()
        talk.go()
        return heard


class CalloutTests(SynchronousTestCase):
    def relaying(
        self, level: Level | None = None, unverified: Unverified = Unverified.ACCEPT, **behaviour: Any
    ) -> Relaying:
        return Relaying(Path(self.mktemp()), peer(**behaviour), level, unverified)

    def test_what_the_client_is_told(self) -> None:
        unknown = "450 4.1.1 The recipient could not be verified, please try again later"
        cases: list[tuple[dict[str, Any], str]] = [
            ({}, "250 2.1.5 "),
            ({"replies": {"RCPT": "550 5.1.1 <secret of theirs>"}}, "550 5.1.1 No such mailbox here"),
            ({"replies": {"RCPT": "450 4.7.1 greylisted"}}, unknown),
            ({"replies": {"RCPT": "drop"}}, unknown),
            ({"replies": {"RCPT": ""}}, unknown),
            ({"starttls": StartTls.NOT_OFFERED, "level": Level.ENCRYPT}, unknown),
            ({"starttls": StartTls.NOT_OFFERED}, "250 2.1.5 "),
        ]
        for behaviour, expected in cases:
            told = self.relaying(**behaviour).answer()
            self.assertTrue(told.startswith(expected), (behaviour, told))
            self.assertNotIn("secret", told)

    def test_a_server_that_is_down_is_stood_in_for_by_its_last_good_word(self) -> None:
        for unverified, code in ((Unverified.ACCEPT, "250"), (Unverified.DEFER, "450")):
            relaying = self.relaying(unverified=unverified)
            self.assertEqual(relaying.answer()[:3], "250")
            relaying.servers.clear()
            relaying.now += 8 * DAY
            self.assertEqual(relaying.answer()[:3], code)
            self.assertEqual(relaying.answer("other@d.test")[:3], "450")
            relaying.now += 24 * DAY
            self.assertEqual(relaying.answer()[:3], "450")

    def test_a_client_that_goes_meanwhile_leaves_the_answer_for_others(self) -> None:
        server = peer()
        relaying = Relaying(Path(self.mktemp()), server, None, Unverified.ACCEPT)
        talk = relaying.inbound.open()
        talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<bob@d.test>\r\n")
        talk.go()
        relaying.network.flush(1)
        self.assertEqual(relaying.answer()[:3], "250")
        self.assertEqual(server.connections, 1)

    def test_who_may_not_relay_causes_no_callout(self) -> None:
        server = peer()
        relaying = Relaying(Path(self.mktemp()), server, None, Unverified.ACCEPT)
        self.assertEqual(relaying.answer("bob@elsewhere.test")[:3], "550")
        self.assertEqual(relaying.answer("postmaster@d.test")[:3], "250")
        self.assertEqual(server.connections, 0)
