"""TLS between a transport and a protocol (shell): octets of the wire in, octets of the protocol out, and back.

Twisted's own `startTLS` does this, too, for any protocol and any use; it costs each session more than the handshake
does (docs/decisions/0013).  This does what mail needs: no renegotiation, and nothing is written before the handshake
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

# A record holds 16 KiB at most (RFC 8446 5.1), so one is read whole.
_RECORD = 16_384
# What is taken from OpenSSL at once to be sent: a handshake's flight, or a record and its frame.
_FLIGHT = 17_408


@implementer(ITlsChannel)
class TlsChannel:
    """One session, of `connection`.  See ITlsChannel.

    `accepts`: it is the server's side.  `secured` is called once the handshake has ended well, `received` with what the
    peer says afterwards.  `ended` is called when the peer has said its last word, with a good-bye or without one; it
    closes the session once all is answered.  Without it the session is closed at once.
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
        # The peer has said its last word.
        self._heard_all = False
        # It has said good-bye, or too much that says nothing; what came before that is told first.
        self._closed = False
        self._too_little = False
        # Nothing more is read or written.
        self._over = False
        # Something has been sent since the last octets of the wire came.
        self._sent = False
        # OpenSSL holds what the peer can wait for.
        self._tickets = False
        self._records = Records()

    # --- what the protocol below the transport says ----------------------------------------------------------------

    def start(self, transport: Any) -> None:
        """From now on `transport` carries TLS; a client says hello."""
        self._wire = transport
        if not self._accepts:
            self._shake()

    def take(self, wire: bytes) -> None:
        """The peer has sent `wire`."""
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
        """The peer has closed its half of the transport, so not even its good-bye comes any more."""
        if self._over or self._heard_all:
            return
        if self._standing:
            self._nothing_more()
        else:
            self._over = True
            self._wire.loseConnection()

    def lost(self, reason: Failure) -> Failure:
        """The transport is gone because of `reason`: why the session ended, which is TLS's own reason if it had one."""
        self._over = True
        # Given back now, not when somebody finds the circle that all this is in.
        self._connection = None
        self._secured, self._received, self._ended = _nothing, _nothing, None
        return self._failure or reason

    # --- what the protocol above does with its transport -----------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send `data`; before the handshake has ended, and once the end has begun, nothing is."""
        if self._over or self._ending or not self._standing:
            return
        sent, octets, records, failure = 0, memoryview(data), [], None
        try:
            while sent < len(data):
                # One record at a time: Contexts of pyOpenSSL allow partial writes.
                sent += self._open.send(octets[sent:])
                records.append(self._ready())
        except SSL.Error:
            failure = Failure()
        self._speak(b"".join(records))
        if failure is not None:
            self._end_with(failure)

    def writeSequence(self, pieces: list[bytes]) -> None:
        """Send them all."""
        self.write(b"".join(pieces))

    def loseConnection(self) -> None:
        """Say good-bye in TLS and close once the peer has ended, too; a session without a handshake is cut off."""
        if self._over or self._ending:
            return
        if not self._standing:
            self.abortConnection()
            return
        self._ending = True
        self._close_notify()

    def abortConnection(self) -> None:
        """Cut the connection; nothing more is heard."""
        self._over = True
        self._wire.abortConnection()

    def pauseProducing(self) -> None:
        """Read no more from the transport; what has been read is told all the same."""
        self._wire.pauseProducing()

    def resumeProducing(self) -> None:
        """Read on."""
        self._wire.resumeProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Have the transport pause and resume who writes much: we hand on at once what we are given."""
        self._wire.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """The last of it has been written."""
        self._wire.unregisterProducer()

    def getHandle(self) -> SSL.Connection | None:
        """OpenSSL's connection, None when all is over."""
        return self._connection

    def getPeer(self) -> Any:
        """The transport's."""
        return self._wire.getPeer()

    # --- small steps -----------------------------------------------------------------------------------------------

    @property
    def _open(self) -> SSL.Connection:
        assert self._connection is not None
        return self._connection

    def _shake(self) -> bool:
        """Go on with the handshake; True when it has ended and the session is not over for that."""
        try:
            self._open.do_handshake()
        except SSL.WantReadError:
            self._flush()
            return False
        except SSL.Error:
            self._fail()
            return False
        self._standing = True
        # All that a server has left to send in TLS 1.3 are tickets: they go with the first answer, not by themselves.
        self._tickets = self._accepts and self._open.get_protocol_version() == SSL.TLS1_3_VERSION
        self._secured()
        self._flush_what_is_left()
        return not self._over

    def _shook(self, portion: bytes) -> bool:
        """See `_shake`; a peer that sends more than a handshake can need is cut off."""
        if self._records.too_much_to_shake(portion):
            self._flooded("the handshake has no end")
            return False
        return self._shake()

    def _read(self, pieces: list[bytes]) -> bool:
        """Add what has come to `pieces`; False when nothing more can come, which `_tell` looks at."""
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
            # What OpenSSL itself has to say, as to a peer that wants new keys.
            self._flush_what_is_left()

    def _flooded(self, words: str) -> None:
        """The peer makes us work for nothing: it gets no answer to that."""
        self._failure = Failure(SSL.Error([("SSL routines", "", words)]))
        self.abortConnection()

    def _nothing_more(self) -> None:
        """The peer has said its last word; under either version of TLS it may still listen."""
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
        """To be called where an error of OpenSSL is dealt with: the peer gets its alert, and the connection ends."""
        self._end_with(Failure())

    def _end_with(self, failure: Failure) -> None:
        self._failure = failure
        self._flush()
        self._over = True
        self._wire.loseConnection()


def _nothing(*_: object) -> None:
    """Nobody listens any more."""
