"""A real disk that is full, a real process without descriptors: nothing half taken, nothing lost, no restart needed.

The disk is a small tmpfs; where mounting is not allowed, that test is left out (the disk double has the same cases).
"""

from __future__ import annotations

import os
import re
import resource
import smtplib
import socket
import subprocess
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.test_crash import Sink
from tests.processes import Fopemta, free_port, until

SMALL, LARGE = b"x" * 2000, b"large" * 80_000


class Client(smtplib.SMTP):
    """Sends numbered messages; `acknowledged` numbers are those with a 250."""

    acknowledged: list[str]

    def begin(self) -> tuple[int, bytes]:
        """The answer to DATA, or what was refused before it."""
        for ask in (lambda: self.mail("a@client.test"), lambda: self.rcpt("b@sink.test"), lambda: self.docmd("DATA")):
            answer = ask()
            if answer[0] not in (250, 354):
                self.rset()
                return answer
        return answer

    def finish(self, number: str, body: bytes) -> tuple[int, bytes]:
        """The answer to the final dot."""
        self.send(b"X-Number: " + number.encode() + b"\r\n\r\n" + body + b"\r\n.\r\n")
        return self.getreply()


class Scarcity(SynchronousTestCase):
    def setUp(self) -> None:
        self.sink_port = free_port()
        self.folder = Path(self.mktemp())
        self.acknowledged: list[str] = []
        self.number = 0

    def serve(self) -> None:
        """A server whose only way out leads to a sink that is not there yet."""
        settings = f"""
[limits]
spool_free = "1MB"
message_size = "1MB"
[[route]]
domain = "sink.test"
via = "smtp:127.0.0.1:{self.sink_port}"
[retry]
first = "1s"
factor = 1.2
longest = "2s"
"""
        self.server = Fopemta(self.folder, settings)
        self.addCleanup(self.server.stop)
        self.server.start()

    def client(self) -> Client:
        client = Client("127.0.0.1", self.server.port, "client.test", timeout=30)
        self.addCleanup(client.close)
        client.ehlo()
        return client

    def put(self, client: Client, body: bytes) -> tuple[int, bytes]:
        answer = client.begin()
        return self.finish(client, body) if answer[0] == 354 else answer

    def finish(self, client: Client, body: bytes) -> tuple[int, bytes]:
        self.number += 1
        answer = client.finish(str(self.number), body)
        if answer[0] == 250:
            self.acknowledged.append(str(self.number))
        return answer

    def takes_mail_again(self) -> None:
        """Within seconds, and without a restart."""
        client = self.client()
        until(lambda: self.put(client, LARGE)[0] == 250, "mail is not taken again", 20)

    def everything_arrives_once(self) -> None:
        sink = Sink(self.sink_port)
        self.addCleanup(sink.server_close)
        self.addCleanup(sink.shutdown)
        until(lambda: set(self.acknowledged) <= set(sink.taken), "acknowledged and never came", 90)
        self.assertEqual(dict(sink.taken), dict.fromkeys(self.acknowledged, 1))


class FullDiskTests(Scarcity):
    def mount(self) -> Path:
        """A tmpfs where the spool will be."""
        spool = self.folder / "spool"
        spool.mkdir(parents=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", spool], capture_output=True)
        if mounted.returncode:
            raise SkipTest("a tmpfs cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", str(spool)], check=True)
        return spool

    def fill(self, path: Path) -> None:
        """Take all the room that is left."""
        with open(path, "wb", buffering=0) as file:
            for size in (2**20, 2**12):
                try:
                    while True:
                        file.write(b"\1" * size)
                except OSError:
                    pass

    def test_C118_full_and_emptied(self) -> None:
        spool = self.mount()
        self.serve()
        client, halfway = self.client(), self.client()
        for body in [SMALL, LARGE] * 5:
            self.assertEqual(self.put(client, body)[0], 250)
        self.assertEqual(halfway.begin()[0], 354)
        self.fill(spool / "ballast")
        # One that was let in before is refused after its data, others before: with words that ask to come again.
        refused = [self.finish(halfway, LARGE)]
        until(lambda: refused.append(self.put(client, LARGE)) or refused[-1][0] != 354, "not refused")
        self.assertEqual({(code, text[:5]) for code, text in refused}, {(452, b"4.3.1")})
        # Outcomes of deferred mail cannot be written, either; that keeps what was there.
        until(lambda: self.server.events("spool_trouble"), "trouble is not told of")
        (spool / "ballast").unlink()
        self.takes_mail_again()
        self.everything_arrives_once()
        self.assertEqual(list((spool / "corrupt").iterdir()), [])


class DescriptorTests(Scarcity):
    def limit(self, spare: int) -> None:
        """Leave the server so many descriptors more than it has open."""
        assert self.server.process is not None
        pid = self.server.process.pid
        used = max(int(name) for name in os.listdir(f"/proc/{pid}/fd")) + 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + spare, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))

    def test_C118_no_descriptors_left(self) -> None:
        self.serve()
        client = self.client()
        self.assertEqual(self.put(client, SMALL)[0], 250)
        self.limit(8)
        crowd = [socket.create_connection(("127.0.0.1", self.server.port), 5) for _ in range(40)]
        codes = [self.put(client, body)[0] for body in [SMALL, LARGE] * 10]
        # What needs no new file is taken; nothing is cut off, nothing is refused for good.
        self.assertEqual(set(codes) - {250, 451, 452}, set())
        self.assertIn(451, codes)
        for connection in crowd:
            connection.close()
        self.takes_mail_again()
        self.everything_arrives_once()
        self.assertEqual(self.server.events("background_failure"), [])
        assert self.server.process is not None
        self.assertNotRegex(self.server.process.text, re.compile("Traceback"))
