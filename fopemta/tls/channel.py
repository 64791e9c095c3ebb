"""TLS between a transport and a protocol (shell): octets of the wire in, octets of the protocol out, and back.

Twisted's `startTLS` does this for any protocol, but costs each session more than the handshake does
(docs/decisions/0013).  This does only what mail needs: no renegotiation, and nothing is written before the handshake
has ended.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.interfaces import ITlsChannel
from fopemta.trust.tls_records import Records

# A record holds at most 16 KiB (RFC 8446 5.1), so it is read at once.
_RECORD = 16_384
# Octets taken from OpenSSL at once for sending: a handshake flight, or a record with its frame.
_FLIGHT = 17_408


@implementer(ITlsChannel)
class TlsChannel:
    """One TLS session on `connection`.  See ITlsChannel.

    `accepts`: it is the server's side.  `secured` is called once the handshake has succeeded, `received` with the data
    that follows.  `ended` is called when the peer has ended its side, with or without close_notify; it must close the
    session once all is answered.  Without it the session is closed at once.
    """

    def __init__(
        self,
        connection: SSL.Connection,
        accepts: bool,
        secured: Callable[[], None],
        received: Callable[[bytes], None],
        ended: Callable[[], None] | None = None,
    ) -> None:
        if accepts:
            connection.set_accept_state()
        else:
            connection.set_connect_state()
        self._connection: SSL.Connection | None = connection
        self._accepts = accepts
        self._secured = secured
        self._received = received
        self._ended = ended
        self._wire: Any = None
        self._failure: Failure | None = None
        self._standing = False
        self._ending = False
        # The peer has ended its side.
        self._heard_all = False
        # It sent close_notify, or too many empty records; data before that is delivered first.
        self._closed = False
        self._too_little = False
        # The session is over: nothing more is read or written.
        self._over = False
        # Something was sent since the last octets came from the wire.
        self._sent = False
        # OpenSSL holds tickets, which the peer can wait for.
        self._tickets = False
        self._records = Records()

    # --- what the protocol below the transport says ----------------------------------------------------------------

    def start(self, transport: Any) -> None:
        """Carry TLS over `transport` from now on; a client sends its hello."""
        self._wire = transport
        if not self._accepts:
            self._shake()

    def take(self, wire: bytes) -> None:
        """Process `wire`, octets from the peer."""
        if self._over or self._heard_all:
            return
        self._sent = False
        pieces: list[bytes] = []
        for portion in self._records.portions(wire):
            self._open.bio_write(portion)
            if not (self._standing or self._shook(portion)):
                if self._over:
                    return
                continue
            if not self._read(pieces):
                break
        self._tell(pieces)

    def wire_ended(self) -> None:
        """The peer has closed its half of the transport, so that no close_notify can follow."""
        if self._over or self._heard_all:
            return
        if self._standing:
            self._nothing_more()
        else:
            self._over = True
            self._wire.loseConnection()

    def lost(self, reason: Failure) -> Failure:
        """The transport was lost because of `reason`; returns why the session ended, TLS's own reason if there
        is one.
        """
        self._over = True
        # Released now, rather than by the garbage collector: this is part of a reference cycle.
        self._connection = None
        self._secured, self._received, self._ended = _nothing, _nothing, None
        return self._failure or reason

    # --- what the protocol above does with its transport -----------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send `data`; before the handshake has ended, and while closing, it is dropped."""
        if self._over or self._ending or not self._standing:
            return
        sent, octets, records, failure = 0, memoryview(data), [], None
        try:
            while sent < len(data):
                # One record at a time: pyOpenSSL's Contexts allow partial writes.
                sent += self._open.send(octets[sent:])
                records.append(self._ready())
        except SSL.Error:
            failure = Failure()
        self._speak(b"".join(records))
        if failure is not None:
            self._end_with(failure)

    def writeSequence(self, pieces: list[bytes]) -> None:
        """Send all pieces."""
        self.write(b"".join(pieces))

    def loseConnection(self) -> None:
        """Send close_notify and close once the peer has ended too; without a handshake the connection is aborted."""
        if self._over or self._ending:
            return
        if not self._standing:
            self.abortConnection()
            return
        self._ending = True
        self._close_notify()

    def abortConnection(self) -> None:
        """Abort the connection; nothing more is received."""
        self._over = True
        self._wire.abortConnection()

    def pauseProducing(self) -> None:
        """Stop reading from the transport; what was read is still delivered."""
        self._wire.pauseProducing()

    def resumeProducing(self) -> None:
        """Resume reading."""
        self._wire.resumeProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Let the transport pause and resume a producer of much data: what is written here is passed on at once."""
        self._wire.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """The producer has finished."""
        self._wire.unregisterProducer()

    def getHandle(self) -> SSL.Connection | None:
        """OpenSSL's connection, None after the end."""
        return self._connection

    def getPeer(self) -> Any:
        """The address of the transport's peer."""
        return self._wire.getPeer()

    # --- small steps -----------------------------------------------------------------------------------------------

    @property
    def _open(self) -> SSL.Connection:
        assert self._connection is not None
        return self._connection

    def _shake(self) -> bool:
        """Continue the handshake; True once it has ended and the session is open."""
        try:
            self._open.do_handshake()
        except SSL.WantReadError:
            self._flush()
            return False
        except SSL.Error:
            self._fail()
            return False
        self._standing = True
        # All that a TLS 1.3 server still has to send are tickets: they go with the first answer, not separately.
        self._tickets = self._accepts and self._open.get_protocol_version() == SSL.TLS1_3_VERSION
        self._secured()
        self._flush_what_is_left()
        return not self._over

    def _shook(self, portion: bytes) -> bool:
        """See `_shake`; a peer that sends more than a handshake can need is disconnected."""
        if self._records.too_much_to_shake(portion):
            self._flooded("the handshake has no end")
            return False
        return self._shake()

    def _read(self, pieces: list[bytes]) -> bool:
        """Add received data to `pieces`; False if no more can come, which `_tell` handles."""
        connection, before = self._open, len(pieces)
        try:
            while True:
                pieces.append(connection.recv(_RECORD))
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self._closed = True
        except SSL.Error:
            self._failure = Failure()
        costly = connection.get_protocol_version() == SSL.TLS1_3_VERSION
        if self._records.too_little_said(len(pieces) - before, costly):
            self._too_little = True
        return not self._closed and not self._too_little and self._failure is None

    def _tell(self, pieces: list[bytes]) -> None:
        failure = self._failure
        if pieces:
            self._received(b"".join(pieces))
        if self._over:
            return
        if failure is not None:
            self._end_with(failure)
        elif self._closed:
            self._nothing_more()
        elif self._too_little:
            self._flooded("too many records without data")
        elif self._standing:
            # Send OpenSSL's own messages, such as the answer to a KeyUpdate.
            self._flush_what_is_left()

    def _flooded(self, words: str) -> None:
        """The peer sends too much without data: disconnect without an answer."""
        self._failure = Failure(SSL.Error([("SSL routines", "", words)]))
        self.abortConnection()

    def _nothing_more(self) -> None:
        """The peer has ended its side; in either version of TLS it may still read."""
        self._heard_all = True
        if self._ended is not None and not self._ending:
            self._ended()
            return
        self._close_notify()
        self._over = True
        self._wire.loseConnection()

    def _flush_what_is_left(self) -> None:
        if not self._sent and not self._tickets and not self._over:
            self._flush()

    def _flush(self) -> None:
        """Send what OpenSSL has ready."""
        self._speak(self._ready())

    def _ready(self) -> bytes:
        self._tickets = False
        pieces: list[bytes] = []
        try:
            while not pieces or len(pieces[-1]) == _FLIGHT:
                pieces.append(self._open.bio_read(_FLIGHT))
        except SSL.WantReadError:
            pass
        return b"".join(pieces)

    def _speak(self, wire: bytes) -> None:
        if wire:
            self._sent = True
            self._wire.write(wire)

    def _close_notify(self) -> None:
        with contextlib.suppress(SSL.Error):
            self._open.shutdown()
        self._flush()
        if self._heard_all:
            self._wire.loseConnection()

    def _fail(self) -> None:
        """Call when OpenSSL raised an error: sends the peer its alert, and ends the connection."""
        self._end_with(Failure())

    def _end_with(self, failure: Failure) -> None:
        self._failure = failure
        self._flush()
        self._over = True
        self._wire.loseConnection()


def _nothing(*_: object) -> None:
    """Takes the place of callbacks after the end."""
