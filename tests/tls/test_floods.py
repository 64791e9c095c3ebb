"""A peer cannot make us work for nothing: KeyUpdates, renegotiations, a handshake without end."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from fopemta.tls.channel import TlsChannel
from fopemta.tls.credentials import use
from tests.tls.handshakes import AUTHORITY, credentials
from tests.tls.key_updates import Sender
from tests.tls.test_channel import SERVER, End, Pair

# What may bring nothing, and a portion more: it is looked at when it has been read.
FREE, PORTION = 64, 32
LEAF = credentials(AUTHORITY.leaf("mx.test"))


class Flooded:
    """A server or a client of ours, and a stranger who knows the keys."""

    def __init__(self, ours: str) -> None:
        self.keys: dict[str, bytes] = {}
        pair = Pair()
        client = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if ours == "server":
            client.set_keylog_callback(self._note)
            self.us, stranger = End(SERVER.channel), End(lambda *above: _channel(client, False, *above))
            pair.server, pair.client = self.us, stranger
        else:
            server = SSL.Context(SSL.TLS_SERVER_METHOD)
            use(server, LEAF)
            server.set_keylog_callback(self._note)
            self.us, stranger = (
                End(lambda *above: _channel(client, False, *above)),
                End(lambda *above: _channel(server, True, *above)),
            )
            pair.client, pair.server = self.us, stranger
        pair.server.start()
        pair.client.start()
        pair.carry()
        stranger.channel.write(b"hello\r\n")
        pair.carry()
        side, sent = ("CLIENT", 1) if ours == "server" else ("SERVER", 3)  # two tickets
        self.sender = Sender(self.keys[f"{side}_TRAFFIC_SECRET_0"], sent)
        self.us.wire.written.clear()

    def _note(self, _: Any, line: bytes) -> None:
        label, _random, secret = line.decode("ascii").split()
        self.keys[label] = bytes.fromhex(secret)

    @property
    def cut_off(self) -> bool:
        return "abortConnection" in self.us.wire.calls


def _channel(context: SSL.Context, accepts: bool, *above: Any) -> TlsChannel:
    return TlsChannel(SSL.Connection(context, None), accepts, *above)


class KeyUpdateTests(SynchronousTestCase):
    def test_a_few_are_answered(self) -> None:
        for ours in ("server", "client"):
            flooded = Flooded(ours)
            for _ in range(20):
                flooded.us.channel.take(flooded.sender.key_update(asks=True))
            flooded.us.channel.take(flooded.sender.record(b"more\r\n"))
            self.assertEqual((flooded.us.heard, flooded.cut_off), (b"hello\r\nmore\r\n", False), ours)

    def test_many_are_cut_off_before_they_are_read(self) -> None:
        for ours in ("server", "client"):
            for at_once in (True, False):
                flooded = Flooded(ours)
                updates = [flooded.sender.key_update(asks=True) for _ in range(2000)]
                for wire in [b"".join(updates)] if at_once else updates:
                    flooded.us.channel.take(wire)
                self.assertTrue(flooded.cut_off)
                error = flooded.us.ends().value
                self.assertEqual(error.args, ([("SSL routines", "", "too many records without data")],))

    def test_how_many(self) -> None:
        for count, wanted in ((FREE - 4, False), (FREE + PORTION + 1, True)):
            flooded = Flooded("server")
            flooded.us.channel.take(b"".join(flooded.sender.key_update() for _ in range(count)))
            self.assertEqual(flooded.cut_off, wanted, count)

    def test_what_came_before_is_told(self) -> None:
        flooded = Flooded("server")
        said = flooded.sender.record(b"NOOP\r\n")
        updates = b"".join(flooded.sender.key_update() for _ in range(500))
        flooded.us.channel.take(said + updates + flooded.sender.record(b"RSET\r\n"))
        self.assertEqual((flooded.us.heard, flooded.cut_off), (b"hello\r\nNOOP\r\n", True))
        flooded.us.channel.take(flooded.sender.record(b"DATA\r\n"))
        self.assertEqual(flooded.us.heard, b"hello\r\nNOOP\r\n")

    def test_between_words_they_must_be_rare(self) -> None:
        for every, wanted in ((1, True), (4, True), (9, False)):
            flooded, said = Flooded("server"), 0
            for _ in range(400):
                wire = b"".join(flooded.sender.record(b"x") for _ in range(every))
                flooded.us.channel.take(wire + flooded.sender.key_update())
                said += every
            self.assertEqual(flooded.cut_off, wanted, every)
            self.assertEqual(flooded.us.heard.count(b"x") == said, not wanted)

    def test_much_that_is_said_costs_nothing_later(self) -> None:
        flooded = Flooded("server")
        for _ in range(3000):
            flooded.us.channel.take(flooded.sender.record(b"x"))
        self.assertFalse(flooded.cut_off)
        flooded.us.channel.take(b"".join(flooded.sender.key_update() for _ in range(FREE + PORTION + 1)))
        self.assertTrue(flooded.cut_off)


class HandshakeTests(SynchronousTestCase):
    def test_one_without_end(self) -> None:
        # A hello as long as OpenSSL takes, an octet in each record: it would wait for 131,000 of them.
        for allowed, calls in ((1000, []), (1001, ["abortConnection"])):
            pair = Pair()
            for octet in b"\x01\x01\xff\xff".ljust(allowed, b"\x00"):
                pair.server.channel.take(b"\x16\x03\x01\x00\x01" + bytes([octet]))
            self.assertEqual(pair.server.wire.calls, calls)
        self.assertEqual(pair.server.ends().value.args, ([("SSL routines", "", "the handshake has no end")],))

    def test_a_hello_in_many_small_records_is_one(self) -> None:
        pair = Pair()
        hello = b"".join(pair.client.wire.written)[5:]
        pieces = [hello[at : at + 16] for at in range(0, len(hello), 16)]
        pair.client.wire.written = [b"\x16\x03\x01" + len(each).to_bytes(2, "big") + each for each in pieces]
        pair.carry()
        self.assertEqual((pair.server.secured, pair.client.secured), (1, 1))

    def test_what_comes_with_the_record_too_many_is_not_heard(self) -> None:
        # The octets would be the end of the handshake, and a command behind it.
        pair = Pair()
        hello = b"".join(pair.client.wire.written)[5:]
        pieces = [hello[at : at + 1] for at in range(998)] + [hello[998:]]
        pair.client.wire.written.clear()
        for each in pieces:
            pair.server.channel.take(b"\x16\x03\x01" + len(each).to_bytes(2, "big") + each)
        pair.client.channel.take(b"".join(pair.server.wire.written))
        pair.client.channel.write(b"NOOP\r\n")
        pair.server.channel.take(b"".join(pair.client.wire.written))
        self.assertEqual((pair.server.heard, pair.server.secured), (b"", 0))
        self.assertEqual(pair.server.wire.calls, ["abortConnection"])
        self.assertEqual(pair.client.secured, 1)
