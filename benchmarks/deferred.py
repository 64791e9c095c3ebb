"""`make bench`: a start with 100,000 deferred messages: how long, how much memory, when the first mail goes; and how
long it takes to list them.

    python -m benchmarks.deferred [--messages 100000] [--folder DIR]

Each message has one recipient, 1 KiB of content and three attempts in its journal; one in ten is overdue.  The figures
of a spool without messages stand beside it.  Lists are made of a server at rest, whose overdue messages wait for a next
hop that never greets, and then of its spool with no server.  As root the spool lies on a fresh journalled file system
in a file.
"""

from __future__ import annotations

import argparse
import datetime
import random
import re
import smtplib
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import listing, tree
from benchmarks.ground import Ground
from benchmarks.servers import SINK, Fopemta
from fopemta.address.mailbox import Mailbox
from fopemta.formats.layout import FORMAT, SpoolLayout
from fopemta.formats.message_json import StoredFacts, outcome_to_json
from fopemta.mail.envelope import Arrival, BodyType, Envelope, TlsSession
from fopemta.mail.identifiers import message_id
from fopemta.spool.disk import RealDisk
from fopemta.spool.waiting.folder import DeferredFolder
from fopemta.trust.verdict import Result, VerdictRecord

_DESTINATIONS = 5000
_ATTEMPTS = 3
_PATIENCE = 120.0
# After a start, until all that is overdue is lined up.
_SETTLING = 5.0


@dataclass(frozen=True)
class Figures:
    """Seconds since the process began, CPU seconds up to then, octets."""

    greeting: float
    recovered: float
    cpu: float
    memory: int
    first_deferred: float
    fresh: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.deferred", description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/fopemta-bench"))
    options = parser.parse_args()
    with Ground(options.folder) as ground:
        print(f"file system: {ground.words}", flush=True)
        empty = measure(ground, 0)
        full = measure(ground, options.messages)
        lists = measure_lists(ground, options.messages)
    print(
        "| deferred | start, s | CPU s of it | spool read, s | memory MiB | first one out, s | new one out after, s |"
    )
    print("|---|---|---|---|---|---|---|")
    for count, found in ((0, empty), (options.messages, full)):
        print(
            f"| {count:,} | {found.greeting:.2f} | {found.cpu:.2f} | {found.recovered:.2f} "
            f"| {found.memory / 2**20:.0f} | {found.first_deferred:.2f} | {found.fresh:.2f} |".replace("nan", "-")
        )
    print(
        f"memory a message: {(full.memory - empty.memory) / max(options.messages, 1):.0f} octets\n\n{lists}", flush=True
    )


def measure(ground: Ground, messages: int) -> Figures:
    """One start, from the process to the first mail out."""
    sink = subprocess.Popen([ground.tool("tlssink"), "-n", str(10**9), "-T", "600", str(SINK)], stdout=subprocess.PIPE)
    server = Laden(ground, messages)
    try:
        server.start("relay")
        greeting = time.time() - server.began
        cpu, memory = tree.cpu(server.pid), tree.memory(server.pid)
        fresh = server.send_one()
        out = server.first_out() if messages else float("nan")
        return Figures(greeting, server.reading_time(), cpu, memory, out, fresh)
    finally:
        server.stop()
        sink.terminate()
        sink.wait()


def measure_lists(ground: Ground, messages: int) -> str:
    """A table of how long the lists take, while the server runs and when it has stopped."""
    server = Laden(ground, messages)
    try:
        server.start("hold")
        time.sleep(_SETTLING)
        up = listing.timings(server.config)
        server.stop()
        down = listing.timings(server.config)
    finally:
        server.stop()
    for found in (up, down):
        listing.check(messages, found)
    return listing.table(messages, up, down)


class Laden(Fopemta):
    """Ours, with a spool that holds so many deferred messages when it starts."""

    control = "control.sock"
    patience = _PATIENCE

    def __init__(self, ground: Ground, messages: int) -> None:
        super().__init__(ground)
        self.messages = messages
        self.began = 0.0
        self.config = self._log = Path()

    def command(self, folder: Path, mode: str, tls: bool) -> list[str]:
        command = super().command(folder, mode, tls)
        fill(folder / "spool", self.messages)
        self._log, self.config = folder / "text.log", folder / "fopemta.toml"
        self.began = time.time()
        return command

    def send_one(self) -> float:
        """Seconds from handing over a new message to its delivery."""
        with smtplib.SMTP("127.0.0.1", self.port) as client:
            client.helo("client.test")
            client.mail("a@bench.test")
            client.rcpt("new@fresh.test")
            handed = time.time()
            _, reply = client.data(b"Subject: new\r\n\r\nnew\r\n")
        queue_id = reply.decode().split()[-1]
        return self._moment(rf"^(\S+) {queue_id} finished ") - handed

    def first_out(self) -> float:
        """Seconds from the start to the delivery of the first deferred message."""
        return self._moment(r"^(\S+) \S+ delivered to=<user.*attempt=") - self.began

    def reading_time(self) -> float:
        found = re.search(r" recovered messages=\d+ seconds=(\S+)", self._log.read_text())
        return float(found[1]) if found else float("nan")

    def _moment(self, pattern: str) -> float:
        """When the log tells of it."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            found = re.search(pattern, self._log.read_text(), re.MULTILINE)
            if found:
                return datetime.datetime.fromisoformat(found[1]).timestamp()
            time.sleep(0.02)
        raise RuntimeError(f"not in the log: {pattern}")


class UnflushedDisk(RealDisk):
    """To make a spool, not to keep mail: durable is what the `sync` at the end makes so."""

    def flush(self, file: int) -> None:
        """Not now."""

    def flush_folder(self, path: str) -> None:
        """Not now."""


def fill(directory: Path, messages: int) -> None:
    """A spool with so many deferred messages."""
    layout, disk = SpoolLayout(str(directory)), UnflushedDisk()
    for folder in layout.folders:
        disk.make_folder(folder)
    Path(layout.format).write_text(f"fopemta spool {FORMAT}\n")
    deferred, now, chance = DeferredFolder(disk, layout.deferred), time.time(), random.Random(1)
    for number in range(messages):
        _put(deferred, number, now - 86_400 + number % 80_000, now, chance)
    subprocess.run(["sync", "-f", str(directory)], check=False)


def _put(deferred: DeferredFolder, number: int, arrived: float, now: float, chance: random.Random) -> None:
    queue_id = message_id(int(arrived * 1e6), number)
    domain = f"domain{number % _DESTINATIONS}.test"
    recipient = Mailbox(f"user{number}", domain)
    tls = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
    arrival = Arrival("192.0.2.7", "client.bench.test", "ESMTPS", tls)
    envelope = Envelope(Mailbox("a", "bench.test"), (recipient,), BodyType.SEVEN_BIT, arrival)
    content = b"Subject: waits\r\n\r\n" + b"x" * 1000 + b"\r\n"
    overdue = number % 10 == 0
    outcomes = [
        outcome_to_json(queue_id, [_verdict(queue_id, recipient, attempt, now, overdue, chance)])
        for attempt in range(1, _ATTEMPTS + 1)
    ]
    deferred.keep(StoredFacts(queue_id, arrived, len(content), envelope), content, None, outcomes[0])
    for outcome in outcomes[1:]:
        deferred.append(queue_id, outcome)


def _verdict(
    queue_id: str, recipient: Mailbox, attempt: int, now: float, overdue: bool, chance: random.Random
) -> VerdictRecord:
    return VerdictRecord(
        time=now - 3600 + attempt, message=queue_id, sender="a@bench.test", recipient=str(recipient), attempt=attempt,
        level="opportunistic", sources=("default",), host=f"mx.{recipient.domain}", address="192.0.2.9", port=25,
        result=Result.DEFERRED, code=451, enhanced="4.4.1", diagnosis="connection_timeout",
        text="The receiving mail server did not answer.",
        next_try=now - 60 if overdue else now + 600 + 14_000 * chance.random(),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
