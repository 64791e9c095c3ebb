"""Whatever form a message says it in: a rule about it holds from the client's DATA to the server that may take it.

Each form of `tests.policy.content_forms` comes in by a listener, is stored, and is tried at a server whose certificate
has expired: it goes there where nothing is demanded, and nowhere where a rule demands an authenticated server.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Limits, Listener, ListenerTls
from fopemta.config.rules import load_rules
from fopemta.inbound.clients import Clients
from fopemta.inbound.context import InboundServices
from fopemta.inbound.factory import InboundFactory
from fopemta.mime.flaws import BOUNDS, ContentBounds
from fopemta.policy.admission import Relay
from fopemta.policy.matchers import Answer
from fopemta.testing.transport import connect
from tests.force_tls.world import BOB, World
from tests.inbound.inbound import Client
from tests.policy.content_forms import (
    ATTACHED,
    BODIES,
    CANNOT_TELL,
    FILES,
    NOT_SAID,
    SAID,
    SUBJECTS,
    WORDS,
    mixed,
    part,
)

ENVELOPE = b"EHLO c.test\r\nMAIL FROM:<alice@us.test>\r\nRCPT TO:<bob@bank.test>\r\nDATA\r\n"
LISTENER = Listener(endpoint="tcp:25", tls=ListenerTls.OFF)
TABLES: tuple[tuple[str, tuple[str, ...], dict[str, tuple[bytes, Answer]]], ...] = (
    ("subject", WORDS, SUBJECTS),
    ("body", WORDS, BODIES),
    ("attachments", FILES, ATTACHED),
)
# Before a first line that is no header an empty one is put, so that what follows is no header any more; but a reader
# who skips it shows it.
HEADLESS = {
    "no field first": b"nonsense\r\nSubject: secret\r\n\r\nx\r\n",
    "a name with other octets first": "Bäh: x\r\nSubject: secret\r\n\r\nx\r\n".encode(),
    "a blank first": b" x\r\nSubject: secret\r\n\r\nx\r\n",
    "a colon first": b": x\r\nSubject: secret\r\n\r\nx\r\n",
}
# Refused, or taken out, before any rule sees it.
_NUL = {"NUL"}


def rule(key: str, words: tuple[str, ...], action: str) -> str:
    listed = json.dumps(words, ensure_ascii=False)
    return f'[[rule]]\nname = "r"\nwhen = {{ {key} = {listed} }}\nthen = {{ action = "{action}" }}\n'


class _Entrance:
    """A listener of the world, and what a client hears there."""

    def __init__(self, rules: str, bounds: ContentBounds = BOUNDS) -> None:
        self.world = World(rules, bank="expired")
        config = attrs.evolve(
            self.world.config,
            relay=Relay(networks=(ipaddress.ip_network("192.0.2.10/32"),)),
            rulebook=load_rules(rules, "/etc"),
            limits=Limits(content=bounds),
        )
        self.world.dispatcher.reconfigure(config)
        services = InboundServices(
            spool=self.world.spool,
            queue=self.world.dispatcher,
            clients=Clients(config, self.world.network),
            clock=self.world.network,
            ids=lambda: "0BCDFGHJKM0001",
            now=self.world.now,
        )
        self.factory = InboundFactory(LISTENER, config, services)

    def send(self, content: bytes) -> int:
        """The code of the reply to the content."""
        client: Any = Client()
        pump = connect(client, self.factory.buildProtocol(None), self.world.network, client_address="192.0.2.10")
        pump.flush()
        client.transport.write(ENVELOPE)
        pump.flush()
        before = len(client.heard)
        client.transport.write(content.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
        pump.flush()
        self.world.network.flush(3)
        return int(client.heard[before:][:3])


class ContentFormTests(SynchronousTestCase):
    def test_a_demand_of_tls_holds_for_each(self) -> None:
        for key, words, forms in TABLES:
            for name, (octets, wanted) in forms.items():
                if name not in _NUL:
                    self._holds(rule(key, words, "force_tls"), octets, wanted is not NOT_SAID, f"{key}: {name}")

    def test_where_the_first_line_is_no_field(self) -> None:
        for name, octets in HEADLESS.items():
            self._holds(rule("subject", WORDS, "force_tls"), octets, True, name)
        self._holds(rule("subject", WORDS, "force_tls"), b"nonsense\r\nhello\r\n", False, "nothing")

    def _holds(self, rules: str, octets: bytes, demanded: bool, name: str) -> None:
        entrance = _Entrance(rules)
        self.assertEqual(entrance.send(octets), 250, name)
        self.assertEqual(entrance.world.taken("bank") == [], demanded, name)
        self.assertEqual(entrance.world.state(BOB), "queued" if demanded else "encrypted", name)
        # Not for want of trying, and by nobody else's word than the rule's.
        self.assertEqual(entrance.world.verdicts(BOB)[0].rules, ("r",) if demanded else (), name)

    def test_the_bounds_are_those_of_the_configuration(self) -> None:
        octets = mixed(*[part(b"x")] * 8)
        tight = (ContentBounds(parts=8), ContentBounds(looked_at=100, header=100), ContentBounds(field=20))
        for bounds in (BOUNDS, ContentBounds(parts=9), *tight):
            entrance = _Entrance(rule("body", WORDS, "force_tls"), bounds)
            entrance.send(octets)
            self.assertEqual(entrance.world.state(BOB), "queued" if bounds in tight else "encrypted", bounds)

    def test_only_what_is_said_is_refused(self) -> None:
        for key, words, forms in TABLES:
            for name, (octets, wanted) in forms.items():
                if name not in _NUL:
                    code = _Entrance(rule(key, words, "reject")).send(octets)
                    self.assertEqual(code, 550 if wanted is SAID else 250, f"{key}: {name}")

    def test_only_what_is_said_lowers_a_demand(self) -> None:
        exception = '{ action = "allow_weaker", level = "encrypt" }'
        for key, words, forms in TABLES:
            weaker = rule(key, words, "").replace('{ action = "" }', exception)
            weaker = weaker.replace('"r"', '"w"\nowner = "it"\nreason = "x"\nexpires = 2099-01-01')
            always = '[[rule]]\nname = "r"\nthen = { action = "force_tls" }\n'
            for name, (octets, wanted) in forms.items():
                if name in _NUL or (wanted is not CANNOT_TELL and not name.startswith(("plain", "nothing"))):
                    continue
                entrance = _Entrance(always + weaker)
                entrance.send(octets)
                self.assertEqual(entrance.world.state(BOB), "encrypted" if wanted is SAID else "queued", name)
