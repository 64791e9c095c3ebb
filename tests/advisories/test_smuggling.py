"""SMTP smuggling: one message stays one message, on the way in and on the way out (C051, C052, C177, C178)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Listener, ListenerKind, ListenerTls
from fopemta.mail.envelope import BodyType
from fopemta.mail.login import LoggedIn
from fopemta.outbound.content import PIECE
from fopemta.smtp.dot_stuffing import Stuffer
from fopemta.smtp.transaction import Nul
from fopemta.testing.peers import StartTls
from fopemta.trust.verdict import Result
from tests.inbound.inbound import ENVELOPE, Inbound, Logins, Talk
from tests.outbound.delivery import Delivery, peer

SEQUENCES = (
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\0\r\n", b"\r\n\t.\r\n", b"\r\n.\r\r\n",
    b"\n\n.\r\n", b"\r\r\n.\n", b"\r\n.\n\r", b"\r\n\0.\r\n", b"\r\n\0\0.\r\n", b"\r\0\n.\r\n", b"\r\n.\r\0\n",
    b"\r\n.\0\r\0\n\0", b"\n\0.\0\n", b"\r\n\0.\r\n.\0\r\n",
)  # fmt: skip
# May send NUL, which is removed; a stranger may not.
KNOWN, STRANGER = "192.0.2.200", "192.0.2.10"
SMUGGLED = b"MAIL FROM:<admin@evil.test>\r\nRCPT TO:<bob@us.test>\r\nDATA\r\nsmuggled\r\n"


def received(*pieces: bytes, listener: Listener | None = None, client: str = KNOWN) -> list[bytes]:
    """The messages that come of `pieces` in one DATA."""
    inbound = Inbound(listener=listener)
    talk = inbound.open(client)
    talk.say(ENVELOPE + b"DATA\r\n")
    for piece in pieces:
        talk.say(piece)
    talk.say(b"\r\n.\r\n")
    return _checked(inbound, talk, pieces)


def received_in_chunks(*chunks: bytes, listener: Listener | None = None, client: str = KNOWN) -> list[bytes]:
    """The same by BDAT."""
    inbound = Inbound(listener=listener)
    talk = inbound.open(client)
    talk.say(ENVELOPE)
    for chunk in chunks:
        talk.say(b"BDAT %d\r\n%s" % (len(chunk), chunk))
    talk.say(b"BDAT 0 LAST\r\n")
    return _checked(inbound, talk, chunks)


def _checked(inbound: Inbound, talk: Talk, pieces: tuple[bytes, ...]) -> list[bytes]:
    """What has been taken; what has not was refused for its NUL, once."""
    nul = b"550 5.6.0 A message with NUL characters is refused here\r\n"
    kept, codes = inbound.kept(), talk.codes()
    assert len(kept) == (codes[-1] == 250), (pieces, codes)
    assert bool(kept) == (talk.client.heard.count(nul) == 0), (pieces, talk.client.heard)
    return kept


def is_legal(content: bytes) -> bool:
    """CRLF alone ends lines, and there is no NUL."""
    return content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n") and b"\0" not in content


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
            self.assertTrue(is_legal(content), odd)
            stuffer = Stuffer()
            wire = stuffer.feed(content) + stuffer.finish()
            self.assertEqual(wire.find(b"\r\n.\r\n"), len(wire) - 5, odd)
            server = peer()
            Delivery(server, content=content).run()
            self.assertEqual([each.content for each in server.messages], [content], odd)

    def test_nul_is_refused_from_strangers_and_removed_for_those_who_are_known(self) -> None:
        removes = Listener(endpoint="tcp:25", nul=Nul.REMOVE)
        for odd in SEQUENCES:
            for send in (received, received_in_chunks):
                for cut in range(len(odd) + 1):
                    pieces = b"\r\nbody" + odd[:cut], odd[cut:] + SMUGGLED
                    (known,) = send(*pieces)
                    self.assertTrue(is_legal(known), (odd, cut))
                    self.assertIn(b"smuggled", known)
                    self.assertEqual(len(send(*pieces, client=STRANGER)), b"\0" not in odd, (odd, cut))
                    (by_setting,) = send(*pieces, client=STRANGER, listener=removes)
                    self.assertEqual(by_setting[-50:], known[-50:], (odd, cut))

    def test_a_user_who_has_logged_in_is_known(self) -> None:
        listener = Listener(endpoint="tcp:587", kind=ListenerKind.SUBMISSION, tls=ListenerTls.IMPLICIT)
        logins = Logins(LoggedIn("bob", frozenset({"bob@us.test"})))
        inbound = Inbound(listener=listener, parts={"logins": logins})
        talk = inbound.open(STRANGER)
        talk.start_tls()
        talk.say(b"EHLO c.test\r\nAUTH PLAIN AGJvYgB4\r\n")
        talk.say(b"MAIL FROM:<bob@us.test>\r\nRCPT TO:<a@far.test>\r\nDATA\r\n")
        talk.say(b"From bob now\r\nSubject: x\r\n\r\na\0b\r\n\0.\r\n.\r\n")
        (content,) = inbound.kept()
        self.assertTrue(content.endswith(b"\r\nSubject: x\r\n\r\nab\r\n.\r\n"), content)
        self.assertNotIn(b"From bob now", content)

    def test_binary_mail_is_kept_as_it_is(self) -> None:
        for odd in SEQUENCES:
            inbound = Inbound()
            talk = inbound.open(STRANGER)
            content = b"Subject: x\r\n\r\n" + odd
            talk.say(ENVELOPE.replace(b"c.test>\r\nRCPT", b"c.test> BODY=BINARYMIME\r\nRCPT"))
            talk.say(b"BDAT %d LAST\r\n%s" % (len(content), content))
            (kept,) = inbound.kept()
            self.assertTrue(kept.endswith(content), odd)

    def test_whatever_lies_in_the_spool_leaves_as_text_that_all_read_alike(self) -> None:
        """By DATA, by BDAT as text, and put into seven bits; as it is only where BINARYMIME is spoken."""
        usual = ("8BITMIME", "SIZE 0")
        for odd in SEQUENCES:
            content = b"Subject: x\r\n\r\nbody" + odd + SMUGGLED
            for extensions in ((), usual, (*usual, "CHUNKING"), (*usual, "CHUNKING", "BINARYMIME")):
                for body in BodyType:
                    for octets in (content, content + "é".encode()):
                        server = peer(StartTls.NOT_OFFERED, extensions=extensions)
                        (verdict,) = Delivery(server, content=octets, body=body).run()
                        if body is BodyType.BINARY_MIME and "BINARYMIME" in extensions:
                            self.assertEqual([each.content for each in server.messages], [octets], odd)
                            continue
                        self.assertEqual(len(server.messages), verdict.result is Result.DELIVERED, (odd, extensions))
                        for each in server.messages:
                            self.assertTrue(is_legal(each.content), (odd, extensions, body))

    def test_it_does_so_when_it_leaves_in_pieces(self) -> None:
        for extensions in ((), ("CHUNKING",)):
            for odd in SEQUENCES:
                for cut in range(1, len(odd)):
                    content = b"x" * (PIECE - cut) + odd + SMUGGLED
                    server = peer(StartTls.NOT_OFFERED, extensions=extensions)
                    Delivery(server, content=content).run(2)
                    (message,) = server.messages
                    self.assertTrue(is_legal(message.content), (odd, cut))
                    self.assertIn(b"smuggled", message.content, (odd, cut))

    def test_C177_an_endless_line_does_not_leave_data(self) -> None:
        (content,) = received(b"x" * 20_000, b"\r\n" + SMUGGLED)
        self.assertIn(b"smuggled", content)

    def test_C178_dots_at_the_border_of_pieces(self) -> None:
        for size in (16 * 1024, 64 * 1024, 256 * 1024):
            content = b"x" * (size - 2) + b"\r\n.\r\n.x\r\n"
            server = peer()
            Delivery(server, content=content).run(2)
            self.assertEqual([each.content for each in server.messages], [content], size)
