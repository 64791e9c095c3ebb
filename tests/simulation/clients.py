"""Those who hand mail to the server, and those who give it orders."""

from __future__ import annotations

import base64
import json
from typing import Any

from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.simulation.certificates import client_creator
from tests.simulation.history import Acceptance
from tests.simulation.inputs import Message

LOGIN, PASSWORD = "alice", "secret"


def content_of(message: Message) -> bytes:
    """The message as it is sent, without what stands for its end."""
    filling = "".join(f"{message.token} {'x' * 60}\r\n" for _ in range(message.size // 66))
    return (
        f"From: <{message.sender}>\r\nTo: undisclosed-recipients:;\r\nSubject: {message.subject}\r\n"
        f"Date: Sun, 01 Jan 2096 00:00:00 +0000\r\nMessage-ID: <{message.token}@client.test>\r\n"
        f"X-Token: {message.token}\r\n\r\n{message.body} {message.token}\r\n{filling}"
    ).encode()


@implementer(IHandshakeListener)
class Client(LineOnlyReceiver):
    """Sends one message, a command at a time, and notes what it was told."""

    def __init__(self, world: Any, message: Message) -> None:
        self._world = world
        self._message = message
        self.acceptance: Acceptance | None = None
        self._refused = False
        self._good: list[str] = []
        # What is to be said next, each with what its answer means.
        self._left = self._steps()
        self._waits_for = "greeting"
        self._first = ""

    @property
    def _wire(self) -> Any:
        return self.transport

    def _steps(self) -> list[tuple[str, str]]:
        message = self._message
        steps = [("EHLO client.test", "EHLO")]
        if message.client == "login":
            secret = base64.b64encode(f"\0{LOGIN}\0{PASSWORD}".encode()).decode()
            steps += [("STARTTLS", "STARTTLS"), ("EHLO client.test", "EHLO"), (f"AUTH PLAIN {secret}", "AUTH")]
        steps.append((f"MAIL FROM:<{message.sender}>", "MAIL"))
        steps += [
            (f"RCPT TO:<{address}>{f' NOTIFY={notify}' if notify else ''}", f"RCPT {address}")
            for address, notify in message.recipients
        ]
        return [*steps, ("DATA", "DATA"), ("", "end"), ("QUIT", "QUIT")]

    def lineReceived(self, line: bytes) -> None:
        """A reply; only the first line of one that has several says what matters."""
        text = line.decode()
        self._first = self._first or text
        if text[3:4] == "-":
            return
        first, self._first = self._first, ""
        self._answered(first)

    def _answered(self, reply: str) -> None:
        step, good = self._waits_for, reply[0] in "23"
        if step.startswith("RCPT "):
            if good:
                self._good.append(step.removeprefix("RCPT "))
        elif step == "end":
            assert self.acceptance is not None
            self._world.answered(self.acceptance, reply)
        elif step == "STARTTLS" and good:
            self._wire.startTLS(client_creator())
        elif not good:
            self._wire.loseConnection()
            return
        self._say_next()

    def _say_next(self) -> None:
        if not self._left:
            return
        line, self._waits_for = self._left.pop(0)
        if self._waits_for == "DATA" and not self._good:
            self._wire.loseConnection()
        elif self._waits_for == "end":
            self.acceptance = self._world.begun(self._message, self._good)
            self._wire.write(content_of(self._message) + b".\r\n")
        else:
            self.sendLine(line.encode())

    def handshakeCompleted(self) -> None:
        """IHandshakeListener."""

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        """Over."""


class Command(Protocol):
    """One request at the control socket."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._received = b""
        self.answers: list[dict[str, Any]] = []

    def connectionMade(self) -> None:
        """Ask."""
        assert self.transport is not None
        self.transport.write(json.dumps(self._request).encode() + b"\n")

    def dataReceived(self, data: bytes) -> None:
        """An answer is a line."""
        *lines, self._received = (self._received + data).split(b"\n")
        self.answers += [json.loads(line) for line in lines if line]

    @property
    def done(self) -> bool:
        """Everything has been said."""
        return any(each.get("end") for each in self.answers)
