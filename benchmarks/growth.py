"""What a message costs when there is more of everything: rules, recipients, mail that waits, destinations.

    python -m benchmarks.growth [--runs 3] [--plots docs/performance] [--folder DIR] [WHAT ...]

WHAT: rules, recipients, queue, destinations (all of them without any).  Prints CPU milliseconds of the server's process
for each message (of `recipients`: for each recipient) at 1, 10, 100 and 1,000 of each, the median of so many runs that
each go through all four, and draws them.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import tree
from benchmarks.deferred import fill
from benchmarks.ground import Ground
from benchmarks.plot import plot
from benchmarks.servers import Fopemta
from benchmarks.work import relay_to

_STEPS = (1, 10, 100, 1000)
_MESSAGES = 1000
# What is overdue in the queue is read and lined up first.
_SETTLING = 3.0
_BODY = b"Subject: growth\r\n\r\n" + (b"x" * 76 + b"\r\n") * 50


class Grown(Fopemta):
    """Ours, with so many rules, and with so many messages that wait."""

    def __init__(self, ground: Ground, rules: int = 0, waiting: int = 0) -> None:
        super().__init__(ground)
        self.rules, self.waiting = rules, waiting

    def command(self, folder: Path, mode: str, tls: bool) -> list[str]:
        command = super().command(folder, mode, tls)
        if self.rules:
            config = folder / "fopemta.toml"
            config.write_text('rules = "rules.toml"\n' + config.read_text())
            (folder / "rules.toml").write_text("".join(_rule(each) for each in range(self.rules)))
        if self.waiting:
            fill(folder / "spool", self.waiting)
        return command


def _rule(number: int) -> str:
    """Of mixed kinds; none of them fits what is sent."""
    when = (
        f'recipients = ["bank{number}.test"]',
        f'senders = ["*@partner{number}.test"]',
        f'subject = ["/case {number}[0-9]+/"]',
        f'recipients = ["/^claims-{number}@/"]',
    )[number % 4]
    return f'[[rule]]\nname = "rule {number}"\nwhen = {{ {when} }}\nthen = {{ action = "force_tls" }}\n'


def rules(ground: Ground, count: int) -> float:
    """Rules in force, none of which fits"""
    return _taken_in(Grown(ground, rules=count), 1)


def recipients(ground: Ground, count: int) -> float:
    """Recipients of each message, for each recipient"""
    return _taken_in(Fopemta(ground), count) / count


def queue(ground: Ground, count: int) -> float:
    """Hundred messages that wait in the queue already"""
    return _taken_in(Grown(ground, waiting=100 * count), 1)


def destinations(ground: Ground, count: int) -> float:
    """destinations, each an address of its own (500 at most)"""
    figures = relay_to(Fopemta(ground), 2000, min(count, 500))
    return figures.cpu * 1000 / max(figures.messages, 1)


def _taken_in(server: Fopemta, count: int) -> float:
    """CPU milliseconds a message with so many recipients."""
    messages = max(20, _MESSAGES // count)
    try:
        server.start("hold")
        time.sleep(_SETTLING)
        with _client(server.port) as say:
            for _ in range(20):
                _send(say, count)
            before = tree.cpu(server.pid)
            for _ in range(messages):
                _send(say, count)
            return (tree.cpu(server.pid) - before) * 1000 / messages
    finally:
        server.stop()


def _send(say: Callable[[bytes, int], None], count: int) -> None:
    envelope = b"".join(b"RCPT TO:<user%d@dest.test>\r\n" % each for each in range(count))
    say(b"MAIL FROM:<growth@bench.test>\r\n" + envelope + b"DATA\r\n", count + 2)
    say(_BODY + b".\r\n", 1)


@contextmanager
def _client(port: int) -> Iterator[Callable[[bytes, int], None]]:
    """Says something, and waits for so many replies."""
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as heard:

        def say(data: bytes, replies: int) -> None:
            connection.sendall(data)
            while replies:
                line = heard.readline()
                if line[3:4] == b" ":
                    assert line[:1] in b"23", line
                    replies -= 1

        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        say(b"", 1)
        say(b"EHLO growth.test\r\n", 1)
        yield say


_ALL: dict[str, Callable[[Ground, int], float]] = {
    each.__name__: each for each in (rules, recipients, queue, destinations)
}

_DRAWN = {"recipients": "recipients (for each)", "queue": "queue (hundreds)"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.growth", description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="*", choices=[[], *_ALL], default=[])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--plots", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/fopemta-bench"))
    options = parser.parse_args()
    lines: dict[str, list[tuple[float, float]]] = {}
    with Ground(options.folder) as ground:
        print(f"file system: {ground.words}; median of {options.runs} runs, in turn\n")
        print("| CPU ms/message with so many | " + " | ".join(map(str, _STEPS)) + " |")
        print("|---" * (len(_STEPS) + 1) + "|")
        for name in options.what or _ALL:
            runs = [[_ALL[name](ground, count) for count in _STEPS] for _ in range(options.runs)]
            found = list(map(statistics.median, zip(*runs, strict=True)))
            print(f"| {_ALL[name].__doc__} | " + " | ".join(f"{each:.3f}" for each in found) + " |", flush=True)
            lines[_DRAWN.get(name, name)] = list(zip(map(float, _STEPS), found, strict=True))
    if options.plots is not None:
        draw(options.plots, lines)


def draw(folder: Path, lines: dict[str, list[tuple[float, float]]]) -> None:
    """The lines by name, as growth.svg."""
    os.makedirs(folder, exist_ok=True)
    drawn = plot("CPU of the server as things grow", "so many of them", "CPU ms a message (log)", lines)
    (folder / "growth.svg").write_text(drawn)


if __name__ == "__main__":
    sys.exit(main())
