"""Mail to an alias, from the client to the queue."""

from __future__ import annotations

from pathlib import Path

import attrs
from twisted.internet.defer import execute
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import AliasFile
from fopemta.outbound.callout import Callout, CalloutDemands
from fopemta.policy.aliases import MOST_BY_ALIASES
from fopemta.recipients.calls import Calls
from fopemta.recipients.memory import CalloutMemory
from fopemta.recipients.recipients import RecipientVerifier
from tests.inbound.inbound import Inbound
from tests.outbound.delivery import Delivery, peer


class AliasTests(SynchronousTestCase):
    def inbound(self, text: str) -> Inbound:
        """A server with these aliases."""
        path = Path(self.mktemp())
        path.write_text(text, encoding="utf-8")
        inbound = Inbound()
        config = attrs.evolve(inbound.config, aliases=AliasFile(file=str(path)))
        memory = CalloutMemory.in_folder(self.mktemp())
        callout = Callout(Delivery(peer()).manager, CalloutDemands(config, inbound.services.now))
        calls = Calls(callout, memory, inbound.clock, execute, inbound.services.now)
        recipients = RecipientVerifier(config, calls, execute, inbound.services.now)
        inbound.exchange(recipients=recipients, aliases=recipients)
        recipients.start()
        return inbound

    def test_targets_are_the_recipients_and_inherit(self) -> None:
        inbound = self.inbound("sales: bob, carol@away.test\n")
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<Sales@us.test>\r\nRCPT TO:<dan@us.test>\r\nDATA\r\n")
        self.assertIn(b"250 2.0.0", talk.say(b"Subject: x\r\n\r\n.\r\n"))
        [message] = inbound.queue.messages
        bob, carol, dan = Mailbox("bob", "us.test"), Mailbox("carol", "away.test"), Mailbox("dan", "us.test")
        self.assertEqual(message.envelope.recipients, (bob, carol, dan))
        stood = [message.envelope.options_of(each).stands_for for each in (bob, carol, dan)]
        self.assertEqual(stood, [(Mailbox("Sales", "us.test"),)] * 2 + [()])

    def test_what_aliases_of_one_message_come_to_is_bounded(self) -> None:
        count = 2 * MOST_BY_ALIASES // 5
        inbound = self.inbound("all: " + ", ".join(f"n{number}" for number in range(count)) + "\nsales: bob\n")
        talk = inbound.open()
        begun = b"MAIL FROM:<a@c.test>\r\nRCPT TO:<all@us.test>\r\nRCPT TO:<ALL@us.test>\r\n"
        talk.say(b"EHLO c.test\r\n" + begun)
        self.assertEqual(talk.codes()[-2:], [250, 250])
        self.assertIn(b"452 4.5.3 ", talk.say(b"RCPT TO:<all+once.more@us.test>\r\n"))
        self.assertIn(b"250 ", talk.say(b"RCPT TO:<dan@us.test>\r\n"))
        self.assertIn(b"250 ", talk.say(b"RCPT TO:<sales@us.test>\r\n"))
        # The next message begins anew.
        talk.say(b"RSET\r\n" + begun)
        self.assertEqual(talk.codes()[-2:], [250, 250])
        talk.say(b"DATA\r\n")
        self.assertIn(b"250 2.0.0", talk.say(b"Subject: x\r\n\r\n.\r\n"))
        [message] = inbound.queue.messages
        self.assertEqual(len(message.envelope.recipients), count)
