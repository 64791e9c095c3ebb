"""People's programs log in and submit: smtplib and swaks, with a user made by `fopemta users add`."""

from __future__ import annotations

import smtplib
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.test_clients import no_verify
from tests.processes import ROOT, Fopemta, free_port, program, received_lines, until


class SubmissionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.starttls, self.implicit = free_port(), free_port()
        settings = f"""
[users]
file = "users"
[[listener]]
endpoint = "tcp:{self.starttls}:interface=127.0.0.1"
kind = "submission"
tls = "required"
[[listener]]
endpoint = "tcp:{self.implicit}:interface=127.0.0.1"
kind = "submission"
tls = "implicit"
tell_client = false
"""
        self.server = Fopemta(self.mktemp(), settings, relay=False)
        done = subprocess.run(
            [sys.executable, "-m", "fopemta.cli.main", "users", "add", "--config", str(self.server.config), "alice",
             "--sender", "alice@us.test", "--password-stdin"],
            input="right horse\n", capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.server.start()
        self.addCleanup(self.server.stop)

    def arrived(self, user: str) -> bytes:
        return until(lambda: self.server.mailbox(user), f"nothing for {user}")[0]  # type: ignore[no-any-return]

    def test_smtplib_over_starttls(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.starttls, "client.test") as client:
            client.ehlo()
            self.assertFalse(client.has_extn("auth"))
            self.assertRaises(smtplib.SMTPResponseException, client.sendmail, "alice@us.test", ["bob@us.test"], "x")
            client.rset()
            client.starttls(context=no_verify())
            client.login("alice", "right horse")
            self.assertRaises(smtplib.SMTPSenderRefused, client.sendmail, "eve@us.test", ["bob@us.test"], "x")
            client.sendmail("alice@us.test", ["bob@us.test"], "Subject: x\r\n\r\nhello\r\n")
        message = self.arrived("bob")
        self.assertIn("with ESMTPSA id ", next(received_lines(message)))
        self.assertIn(b"\nMessage-ID: <", message)
        self.assertIn(b"\nDate: ", message)

    def test_a_wrong_password(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.starttls, "client.test") as client:
            client.starttls(context=no_verify())
            self.assertRaises(smtplib.SMTPAuthenticationError, client.login, "alice", "wrong horse")
            self.assertRaises(smtplib.SMTPAuthenticationError, client.login, "nobody", "right horse")
            self.assertEqual(client.noop()[0], 250)
        self.assertGreaterEqual(len(self.server.events("login_failed")), 2)

    def test_smtplib_over_implicit_tls_does_not_betray_the_client(self) -> None:
        with smtplib.SMTP_SSL("127.0.0.1", self.implicit, "client.test", context=no_verify()) as client:
            client.login("alice", "right horse")
            client.sendmail("alice@us.test", ["bob@us.test"], "Subject: x\r\n\r\nhello\r\n")
        message = self.arrived("bob")
        self.assertNotIn(b"127.0.0.1", message)
        self.assertNotIn(b"client.test", message)

    def test_swaks_with_each_mechanism(self) -> None:
        for mechanism in ("PLAIN", "LOGIN"):
            done = subprocess.run(
                [program("swaks"), "--server", "127.0.0.1", "--port", str(self.starttls), "--tls", "--auth", mechanism,
                 "--auth-user", "alice", "--auth-password", "right horse", "--from", "alice@us.test", "--to",
                 f"{mechanism.lower()}@us.test", "--helo", "swaks.test"],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("235 2.7.0", done.stdout)
            self.arrived(mechanism.lower())
