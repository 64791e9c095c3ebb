"""kill -9 at random instants under load: nothing that was acknowledged is lost, and little comes twice.

Fifteen crashes here of one process and five of four workers, FOPEMTA_CRASHES of each where that is set (`make crash`:
200).  A message may come once more for
each crash that fell between the receiver's 250 and our record of it, so never twice from one life of the server.  One
that comes thrice is no fault if two crashes follow each other closely: both may fall into that moment.
"""

from __future__ import annotations

import collections
import os
import random
import re
import socket
import socketserver
import sys
import threading
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import Fopemta, until

CRASHES = int(os.environ.get("FOPEMTA_CRASHES", "15"))
CRASHES_OF_WORKERS = int(os.environ.get("FOPEMTA_CRASHES", "5"))
SENDERS = 4
SEED = int(os.environ.get("FOPEMTA_SEED", "20261125"))


class Sink(socketserver.ThreadingTCPServer):
    """Takes every message and counts it by its number; of recipients the share `put_off` is told to come later."""

    daemon_threads = True
    allow_reuse_address = True
    # After a restart twenty connections come at once.  With the usual five places the kernel may forget one that the
    # client believes in (SYN cookies), and both sides wait for the other to speak first.
    request_queue_size = 128
    session: type[SinkSession]

    def __init__(self, port: int = 0, put_off: float = 0.0) -> None:
        super().__init__(("127.0.0.1", port), self.session)
        self.put_off = put_off
        self.taken: collections.Counter[str] = collections.Counter()
        # By life of the server and number.  A connection belongs to the life in which it is made: whoever was killed
        # while he waited for the greeting says nothing any more.
        self.taken_in_life: collections.Counter[tuple[int, str]] = collections.Counter()
        self.life = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class SinkSession(socketserver.StreamRequestHandler):
    """Plain SMTP, one command at a time."""

    server: Sink

    def handle(self) -> None:
        try:
            self.converse()
        except OSError:
            pass  # the server was killed in mid-conversation: that is what this test does

    def converse(self) -> None:
        self.life = self.server.life
        self.say("220 sink.test ESMTP")
        deferred = False
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.say("354 go on")
                self.content()
            elif verb == b"RCPT":
                deferred = random.random() < self.server.put_off
                self.say("451 4.3.0 later" if deferred else "250 2.1.5 ok")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            elif verb == b"EHLO":
                self.say("250-sink.test\r\n250 HELP")
            else:
                self.say("250 ok")

    def content(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        if line:
            number = re.search(rb"^X-Number: (\S+)", b"".join(lines), re.MULTILINE)
            assert number is not None
            with self.server.lock:
                self.server.taken[number[1].decode()] += 1
                self.server.taken_in_life[self.life, number[1].decode()] += 1
            self.say("250 2.0.0 taken")

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


Sink.session = SinkSession


class Sender(threading.Thread):
    """Sends one message after another, with a new connection after each trouble; notes what was acknowledged."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(daemon=True)
        self.port, self.prefix = port, name
        self.acknowledged: list[str] = []
        self.ending = threading.Event()
        self.number = 0

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                    connection.settimeout(10)
                    self.session(connection)
            except OSError:
                time.sleep(0.02)

    def session(self, connection: socket.socket) -> None:
        file = connection.makefile("rwb")
        self.reply(file)
        self.tell(file, "EHLO sender.test")
        while not self.ending.is_set():
            self.number += 1
            number = f"{self.prefix}-{self.number}"
            for line in ("MAIL FROM:<>", "RCPT TO:<b@sink.test>", "DATA"):
                self.tell(file, line)
            body = "x" * random.choice((10, 1000, 4000))
            self.tell(file, f"X-Number: {number}\r\n\r\n{body}\r\n.")
            self.acknowledged.append(number)

    def tell(self, file: object, text: str) -> None:
        file.write(text.encode() + b"\r\n")  # type: ignore[attr-defined]
        file.flush()  # type: ignore[attr-defined]
        self.reply(file)

    def reply(self, file: object) -> None:
        while True:
            line = file.readline()  # type: ignore[attr-defined]
            if not line or line[:1] not in b"23":
                raise OSError("no good reply")
            if line[3:4] != b"-":
                return


class CrashTests(SynchronousTestCase):
    def test_nothing_acknowledged_is_lost(self) -> None:
        self.lose_nothing(CRASHES)

    def test_nothing_acknowledged_is_lost_by_four_workers(self) -> None:
        self.lose_nothing(CRASHES_OF_WORKERS, "[workers]\ncount = 4\n")

    def lose_nothing(self, crashes: int, more_settings: str = "") -> None:
        noise = random.Random(SEED)
        # Once in a while, so that the deferred directories are part of the game.
        sink = Sink(put_off=0.03)
        self.addCleanup(sink.server_close)
        self.addCleanup(sink.shutdown)
        settings = f"""
[[route]]
domain = "sink.test"
via = "smtp:127.0.0.1:{sink.server_address[1]}"
[delivery.timeouts]
greeting = "5s"
[retry]
first = "1s"
factor = 1.5
longest = "3s"
"""
        server = Fopemta(Path(self.mktemp()), settings + more_settings)
        self.addCleanup(server.stop)
        senders = [Sender(server.port, f"s{number}") for number in range(SENDERS)]
        server.start()
        for sender in senders:
            sender.start()
        for _ in range(crashes):
            time.sleep(noise.uniform(0.02, 0.8))
            server.kill()
            sink.life += 1
            server.start()
        for sender in senders:
            sender.ending.set()
        for sender in senders:
            sender.join(30)
        acknowledged = {number for sender in senders for number in sender.acknowledged}
        until(lambda: acknowledged <= set(sink.taken), "messages that were acknowledged and never came", 60)
        more = {number: times - 1 for number, times in sink.taken.items() if times > 1}
        print(  # noqa: T201  the count is what one wants to see of this test
            f"{crashes} crashes, {len(acknowledged)} acknowledged, all delivered; {len(more)} came more than once",
            file=sys.stderr,
        )
        self.assertGreater(len(acknowledged), crashes * 5)
        # At most what was on its way at a crash can come again: one message for each connection to the sink.
        self.assertLessEqual(sum(more.values()), crashes * 20)
        self.assertEqual([each for each, times in sink.taken_in_life.items() if times > 1], [])
