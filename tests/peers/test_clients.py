"""Strangers' clients send to us: smtplib, swaks, openssl s_client."""

from __future__ import annotations

import smtplib
import ssl
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import Fopemta, program, received_lines, until

TLS13 = "(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))"


def no_verify() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class ClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Fopemta(self.mktemp()).start()
        self.addCleanup(self.server.stop)

    def arrived(self, user: str) -> bytes:
        return until(lambda: self.server.mailbox(user), f"nothing for {user}")[0]  # type: ignore[no-any-return]

    def test_smtplib_over_starttls(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test") as client:
            code, text = client.starttls(context=no_verify())
            self.assertEqual((code, text), (220, b"Ready to start TLS"))
            client.sendmail("a@c.test", ["bob@us.test"], "Subject: x\r\n\r\n.one dot\r\n..two\r\n")
        message = self.arrived("bob")
        self.assertTrue(message.endswith(b"Subject: x\n\n.one dot\n..two\n"))
        (received,) = received_lines(message)
        self.assertIn(TLS13, received)
        self.assertIn("from client.test (unknown [127.0.0.1])", received)
        self.assertIn("by mx.us.test (fopemta) with ESMTPS id ", received)

    def test_smtplib_eight_bit_in_plain(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test") as client:
            client.ehlo()
            body = "Subject: x\r\n\r\nGrüße\r\n".encode()
            client.sendmail("a@c.test", ["bob@us.test"], body, mail_options=["BODY=8BITMIME"])
        message = self.arrived("bob")
        self.assertIn("Grüße".encode(), message)
        self.assertIn("with ESMTP id", next(received_lines(message)))

    def test_swaks_over_starttls(self) -> None:
        swaks = program("swaks")
        done = subprocess.run(
            [swaks, "--server", "127.0.0.1", "--port", str(self.server.port), "--tls", "--to", "bob@us.test",
             "--from", "a@c.test", "--helo", "swaks.test", "--pipeline"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("220 Ready to start TLS", done.stdout)
        self.assertIn(TLS13, next(received_lines(self.arrived("bob"))))

    def test_openssl_with_each_version(self) -> None:
        openssl = program("openssl")
        found = {}
        for version in ("-tls1_3", "-tls1_2"):
            done = subprocess.run(
                [openssl, "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{self.server.port}", version],
                input="QUIT\r\n", capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            found[version] = next((line for line in done.stdout.split("\n") if "Cipher is" in line), done.stderr)
        self.assertEqual(
            found,
            {
                "-tls1_3": "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384",
                "-tls1_2": "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384",
            },
        )

    def test_C097_the_reply_to_the_dot_does_not_wait_for_the_delivery(self) -> None:
        # far.test has a route to an address where nobody ever answers the connection: the reply comes all the same.
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test", timeout=20) as client:
            client.sendmail("a@c.test", ["bob@[192.0.2.1]"], "Subject: x\r\n\r\n")
        self.assertEqual(len(self.server.events("accepted")), 1)


class ClosedRelayTests(SynchronousTestCase):
    def test_nobody_relays_unless_the_configuration_says_so(self) -> None:
        server = Fopemta(self.mktemp(), relay=False).start()
        self.addCleanup(server.stop)
        with smtplib.SMTP("127.0.0.1", server.port, "client.test") as client:
            client.ehlo()
            client.mail("a@c.test")
            for address in ("b@far.test", "b%far.test@[127.0.0.1]", "@us.test:b@far.test", "b@[192.0.2.1]"):
                self.assertEqual(client.docmd(f"RCPT TO:<{address}>")[0], 550, address)
            for address in ("bob@us.test", "postmaster"):
                self.assertEqual(client.docmd(f"RCPT TO:<{address}>")[0], 250, address)


class LargeMessageTests(SynchronousTestCase):
    def test_100_MB_do_not_grow_the_process(self) -> None:
        server = Fopemta(self.mktemp()).start()
        self.addCleanup(server.stop)
        line = b"x" * 998 + b"\r\n"
        with smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=120) as client:
            client.sendmail("a@c.test", ["bob@us.test"], b"Subject: small\r\n\r\nx\r\n")
            until(lambda: server.mailbox("bob"), "the small one")
            before = server.resident
            client.sendmail("a@c.test", ["carol@us.test"], b"Subject: large\r\n\r\n" + line * 100_000)
            most = server.resident
        until(lambda: server.events("finished")[1:], "the large one", 60)
        most = max(most, server.resident)
        size = len(server.mailbox("carol")[0])
        self.assertGreater(size, 99_000_000)
        # A few pieces of 1 MiB are under way at any time; all else is noise of the allocator.
        self.assertLess(most - before, 24 * 1024 * 1024)
