"""Mail to an alias, from the client to the queue."""

from __future__ import annotations

from pathlib import Path

import attrs
from twisted.internet.defer import execute
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import AliasFile
from fopemta.mail.address import Mailbox
from fopemta.outbound.callout import Callout
from fopemta.recipients.calls import Calls
from fopemta.recipients.memory import CalloutMemory
from fopemta.recipients.recipients import Recipients
from tests.inbound.inbound import Inbound
from tests.outbound.delivery import Delivery, peer


class AliasTests(SynchronousTestCase):
    def test_targets_are_the_recipients_and_inherit(self) -> None:
        path = Path(self.mktemp())
        path.write_text("sales: bob, carol@away.test\n", encoding="utf-8")
        inbound = Inbound()
        config = attrs.evolve(inbound.config, aliases=AliasFile(file=str(path)))
        memory = CalloutMemory.in_folder(self.mktemp())
        calls = Calls(Callout(Delivery(peer()).manager), memory, inbound.clock, execute, inbound.factory.now)
        recipients = Recipients(config, calls, execute, inbound.factory.now)
        inbound.factory.recipients, inbound.factory.aliases = recipients, recipients
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<Sales@us.test>\r\nRCPT TO:<dan@us.test>\r\nDATA\r\n")
        self.assertIn(b"250 2.0.0", talk.say(b"Subject: x\r\n\r\n.\r\n"))
        [message] = inbound.queue.messages
        bob, carol, dan = Mailbox("bob", "us.test"), Mailbox("carol", "away.test"), Mailbox("dan", "us.test")
        self.assertEqual(message.envelope.recipients, (bob, carol, dan))
        stood = [message.envelope.options_of(each).stands_for for each in (bob, carol, dan)]
        self.assertEqual(stood, [(Mailbox("Sales", "us.test"),)] * 2 + [()])
