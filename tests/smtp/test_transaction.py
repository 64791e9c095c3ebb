"""What MAIL and RCPT said, as an envelope."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Envelope, RecipientOptions
from fopemta.smtp.parameters import MailOptions
from fopemta.smtp.transaction import BareLineEnds, IncomingTransaction
from tests.every_field import filled, variants
from tests.smtp.conversation import Conversation, rules

# What the session cannot know: it is added on the way into the spool.
NOT_SAID = {"arrival", "rules", "held", "inherited", "from_outside", "named"}
# Under another name in the envelope, or checked and of no consequence.
RENAMED = {"body": "body_type"}
UNUSED = {"size"}


class RefusalTests(SynchronousTestCase):
    def test_what_a_message_is_refused_for_when_it_has_come(self) -> None:
        for content, code, enhanced in (
            (b"a\nb\r\n", 550, "5.6.11"),
            (b"a\rb\r\n", 550, "5.6.11"),
            (b"a\0b\r\n", 550, "5.6.0"),
            (b"Received: x\r\n" * 3 + b"\r\n", 554, "5.4.6"),
        ):
            talk = Conversation(rules(bare_newlines=BareLineEnds.REJECT, hops=2))
            talk.say(
                b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<bob@local.test>\r\nDATA\r\n" + content + b".\r\n"
            )
            self.assertTrue(talk.sent.endswith(b"\r\n"), content)
            last = talk.sent.split(b"\r\n")[-2]
            self.assertTrue(last.startswith(b"%d %s " % (code, enhanced.encode())), (content, last))


class EnvelopeOfTransactionTests(SynchronousTestCase):
    def test_every_field_of_what_mail_said_is_in_the_envelope(self) -> None:
        for what, said in variants(MailOptions):
            envelope = IncomingTransaction(sender=filled(Mailbox), mail=said).envelope()
            for field in attrs.fields(MailOptions):
                if field.name not in UNUSED:
                    told = getattr(envelope, RENAMED.get(field.name, field.name))
                    self.assertEqual(told, getattr(said, field.name), f"{what}: {field.name}")

    def test_every_field_of_the_envelope_is_said_or_added_later(self) -> None:
        recipients = {filled(Mailbox): filled(RecipientOptions), filled(Mailbox): RecipientOptions()}
        envelope = IncomingTransaction(
            sender=filled(Mailbox), mail=filled(MailOptions), recipients=recipients
        ).envelope()
        self.assertEqual(envelope.recipients, tuple(recipients))
        self.assertEqual(envelope.options, tuple(recipients.items())[:1])
        untouched = {field.name for field in attrs.fields(Envelope) if getattr(envelope, field.name) == field.default}
        self.assertEqual(untouched, NOT_SAID)
