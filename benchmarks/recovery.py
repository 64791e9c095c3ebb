"""A start after `kill -9` with messages of many recipients, whose outcomes had come one by one.

    python -m benchmarks.recovery [--messages 3] [--recipients 5000] [--portion 1] [--place log|deferred]

Said is when a client hears the first word, whatever it is, and when it is greeted; the longest that the control socket
left a question open; and how long SIGTERM takes that comes two seconds after the start.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from twisted.internet.task import Clock

from benchmarks.deferred import UnflushedDisk
from benchmarks.ground import Ground
from benchmarks.servers import ROOT, Fopemta
from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Arrival, Envelope
from fopemta.mail.identifiers import message_id
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.spool.threads import SameThread
from fopemta.trust.verdict import Result, VerdictRecord

_SECOND = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.recovery", description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=3)
    parser.add_argument("--recipients", type=int, default=5000)
    parser.add_argument("--portion", type=int, default=1)
    parser.add_argument("--place", choices=("log", "deferred"), default="log")
    parser.add_argument("--patience", type=float, default=120.0)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/fopemta-bench"))
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill is not None:
        fill(options.fill, options.messages, options.recipients, options.portion, options.place == "deferred")
        return
    with Ground(options.folder) as ground:
        print("| messages x recipients | first word, s | greeting, s | control waits, s | SIGTERM takes, s |")
        print("|---|---|---|---|---|", flush=True)
        first, greeting, control = Laden(ground, options).until_it_greets()
        ended = Laden(ground, options).until_it_ends()
        what = f"{options.messages} x {options.recipients}, {options.place}, by {options.portion}"
        print(f"| {what} | {first:.2f} | {greeting:.2f} | {control:.2f} | {ended:.2f} |")


class Laden(Fopemta):
    """Ours, with such a spool; it is looked at from the first moment, greeting or not."""

    port = 2628
    control = "control.sock"

    def __init__(self, ground: Ground, options: argparse.Namespace) -> None:
        super().__init__(ground)
        self.options = options

    def begin(self) -> Path:
        folder = self.ground.fresh(self.name)
        command = self.command(folder, "hold", tls=False)
        filling = [sys.executable, "-m", "benchmarks.recovery", "--fill", str(folder / "spool"), *self._numbers()]
        subprocess.run(filling, check=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with open(folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, env=environment
            )
        return folder

    def _numbers(self) -> list[str]:
        names = ("messages", "recipients", "portion", "place")
        return [each for name in names for each in (f"--{name}", str(getattr(self.options, name)))]

    def until_it_greets(self) -> tuple[float, float, float]:
        """Seconds to the first word and to the greeting; the longest wait at the control socket; `inf`: never came."""
        began, patience = time.monotonic(), float(self.options.patience)
        folder = self.begin()
        began = time.monotonic()
        first = greeting = float("inf")
        control = 0.0
        try:
            while time.monotonic() - began < patience and greeting == float("inf"):
                word = self._word(began + patience)
                now = time.monotonic() - began
                first = min(first, now) if word else first
                greeting = now if word.startswith(b"220") else greeting
                control = max(control, self._asked(folder / "control.sock", began + patience))
                time.sleep(_SECOND)
            return first, greeting, control
        finally:
            self.stop()

    def until_it_ends(self) -> float:
        """Seconds from SIGTERM to the end of the process."""
        self.begin()
        assert self.process is not None
        time.sleep(2.0)
        sent = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(self.options.patience)
            return time.monotonic() - sent
        except subprocess.TimeoutExpired:
            return float("inf")
        finally:
            self.process.kill()
            self.stop()

    def _word(self, end: float) -> bytes:
        """What a client hears first; nothing where it is refused or the time is over."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.settimeout(max(0.1, end - time.monotonic()))
                return connection.recv(100)
        except OSError:
            return b""

    def _asked(self, path: Path, end: float) -> float:
        """How long a question at the control socket is open; 0 where nobody is there yet."""
        began = time.monotonic()
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(max(0.1, end - began))
                connection.connect(str(path))
                connection.sendall(json.dumps({"command": "status"}).encode() + b"\n")
                connection.recv(1000)
        except OSError as error:
            if not isinstance(error, TimeoutError):
                return 0.0
        return time.monotonic() - began


def fill(directory: Path, messages: int, recipients: int, portion: int, deferred: bool) -> None:
    """A spool as `kill -9` leaves it."""
    clock = Clock()
    clock.advance(1000.0)
    now = time.time()
    spool = Spool(
        str(directory), SpoolLimits(spool_free=0, message_size=0), clock, SameThread(), UnflushedDisk(), now=lambda: now
    )
    spool.start()
    for number in range(messages):
        queue_id = message_id(int(now * 1e6), number)
        to = tuple(Mailbox(f"user{each}", f"d{each % 1000}.example.test") for each in range(recipients))
        incoming = spool.receive(queue_id)
        incoming.write(b"Subject: many\r\n\r\n" + b"x" * 500 + b"\r\n")
        incoming.commit(Envelope(Mailbox("a", "bench.test"), to, arrival=Arrival("192.0.2.7", "client.test", "ESMTP")))
        clock.pump([0.0] * 10)
        if deferred:
            spool.defer(queue_id)
            clock.pump([0.0] * 10)
        for start in range(0, recipients, portion):
            spool.record(queue_id, [_verdict(queue_id, each, now) for each in to[start : start + portion]], False)
            if start % 500 == 0:
                clock.pump([0.0] * 10)
        clock.pump([0.0] * 10)


def _verdict(queue_id: str, recipient: Mailbox, now: float) -> VerdictRecord:
    return VerdictRecord(
        time=now - 60, message=queue_id, sender="a@bench.test", recipient=str(recipient), attempt=1,
        level="opportunistic", sources=("default",), host=f"mx.{recipient.domain}", address="192.0.2.9", port=25,
        result=Result.DEFERRED, code=451, enhanced="4.4.1", diagnosis="connection_timeout",
        text="The receiving mail server did not answer.", next_try=now - 30,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
