"""What an outbound handshake costs, full and resumed, against `openssl s_time` in the same run, in turn.

`python -m benchmarks.handshakes [HANDSHAKES]`.  Both meet the same `openssl s_server` with an ECDSA certificate, verify
its chain and count the CPU seconds of their own process alone: what one core could make.  Ours also reads the evidence
and judges it, as every delivery does; s_time does neither.  Then the ladder for a normal server: its connections.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol
from twisted.internet.task import react
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from fopemta.interfaces import Resumable
from fopemta.testing.authority import Authority
from fopemta.tls.client import ClientTls
from fopemta.trust.pkix import judge
from fopemta.trust.rungs import Hello, Rung
from tests.outbound.delivery import Delivery, peer
from tests.processes import free_port, program, until

NAME = "mx.bench.test"
AT_ONCE = 8
ROUNDS = 3


def cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


@implementer(IHandshakeListener)
class Handshake(Protocol):
    """One connection: TLS at once, judged, then gone."""

    def __init__(self, client: ClientTls, resumable: Resumable | None) -> None:
        self.client = client
        self.resumable = resumable
        self.done: Deferred[Any] = Deferred()

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.startTLS(self.client.creator(Rung.STRONG_256, Hello.FULL, NAME, self.resumable))

    def handshakeCompleted(self) -> None:
        connection = self.transport.getHandle()
        evidence = self.client.evidence(connection)
        verdict = judge(evidence, (NAME,), time.time())
        assert verdict.authenticated, verdict
        self.done.callback((evidence, self.client.session(connection)))
        # With a word: OpenSSL resumes no session whose connection was cut.
        self.transport.loseConnection()


async def ours(client: ClientTls, port: int, count: int, resumed: bool) -> float:
    """Handshakes for each CPU second of this process."""
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    resumable: Resumable | None = None

    async def one() -> Any:
        protocol = await connectProtocol(endpoint, Handshake(client, resumable))
        return await protocol.done

    if resumed:
        evidence, session = await one()
        resumable = Resumable(session, attrs.evolve(evidence, resumed=False), 0.0)
    await one()
    before, left = cpu(resource.RUSAGE_SELF), count
    found: list[Any] = []

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            found.append(await one())

    for ok, failure in await DeferredList([Deferred.fromCoroutine(worker()) for _ in range(AT_ONCE)]):
        if not ok:
            failure.raiseException()
    assert {evidence.resumed for evidence, _ in found} == {resumed}
    return len(found) / (cpu(resource.RUSAGE_SELF) - before)


def theirs(port: int, roots: str, version: str, resumed: bool) -> float:
    before = cpu(resource.RUSAGE_CHILDREN)
    text = subprocess.run(
        [program("openssl"), "s_time", "-connect", f"127.0.0.1:{port}", f"-{version}", "-CAfile", roots, "-verify", "5",
         "-reuse" if resumed else "-new", "-time", "2"],
        capture_output=True, check=True, timeout=60, text=True,
    ).stdout  # fmt: skip
    [line] = [each for each in text.splitlines() if " connections in " in each and "real seconds" in each]
    return int(line.split()[0]) / (cpu(resource.RUSAGE_CHILDREN) - before)


@contextmanager
def serving(folder: Path, leaf: tuple[str, str], version: str) -> Iterator[int]:
    port = free_port()
    command = [program("openssl"), "s_server", "-accept", str(port), "-cert", leaf[0], "-cert_chain", leaf[0],
               "-key", leaf[1], f"-{version}", "-quiet", "-www"]  # fmt: skip
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        until(lambda: _listens(port), "openssl s_server listens")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    """Without a connection, which the server would take for a client."""
    listening = Path("/proc/net/tcp6").read_text() + Path("/proc/net/tcp").read_text()
    return f":{port:04X} 0000" in listening


async def run(_: Any, count: int) -> None:
    authority = Authority()
    print("| handshake | fopemta, a CPU second (range) | openssl s_time | ratio |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        leaf, roots = authority.leaf(NAME).write(folder, "leaf"), authority.write_root(folder)
        client = ClientTls(roots)
        for words, version, resumed in (
            ("TLS 1.3, full", "tls1_3", False),
            ("TLS 1.2, full", "tls1_2", False),
            ("TLS 1.2, resumed", "tls1_2", True),
        ):
            with serving(folder, leaf, version) as port:
                pairs = []
                for _ in range(ROUNDS):
                    mine = await ours(client, port, count, resumed)
                    # Not in the reactor, which has connections to close: this server takes one at a time.
                    pairs.append((mine, await deferToThread(theirs, port, roots, version, resumed)))
            rates = [each for each, _ in pairs]
            ratio = statistics.median(each / other for each, other in pairs)
            print(
                f"| {words} | {statistics.median(rates):.0f} ({min(rates):.0f}-{max(rates):.0f}) "
                f"| {statistics.median(other for _, other in pairs):.0f} | {ratio:.2f} |",
                flush=True,
            )
    delivery = Delivery(peer())
    delivery.run()
    print(f"\nThe ladder, for a server that knows TLS 1.3: {len(delivery.network.dialled)} connection, one handshake.")


if __name__ == "__main__":
    react(run, [int(sys.argv[1]) if len(sys.argv) > 1 else 1000])
