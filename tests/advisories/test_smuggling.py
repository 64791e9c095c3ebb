"""SMTP smuggling: one message stays one message, on the way in and on the way out (C051, C052, C177, C178)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.smtp.dot_stuffing import Stuffer
from tests.inbound.inbound import ENVELOPE, Inbound
from tests.outbound.delivery import Delivery, peer

SEQUENCES = (
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\0\r\n", b"\r\n\t.\r\n", b"\r\n.\r\r\n",
    b"\n\n.\r\n", b"\r\r\n.\n", b"\r\n.\n\r",
)  # fmt: skip
SMUGGLED = b"MAIL FROM:<admin@evil.test>\r\nRCPT TO:<bob@us.test>\r\nDATA\r\nsmuggled\r\n"


def received(*pieces: bytes) -> list[bytes]:
    """The messages that come of `pieces` in one DATA."""
    inbound = Inbound()
    talk = inbound.open()
    talk.say(ENVELOPE + b"DATA\r\n")
    for piece in pieces:
        talk.say(piece)
    talk.say(b"\r\n.\r\n")
    assert talk.codes()[-1] == 250
    return inbound.kept()


class SmugglingTests(SynchronousTestCase):
    def test_C051_no_sequence_but_crlf_dot_crlf_ends_a_message(self) -> None:
        for odd in SEQUENCES:
            (content,) = received(b"Subject: x\r\n\r\nbody" + odd + SMUGGLED)
            self.assertIn(b"smuggled", content, odd)

    def test_C051_nor_when_it_comes_in_two_segments(self) -> None:
        for odd in SEQUENCES:
            for cut in range(len(odd) + 1):
                (content,) = received(b"\r\nbody" + odd[:cut], odd[cut:] + SMUGGLED)
                self.assertIn(b"smuggled", content, (odd, cut))

    def test_C051_what_is_relayed_ends_once_and_has_no_bare_line_end(self) -> None:
        for odd in SEQUENCES:
            (content,) = received(b"\r\nbody" + odd + SMUGGLED)
            self.assertEqual(content.count(b"\n"), content.count(b"\r\n"), odd)
            self.assertEqual(content.count(b"\r"), content.count(b"\r\n"), odd)
            stuffer = Stuffer()
            wire = stuffer.feed(content) + stuffer.finish()
            self.assertEqual(wire.find(b"\r\n.\r\n"), len(wire) - 5, odd)
            server = peer()
            Delivery(server, content=content).run()
            self.assertEqual([each.content for each in server.messages], [content], odd)

    def test_C177_an_endless_line_does_not_leave_data(self) -> None:
        (content,) = received(b"x" * 20_000, b"\r\n" + SMUGGLED)
        self.assertIn(b"smuggled", content)

    def test_C178_dots_at_the_border_of_pieces(self) -> None:
        for size in (16 * 1024, 64 * 1024, 256 * 1024):
            content = b"x" * (size - 2) + b"\r\n.\r\n.x\r\n"
            server = peer()
            Delivery(server, content=content).run(2)
            self.assertEqual([each.content for each in server.messages], [content], size)
