"""What an idle client costs: sessions held open after EHLO, with and without TLS, as memory of the server's process.

`python -m benchmarks.idle [SESSIONS]`; a TLS client here costs memory of its own, which is not counted.
"""

from __future__ import annotations

import resource
import socket
import ssl
import sys
import tempfile
import time

from tests.processes import Fopemta

SETTLE = 3.0


def greet(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.sendall(b"EHLO idle.test\r\n")
    while not connection.recv(4000).split(b"\r\n")[-2].startswith(b"250 "):
        pass


def secured(connection: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    greet(connection)
    connection.sendall(b"STARTTLS\r\n")
    connection.recv(1000)
    wrapped = context.wrap_socket(connection)
    wrapped.sendall(b"EHLO idle.test\r\n")
    wrapped.recv(4000)
    return wrapped


def measure(sessions: int, tls: bool) -> float:
    """Octets of the server's memory for one session."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    settings = f"[limits]\nconnections = {sessions + 100}\n"
    with tempfile.TemporaryDirectory() as folder:
        server = Fopemta(folder, settings).start()
        held: list[socket.socket] = []
        try:
            for number in range(sessions + 50):
                if number == 50:  # what the first ones bring about belongs to nobody
                    time.sleep(SETTLE)
                    before = server.resident
                connection = socket.create_connection(("127.0.0.1", server.port))
                if tls:
                    connection = secured(connection, context)
                else:
                    greet(connection)
                held.append(connection)
            time.sleep(SETTLE)
            return (server.resident - before) / sessions
        finally:
            for connection in held:
                connection.close()
            server.stop()


def main() -> None:
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 3 * sessions + 1000), hard))
    for tls in (False, True):
        print(f"{sessions} idle sessions, {'TLS' if tls else 'plain'}: {measure(sessions, tls) / 1024:.1f} KiB each")


if __name__ == "__main__":
    main()
