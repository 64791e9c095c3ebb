"""The situations, each with what is measured of it and what is aimed at."""

from __future__ import annotations

import contextlib
import smtplib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf

from benchmarks import tree
from benchmarks.hurts.aims import Aim, Measure
from benchmarks.hurts.ends import Load, LongWay, Sink, settled
from benchmarks.hurts.servers import MAILBOXES, Tried
from benchmarks.servers import sink_address
from tests.processes import free_port

# Octets of a MiB.
_MIB = 2**20
# A destination is down for so many seconds after all mail has come, and longer by so many for each run: what looks at
# its queue every half minute is not always met at the same moment.
_DOWN, _LONGER = 60, 10
# Seconds each way, and to a destination that is slow.
_FAR, _SLOW = 0.040, 0.5
# Clients of a burst, and when they must have been served, in seconds.
BURST, _SERVED = 500, 8.0


@dataclass(frozen=True)
class Trial:
    """One server, in one of the runs (from 0), with so many messages."""

    server: Tried
    messages: int
    run: int = 0


@dataclass(frozen=True)
class Situation:
    """`act` gives a figure for each of `measures`; `words` with the number of messages, `messages` as it comes."""

    words: str
    messages: int
    act: Callable[[Trial], tuple[float, ...]]
    measures: tuple[Measure, ...]


def flushed(trial: Trial, destinations: int = 0) -> tuple[float, ...]:
    """Seconds and CPU seconds from a flush, when a destination is back, until all is out."""
    server = trial.server
    server.destinations = destinations
    server.start("relay")
    Load(server, trial.messages, *_over(destinations)).all_sent()
    before = settled(server)
    with Sink(server, trial.messages, addresses=destinations) as sink:
        server.flush()
        out = sink.last() - sink.began
    # What is left to record belongs to the price.
    return out, settled(server) - before if out < inf else inf


def noticed(trial: Trial) -> tuple[float, ...]:
    """Seconds from the moment when a destination is back until half of what waits for it is out."""
    server = trial.server
    server.retry = (30, 60)
    server.start("relay")
    Load(server, trial.messages).all_sent()
    time.sleep(_DOWN + _LONGER * trial.run)
    with Sink(server, trial.messages // 2) as sink:
        return (sink.last() - sink.began,)


def many_recipients(trial: Trial, destinations: int = 0) -> tuple[float, ...]:
    """Seconds until messages with 100 recipients each are out."""
    server = trial.server
    server.destinations = destinations
    server.start("relay")
    before = tree.cpu(server.pid)
    with Sink(server, recipients=trial.messages * 100, addresses=destinations) as sink:
        began = Load(server, trial.messages, "-R", 100, "-P", *_over(destinations)).all_sent()["t_first"]
        out = sink.last() - began
    return out, settled(server) - before if out < inf else inf


def far(trial: Trial, tls: bool = False) -> tuple[float, ...]:
    """Messages a second to a destination that is 40 ms away."""
    server, port = trial.server, free_port()
    server.start("relay")
    with (
        LongWay(server, _FAR, "127.0.0.1", server.sink, port),
        Sink(server, trial.messages, port=port, tls=tls) as sink,
    ):
        began = Load(server, trial.messages).all_sent()["t_first"]
        return (trial.messages / (sink.last() - began),)


def one_is_slow(trial: Trial) -> tuple[float, ...]:
    """How many times as long mail for 50 fast destinations takes when the 51st, which gets a third of all, is slow."""
    fast = _beside(trial, 0.0)
    trial.server.stop()
    return (_beside(trial, _SLOW) / fast,)


def _beside(trial: Trial, seconds: float) -> float:
    server, port = trial.server, free_port()
    server.destinations = 51
    server.start("relay")
    with contextlib.ExitStack() as ends:
        ends.enter_context(LongWay(server, seconds, sink_address(50), server.sink, port))
        ends.enter_context(Sink(server, trial.messages // 2, port=port))
        sink = ends.enter_context(Sink(server, trial.messages, addresses=50))
        others = Load(server, trial.messages // 2, "-D", "d50.example.test")
        began = Load(server, trial.messages, *_over(50)).all_sent()["t_first"]
        others.all_sent()
        return sink.last() - float(began)


def burst(trial: Trial) -> tuple[float, ...]:
    """How many of 500 clients that come at once have been served within 8 s, and how long the last of these took."""
    trial.server.start("hold")
    found = Load(trial.server, BURST, "-s", BURST, "-r", 1, "-T", _SERVED).found()
    return float(found["ok"]), found["max_ms"] / 1000


def laden(trial: Trial) -> tuple[float, ...]:
    """MiB while so many come for a destination that is down and are retried; then a start with them, and new mail."""
    server = trial.server
    server.retry = (30, 60)
    server.destinations = 100
    server.start("relay")
    peak = tree.PeakMemory(server.pid)
    Load(server, trial.messages, *_over(100)).all_sent()
    time.sleep(_DOWN)
    most, last = peak.stop(), tree.memory(server.pid)
    server.stop()
    began = time.monotonic()
    server.launch()
    greeted = time.monotonic()
    with _one_more(server) as sent:
        return most / _MIB, last / _MIB, greeted - began, sent


@contextlib.contextmanager
def _one_more(server: Tried) -> Iterator[float]:
    """Send one for a destination that is up; seconds until it is there."""
    with Sink(server, 1, patience=60.0) as sink:
        time.sleep(0.2)
        with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
            handed = time.monotonic()
            client.sendmail("s@bench.test", ["new@fresh.test"], b"Subject: new\r\n\r\nnew\r\n")
        yield sink.last() - handed


def maildir(trial: Trial) -> tuple[float, ...]:
    """Seconds until all lies in ten mailboxes."""
    server = trial.server
    server.mailboxes = 10
    server.start("relay")
    before = tree.cpu(server.pid)
    load = Load(server, trial.messages, "-D", MAILBOXES, "-u", 10)
    end = time.monotonic() + 240.0
    while server.delivered() < trial.messages and time.monotonic() < end:
        time.sleep(0.05)
    there = time.monotonic() if server.delivered() >= trial.messages else inf
    return there - load.all_sent()["t_first"], settled(server) - before


def _over(destinations: int) -> tuple[object, ...]:
    return ("-d", destinations) if destinations else ()


_AS_POSTFIX, _HALF, _AS_MANY = Aim(1, times=True), Aim(0.5, times=True), Aim(1, times=True, least=True)
_SECONDS, _CPU = "all out, s", "CPU, s"

SITUATIONS: dict[str, Situation] = {
    "outage": Situation(
        "{:,} deferred for one destination that was down, flush", 10_000, flushed,
        (Measure(_SECONDS, _AS_POSTFIX), Measure(_CPU, _AS_POSTFIX)),
    ),
    "outage-100": Situation(
        "{:,} deferred for 100 destinations that were down, flush", 10_000, lambda trial: flushed(trial, 100),
        (Measure(_SECONDS, _AS_POSTFIX), Measure(_CPU, _AS_POSTFIX)),
    ),
    "noticed": Situation(
        "{:,} deferred, the destination is back, no flush, retries after 30 to 60 s", 10_000, noticed,
        (Measure("half out, s", Aim(10)),),
    ),
    "recipients-100": Situation(
        "{:,} messages with 100 recipients at 100 domains", 200, lambda trial: many_recipients(trial, 100),
        (Measure(_SECONDS, _HALF), Measure(_CPU)),
    ),
    "recipients": Situation(
        "{:,} messages with 100 recipients at one domain", 200, many_recipients,
        (Measure(_SECONDS, _AS_POSTFIX), Measure(_CPU)),
    ),
    "far": Situation("{:,} messages, 40 ms each way, plain", 2000, far, (Measure("messages/s", _AS_MANY),)),
    "far-tls": Situation(
        "{:,} messages, 40 ms each way, TLS", 2000, lambda trial: far(trial, tls=True),
        (Measure("messages/s", _AS_MANY),),
    ),
    "slow": Situation(
        "{:,} messages for 50 destinations, half as many for a slow one", 2000, one_is_slow,
        (Measure("the 50 take, times", _AS_POSTFIX),),
    ),
    "burst": Situation(
        f"{BURST} clients at once", BURST, burst,
        (Measure(f"served within {_SERVED:g} s", Aim(BURST, least=True)), Measure("the last of them, s")),
    ),
    "laden": Situation(
        "{:,} deferred over 100 destinations, retries after 30 to 60 s", 50_000, laden,
        (
            Measure("most memory, MiB", Aim(150)), Measure("memory at last, MiB", Aim(150)),
            Measure("greets after a start, s", Aim(1)), Measure("a new one is out after, s", Aim(0.05)),
        ),
    ),
    "maildir": Situation(
        "{:,} messages into ten mailboxes", 2000, maildir, (Measure(_SECONDS, _HALF), Measure(_CPU))
    ),
}  # fmt: skip
