"""A server that can sign its handshake by SHA-1 alone: Python's, with an OpenSSL that is told so."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import rsa_key
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.handshake_failure import Ending, diagnose
from fopemta.trust.rungs import Hello, Rung
from tests.processes import Process, until
from tests.tls.handshakes import AUTHORITY, client_tls

OPENSSL = """
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = server
[server]
MaxProtocol = TLSv1.2
SignatureAlgorithms = RSA+SHA1
"""
SERVER = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_ciphers("ALL:@SECLEVEL=0")
context.load_cert_chain(*sys.argv[1:3])
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
while True:
    near, _ = listening.accept()
    near.settimeout(10)
    try:
        context.wrap_socket(near, server_side=True).recv(1)
    except OSError:
        near.close()
"""


class Sha1SignatureTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        (folder / "openssl.cnf").write_text(OPENSSL)
        leaf = AUTHORITY.leaf("mx.test", key=rsa_key()).write(folder, "server")
        server = Process(
            sys.executable, "-c", SERVER, *leaf, output=folder / "output",
            environment={"OPENSSL_CONF": str(folder / "openssl.cnf")},
        )  # fmt: skip
        self.addCleanup(server.stop)
        until(lambda: "\n" in server.text, "no port")
        self.port = int(server.text.split()[0])
        self.client = client_tls()

    def shaken(self, rung: Rung) -> HandshakeEvidence | Diagnosis:
        """What comes of a handshake on `rung`."""
        connection = self.client.creator(rung, Hello.FULL, "mx.test").clientConnectionForTLS(None)
        connection.set_connect_state()
        with socket.create_connection(("127.0.0.1", self.port), 10) as wire:
            while True:
                try:
                    connection.do_handshake()
                    return self.client.evidence(connection)
                except SSL.WantReadError:
                    wire.sendall(connection.bio_read(100_000))
                    connection.bio_write(wire.recv(100_000))
                except SSL.Error as error:
                    return diagnose(Ending.ERROR, str(error))

    def test_only_the_lenient_rung_comes_to_a_session_and_it_proves_nothing(self) -> None:
        for rung in (Rung.STRONG_256, Rung.STRONG_128, Rung.COMPATIBLE):
            self.assertIs(self.shaken(rung), Diagnosis.NO_COMMON_CIPHER)
        found = self.shaken(Rung.LENIENT)
        assert isinstance(found, HandshakeEvidence), found
        self.assertIsNone(found.judging_error)
        self.assertEqual((found.protocol, found.cipher), ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"))
        self.assertTrue(found.lenient)
