"""Clients that end the connection in their own ways, with real sockets, and Exim, which closes its half behind QUIT."""

from __future__ import annotations

import os
import re
import socket
import ssl
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.test_clients import no_verify
from tests.processes import Fopemta, program, until

EXIM = """
primary_hostname = exim.test
exim_path = {exim}
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
keep_environment =
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1 byname
  self = send
  transport = smtp
begin transports
smtp:
  driver = smtp
  port = {port}
  hosts_avoid_tls = {avoid_tls}
  tls_verify_certificates =
  tls_try_verify_hosts =
begin retry
* * F,1h,1h
"""
ENVELOPE = b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<bob@us.test>\r\n"
BY_DATA = ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nHello\r\n.\r\nQUIT\r\n"
BY_BDAT = ENVELOPE + b"BDAT 21 LAST\r\nSubject: x\r\n\r\nHello\r\nQUIT\r\n"
_RESET = struct.pack("ii", 1, 0)


def _rest(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


class TlsClient:
    """TLS whose good-bye and end of the connection are two things."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = no_verify().wrap_bio(self.incoming, self.outgoing)
        self.step(self.session.do_handshake)

    def flush(self) -> None:
        self.connection.sendall(self.outgoing.read())

    def step(self, what: Callable[[], object]) -> None:
        while True:
            try:
                what()
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.connection.recv(65536))
            else:
                self.flush()
                return

    def good_bye(self) -> None:
        try:
            self.session.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.flush()

    def rest(self) -> bytes:
        heard = b""
        while piece := self.connection.recv(65536):
            self.incoming.write(piece)
            try:
                while part := self.session.read(65536):
                    heard += part
            except ssl.SSLError:
                pass
        return heard


class SocketTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Fopemta(self.mktemp()).start()
        self.addCleanup(self.server.stop)
        self.arrived = 0

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.server.port), 20)
        connection.settimeout(20)
        self.addCleanup(connection.close)
        connection.recv(1000)
        return connection

    def one_more(self, heard: bytes | None) -> None:
        if heard is not None:
            codes = [int(each[:3]) for each in heard.split(b"\r\n") if each and each[3:4] != b"-"]
            self.assertEqual(codes[-2:], [250, 221], heard)
        self.arrived += 1
        until(lambda: len(self.server.mailbox("bob")) >= self.arrived, "a message has not arrived")
        self.assertEqual(len(self.server.mailbox("bob")), self.arrived)

    def test_in_the_clear(self) -> None:
        for said in (BY_DATA, BY_BDAT):
            connection = self.connect()
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            self.one_more(_rest(connection))

    def test_under_tls(self) -> None:
        for said in (BY_DATA, BY_BDAT):
            for good_bye, fin in ((True, False), (False, True), (True, True)):
                connection = self.connect()
                connection.sendall(b"EHLO c.test\r\nSTARTTLS\r\n")
                heard = b""
                while not heard.endswith(b"220 Ready to start TLS\r\n"):
                    heard += connection.recv(1000)
                client = TlsClient(connection)
                client.step(lambda client=client, said=said: client.session.write(said))
                if good_bye:
                    client.good_bye()
                if fin:
                    connection.shutdown(socket.SHUT_WR)
                self.one_more(client.rest())

    def test_a_client_that_is_gone_altogether(self) -> None:
        connection = self.connect()
        connection.sendall(BY_DATA)
        connection.close()
        self.one_more(None)

    def test_a_reset_before_the_end_of_data_leaves_nothing(self) -> None:
        connection = self.connect()
        connection.sendall(BY_DATA.partition(b".\r\n")[0])
        heard = b""
        while b"354" not in heard:
            heard += connection.recv(1000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.close()
        other = self.connect()
        other.sendall(b"QUIT\r\n")
        self.assertTrue(_rest(other).startswith(b"221"))
        self.assertEqual(self.server.events("accepted"), [])


class EximTests(SynchronousTestCase):
    def exim(self, config: Path, *arguments: str, said: str = "") -> str:
        command = [program("exim4"), "-C", str(config), *arguments]
        done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.strip()

    def test_each_message_comes_once(self) -> None:
        server = Fopemta(self.mktemp()).start()
        self.addCleanup(server.stop)
        for number, avoid_tls in enumerate(("*", ":")):
            # Exim's own user must be able to come in.
            temporary = tempfile.TemporaryDirectory(prefix="fopemta-peers-")
            self.addCleanup(temporary.cleanup)
            folder = Path(temporary.name)
            folder.chmod(0o777)
            config = folder / "exim.conf"
            config.write_text(EXIM.format(exim=program("exim4"), folder=folder, port=server.port, avoid_tls=avoid_tls))
            os.chmod(config, 0o644)
            for each in range(5):
                self.exim(config, "-odq", "-f", "a@exim.test", f"user{number}@us.test", said=f"Subject: {each}\n\n")
            self.exim(config, "-qf")
            log = (folder / "mainlog").read_text()
            self.assertEqual(len(re.findall(r" => user.*C=\"250", log)), 5, log)
            until(lambda name=f"user{number}": len(server.mailbox(name)) >= 5, log)
            self.assertEqual(len(server.mailbox(f"user{number}")), 5)
            self.assertEqual(self.exim(config, "-bpc"), "0", log)
