"""The kinds of work: what is sent, and what is counted."""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import tree
from benchmarks.servers import SINK, Server

_SIZE = 4096


@dataclass(frozen=True)
class Figures:
    """Of one measurement: messages a second, CPU seconds of the server's processes, messages, peak memory in octets."""

    rate: float
    cpu: float
    messages: int
    memory: int
    failed: int


def _load(server: Server, *arguments: object) -> dict[str, Any]:
    command = [
        server.ground.tool("smtpload"),
        "-q",
        "-l",
        str(_SIZE),
        *map(str, arguments),
        "127.0.0.1",
        str(server.port),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def _intake(server: Server, options: argparse.Namespace, *arguments: object, tls: bool = False) -> Figures:
    server.start("hold", tls)
    arguments = (*arguments, "-m", 10**6, *(["-t"] if tls else []))
    _load(server, *arguments, "-w", 0.7, "-T", 15)  # warm-up
    peak, before = tree.PeakMemory(server.pid), tree.cpu(server.pid)
    found = _load(server, *arguments, "-w", options.window, "-T", options.window + 30)
    spent = tree.cpu(server.pid) - before
    return Figures(found["rate"], spent, found["ok"], peak.stop(), found["fail"])


def relay_to(server: Server, messages: int, destinations: int = 0, tls: bool = False) -> Figures:
    """So many messages in, and out to one sink, or to so many destinations."""
    certificate = ["-c", str(server.ground.folder / "both.pem")] if tls else []
    command = [server.ground.tool("tlssink"), "-n", str(messages), "-T", "90", "-A", str(destinations)]
    sink = subprocess.Popen([*command, *certificate, str(SINK)], stdout=subprocess.PIPE, text=True)
    server.destinations = destinations
    try:
        time.sleep(0.2)
        server.start("relay")
        peak, before = tree.PeakMemory(server.pid), tree.cpu(server.pid)
        spread = ["-d", destinations] if destinations else []
        found = _load(server, "-s", 20, "-r", 10, "-m", messages, "-T", 60, *spread)
        taken = json.loads(sink.communicate(timeout=100)[0])
        time.sleep(0.3)  # what is left to record belongs to the price
        spent = tree.cpu(server.pid) - before
        seconds = taken["t_last"] - found["t_first"]
        missing = messages - taken["msgs"]
        return Figures(taken["msgs"] / seconds, spent, taken["msgs"], peak.stop(), missing)
    finally:
        sink.terminate()
        sink.wait()
        server.stop()


def intake(server: Server, options: argparse.Namespace) -> Figures:
    """4 KiB in, one message per connection, 20 sessions, plain"""
    return _intake(server, options, "-s", 20, "-r", 1)


def intake_many(server: Server, options: argparse.Namespace) -> Figures:
    """4 KiB in, 50 messages per connection, 100 sessions, plain"""
    return _intake(server, options, "-s", 100, "-r", 50)


def intake_tls(server: Server, options: argparse.Namespace) -> Figures:
    """4 KiB in, one message per connection, 20 sessions, STARTTLS with TLS 1.3 and ECDSA"""
    return _intake(server, options, "-s", 20, "-r", 1, tls=True)


def relay(server: Server, options: argparse.Namespace) -> Figures:
    """4 KiB in by 20 sessions and out to one destination, plain"""
    return relay_to(server, options.messages)


def relay_tls(server: Server, options: argparse.Namespace) -> Figures:
    """4 KiB in by 20 sessions and out to one destination over TLS"""
    return relay_to(server, options.messages, tls=True)


def relay_tls_500(server: Server, options: argparse.Namespace) -> Figures:
    """4 KiB in by 20 sessions and out to 500 destinations over TLS, where it is offered"""
    return relay_to(server, options.messages, destinations=500, tls=True)


def large(server: Server, options: argparse.Namespace) -> Figures:
    """25 MiB in (a message a second is 26 MB/s), 50 messages by 5 sessions, plain"""
    server.start("hold")
    peak, before = tree.PeakMemory(server.pid), tree.cpu(server.pid)
    found = _load(server, "-l", 25 * 2**20, "-s", 5, "-r", 1, "-m", 50, "-T", 120)
    return Figures(found["rate"], tree.cpu(server.pid) - before, found["ok"], peak.stop(), found["fail"])


WORKS: dict[str, Callable[[Server, argparse.Namespace], Figures]] = {
    "intake": intake,
    "intake-many": intake_many,
    "intake-tls": intake_tls,
    "relay": relay,
    "relay-tls": relay_tls,
    "relay-tls-500": relay_tls_500,
    "large": large,
}
