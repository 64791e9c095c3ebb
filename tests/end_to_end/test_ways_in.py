"""A client that comes by IPv6: its connection is made otherwise, and its address written otherwise."""

from __future__ import annotations

import smtplib

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import Fopemta, free_port, until


class IPv6Tests(SynchronousTestCase):
    def test_a_message(self) -> None:
        port = free_port()
        server = Fopemta(self.mktemp(), f"[[listener]]\nendpoint = 'tcp6:{port}:interface=\\:\\:1'\n").start()
        self.addCleanup(server.stop)
        with smtplib.SMTP("::1", port, "client.test") as client:
            client.sendmail("a@client.test", ["alice@us.test"], "Subject: hello\r\n\r\nHello\r\n")
        [text] = until(lambda: server.mailbox("alice"), "nothing came")
        self.assertIn("[IPv6:::1]", str(text))
