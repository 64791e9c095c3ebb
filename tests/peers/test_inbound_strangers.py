"""Strangers' programs against the listener: internationalised mail, every version of TLS, scanners, chunks by hand."""

from __future__ import annotations

import json
import os
import smtplib
import socket
import ssl
import subprocess
import threading
from email.message import EmailMessage
from pathlib import Path
from typing import IO

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.test_clients import no_verify
from tests.processes import (
    Fopemta,
    Postfix,
    Process,
    answers,
    free_port,
    program,
    received_lines,
    temporary_authority,
    until,
)

# What testssl.sh calls worse than a remark; a test's own certificate is nobody's.
_OF_A_TEST_CERTIFICATE = {
    "cert_trust", "cert_chain_of_trust", "cert_extlifeSpan", "cert_expirationStatus", "cert_validityPeriod",
    "cert_revocation", "cert_caIssuers", "cert_crlDistributionPoints", "cert_ocspURL",
}  # fmt: skip


def _heard(stream: IO[bytes], wanted: bytes) -> bytes:
    """What comes until `wanted` has, or the end."""
    heard = b""
    while wanted not in heard.replace(b"\r", b"") and (piece := os.read(stream.fileno(), 65536)):
        heard += piece
    return heard


class StrangerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Fopemta(self.mktemp()).start()
        self.addCleanup(self.server.stop)

    def arrived(self, user: str) -> bytes:
        return until(lambda: self.server.mailbox(user), f"nothing for {user}")[0]  # type: ignore[no-any-return]

    def openssl(self, *arguments: str, said: str = "QUIT\r\n") -> str:
        done = subprocess.run(
            [program("openssl"), "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{self.server.port}",
             *arguments],
            input=said, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def test_smtplib_with_smtputf8(self) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "jürgen@bücher.test", "bob@us.test", "Grüße"
        message.set_content("schöne Grüße")
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test") as client:
            client.starttls(context=no_verify())
            client.send_message(message)
        kept = self.arrived("bob")
        self.assertIn("with UTF8SMTPS id ", next(received_lines(kept)))
        self.assertIn("From: jürgen@bücher.test".encode(), kept)
        (event,) = self.server.events("accepted")
        self.assertEqual(event["sender"], "jürgen@xn--bcher-kva.test")

    def test_C016_old_versions_get_an_alert_a_line_in_the_log_and_may_come_back_in_plain(self) -> None:
        for version in ("-tls1", "-tls1_1"):
            said = self.openssl(version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertRegex(said, "alert protocol version|tlsv1 alert|no protocols available", version)
        self.assertGreaterEqual(len(self.server.events("tls_failed")), 1)
        with smtplib.SMTP("127.0.0.1", self.server.port, "printer.test") as client:
            client.sendmail("a@c.test", ["bob@us.test"], "Subject: x\r\n\r\n")
        self.arrived("bob")

    def test_C022_a_tool_that_asks_for_a_renegotiation_does_no_harm(self) -> None:
        # Without -quiet a line that begins with R makes the tool renegotiate; in TLS 1.3 it updates its keys.
        self.openssl("-tls1_2", said="EHLO c.test\nR\nQUIT\n")
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test") as client:
            self.assertEqual(client.noop()[0], 250)

    def test_keys_are_changed_in_the_midst_of_a_session(self) -> None:
        # A line "K" is the tool's own command: it changes its keys, and asks us to.
        steps = (
            (b"EHLO c.test\r\n", b"250-DSN\n250 LIMITS"),
            (b"K\n", b"KEYUPDATE"),
            (b"NOOP\r\n", b"250 2.0.0 Ok"),
            (b"quit\r\n", b"221 2.0.0"),
        )
        with subprocess.Popen(
            [program("openssl"), "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{self.server.port}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as tool:  # fmt: skip
            impatience = threading.Timer(60, tool.kill)
            impatience.start()
            self.addCleanup(impatience.cancel)
            assert tool.stdin is not None
            assert tool.stdout is not None
            _heard(tool.stdout, b"Verify return code")
            for said, answer in steps:
                tool.stdin.write(said)
                tool.stdin.flush()
                heard = _heard(tool.stdout, answer)
                self.assertIn(answer, heard.replace(b"\r", b""))

    def test_C091_everything_in_one_write_is_answered_in_order(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port), 10) as connection:
            connection.sendall(
                b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<bob@us.test>\r\nRCPT TO:<b@\r\nDATA\r\n"
                b"x\r\n.\r\nQUIT\r\n"
            )
            heard = b"".join(iter(lambda: connection.recv(65536), b""))
        codes = [line[:3] for line in heard.split(b"\r\n")[:-1] if line[3:4] == b" "]
        self.assertEqual(codes, [b"220", b"250", b"250", b"250", b"501", b"354", b"250", b"221"])

    def test_C058_long_lines_are_kept_as_they_are(self) -> None:
        body = "References: " + "<a@b.test> " * 100 + "\r\n\r\n" + "x" * 5000 + "\r\n"
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test") as client:
            client.sendmail("a@c.test", ["bob@us.test"], body)
        self.assertTrue(self.arrived("bob").endswith(body.replace("\r\n", "\n").encode()))

    def test_chunks(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port), 10) as connection:
            context = no_verify()
            reader = connection.makefile("rb")
            reader.readline()
            connection.sendall(b"EHLO c.test\r\n")
            while reader.readline()[3:4] == b"-":
                pass
            connection.sendall(b"STARTTLS\r\n")
            reader.readline()
            with context.wrap_socket(connection) as secured:
                secured.sendall(b"EHLO c.test\r\n")
                secured.recv(4000)
                secured.sendall(
                    b"MAIL FROM:<a@c.test> BODY=8BITMIME\r\nRCPT TO:<bob@us.test>\r\n"
                    b"BDAT 14\r\nSubject: x\r\n\r\nBDAT 6 LAST\r\n.\r\nab\nQUIT\r\n"
                )
                heard = b"".join(iter(lambda: _received(secured), b""))
        self.assertEqual([line[:3] for line in heard.split(b"\r\n")[:-1]], [b"250"] * 4 + [b"221"])
        self.assertTrue(self.arrived("bob").endswith(b"Subject: x\n\n.\nab\n"))

    def test_posttls_finger(self) -> None:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        (folder / "main.cf").write_text("compatibility_level = 3.6\nmyhostname = client.test\n")
        done = subprocess.run(
            [program("posttls-finger"), "-c", "-l", "encrypt", "-o", "inet_protocols=ipv4",
             f"[127.0.0.1]:{self.server.port}"],
            capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "MAIL_CONFIG": str(folder)},
        )  # fmt: skip
        self.assertIn("TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)", done.stdout + done.stderr)

    def test_testssl_finds_nothing_of_weight(self) -> None:
        report = Path(self.mktemp()).resolve()
        subprocess.run(
            [program("testssl"), "--starttls", "smtp", "--quiet", "--color", "0", "--warnings", "off", "--nodns",
             "none", "-p", "-s", "-P", "-U", "--severity", "LOW", "--jsonfile", str(report),
             f"127.0.0.1:{self.server.port}"],
            capture_output=True, timeout=240, check=False,
        )  # fmt: skip
        findings = json.loads(report.read_text("utf-8"))
        bad = {each["id"]: each["finding"] for each in findings
               if each["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL")}  # fmt: skip
        self.assertEqual({name: what for name, what in bad.items() if name not in _OF_A_TEST_CERTIFICATE}, {})
        # It did look: these are what it says of every server with CBC suites for old clients.
        self.assertIn("LUCKY13", {each["id"] for each in findings})


def _received(connection: ssl.SSLSocket) -> bytes:
    try:
        return connection.recv(65536)
    except (ssl.SSLError, ConnectionError):
        return b""


class PostfixAsClientTests(SynchronousTestCase):
    def test_postfix_that_demands_encryption(self) -> None:
        folder = Path(self.mktemp())
        authority, _ = temporary_authority(folder)
        server = Fopemta(folder / "us").start()
        self.addCleanup(server.stop)
        postfix = Postfix(
            folder, authority, relayhost=f"[127.0.0.1]:{server.port}", smtp_tls_security_level="encrypt",
            smtputf8_enable="yes",
        ).start()  # fmt: skip
        self.addCleanup(postfix.stop)
        with smtplib.SMTP("127.0.0.1", postfix.port, "client.test") as client:
            client.sendmail("carol@peer.test", ["bob@us.test"], "Subject: in\r\n\r\nHello\r\n")
        message = until(lambda: server.mailbox("bob"), f"nothing came: {postfix.log}")[0]
        self.assertIn("using TLSv1.3", next(received_lines(message)))


HAPROXY = """
global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen mail
    bind 127.0.0.1:{front}
    server us 127.0.0.1:{back} {send}
"""


class HaproxyTests(SynchronousTestCase):
    """haproxy in front, with either version of the PROXY protocol."""

    def test_the_client_is_who_haproxy_says(self) -> None:
        haproxy = program("haproxy")
        for send in ("send-proxy", "send-proxy-v2"):
            folder = Path(self.mktemp()).resolve()
            back, front = free_port(), free_port()
            settings = f"""
[[listener]]
endpoint = "haproxy:tcp:{back}:interface=127.0.0.1"
proxies = ["127.0.0.1"]
"""
            server = Fopemta(folder, settings, relay=False).start()
            self.addCleanup(server.stop)
            (folder / "haproxy.cfg").write_text(HAPROXY.format(front=front, back=back, send=send))
            proxy = Process(haproxy, "-db", "-f", str(folder / "haproxy.cfg"), output=folder / "haproxy.log")
            self.addCleanup(proxy.stop)
            until(lambda port=front: answers(port), f"haproxy does not answer: {proxy.text}")
            with smtplib.SMTP("127.0.0.1", front, "client.test", source_address=("127.0.0.9", 0)) as client:
                client.starttls(context=no_verify())
                client.sendmail("a@c.test", ["bob@us.test"], "Subject: x\r\n\r\n")
            kept = until(lambda each=server: each.mailbox("bob"), "nothing came")[0]
            self.assertIn("from client.test (unknown [127.0.0.9])", next(received_lines(kept)), send)
            # Others are cut off before they have said a word.
            self.assertEqual(_heard_by_a_stranger(back), b"")


def _heard_by_a_stranger(port: int) -> bytes:
    """Until the end, which may come even before the system has told that there is a connection."""
    try:
        with socket.create_connection(("127.0.0.1", port), 10, source_address=("127.0.0.9", 0)) as stranger:
            return stranger.recv(100)
    except ConnectionResetError:
        return b""
