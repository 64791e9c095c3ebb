"""Receiving mail servers for tests and the demo: a good one, and many bad ones described by a table.

They run on a real reactor and in memory alike.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.smtp.dot_stuffing import Unstuffer
from fopemta.smtp.line_buffer import LineBuffer, LineFlaw

# Octets that fit into one packet on most networks.
_PACKET = 1200
# A record of TLS 1.2 with one alert: fatal, internal_error (RFC 5246 7.2).
_INTERNAL_ERROR = bytes.fromhex("15 03 03 00 02 02 50")
_HANDSHAKE_FAILURE = bytes.fromhex("15 03 03 00 02 02 28")
# RFC 5246 7.4.1.4.1: the type of the extension; the length of its list is two less than its own.
_SIGNATURE_ALGORITHMS, _SHA1_WITH_RSA = b"\x00\x0d", b"\x02\x01"
_UNRECOGNIZED_NAME = bytes.fromhex("15 03 03 00 02 02 70")
# RFC 6066 3: the type of the extension, its length and its list's, the type host_name, the length of the name.
_SERVER_NAME = re.compile(rb"\0\0\0[^\0]\0[^\0]\0\0[^\0][a-z0-9.-]{3}")


class StartTls(enum.Enum):
    """A server's treatment of STARTTLS."""

    GOOD = "good"
    NOT_OFFERED = "not offered"
    REFUSED = "refused"  # offered, then 454
    GARBAGE = "garbage"  # 220, then no TLS
    DROP = "drop"  # 220, then the connection ends
    DROP_AFTER_HELLO = "drop after hello"
    HANG = "hang"  # 220, then silence
    INJECTED = "injected"  # 220 with more in the clear after it
    CHOKES = "chokes"  # a ClientHello that is larger than a packet is dropped
    NAMELESS = "nameless"  # the alert unrecognized_name to a ClientHello with a name
    SHA1 = "signs by SHA-1"  # the alert handshake_failure to a ClientHello that does not accept such a signature
    ALERT = "alert"  # 220, then an unclear TLS alert
    STRIPPED = "stripped"  # a firewall has replaced the word by XXXXXXXA


@attrs.frozen(kw_only=True)
class Behaviour:
    """`creator` makes the server's TLS (an IOpenSSLServerConnectionCreator), needed for StartTls.GOOD.

    `replies` replaces usual answers: "greeting", "EHLO", "HELO", "STARTTLS", "MAIL", "RCPT", "DATA", "end" (of data),
    "QUIT"; without CRLF; "" hangs, "drop" ends the connection.  `recipients` does so for single addresses, `after_tls`
    for stages under TLS.  `extensions` besides STARTTLS; `starttls_once`: offered only to the first connection.
    """

    starttls: StartTls = StartTls.GOOD
    creator: Any = None
    replies: Mapping[str, str] = attrs.Factory(dict)
    recipients: Mapping[str, str] = attrs.Factory(dict)
    after_tls: Mapping[str, str] = attrs.Factory(dict)
    starttls_once: bool = False
    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 0")
    hostname: str = "peer.test"


@attrs.frozen
class ReceivedMessage:
    """An accepted message: the envelope as text, the content, and its TLS (None: plain text)."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    tls: tuple[str, str] | None


@attrs.define
class Peer(ServerFactory):
    """A server with one behaviour; what it received and what was said is recorded."""

    behaviour: Behaviour
    messages: list[ReceivedMessage] = attrs.Factory(list)
    transcripts: list[list[str]] = attrs.Factory(list)
    on_message: Callable[[ReceivedMessage], object] | None = None
    noisy: bool = False
    # Twisted's Factory counts its ports.
    numPorts: int = 0

    def buildProtocol(self, addr: Any) -> Any:
        """A session for one connection."""
        session = PeerSession(self)
        self.transcripts.append(session.transcript)
        return session

    @property
    def connections(self) -> int:
        """The number of connections so far."""
        return len(self.transcripts)

    @property
    def verbs(self) -> list[list[str]]:
        """The commands of each connection."""
        return [
            [line[3:].split(" ")[0].upper() for line in lines if line.startswith("C: ")] for lines in self.transcripts
        ]


@implementer(IHandshakeListener)
class PeerSession(Protocol):
    """One connection to a Peer."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.behaviour = peer.behaviour
        self.transcript: list[str] = []
        self._lines = LineBuffer(100_000)
        self._data: Unstuffer | None = None
        self._content: list[bytes] = []
        self._sender = ""
        self._recipients: list[str] = []
        self._tls: tuple[str, str] | None = None
        self._mute = False
        # Octets still to come of a BDAT, and whether it is the last; None between commands.
        self._chunk: tuple[int, bool] | None = None

    @property
    def _wire(self) -> Any:
        return self.transport

    def connectionMade(self) -> None:
        """Greet."""
        self._answer("greeting", f"220 {self.behaviour.hostname} ESMTP")

    def handshakeCompleted(self) -> None:
        """The TLS handshake has finished."""
        connection = self._wire.getHandle()
        self._tls = (connection.get_protocol_version_name(), connection.get_cipher_name())
        self.transcript.append(f"-- {self._tls[0]} {self._tls[1]}")

    def dataReceived(self, data: bytes) -> None:
        """Process commands or content."""
        if self._mute:
            if self.behaviour.starttls is StartTls.ALERT:
                self._wire.write(_INTERNAL_ERROR)
                self._wire.loseConnection()
            if self.behaviour.starttls is StartTls.CHOKES:
                self._look_at_hello(data)
            if self.behaviour.starttls is StartTls.NAMELESS:
                self._look_at_name(data)
            if self.behaviour.starttls is StartTls.SHA1:
                self._look_at_signatures(data)
            if self.behaviour.starttls is StartTls.DROP_AFTER_HELLO:
                self._wire.loseConnection()
            if self.behaviour.starttls is StartTls.GARBAGE:
                self._say("500 I am not a TLS server, whatever I may have said")
            return
        if self._data is not None:
            self._receive_content(data)
            return
        self._lines.feed(data)
        while not self._mute and self._data is None:
            if self._chunk is not None:
                if not self._receive_chunk(*self._chunk):
                    return
                continue
            line = self._lines.next_line()
            if line is None:
                return
            self._command("?" if isinstance(line, LineFlaw) else line.decode("utf-8", "replace"))

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        """The connection is closed."""
        self.transcript.append("-- closed")

    def _command(self, line: str) -> None:
        self.transcript.append(f"C: {line}")
        verb = line.split(" ")[0].upper()
        action = _ACTIONS.get(verb)
        if action is None:
            self._say("500 5.5.1 What?")
        else:
            action(self, line)

    def _ehlo(self, line: str) -> None:
        offered = [*(self.behaviour.extensions or ("HELP",))]
        vanished = self.behaviour.starttls_once and self.peer.connections > 1
        if self.behaviour.starttls is not StartTls.NOT_OFFERED and self._tls is None and not vanished:
            offered.append("XXXXXXXA" if self.behaviour.starttls is StartTls.STRIPPED else "STARTTLS")
        lines = [self.behaviour.hostname, *offered]
        text = "\r\n".join(f"250{'-' if n < len(lines) - 1 else ' '}{each}" for n, each in enumerate(lines))
        self._answer("EHLO", text)

    def _helo(self, line: str) -> None:
        self._answer("HELO", f"250 {self.behaviour.hostname}")

    def _starttls(self, line: str) -> None:
        kind = self.behaviour.starttls
        if kind is StartTls.REFUSED:
            self._answer("STARTTLS", "454 4.7.0 TLS not available due to temporary reason")
            return
        self._answer("STARTTLS", "220 2.0.0 Ready to start TLS")
        if kind is StartTls.INJECTED:
            self._say("250-fake\r\n250 AUTH PLAIN")
        if kind is StartTls.DROP:
            self._wire.loseConnection()
        if kind is StartTls.GOOD:
            self._lines.clear()
            self._wire.startTLS(self.behaviour.creator)
        else:
            self._mute = True

    def _look_at_hello(self, data: bytes) -> None:
        if len(data) > _PACKET:
            self._wire.abortConnection()
        else:
            self._shake_hands(data)

    def _look_at_name(self, data: bytes) -> None:
        if _SERVER_NAME.search(data):
            self._wire.write(_UNRECOGNIZED_NAME)
            self._wire.loseConnection()
        else:
            self._shake_hands(data)

    def _look_at_signatures(self, data: bytes) -> None:
        if _SHA1_WITH_RSA in _signatures(data):
            self._shake_hands(data)
        else:
            self._wire.write(_HANDSHAKE_FAILURE)
            self._wire.loseConnection()

    def _shake_hands(self, data: bytes) -> None:
        self._mute = False
        self._wire.startTLS(self.behaviour.creator)
        # What was already read belongs to the handshake.
        (getattr(self._wire, "_tls", None) or self._wire.protocol).dataReceived(data)

    def _mail(self, line: str) -> None:
        self._sender, self._recipients = _address(line), []
        self._answer("MAIL", "250 2.1.0 Ok")

    def _rcpt(self, line: str) -> None:
        address = _address(line)
        reply = self.behaviour.recipients.get(address) or self.behaviour.replies.get("RCPT", "250 2.1.5 Ok")
        if reply.startswith("2"):
            self._recipients.append(address)
        self._speak(reply)

    def _data_command(self, line: str) -> None:
        if not self._recipients:
            self._say("554 5.5.1 No valid recipients")
            return
        reply = self.behaviour.replies.get("DATA", "354 Go ahead")
        self._speak(reply)
        if reply.startswith("354"):
            self._data, self._content = Unstuffer(), []
            self._receive_content(self._lines.take_rest())

    def _receive_content(self, data: bytes) -> None:
        assert self._data is not None
        self._content.append(self._data.feed(data))
        if not self._data.ended:
            return
        rest, self._data = self._data.rest, None
        self._ended()
        self.dataReceived(rest)

    def _ended(self) -> None:
        reply = self.behaviour.replies.get("end", "250 2.0.0 Ok: taken")
        if reply.startswith("2"):
            message = ReceivedMessage(self._sender, tuple(self._recipients), b"".join(self._content), self._tls)
            self.peer.messages.append(message)
            if self.peer.on_message is not None:
                self.peer.on_message(message)
        self.transcript.append(f"C: ({sum(map(len, self._content))} octets)")
        self._content = []
        self._speak(reply)

    def _bdat(self, line: str) -> None:
        words = line.split(" ")
        self._chunk = (int(words[1]), words[-1].upper() == "LAST")

    def _receive_chunk(self, left: int, last: bool) -> bool:
        octets = self._lines.take(left)
        self._content.append(octets)
        self._chunk = (left - len(octets), last) if len(octets) < left else None
        if self._chunk is not None:
            return False
        if last:
            self._ended()
        else:
            self._speak(self.behaviour.replies.get("BDAT", "250 2.0.0 Chunk taken"))
        return True

    def _rset(self, line: str) -> None:
        self._sender, self._recipients, self._content = "", [], []
        self._say("250 2.0.0 Ok")

    def _noop(self, line: str) -> None:
        self._say("250 2.0.0 Ok")

    def _quit(self, line: str) -> None:
        self._answer("QUIT", "221 2.0.0 Bye")
        self._wire.loseConnection()

    def _answer(self, stage: str, usual: str) -> None:
        under_tls = self.behaviour.after_tls if self._tls is not None else {}
        self._speak(under_tls.get(stage) or self.behaviour.replies.get(stage, usual))

    def _speak(self, reply: str) -> None:
        if reply == "drop":
            self._mute = True
            self._wire.abortConnection()
        elif reply == "":
            self._mute = True
        else:
            self._say(reply)

    def _say(self, text: str) -> None:
        self.transcript.extend(f"S: {line}" for line in text.split("\r\n"))
        self._wire.write(text.encode("utf-8") + b"\r\n")


def _address(line: str) -> str:
    return line[line.find("<") + 1 : line.find(">")]


_ACTIONS: dict[str, Callable[[PeerSession, str], None]] = {
    "EHLO": PeerSession._ehlo,
    "HELO": PeerSession._helo,
    "STARTTLS": PeerSession._starttls,
    "MAIL": PeerSession._mail,
    "RCPT": PeerSession._rcpt,
    "DATA": PeerSession._data_command,
    "BDAT": PeerSession._bdat,
    "RSET": PeerSession._rset,
    "NOOP": PeerSession._noop,
    "QUIT": PeerSession._quit,
}


def _signatures(hello: bytes) -> list[bytes]:
    """The signature algorithms that a ClientHello lists, two octets each."""
    at = hello.find(_SIGNATURE_ALGORITHMS)
    while at >= 0:
        whole, length = (int.from_bytes(hello[at + 2 + more : at + 4 + more]) for more in (0, 2))
        if whole == length + 2:
            return [hello[each : each + 2] for each in range(at + 6, at + 6 + length, 2)]
        at = hello.find(_SIGNATURE_ALGORITHMS, at + 1)
    return []
