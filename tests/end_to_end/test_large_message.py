"""A message of 100 MB goes through in pieces: memory does not grow with it, and every octet arrives."""

from __future__ import annotations

import hashlib
import smtplib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.test_clients import no_verify
from tests.processes import Fopemta, until

HEADER = b"Subject: large\r\n\r\n"
BLOCK = b"".join(b".%07d" % number + b"x" * 66 + b"\r\n" for number in range(1000))
BLOCKS = 100_000_000 // len(BLOCK)
# "A few MB": the spool's batches and what the allocator keeps.
ALLOWED_GROWTH = 12_000_000


class LargeMessageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Fopemta(self.mktemp()).start()
        self.addCleanup(self.server.stop)

    def peak(self) -> int:
        """The most memory that the server has had, in octets."""
        assert self.server.process is not None
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        (line,) = (each for each in status.split("\n") if each.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def send(self, user: str, blocks: int) -> None:
        """Over STARTTLS, without holding it all in memory ourselves."""
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test", timeout=60) as client:
            client.starttls(context=no_verify())
            client.ehlo()
            client.mail("a@c.test")
            client.rcpt(f"{user}@us.test")
            self.assertEqual(client.docmd("DATA")[0], 354)
            client.send(HEADER)
            stuffed = BLOCK.replace(b"\r\n.", b"\r\n..")
            for _ in range(blocks):
                client.send(b"." + stuffed)
            self.assertEqual(client.docmd(".")[0], 250)

    def test_memory_and_content(self) -> None:
        self.send("small", 1)
        before = self.peak()
        self.send("large", BLOCKS)
        self.assertLess(self.peak() - before, ALLOWED_GROWTH)
        (message,) = until(lambda: self.server.mailbox("large"), "it never arrives", 60)
        content = message.partition(b"\n\n")[2]
        wanted, block = hashlib.sha256(), BLOCK.replace(b"\r\n", b"\n")
        for _ in range(BLOCKS):
            wanted.update(block)
        self.assertEqual(hashlib.sha256(content).hexdigest(), wanted.hexdigest())
