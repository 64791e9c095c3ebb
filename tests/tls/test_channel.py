"""TLS between a transport and a protocol, both ends in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.interfaces import ITlsChannel
from fopemta.tls.channel import TlsChannel
from fopemta.tls.credentials import use
from fopemta.tls.server import ServerTls
from fopemta.trust.rungs import Hello, Rung
from fopemta.wire.line import Line
from fopemta.wire.turn_end import TurnEnd
from fopemta.wire.wires import Wires
from tests.tls.handshakes import AUTHORITY, client_tls, credentials
from tests.wire.doubles import Reactor, Socket

CLIENT = client_tls()
SERVER = ServerTls([credentials(AUTHORITY.leaf("mx.test"))])
LONG = b"0123456789" * 6_000


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.calls: list[str] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.calls.append(name)


class End:
    """One end: a channel, what came out of it, and its wire."""

    def __init__(self, make: Callable[..., TlsChannel]) -> None:
        self.wire = Wire()
        self.secured = 0
        self.heard = b""
        self.pieces = 0
        self.on_secured: Callable[[], None] = lambda: None
        self.on_heard: Callable[[], None] = lambda: None
        self.channel = make(self._stands, self._hear)

    def start(self) -> None:
        self.channel.start(self.wire)

    def _stands(self) -> None:
        self.secured += 1
        self.on_secured()

    def _hear(self, data: bytes) -> None:
        self.heard += data
        self.pieces += 1
        self.on_heard()

    def ends(self) -> Failure:
        return self.channel.lost(Failure(ConnectionDone()))

    def handle(self) -> Any:
        return self.channel.getHandle()


class Listens(End):
    """One end that goes on when the other has ended."""

    ended = 0

    def __init__(self, make: Callable[..., TlsChannel]) -> None:
        super().__init__(lambda *above: make(*above, self._nothing_more))

    def _nothing_more(self) -> None:
        self.ended += 1


class Pair:
    """A client and a server; `highest` a version of TLS."""

    def __init__(self, highest: int = SSL.TLS1_3_VERSION, segment: int = 100_000, server: type[End] = End) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(highest)
        self.segment = segment
        self.server: Any = server(SERVER.channel)
        self.client = End(lambda *above: TlsChannel(SSL.Connection(context, None), False, *above))
        self.server.start()
        self.client.start()

    def carry(self) -> Pair:
        """Until both are silent."""
        ends = (self.client, self.server)
        while any(end.wire.written for end in ends):
            for here, there in (ends, ends[::-1]):
                sent, here.wire.written = b"".join(here.wire.written), []
                for at in range(0, len(sent), self.segment):
                    there.channel.take(sent[at : at + self.segment])
        return self


class SessionTests(SynchronousTestCase):
    VERSIONS = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)

    def test_interface(self) -> None:
        self.assertTrue(verifyObject(ITlsChannel, Pair().server.channel))

    def test_both_ways_however_it_is_cut(self) -> None:
        for version in self.VERSIONS:
            for segment in (1, 7, 1000, 100_000):
                pair = Pair(version, segment).carry()
                self.assertEqual((pair.server.secured, pair.client.secured), (1, 1))
                pair.client.channel.write(b"EHLO c.test\r\n")
                pair.carry()
                pair.server.channel.writeSequence([b"250 ", b"mx.test\r\n"])
                pair.carry()
                self.assertEqual((pair.server.heard, pair.client.heard), (b"EHLO c.test\r\n", b"250 mx.test\r\n"))

    def test_more_than_a_record(self) -> None:
        pair = Pair().carry()
        pair.client.channel.write(LONG)
        pair.carry()
        self.assertEqual(pair.server.heard, LONG)
        self.assertEqual(pair.server.pieces, 1)

    def test_why_a_handshake_failed_is_what_openssl_says_first(self) -> None:
        for said, words in (
            (b"I am no TLS client\r\n", "wrong version number"),
            (b"\x15\x03\x01\x00\x02\x02\x28", "unexpected message"),
        ):
            pair = Pair()
            pair.server.channel.take(said)
            self.assertEqual(pair.server.wire.calls, ["loseConnection"])
            self.assertEqual(pair.server.ends().value.args, ([("SSL routines", "", words)],))

    def test_what_is_said_before_the_handshake_is_not_sent(self) -> None:
        pair = Pair()
        pair.server.channel.write(b"250 in the clear\r\n")
        self.assertEqual(pair.server.wire.written, [])
        self.assertEqual(pair.carry().client.heard, b"")

    def test_tickets_go_with_the_first_answer(self) -> None:
        pair = Pair()
        sent: list[int] = []
        write = pair.server.wire.write
        pair.server.wire.write = lambda data: (sent.append(len(data)), write(data))[1]  # type: ignore[method-assign]
        pair.carry()
        self.assertEqual((pair.server.secured, len(sent)), (1, 1))
        pair.server.on_heard = lambda: pair.server.channel.write(b"250 mx.test\r\n")
        pair.client.channel.write(b"EHLO c.test\r\n")
        pair.carry()
        self.assertEqual((pair.client.heard, len(sent)), (b"250 mx.test\r\n", 2))

    def test_a_client_says_the_first_word_with_the_end_of_its_handshake(self) -> None:
        pair = Pair()
        sent: list[bytes] = []
        write = pair.client.wire.write
        pair.client.wire.write = lambda data: (sent.append(data), write(data))[1]  # type: ignore[method-assign]
        pair.client.on_secured = lambda: pair.client.channel.write(b"EHLO c.test\r\n")
        pair.carry()
        self.assertEqual(pair.server.heard, b"EHLO c.test\r\n")
        self.assertEqual(len(sent), 1)  # the hello was written before we listened

    def test_reading_is_stopped_and_goes_on_below(self) -> None:
        pair = Pair()
        pair.server.channel.pauseProducing()
        pair.server.channel.resumeProducing()
        self.assertEqual(pair.server.wire.calls, ["pauseProducing", "resumeProducing"])

    def test_who_writes_much_is_told_by_the_transport(self) -> None:
        pair, told = Pair(), []
        pair.server.wire.registerProducer = lambda *facts: told.append(facts)  # type: ignore[attr-defined]
        pair.server.wire.getPeer = lambda: "the peer"  # type: ignore[attr-defined]
        pair.server.channel.registerProducer("somebody", True)
        pair.server.channel.unregisterProducer()
        self.assertEqual((told, pair.server.wire.calls), ([("somebody", True)], ["unregisterProducer"]))
        self.assertEqual(pair.server.channel.getPeer(), "the peer")

    def test_what_openssl_cannot_send_ends_the_session(self) -> None:
        pair = Pair().carry()
        # Behind our back: it will not write after it has said good-bye.
        pair.server.handle().shutdown()
        pair.server.channel.write(b"250 mx.test\r\n")
        self.assertEqual(pair.server.wire.calls, ["loseConnection"])
        self.assertIsInstance(pair.server.ends().value, SSL.Error)

    def test_a_session_of_ours_says_nothing_by_itself(self) -> None:
        # One flight each way, then silence: tickets wait for the first answer, and go once.
        pair = Pair().carry()
        pair.client.channel.write(b"NOOP\r\n")
        pair.carry()
        sent = pair.server.wire.written
        self.assertEqual(sent, [])
        pair.client.channel.write(b"NOOP\r\n")
        pair.client.wire.written, (record,) = [], pair.client.wire.written
        pair.server.channel.take(record)
        self.assertEqual(pair.server.wire.written, [])


class TurnTests(SynchronousTestCase):
    """What is sent leaves at the end of the reactor's turn, in the order in which it was said."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        self.client.set_connect_state()
        self.channel = SERVER.channel(lambda: None, lambda _: None)
        self.socket = Socket()
        wires = Wires(self.reactor, TurnEnd(self.reactor))
        line = Line(self.socket, Protocol(), IPv4Address("TCP", "192.0.2.1", 40025), wires)  # type: ignore[arg-type]
        line.write(b"220 go ahead\r\n")
        self.channel.start(line)
        self.shake()

    def shake(self) -> None:
        try:
            self.client.do_handshake()
        except SSL.WantReadError:
            pass
        self.channel.take(self.client.bio_read(100_000))

    def end_turn(self) -> list[bytes]:
        self.reactor.advance(0)
        sent, self.socket.sent = self.socket.sent, []
        return sent

    def finish(self) -> None:
        [flight] = self.end_turn()
        self.client.bio_write(flight.removeprefix(b"220 go ahead\r\n"))
        self.shake()

    def heard(self, sent: list[bytes]) -> bytes:
        self.client.bio_write(b"".join(sent))
        pieces: list[bytes] = []
        try:
            while True:
                pieces.append(self.client.recv(20_000))
        except SSL.WantReadError:
            return b"".join(pieces)

    def test_the_handshake_comes_behind_what_was_said_in_the_clear(self) -> None:
        self.assertEqual(self.socket.sent, [])
        [first] = self.end_turn()
        self.assertTrue(first.startswith(b"220 go ahead\r\n\x16\x03\x03"))

    def test_answers_of_a_turn_leave_together(self) -> None:
        self.finish()
        for answer in (b"250 Ok\r\n", b"250 Ok\r\n", LONG):
            self.channel.write(answer)
        self.assertEqual(self.socket.sent, [])
        sent = self.end_turn()
        self.assertEqual(len(sent), 1)
        self.assertEqual(self.heard(sent), b"250 Ok\r\n" * 2 + LONG)

    def test_closed_with_the_last_word(self) -> None:
        self.finish()
        self.channel.write(b"221 bye\r\n")
        self.client.shutdown()
        self.channel.take(self.client.bio_read(1000))
        self.assertFalse(self.socket.closed)
        sent = self.end_turn()
        self.assertTrue(self.socket.closed)
        with self.assertRaises(SSL.ZeroReturnError):
            self.heard(sent)


class StrangerTests(SynchronousTestCase):
    """Whatever comes, nothing of it is heard that is not of the session, and nothing is raised."""

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(st.lists(st.binary(min_size=1, max_size=80), max_size=5), st.booleans(), st.booleans())
    def test_any_octets(self, pieces: list[bytes], behind_the_handshake: bool, like_a_record: bool) -> None:
        pair = Pair()
        if behind_the_handshake:
            pair.carry()
        for piece in pieces:
            framed = b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece if like_a_record else piece
            pair.server.channel.take(framed)
        self.assertEqual((pair.server.heard, pair.server.secured), (b"", int(behind_the_handshake)))

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(st.integers(0, 10_000), st.integers(1, 255))
    def test_any_octet_changed_in_the_handshake(self, place: int, change: int) -> None:
        pair = Pair()
        hello = bytearray(b"".join(pair.client.wire.written))
        hello[place % len(hello)] ^= change
        pair.client.wire.written = [bytes(hello)]
        pair.carry()
        # What both have seen is part of what they prove to each other.
        self.assertEqual(pair.client.secured, 0)


class EndTests(SynchronousTestCase):
    def test_a_server_that_wants_to_prove_itself_anew_is_refused(self) -> None:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        use(context, credentials(AUTHORITY.leaf("mx.test")))
        pair = Pair()
        pair.server = End(lambda *above: TlsChannel(SSL.Connection(context, None), True, *above))
        pair.client = End(lambda *above: CLIENT.channel(Rung.STRONG_256, Hello.FULL, "mx.test", *above))
        pair.server.start()
        pair.client.start()
        pair.carry()
        handle = pair.server.handle()
        handle.renegotiate()
        handle.do_handshake()
        pair.server.channel.write(b"250 mx.test\r\n")
        pair.carry()
        self.assertEqual((pair.server.secured, pair.client.secured, handle.total_renegotiations()), (1, 1, 1))
        self.assertIsInstance(pair.server.ends().value, SSL.Error)

    def test_either_side_closes(self) -> None:
        for closing, other in (("client", "server"), ("server", "client")):
            pair = Pair().carry()
            first, second = getattr(pair, closing), getattr(pair, other)
            first.channel.write(b"good-bye\r\n")
            first.channel.loseConnection()
            first.channel.loseConnection()
            first.channel.write(b"too late\r\n")
            self.assertEqual(first.wire.calls, [])
            pair.carry()
            self.assertEqual(second.heard, b"good-bye\r\n")
            self.assertEqual((set(first.wire.calls), set(second.wire.calls)), ({"loseConnection"}, {"loseConnection"}))
            second.channel.write(b"too late\r\n")
            self.assertEqual(second.wire.written, [])
            first.ends().trap(ConnectionDone)

    def test_what_comes_before_the_end_is_answered(self) -> None:
        pair = Pair().carry()
        pair.server.on_heard = lambda: pair.server.channel.write(b"221 bye\r\n")
        pair.client.channel.write(b"QUIT\r\n")
        pair.client.channel.loseConnection()
        pair.carry()
        self.assertEqual(pair.client.heard, b"221 bye\r\n")

    def ended_pair(self, version: int, way: str) -> Pair:
        """The client has said something and then no more: its good-bye, the end of the transport, or both."""
        pair = Pair(version, server=Listens).carry()
        pair.client.channel.write(b"QUIT\r\n")
        if way != "wire":
            pair.client.channel.loseConnection()
        pair.carry()
        if way != "good-bye":
            pair.server.channel.wire_ended()
        return pair

    def test_who_has_ended_is_answered(self) -> None:
        for version in SessionTests.VERSIONS:
            for way in ("good-bye", "wire", "both"):
                pair = self.ended_pair(version, way)
                server = pair.server
                self.assertEqual((server.heard, server.ended, server.wire.calls), (b"QUIT\r\n", 1, []), way)
                server.channel.write(b"221 bye\r\n")
                server.channel.loseConnection()
                # There is no good-bye to wait for any more.
                self.assertEqual(server.wire.calls, ["loseConnection"], way)
                pair.carry()
                self.assertEqual(pair.client.heard, b"221 bye\r\n", way)
                server.ends().trap(ConnectionDone)

    def test_what_comes_after_the_last_word_is_neither_heard_nor_kept(self) -> None:
        for way in ("good-bye", "wire"):
            pair = self.ended_pair(SSL.TLS1_3_VERSION, way)
            pair.server.handle().bio_write = None
            pair.server.channel.take(b"x" * 10_000)
            pair.server.channel.wire_ended()
            self.assertEqual((pair.server.heard, pair.server.ended), (b"QUIT\r\n", 1), way)

    def test_the_transport_ends_where_nobody_listens_on(self) -> None:
        pair = Pair().carry()
        pair.client.channel.wire_ended()
        self.assertEqual(set(pair.client.wire.calls), {"loseConnection"})
        pair.carry()
        self.assertEqual(set(pair.server.wire.calls), {"loseConnection"})

    def test_the_transport_ends_while_a_good_bye_is_awaited(self) -> None:
        pair = Pair(server=Listens).carry()
        pair.server.channel.loseConnection()
        self.assertEqual(pair.server.wire.calls, [])
        pair.server.channel.wire_ended()
        self.assertEqual((set(pair.server.wire.calls), pair.server.ended), ({"loseConnection"}, 0))

    def test_the_transport_ends_before_the_handshake_has(self) -> None:
        pair = Pair(server=Listens)
        pair.server.channel.wire_ended()
        self.assertEqual((pair.server.wire.calls, pair.server.ended, pair.server.secured), (["loseConnection"], 0, 0))
        pair.carry()
        self.assertEqual(pair.server.secured, 0)

    def test_nobody_is_told_who_has_been_cut_off(self) -> None:
        pair = Pair(server=Listens).carry()
        pair.server.channel.abortConnection()
        pair.server.channel.wire_ended()
        self.assertEqual((pair.server.wire.calls, pair.server.ended), (["abortConnection"], 0))

    def test_what_is_no_tls(self) -> None:
        pair = Pair()
        pair.server.channel.take(b"EHLO c.test\r\n" * 10)
        self.assertEqual(pair.server.secured, 0)
        self.assertEqual(pair.server.wire.calls, ["loseConnection"])
        pair.server.channel.take(b"EHLO c.test\r\n")
        self.assertIsInstance(pair.server.ends().value, SSL.Error)

    def test_a_record_that_is_not_from_the_peer(self) -> None:
        pair = Pair().carry()
        pair.client.channel.write(b"MAIL FROM:<a@c.test>\r\n")
        (record,) = pair.client.wire.written
        pair.client.wire.written = []
        pair.server.channel.take(record[:-1] + bytes([record[-1] ^ 1]))
        self.assertEqual((pair.server.heard, pair.server.wire.calls), (b"", ["loseConnection"]))
        self.assertEqual(len(pair.server.wire.written), 1)  # the alert
        pair.carry()
        for end in (pair.server, pair.client):
            self.assertIsInstance(end.ends().value, SSL.Error)

    def test_plain_text_behind_the_handshake_is_never_heard(self) -> None:
        pair = Pair().carry()
        pair.server.channel.take(b"RSET\r\n")
        pair.server.channel.take(b"MAIL FROM:<a@c.test>\r\n")
        self.assertEqual((pair.server.heard, pair.server.wire.calls), (b"", ["loseConnection"]))

    def test_no_version_in_common(self) -> None:
        pair = Pair(SSL.TLS1_1_VERSION).carry()
        self.assertEqual((pair.server.secured, pair.client.secured), (0, 0))
        for end in (pair.server, pair.client):
            self.assertIsInstance(end.ends().value, SSL.Error)

    def test_cut_off(self) -> None:
        pair = Pair().carry()
        pair.server.channel.abortConnection()
        pair.client.channel.write(b"NOOP\r\n")
        pair.carry()
        self.assertEqual((pair.server.heard, pair.server.wire.calls), (b"", ["abortConnection"]))

    def test_cut_off_from_within(self) -> None:
        for place in ("on_secured", "on_heard"):
            pair = Pair()
            setattr(pair.server, place, pair.server.channel.abortConnection)
            pair.client.on_secured = lambda pair=pair: pair.client.channel.write(b"NOOP\r\n")
            pair.carry()
            self.assertEqual(pair.server.wire.calls, ["abortConnection"], place)

    def test_closing_without_a_handshake_cuts_off(self) -> None:
        pair = Pair()
        pair.server.channel.loseConnection()
        self.assertEqual(pair.server.wire.calls, ["abortConnection"])

    def test_a_transport_that_is_gone(self) -> None:
        pair = Pair().carry()
        reason = pair.server.ends()
        reason.trap(ConnectionDone)
        self.assertIsNone(pair.server.handle())
        pair.server.channel.write(b"250 too late\r\n")
        pair.server.channel.take(b"x")
        pair.server.channel.loseConnection()
        self.assertEqual((pair.server.wire.written, pair.server.wire.calls), ([], []))
