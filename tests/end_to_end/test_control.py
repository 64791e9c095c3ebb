"""An operator at work: a running server, its queue and the commands, each as it is typed."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import smtplib
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end.test_crash import Sink
from tests.processes import ROOT, Fopemta, free_port, until

DEAD, CUSTOMER = "dead.test", "cust.test"


class ControlTests(SynchronousTestCase):
    more = ""

    def setUp(self) -> None:
        self.sink_port = free_port()
        settings = f"""
[[route]]
domain = "{DEAD}"
via = "smtp:127.0.0.1:{free_port()}"
[[route]]
domain = "{CUSTOMER}"
via = "smtp:127.0.0.1:{self.sink_port}"
on_demand = true
etrn = ["127.0.0.0/8"]
[retry]
first = "1h"
{self.more}
"""
        short = tempfile.mkdtemp(prefix="fopemta-")
        self.addCleanup(shutil.rmtree, short, True)
        self.socket = f"{short}/control.sock"
        self.server = Fopemta(self.mktemp(), settings, control=self.socket)
        self.addCleanup(self.server.stop)
        self.server.start()
        until(lambda: self.server.events("started"), "not started")

    def send(self, *recipients: str, number: str = "0") -> str:
        """A message that is in the queue for good."""
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test") as client:
            client.ehlo()
            client.mail("a@us.test")
            for each in recipients:
                client.rcpt(each)
            _, text = client.data(f"X-Number: {number}\r\nSubject: of {number}\r\n\r\nwaits\r\n")
        message_id = text.decode().split()[-1]
        until(
            lambda: [each for each in self.server.events("deferred") if each["message"] == message_id], "not deferred"
        )
        return message_id

    def run_command(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fopemta.cli.main", *words, "--config", str(self.server.config)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)

    def said(self, *words: str, status: int = 0) -> str:
        done = self.run_command(*words)
        self.assertEqual((done.returncode, done.stderr), (status, ""), done.stdout)
        return done.stdout

    def listed(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.said("queue", "list", "--json", *words).splitlines()]

    def states(self, message_id: str) -> list[str]:
        [found] = [each for each in self.listed() if each["id"] == message_id] or [{"recipients": []}]
        return [each["state"] for each in found["recipients"]]

    def test_a_day_in_the_life_of_a_queue(self) -> None:
        first, second = self.send(f"b@{DEAD}", number="1"), self.send(f"c@{DEAD}", number="2")
        self.assertEqual(stat.S_IMODE(os.stat(self.socket).st_mode), 0o600)
        # What there is, and of that what was asked for.
        self.assertEqual([each["id"] for each in self.listed()], [first, second])
        self.assertEqual([each["id"] for each in self.listed("--recipient", f"c@{DEAD}")], [second])
        self.assertEqual(self.listed("--state", "held"), [])
        self.assertIn("connection_refused", self.said("queue", "list", "--domain", "dead.*"))
        self.assertIn("of 1", self.said("queue", "show", first))
        self.assertEqual(self.said("queue", "show", "--message", first).split("\n\n")[1], "waits\n")
        # Held, released, removed.
        held = self.said("queue", "hold", first, "--reason", "ticket 7")
        self.assertEqual(held, f"{first}: held for 1 recipient\n")
        self.assertEqual(self.states(first), ["held"])
        self.assertIn(f"Held by {pwd.getpwuid(os.geteuid()).pw_name} (ticket 7)", self.said("queue", "show", first))
        self.assertEqual(self.said("queue", "hold", first, status=1), f"{first} is held already\n")
        self.assertIn(f"{first}: released for 1 recipient\n", self.said("queue", "release", "--state", "held"))
        until(lambda: self.states(first) == ["queued"], "not released")
        attempts = len(self.server.events("attempt"))
        self.said("queue", "retry", second)
        until(lambda: len(self.server.events("attempt")) > attempts, "not tried")
        self.said("queue", "remove", first, "--report", "--reason", "spam")
        until(lambda: self.server.mailbox("a"), "no report")
        self.assertIn(b"removed from the queue", self.server.mailbox("a")[0])
        self.assertNotIn(b"spam", self.server.mailbox("a")[0].partition(b"X-Number")[0])
        self.said("queue", "remove", "--all")
        self.assertEqual(self.said("queue", "list"), "The queue is empty.\n")
        self.assertEqual(len(self.server.mailbox("a")), 1)
        orders = [(each["message"], each["order"]) for each in self.server.events("ordered")]
        of_first = [(first, each) for each in ("hold", "release", "remove")]
        self.assertEqual(orders, [*of_first[:2], (second, "retry"), of_first[2], (second, "remove")])

    def test_unknown_ids_and_usage(self) -> None:
        unknown = "0vyKfVczdK5G1f"
        self.assertEqual(self.said("queue", "hold", unknown, status=1), f"{unknown} is not in the queue (any more)\n")
        for words in (["hold"], ["hold", "../x"], ["remove", "--all", "--domain", "x"], ["hold", "--state", "tired"]):
            done = self.run_command("queue", *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn("Usage:", done.stderr)

    def test_a_customer_who_dials_in(self) -> None:
        """R42: his mail waits until ETRN, which starts it once in an interval."""
        message_id = self.send(f"b@{CUSTOMER}", number="7")
        sink = Sink(self.sink_port)
        self.addCleanup(sink.server_close)
        self.addCleanup(sink.shutdown)
        self.assertIn("not_asked_for", self.said("queue", "list"))
        with smtplib.SMTP("127.0.0.1", self.server.port, "cust.test") as client:
            client.ehlo()
            started = f"2.0.0 1 pending messages for node {CUSTOMER} started"
            self.assertEqual(client.docmd("ETRN", CUSTOMER), (253, started.encode()))
            self.assertEqual(client.docmd("ETRN", CUSTOMER)[0], 458)
            self.assertEqual(client.docmd("ETRN", "far.test")[0], 459)
            self.assertEqual(client.docmd("ETRN", "#q")[0], 458)
            self.assertEqual(client.docmd("ETRN", "")[0], 501)
        until(lambda: sink.taken["7"], "never came")
        until(lambda: not self.states(message_id), "still there")

    def test_flush_and_summary(self) -> None:
        sink = Sink(self.sink_port)
        self.addCleanup(sink.server_close)
        self.addCleanup(sink.shutdown)
        self.send(f"b@{CUSTOMER}", f"c@{CUSTOMER}", f"d@{DEAD}", number="8")
        summary = [line.split() for line in self.said("queue", "summary").splitlines()]
        self.assertEqual([row[:3] for row in summary[1:]], [["all", "3", "3"], [CUSTOMER, "2", "2"], [DEAD, "1", "1"]])
        self.assertEqual(self.said("flush", CUSTOMER), f"1 message for {CUSTOMER} is tried now\n")
        until(lambda: sink.taken["8"], "never came")
        self.assertEqual(self.run_command("flush", "not a domain").returncode, 1)

    def test_reload_keeps_sessions_and_refuses_what_is_wrong(self) -> None:
        good = self.server.config.read_text()
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test") as client:
            client.ehlo()
            client.mail("a@us.test")
            self.server.config.write_text(good.replace("first = ", "frist = "))
            done = self.run_command("reload")
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn('retry.frist: is not known; did you mean "first"?', done.stderr)
            # What only the server can tell.
            self.server.config.write_text(
                good + '\n[tls.server]\ncertificates = [{ chain = "no.pem", key = "no.key" }]\n'
            )
            done = self.run_command("reload")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("nothing has changed:\n  tls.server.certificates", done.stderr)
            self.server.config.write_text(good + '\n[limits]\nmessage_size = "1MB"\n')
            self.assertEqual(self.said("reload"), "The new configuration is active.\n")
            self.assertEqual(client.rcpt("b@us.test")[0], 250)
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test") as client:
            client.ehlo()
            self.assertEqual(client.esmtp_features["size"], "1000000")

    def test_a_list_says_the_same_of_a_running_and_of_a_stopped_server(self) -> None:
        ids = [self.send(f"{name}@{DEAD}", number=name) for name in ("one", "two")]
        self.said("queue", "hold", ids[1])
        running = self.listed()
        self.assertEqual([each["id"] for each in running], ids)
        self.server.stop()
        self.assertEqual(self.listed(), running)

    def test_a_server_that_is_down(self) -> None:
        self.send(f"b@{DEAD}")
        self.server.stop()
        self.assertFalse(os.path.exists(self.socket))
        self.assertEqual(len(self.listed()), 1)
        for words in (["queue", "hold", "--all"], ["flush", DEAD], ["reload"]):
            done = self.run_command(*words)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("the server is not running", done.stderr)

    def test_a_server_that_was_killed_has_left_its_socket(self) -> None:
        self.server.kill()
        self.assertTrue(Path(self.socket).exists())
        self.assertEqual(self.run_command("reload").returncode, 1)
        self.server.start()
        until(lambda: self.run_command("reload").returncode == 0, "the socket does not answer")
