"""Force TLS between real processes, with somebody on the wire who writes down every octet (R12-R14)."""

from __future__ import annotations

import contextlib
import shutil
import smtplib
import socket
import socketserver
import tempfile
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority
from tests.processes import Fopemta, Postfix, free_port, until

SECRET, OPEN = "the secret word is zwieback", "the open word is pumpernickel"


class Wire(socketserver.ThreadingTCPServer):
    """A proxy in front of `target` that records what crosses; `strip`: it takes STARTTLS out of what the server offers,
    as some firewalls do.
    """

    allow_reuse_address = True

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", free_port()), Crossing)
        self.target = target
        self.strip = False
        self.recorded = bytearray()
        self.port = self.server_address[1]
        self.open: set[socket.socket] = set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self) -> None:
        """Cut every connection, and wait until nobody is there any more."""
        self.shutdown()
        for each in tuple(self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Crossing(socketserver.BaseRequestHandler):
    """One connection, carried on to the target."""

    server: Wire

    def handle(self) -> None:
        wire = self.server
        with socket.create_connection(("127.0.0.1", wire.target), 20) as onwards:
            onwards.settimeout(None)
            ends = {self.request, onwards}
            wire.open |= ends
            back = threading.Thread(target=self.carry, args=(onwards, self.request, True))
            back.start()
            self.carry(self.request, onwards, False)
            back.join()
            wire.open -= ends

    def carry(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):  # one of the two has gone
            while octets := source.recv(65536):
                if answers and self.server.strip:
                    octets = octets.replace(b"250-STARTTLS\r\n", b"")
                self.server.recorded += octets
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)


class ForceTlsTests(SynchronousTestCase):
    def setUp(self) -> None:
        authority = Authority()
        folder = Path(self.mktemp())
        folder.mkdir()
        self.postfix = Postfix(folder / "postfix", authority).start()
        self.addCleanup(self.postfix.stop)
        self.wire = Wire(self.postfix.port)
        self.addCleanup(self.wire.end)
        short = tempfile.mkdtemp(prefix="fopemta-")
        self.addCleanup(shutil.rmtree, short, True)
        self.fopemta = Fopemta(
            folder / "fopemta",
            f"""
[tls.client]
roots = "{authority.write_root(folder)}"
[[route]]
domain = "peer.test"
via = "smtp:localhost:{self.wire.port}"
[retry]
first = "1s"
longest = "1s"
""".replace(str(folder), str(folder.resolve())),
            control=f"{short}/control.sock",
        )
        text = self.fopemta.config.read_text()
        self.fopemta.config.write_text('rules = "rules.toml"\n' + text)
        self.rules(hold="24h")

    def rules(self, hold: str) -> None:
        (self.fopemta.folder / "rules.toml").write_text(
            f"""
[[rule]]
name = "secret"
when = {{ subject = ["secret"], recipients = ["bob@peer.test"] }}
then = {{ action = "force_tls", opportunistic_for_unspecified = true, revocation = "off", hold = "{hold}" }}
"""
        )

    def send(self, subject: str, *recipients: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.fopemta.port, "client.test", timeout=20) as client:
            client.sendmail("alice@us.test", recipients, f"Subject: {subject}\r\n\r\n{subject}, once more\r\n")

    def arrived(self, words: str, recipient: str) -> bool:
        return any(
            words.encode() in each and f"for <{recipient}>".encode() in each.replace(b"\n\t", b" ")
            for each in self.postfix.mailbox()
        )

    def crossed_in_the_clear(self, words: str) -> bool:
        return words.encode() in self.wire.recorded

    def test_over_tls_or_not_at_all(self) -> None:
        self.fopemta.start()
        self.addCleanup(self.fopemta.stop)
        self.send(SECRET, "bob@peer.test")
        until(lambda: self.arrived(SECRET, "bob@peer.test"), "not delivered over TLS")
        self.assertFalse(self.crossed_in_the_clear(SECRET))
        [attempt] = self.fopemta.events("attempt")
        self.assertEqual(
            (attempt["result"], attempt["level"], attempt["authenticated"], attempt["rules"]),
            ("delivered", "authenticated", True, ["secret"]),
        )
        self.assertEqual(attempt["names"], ["localhost"])

    def test_a_firewall_that_strips_starttls_gets_nothing(self) -> None:
        self.wire.strip = True
        self.fopemta.start()
        self.addCleanup(self.fopemta.stop)
        self.send(SECRET, "bob@peer.test", "carol@peer.test")
        # Whom the rule does not name gets it all the same, and so one sees that the wire is watched.
        until(lambda: self.arrived(SECRET, "carol@peer.test"), "not delivered to carol")
        self.assertTrue(self.crossed_in_the_clear(SECRET))
        del self.wire.recorded[:]
        until(
            lambda: len([1 for each in self.fopemta.events("attempt") if "bob" in each["recipient"]]) > 2, "not tried"
        )
        self.assertFalse(self.crossed_in_the_clear(SECRET))
        self.assertFalse(self.crossed_in_the_clear("bob@peer.test"))
        self.assertFalse(self.crossed_in_the_clear("MAIL FROM"))
        last = self.fopemta.events("attempt")[-1]
        self.assertEqual((last["diagnosis"], last["enhanced"]), ("tls_not_offered", "4.7.4"))
        self.wire.strip = False
        until(lambda: self.arrived(SECRET, "bob@peer.test"), "not delivered when TLS came back")
        self.assertFalse(self.crossed_in_the_clear(SECRET))

    def test_given_up_with_a_report_that_carries_headers_alone(self) -> None:
        self.wire.strip = True
        self.rules(hold="3s")
        self.fopemta.start()
        self.addCleanup(self.fopemta.stop)
        self.send(SECRET, "bob@peer.test")
        until(lambda: self.fopemta.mailbox("alice"), "no report")
        [report] = self.fopemta.mailbox("alice")
        self.assertIn(f"Subject: {SECRET}".encode(), report)
        self.assertNotIn(b"once more", report)
        self.assertIn(b"5.7.10", report)
        self.assertFalse(self.crossed_in_the_clear(SECRET))
