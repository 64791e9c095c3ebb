"""Several workers are one server: to clients, to operators, to destinations, and to whoever kills one of them."""

from __future__ import annotations

import os
import random
import re
import signal
import smtplib
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.end_to_end import test_control
from tests.end_to_end.test_crash import Sender, Sink, SinkSession
from tests.processes import Fopemta, free_port, until


def workers(count: int) -> str:
    return f"[workers]\ncount = {count}\n"


def children(server: Fopemta) -> list[int]:
    """The workers' processes."""
    assert server.process is not None
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(server.process.pid)], capture_output=True, text=True)
    return [int(each) for each in found.stdout.split()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


class OneServerTests(test_control.ControlTests):
    """All that an operator does, as with one process."""

    more = workers(2)

    def test_a_queue_is_started_once_in_an_interval_whoever_is_asked(self) -> None:
        answers = []
        for _ in range(12):
            with smtplib.SMTP("127.0.0.1", self.server.port, "cust.test") as client:
                client.ehlo()
                answers.append(client.docmd("ETRN", test_control.CUSTOMER)[0])
        self.assertEqual(answers, [251, *[458] * 11])


class CountingSession(SinkSession):
    """Says when it is over before the client hears of it."""

    server: CountingSink
    over = False

    def handle(self) -> None:
        super().handle()
        self.leave()

    def say(self, text: str) -> None:
        if text.startswith("221"):
            self.leave()
        super().say(text)

    def leave(self) -> None:
        if not self.over:
            self.over = True
            with self.server.lock:
                self.server.open -= 1


class CountingSink(Sink):
    """Knows how many sessions stood at a time at most."""

    session = CountingSession

    def __init__(self) -> None:
        self.open = self.most = 0
        super().__init__(put_off=0.03)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        super().process_request(request, client_address)


class WorkersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sink = CountingSink()
        self.addCleanup(self.sink.server_close)
        self.addCleanup(self.sink.shutdown)

    def serve(self, count: int, more: str = "", folder: str | None = None) -> Fopemta:
        route = f'[[route]]\ndomain = "sink.test"\nvia = "smtp:127.0.0.1:{self.sink.server_address[1]}"\n'
        timetable = '[delivery.timeouts]\ngreeting = "5s"\n[retry]\nfirst = "1s"\nfactor = 1.5\nlongest = "3s"\n'
        server = Fopemta(folder or self.mktemp(), workers(count) + route + timetable + more)
        self.addCleanup(server.stop)
        server.start()
        until(lambda: server.events("started"), "not started")
        return server

    def sending(self, server: Fopemta, number: int, first: int = 0) -> list[Sender]:
        senders = [Sender(server.port, f"s{each}") for each in range(first, first + number)]
        for sender in senders:
            sender.start()
        return senders

    def all_come(self, senders: list[Sender]) -> None:
        """What they were told is kept is delivered."""
        for sender in senders:
            sender.ending.set()
        for sender in senders:
            sender.join(30)
        acknowledged = {number for sender in senders for number in sender.acknowledged}
        self.assertGreater(len(acknowledged), 20)
        until(lambda: acknowledged <= set(self.sink.taken), "messages that were acknowledged and never came", 60)

    def test_all_take_mail_and_end_in_good_order(self) -> None:
        server = self.serve(2)
        pids = children(server)
        self.assertEqual(len(pids), 2)
        spool = server.folder / "spool"
        senders = []

        def both_are_used() -> bool:
            # Whoever is awake first takes a client: of a few, one worker may take all.
            senders.extend(self.sending(server, 2, len(senders)))
            return all(list((part / "intake").glob("*.log")) for part in (spool, spool / "workers" / "2"))

        until(both_are_used, "one worker alone takes mail")
        until(lambda: len(self.sink.taken) > 100, "no mail")
        self.all_come(senders)
        assert server.process is not None
        os.killpg(server.process.pid, signal.SIGTERM)  # each of them is told, as by a service manager
        self.assertIn(server.process.stop(), (0, -signal.SIGTERM))  # twistd ends as it was told to
        self.assertEqual([pid for pid in pids if is_alive(pid)], [])
        self.assertTrue(server.events("stopped"))
        self.assertEqual(server.events("background_failure"), [])
        self.assertNotIn("Traceback", (server.folder / "text.log").read_text())

    def test_a_killed_worker_loses_nothing_and_begins_again(self) -> None:
        server = self.serve(2)
        senders = self.sending(server, 4)
        noise = random.Random(7)
        for killed in range(1, 4):
            until(lambda killed=killed: len(server.events("worker_started")) > killed, "not begun again")
            time.sleep(noise.uniform(0.1, 0.5))
            os.kill(noise.choice(children(server)), signal.SIGKILL)
        until(lambda: len(server.events("worker_started")) == 5, "not begun again")
        self.all_come(senders)
        whys = {event["why"] for event in server.events("worker_ended")}
        self.assertEqual(whys, {"signal 9"})
        self.assertLessEqual(max(self.sink.taken.values()), 3)

    def test_workers_of_a_killed_supervisor_end_and_let_the_spool_go(self) -> None:
        server = self.serve(2)
        senders = self.sending(server, 2)
        until(lambda: len(self.sink.taken) > 20, "no mail")
        pids = children(server)
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        until(lambda: not any(map(is_alive, pids)), "workers without a supervisor")
        server.stop()
        server.start()
        self.all_come(senders)

    def test_limits_of_a_destination_hold_for_all(self) -> None:
        server = self.serve(2, "[delivery]\nconnections_per_destination = 2\n")
        senders = self.sending(server, 8)
        until(lambda: len(self.sink.taken) > 200, "no mail", 60)
        self.all_come(senders)
        self.assertEqual(self.sink.most, 2)

    def test_workers_fewer_than_before_adopt_the_mail_of_the_others(self) -> None:
        dead = free_port()
        folder = self.mktemp()
        route = f'[[route]]\ndomain = "late.test"\nvia = "smtp:127.0.0.1:{dead}"\n'
        server = self.serve(3, route, folder)
        ids = set()
        for number in range(30):
            message_id, _ = self.send(server, "b@late.test", number)
            ids.add(message_id)
        parts = [server.folder / "spool" / "workers" / number for number in ("2", "3")]
        until(lambda: {event["message"] for event in server.events("deferred")} >= ids, "not deferred")
        self.assertTrue(all(list((part / "deferred").rglob("*.msg")) for part in parts))
        server.stop()
        config = (
            server.config.read_text()
            .replace(workers(3), workers(1))
            .replace(str(dead), str(self.sink.server_address[1]))
        )
        server.config.write_text(config)
        server.start()
        until(lambda: len(self.sink.taken) == 30, "mail of workers that there are no more", 60)
        # Files go in batches, once it is durable that their messages are finished.
        until(lambda: not any(list((part / "deferred").rglob("*.msg")) for part in parts), "partitions that run empty")

    def send(self, server: Fopemta, recipient: str, number: int) -> tuple[str, int]:
        with smtplib.SMTP("127.0.0.1", server.port, "client.test") as client:
            client.ehlo()
            client.mail("a@us.test")
            client.rcpt(recipient)
            _, text = client.data(f"X-Number: {number}\r\n\r\nwaits\r\n")
        return text.decode().split()[-1], number

    def test_a_second_server_and_a_taken_port_are_refused(self) -> None:
        server = self.serve(2)
        for kept, why in ((True, "in use by another process"), (False, "Address already in use")):
            text = server.config.read_text()
            other = Fopemta(self.mktemp())
            other.config.write_text(
                text.replace('"spool"', f'"{server.folder}/spool"').replace(str(server.port), str(other.port))
                if kept
                else text
            )
            self.addCleanup(other.stop)
            with self.assertRaises(AssertionError) as raised:
                other.start()
            self.assertRegex(str(raised.exception), re.compile(f"{why}|did not start"))
            self.assertIn(why, (other.folder / "text.log").read_text())

    def test_reload_reaches_all_or_none(self) -> None:
        server = self.serve(2, "[limits]\nrecipients = 100\n")
        assert server.process is not None
        text = server.config.read_text()
        server.config.write_text(text.replace("recipients = 100", "recipients = 3"))
        os.kill(server.process.pid, signal.SIGHUP)
        until(lambda: server.events("reload_failed"), "no refusal")
        self.assertEqual({self.banner(server) for _ in range(10)}, {"ESMTP fopemta"})
        server.config.write_text(text.replace("[node]\n", '[node]\nbanner = "changed"\n'))
        os.kill(server.process.pid, signal.SIGHUP)
        until(lambda: server.events("reloaded"), "no reload")
        until(lambda: {self.banner(server) for _ in range(10)} == {"changed"}, "some have the old configuration")
        os.kill(children(server)[0], signal.SIGKILL)
        until(lambda: len(server.events("worker_started")) == 3, "not begun again")
        self.assertEqual({self.banner(server) for _ in range(10)}, {"changed"})

    def banner(self, server: Fopemta) -> str:
        with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
            connection.settimeout(5)
            return connection.recv(200).decode().strip().partition(" ")[2].partition(" ")[2]
