"""Clients that are many and slow, against a whole server."""

from __future__ import annotations

import os
import smtplib
import socket
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import Fopemta, until

SETTINGS = """
[limits]
connections_per_client = 40
[limits.timeouts]
handshake = "2s"
"""


class SlowHandshakeTests(SynchronousTestCase):
    def test_C012_two_hundred_silent_handshakes(self) -> None:
        """Those of one network that are too many hear 421; the others get 2 s, however often they send an octet.
        Meanwhile somebody else is served, and afterwards nothing is left of them.
        """
        server = Fopemta(self.mktemp(), SETTINGS, relay=False)
        self.addCleanup(server.stop)
        server.start()
        before = self._descriptors(server)
        first = [self._begin(server, number) for number in range(200)]
        held = [each for each in first if each is not None]
        self.assertEqual(len(held), 40 * 4)
        began = time.monotonic()
        with smtplib.SMTP("127.0.0.1", server.port, "c.test", 5, ("127.0.0.9", 0)) as client:
            client.sendmail("a@c.test", ["bob@us.test"], "Subject: x\r\n\r\n")
        self.assertLess(time.monotonic() - began, 2)
        hello = iter(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 4)
        while held and time.monotonic() - began < 15:
            octet = bytes([next(hello)])
            held = [each for each in held if self._still_there(each, octet)]
            time.sleep(0.5)
        self.assertEqual(held, [])
        self.assertLess(time.monotonic() - began, 8)
        until(lambda: self._descriptors(server) <= before + 2, "descriptors are left")
        until(lambda: server.mailbox("bob"), "nothing came")

    def _begin(self, server: Fopemta, number: int) -> socket.socket | None:
        """A client from one of four addresses, 50 each, that has asked for TLS; None when it was sent away."""
        source = f"127.0.0.{20 + number % 4}"
        connection = socket.create_connection(("127.0.0.1", server.port), 10, (source, 0))
        self.addCleanup(connection.close)
        greeting = connection.recv(1000)
        if greeting.startswith(b"421 4.7.0 "):
            return None
        self.assertTrue(greeting.startswith(b"220 "), greeting)
        connection.sendall(b"EHLO c.test\r\nSTARTTLS\r\n")
        heard = b""
        while b"220 " not in heard:
            heard += connection.recv(1000)
        return connection

    def _still_there(self, connection: socket.socket, octet: bytes) -> bool:
        """It sends one octet more, unless it has been cut off."""
        try:
            connection.sendall(octet)
            connection.settimeout(0.001)
            return connection.recv(100) != b""
        except TimeoutError:
            return True
        except OSError:
            return False

    def _descriptors(self, server: Fopemta) -> int:
        assert server.process is not None
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))
