"""Servers that answer what nobody has asked yet: they get nothing more, and the next server gets the mail."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.envelope import BodyType
from fopemta.testing.peers import StartTls
from tests.outbound.delivery import Delivery, peer

OFFER = "250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n"
RANDOM = b"x: y\r\n\r\n" + bytes(range(256)) * 2000

# What is said too early, after the usual answer in the same write.
EARLY = {
    "greeting": {"greeting": "220 mx\r\n250 Ok"},
    "EHLO": {"EHLO": f"{OFFER}250 2.0.0 Ok"},
    "EHLO, garbage": {"EHLO": f"{OFFER}hello"},
    "EHLO, 421": {"EHLO": f"{OFFER}421 4.3.2 closing"},
    "DATA": {"DATA": "354 go\r\n250 2.0.0 Ok"},
    "BDAT": {"EHLO": OFFER.removesuffix("\r\n"), "BDAT": "250 Ok\r\n250 Ok"},
}


class OutOfTurnTests(SynchronousTestCase):
    def test_nothing_is_taken_as_an_answer_and_the_next_server_has_it(self) -> None:
        for name, replies in EARLY.items():
            first, second = peer(StartTls.NOT_OFFERED, replies=replies), peer(extensions=("CHUNKING", "BINARYMIME"))
            if name == "BDAT":
                delivery = Delivery(first, second, content=RANDOM, body=BodyType.BINARY_MIME)
            else:
                delivery = Delivery(first, second)
            verdict = delivery.run(5)[0]
            found = (verdict.result.value, verdict.host, first.messages, len(second.messages))
            self.assertEqual(found, ("delivered", "mx2.d.test", [], 1), name)

    def test_what_is_told_of_them(self) -> None:
        for name, replies in EARLY.items():
            body, content = (BodyType.BINARY_MIME, RANDOM) if name == "BDAT" else (BodyType.SEVEN_BIT, b"x: y\r\n\r\n")
            server = peer(StartTls.NOT_OFFERED, replies=replies)
            verdict = Delivery(server, body=body, content=content).run(5)[0]
            word = "deferred_by_peer" if name.endswith("421") else "protocol_error"
            self.assertEqual((verdict.result.value, verdict.diagnosis), ("deferred", word), name)
