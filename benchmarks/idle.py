"""What an idle client costs: sessions held open after EHLO, with and without TLS, as memory of the server's process.

    python -m benchmarks.idle [SESSIONS]

10,000 of them without a number.  The only setting that is not a default is `limits.connections`, which is 2,000 as it
comes.  Memory is the resident set; what the kernel keeps for each socket is not in it, nor what a client costs.  That
all are held is looked after: none may have heard a word or an end when the time is over, and each answers once more.
"""

from __future__ import annotations

import contextlib
import functools
import resource
import select
import socket
import ssl
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import tree
from tests.processes import Fopemta

SESSIONS = 10_000
# What the first ones bring about belongs to nobody.
FIRST = 50
# Other descriptors that the server may have open.
OTHERS = 1000
SETTLE = 10.0
# A client's ports are some 28,000 as Linux comes, and those of sessions just ended rest for a minute.
FROM_ONE_ADDRESS = 10_000


@dataclass(frozen=True)
class Figures:
    """Octets of a session, seconds until all stood, CPU seconds of the server in each second in which they are idle."""

    memory: float
    opening: float
    idling: float


def main() -> None:
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS
    raise_limit(sessions + FIRST + OTHERS)
    print(f"{sessions:,} sessions after EHLO, limits.connections = {limit(sessions):,}\n")
    print("| sessions | memory each, KiB | opened in, s | CPU of the server while all are silent |\n|---|---|---|---|")
    for tls in (False, True):
        found = measure(sessions, tls)
        print(
            f"| {'TLS' if tls else 'plain'} | {found.memory / 1024:.1f} | {found.opening:.0f} | {found.idling:.1%} |",
            flush=True,
        )


def limit(sessions: int) -> int:
    """What `limits.connections` must be for them."""
    return sessions + 2 * FIRST


def raise_limit(files: int) -> None:
    """Have so many descriptors, as this process and the server need them each; end in words where they are refused."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        sys.exit(f"{files} open files are needed, and this system allows {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


def measure(sessions: int, tls: bool) -> Figures:
    """Open them all, let them be, and see what they cost and that they stand."""
    with tempfile.TemporaryDirectory() as folder:
        server = Fopemta(folder, f"[limits]\nconnections = {limit(sessions)}\n").start()
        assert server.process is not None
        pid = server.process.pid
        try:
            with held() as clients:
                clients += [client(server.port, number, tls) for number in range(FIRST)]
                time.sleep(SETTLE)
                before, began = server.resident, time.monotonic()
                clients += [client(server.port, number, tls) for number in range(FIRST, FIRST + sessions)]
                opened = time.monotonic() - began
                spent = tree.cpu(pid)
                time.sleep(SETTLE)
                spent = tree.cpu(pid) - spent
                memory = (server.resident - before) / sessions
                check(clients)
                return Figures(memory, opened, spent / SETTLE)
        finally:
            server.stop()


def client(port: int, number: int, tls: bool) -> socket.socket:
    """The client of that number, greeted and at rest."""
    connection = socket.create_connection(("127.0.0.1", port), 60, source_address=(source(number), 0))
    # Else each session in TLS 1.3 stalls for 40 ms, and the first would have timed out before the last began.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    expect(connection, b"220 ")
    say(connection, b"EHLO idle.test", b"250 ")
    if not tls:
        return connection
    say(connection, b"STARTTLS", b"220 ")
    wrapped = _context().wrap_socket(connection)
    say(wrapped, b"EHLO idle.test", b"250 ")
    return wrapped


def source(number: int) -> str:
    """The address from which the client of that number comes."""
    return f"127.0.0.{1 + number // FROM_ONE_ADDRESS}"


def say(connection: socket.socket, line: bytes, reply: bytes) -> None:
    connection.sendall(line + b"\r\n")
    expect(connection, reply)


def expect(connection: socket.socket, reply: bytes) -> None:
    """Read until the last line of an answer, which must begin so."""
    heard = b""
    while not heard.endswith(b"\r\n") or heard.split(b"\r\n")[-2][3:4] != b" ":
        some = connection.recv(4000)
        if not some:
            raise RuntimeError(f"the server has ended a session after {heard!r}")
        heard += some
    if not heard.split(b"\r\n")[-2].startswith(reply):
        raise RuntimeError(f"the server has said {heard!r}")


def check(clients: list[socket.socket]) -> None:
    """None has been told anything or cut off, and each is still answered.  Raises RuntimeError."""
    poll = select.poll()
    for each in clients:
        poll.register(each, select.POLLIN)
    if heard := poll.poll(0):
        raise RuntimeError(f"{len(heard)} of {len(clients)} sessions have not been left alone")
    for each in clients:
        say(each, b"NOOP", b"250 ")


@contextlib.contextmanager
def held() -> Iterator[list[socket.socket]]:
    """Connections that end with the block; by a reset, so that their ports are free at once."""
    clients: list[socket.socket] = []
    try:
        yield clients
    finally:
        for each in clients:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()


@functools.cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


if __name__ == "__main__":
    main()
