"""A server that was killed, its spool damaged meanwhile: it starts, delivers the rest and tells postmaster."""

from __future__ import annotations

import os
import signal
import smtplib
from email import message_from_bytes
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.test_crash import Sink
from tests.processes import Fopemta, free_port, until


class RestartTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sink_port = free_port()
        settings = f"""
[[route]]
domain = "sink.test"
via = "smtp:127.0.0.1:{self.sink_port}"
[retry]
first = "1s"
longest = "2s"
"""
        self.server = Fopemta(self.mktemp(), settings)
        self.addCleanup(self.server.stop)
        self.server.start()
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test") as client:
            for number in range(5):
                client.sendmail("a@us.test", "b@sink.test", f"X-Number: {number}\r\n\r\nwaits\r\n")
        until(lambda: len(self.server.events("deferred")) >= 5, "not deferred")
        until(lambda: len(self.waiting()) == 5, "not moved to deferred/")

    def waiting(self) -> list[Path]:
        found = (self.server.folder / "spool" / "deferred").glob("*/*.msg")
        return sorted(found, key=lambda path: path.name)

    def everything_arrives_once(self, *numbers: str) -> None:
        sink = Sink(self.sink_port)
        self.addCleanup(sink.server_close)
        self.addCleanup(sink.shutdown)
        until(lambda: set(numbers) <= set(sink.taken), "never came")
        self.assertEqual(dict(sink.taken), dict.fromkeys(numbers, 1))

    def test_C096_what_was_queued_goes_out_without_help(self) -> None:
        self.server.kill()
        self.server.start()
        self.everything_arrives_once("0", "1", "2", "3", "4")

    def test_C094_bad_files_stop_nothing_and_postmaster_is_told(self) -> None:
        self.server.kill()
        waiting = self.waiting()
        numbers = [message_from_bytes(path.read_bytes().partition(b"\n")[2])["X-Number"] for path in waiting]
        whole = waiting[0].read_bytes()
        bad = (b"", whole[: len(whole) // 2], b"\x93\x00random" * 40, b"fopemta-message 2 " + whole[18:])
        for path, octets in zip(waiting, bad, strict=False):
            path.write_bytes(octets)
        self.server.start()
        self.everything_arrives_once(numbers[4])
        corrupt = self.server.folder / "spool" / "corrupt"
        self.assertEqual(sorted(path.name for path in corrupt.glob("*.msg")), [path.name for path in waiting[:4]])
        self.assertEqual(len(self.server.events("corrupt")), 8)  # each message with its journal
        until(lambda: self.server.mailbox("postmaster"), "postmaster is not told")
        (notice,) = self.server.mailbox("postmaster")
        for path in waiting[:4]:
            self.assertIn(str(path).encode(), notice)
        assert self.server.process is not None
        self.assertTrue(self.server.process.running)


class RulesThatAreGoneTests(SynchronousTestCase):
    """A rule came while mail waited, the server was killed before it tried that again, and the rule is gone."""

    def test_they_bind_what_waited(self) -> None:
        sink_port = free_port()
        route = f'[[route]]\ndomain = "sink.test"\nvia = "smtp:127.0.0.1:{sink_port}"\n[retry]\nfirst = "3s"\n'
        server = Fopemta(self.mktemp(), route)
        self.addCleanup(server.stop)
        server.config.write_text('rules = "rules.toml"\n' + server.config.read_text())
        rules = server.folder / "rules.toml"
        rules.write_text("")
        server.start()
        with smtplib.SMTP("127.0.0.1", server.port, "client.test") as client:
            client.sendmail("a@us.test", "b@sink.test", "X-Number: before\r\n\r\nwaits\r\n")
        until(lambda: server.events("deferred"), "not deferred")
        rules.write_text(_FORCE)
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGHUP)
        until(lambda: server.events("reloaded"), "not taken up")
        server.kill()
        rules.write_text("")
        sink = Sink(sink_port)
        self.addCleanup(sink.server_close)
        self.addCleanup(sink.shutdown)
        server.start()
        with smtplib.SMTP("127.0.0.1", server.port, "client.test") as client:
            client.sendmail("a@us.test", "b@sink.test", "X-Number: after\r\n\r\nno rule\r\n")
        until(lambda: "after" in sink.taken, "new mail is bound, too")
        until(lambda: ["bank"] in [each["rules"] for each in self.lacking_tls(server)], "not tried, or not bound", 90)
        self.assertEqual(dict(sink.taken), {"after": 1})

    def lacking_tls(self, server: Fopemta) -> list[dict[str, Any]]:
        return [each for each in server.events("attempt") if each["diagnosis"] == "tls_not_offered"]


_FORCE = '[[rule]]\nname = "bank"\nwhen = { recipients = ["sink.test"] }\nthen = { action = "force_tls" }\n'
