"""Our client against our server, in memory: each side holds the other to what it says."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import ListenerTls
from fopemta.mail.envelope import BodyType, Envelope, Notify, OriginalRecipient, RecipientOptions, Returned
from fopemta.testing.network import MemoryNetwork
from fopemta.trust.levels import Level
from tests.inbound.inbound import Inbound
from tests.outbound.delivery import Delivery

CONTENT = b"Subject: x\r\n\r\n.dot\r\n" + b"y" * 78 + b"\r\n"


def relayed(content: bytes, tls: ListenerTls, level: Level | None = None) -> tuple[Inbound, list[str]]:
    """What the receiving one keeps of a message to Bob and Eve, and the sender's verdicts."""
    recipients = (Mailbox("bob", "us.test"), Mailbox("eve", "far.test"))
    network = MemoryNetwork()
    inbound = Inbound(tls, clock=network)
    delivery = Delivery(inbound.factory, recipients=recipients, content=content, level=level, network=network)
    verdicts = delivery.run(5)
    return inbound, [f"{each.result.value} {each.rung} {each.code}" for each in verdicts]


class PairTests(SynchronousTestCase):
    def test_over_tls(self) -> None:
        inbound, verdicts = relayed(CONTENT, ListenerTls.OPPORTUNISTIC)
        self.assertEqual(verdicts, ["delivered strong256 250", "failed strong256 550"])
        (kept,) = inbound.kept()
        self.assertTrue(kept.endswith(CONTENT))
        self.assertIn(b"with ESMTPS id", kept)

    def test_where_tls_is_required(self) -> None:
        _, verdicts = relayed(CONTENT, ListenerTls.REQUIRED)
        self.assertEqual(verdicts[0], "delivered strong256 250")

    def test_in_plain(self) -> None:
        inbound, verdicts = relayed(CONTENT, ListenerTls.OFF)
        self.assertEqual(verdicts[0], "delivered plain 250")
        self.assertIn(b"with ESMTP id", inbound.kept()[0])

    def test_demand_that_the_other_side_cannot_meet(self) -> None:
        inbound, verdicts = relayed(CONTENT, ListenerTls.OFF, Level.ENCRYPT)
        self.assertEqual(verdicts, ["deferred plain 451", "deferred plain 451"])
        self.assertEqual(inbound.kept(), [])

    def test_large(self) -> None:
        content = b"".join(b"%07d\r\n.\r\n" % number for number in range(80_000))
        for tls in (ListenerTls.OFF, ListenerTls.OPPORTUNISTIC):
            inbound, _ = relayed(content, tls)
            self.assertTrue(inbound.kept()[0].endswith(content))


class CarriedTests(SynchronousTestCase):
    """What the one has taken in, the other takes in alike."""

    BOB = Mailbox("bob", "us.test")

    def passed_on(self, content: bytes, envelope: Envelope) -> tuple[bytes, Envelope]:
        """Content and envelope as the receiving one has them."""
        network = MemoryNetwork()
        inbound = Inbound(ListenerTls.OPPORTUNISTIC, clock=network)
        delivery = Delivery(inbound.factory, recipients=envelope.recipients, content=content, network=network)
        delivery.envelope = envelope
        self.assertEqual([each.result.value for each in delivery.run(5)], ["delivered"])
        (message,), (kept,) = inbound.queue.messages, inbound.kept()
        self.assertTrue(kept.endswith(content))
        return kept, attrs.evolve(message.envelope, arrival=None, from_outside=False)

    def test_every_kind_of_content(self) -> None:
        header = b"Subject: x\r\n\r\n"
        table = {
            (BodyType.SEVEN_BIT, header + b".\r\nx\r\n"): BodyType.SEVEN_BIT,
            (BodyType.SEVEN_BIT, header + b"\xff\r\n"): BodyType.EIGHT_BIT_MIME,  # said by nobody before
            (BodyType.EIGHT_BIT_MIME, header + b"\xff\r\n"): BodyType.EIGHT_BIT_MIME,
            (BodyType.EIGHT_BIT_MIME, header + b"x\r\n"): BodyType.SEVEN_BIT,
            (BodyType.BINARY_MIME, header + bytes(range(256)) * 3000 + b"\r"): BodyType.BINARY_MIME,
            (BodyType.BINARY_MIME, header + b"\r\n.\r\n.\n"): BodyType.BINARY_MIME,
        }
        for (body, content), wanted in table.items():
            _, envelope = self.passed_on(content, Envelope(None, (self.BOB,), body))
            self.assertEqual(envelope, Envelope(None, (self.BOB,), wanted))

    def test_wishes_and_letters(self) -> None:
        options = RecipientOptions(
            frozenset({Notify.DELAY, Notify.FAILURE}), OriginalRecipient("utf-8", "bü+\\@far.test")
        )
        sender = Mailbox("ö", "far.test")
        envelope = Envelope(
            sender,
            (self.BOB,),
            smtputf8=True,
            returned=Returned.HEADERS,
            envelope_id="a b+c=",
            options=((self.BOB, options),),
        )
        kept, found = self.passed_on(b"Subject: x\r\n\r\nx\r\n", envelope)
        self.assertEqual(found, envelope)
        self.assertIn(b"with UTF8SMTPS id", kept)
