"""Debian's Postfix sends us a message and takes one from us, both over TLS 1.3; smtp-source and smtp-sink in bulk."""

from __future__ import annotations

import re
import smtplib
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import Fopemta, Postfix, Process, free_port, program, received_lines, temporary_authority, until

TLS13 = re.compile(r"using TLSv1\.3 with cipher TLS_AES_256_GCM_SHA384 \(256/256 bits\)")


class PostfixTests(SynchronousTestCase):
    def test_both_ways_over_tls_1_3(self) -> None:
        folder = Path(self.mktemp())
        authority, root = temporary_authority(folder)
        postfix = Postfix(folder, authority)
        settings = f"""
[tls.client]
roots = "{Path(root).resolve()}"
[[route]]
domain = "peer.test"
via = "smtp:localhost:{postfix.port}"
"""
        server = Fopemta(folder / "us", settings).start()
        self.addCleanup(server.stop)
        with open(postfix.etc / "main.cf", "a") as main:
            main.write(f"relayhost = [127.0.0.1]:{server.port}\n")
        postfix.start()
        self.addCleanup(postfix.stop)

        # To Postfix: the gateway shape, by a route to a fixed host, with a certificate that is good for its name.
        with smtplib.SMTP("127.0.0.1", server.port, "client.test") as client:
            client.sendmail("alice@us.test", ["carol@peer.test"], "Subject: out\r\n\r\n.dot\r\n")
        message = until(postfix.mailbox, f"Postfix got nothing: {postfix.log}")[0]
        self.assertTrue(message.endswith(b"\n\n.dot\n"))
        self.assertRegex(next(received_lines(message)), TLS13)
        (verdict,) = until(lambda: server.events("attempt"), "no verdict")
        self.assertEqual(
            (verdict["result"], verdict["rung"], verdict["protocol"], verdict["cipher"], verdict["bits"]),
            ("delivered", "strong256", "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256),
        )
        self.assertEqual((verdict["authenticated"], verdict["authenticated_by"]), (True, "pkix"))

        # And back again: Postfix relays to us.
        with smtplib.SMTP("127.0.0.1", postfix.port, "client.test") as client:
            client.sendmail("carol@peer.test", ["bob@us.test"], "Subject: in\r\n\r\nHello\r\n")
        ours = until(lambda: server.mailbox("bob"), f"nothing came: {postfix.log}")[0]
        self.assertRegex(next(received_lines(ours)), TLS13)
        self.assertIn("from peer.test", next(received_lines(ours)))
        self.assertIn("TLSv1.3", postfix.log)

    def test_tls_is_resumed_and_proves_as_much(self) -> None:
        folder = Path(self.mktemp())
        authority, root = temporary_authority(folder)
        postfix = Postfix(folder, authority).start()
        self.addCleanup(postfix.stop)
        settings = f"""
[delivery]
messages_per_connection = 1
[tls.client]
roots = "{Path(root).resolve()}"
[[route]]
domain = "peer.test"
via = "smtp:localhost:{postfix.port}"
tls = "authenticated"
"""
        server = Fopemta(folder / "us", settings).start()
        self.addCleanup(server.stop)
        for number in (1, 2, 3):
            with smtplib.SMTP("127.0.0.1", server.port, "client.test") as client:
                client.sendmail("alice@us.test", ["carol@peer.test"], f"Subject: {number}\r\n\r\n")
            until(lambda wanted=number: len(server.events("attempt")) == wanted, "no verdict")
        attempts = server.events("attempt")
        self.assertEqual([each["resumed"] for each in attempts], [False, True, True])
        self.assertEqual({(each["result"], each["authenticated"]) for each in attempts}, {("delivered", True)})

    def test_authenticated_tls_is_demanded(self) -> None:
        folder = Path(self.mktemp())
        authority, _ = temporary_authority(folder)
        postfix = Postfix(folder, authority).start()
        self.addCleanup(postfix.stop)
        settings = f'[[route]]\ndomain = "peer.test"\nvia = "smtp:localhost:{postfix.port}"\ntls = "authenticated"\n'
        server = Fopemta(folder / "us", settings).start()
        self.addCleanup(server.stop)
        with smtplib.SMTP("127.0.0.1", server.port, "client.test") as client:
            client.sendmail("alice@us.test", ["carol@peer.test"], "Subject: out\r\n\r\n")
        (verdict,) = until(lambda: server.events("attempt"), "no verdict")
        self.assertEqual((verdict["result"], verdict["diagnosis"]), ("deferred", "untrusted_root"))
        self.assertEqual(postfix.mailbox(), [])


class BulkTests(SynchronousTestCase):
    def test_2000_messages_in_20_sessions_from_smtp_source_to_smtp_sink(self) -> None:
        source, sink = program("smtp-source"), program("smtp-sink")
        folder = Path(self.mktemp())
        folder.mkdir()
        port = free_port()
        received = folder / "received"
        # "%M." names a dump file a message: each is one message that the sink has taken.
        received.mkdir()
        receiver = Process(
            sink, "-u", "root", "-d", f"{received}/%M.", f"127.0.0.1:{port}", "200", output=folder / "sink"
        )
        self.addCleanup(receiver.stop)
        settings = f'[[route]]\ndomain = "*"\nvia = "smtp:127.0.0.1:{port}"\n'
        server = Fopemta(folder / "us", settings).start()
        self.addCleanup(server.stop)
        subprocess.run(
            [source, "-s", "20", "-m", "2000", "-l", "4096", "-f", "a@c.test", "-t", "b@far.test",
             f"127.0.0.1:{server.port}"],
            check=True, timeout=120,
        )  # fmt: skip
        until(lambda: len(server.events("finished")) >= 2000, "the queue does not become empty", 120)
        taken = [path.read_bytes() for path in received.iterdir()]
        ids = {re.search(rb"\(fopemta\) with E?SMTP id (\w+)", message)[1] for message in taken}  # type: ignore[index]
        self.assertEqual((len(taken), len(ids)), (2000, 2000))
        self.assertEqual({event["message"] for event in server.events("accepted")}, {each.decode() for each in ids})
