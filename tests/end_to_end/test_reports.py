"""Reports as a sender gets them, from the parameters of MAIL and RCPT to the message in his mailbox."""

from __future__ import annotations

import smtplib
import socketserver
import threading
from email import message_from_bytes, policy
from email.message import Message
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import Fopemta, until

CONTENT = b"From: alice@us.test\r\nSubject: Lunch\r\n\r\nAt noon?\r\n"


class Sink(socketserver.ThreadingTCPServer):
    """A server without DSN that knows only bob, and takes nothing for later@."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SinkSession)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class SinkSession(socketserver.StreamRequestHandler):
    """Plain SMTP, one command at a time."""

    ANSWERS = {b"<bob@": "250 2.1.5 ok", b"<late": "451 4.2.0 later"}

    def handle(self) -> None:
        self.say("220 sink.test ESMTP")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.say("354 go on")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                self.say("250 2.0.0 taken as 4711")
            elif verb == b"RCPT":
                self.say(self.ANSWERS.get(line[8:13].lower(), "550 5.1.1 No such user"))
            elif verb == b"EHLO":
                self.say("250-sink.test\r\n250 HELP")
            else:
                self.say("221 bye" if verb == b"QUIT" else "250 ok")

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class Base(SynchronousTestCase):
    lifetime = "5d"

    def setUp(self) -> None:
        sink = Sink()
        self.addCleanup(sink.server_close)
        self.addCleanup(sink.shutdown)
        settings = f"""
[[route]]
domain = "sink.test"
via = "smtp:127.0.0.1:{sink.server_address[1]}"
[retry]
first = "1s"
longest = "1s"
warn_after = "1s"
lifetime = "{self.lifetime}"
"""
        self.server = Fopemta(Path(self.mktemp()), settings).start()
        self.addCleanup(self.server.stop)

    def send(self, sender: str, *recipients: str, options: str = "") -> None:
        with smtplib.SMTP("127.0.0.1", self.server.port, "client.test", timeout=20) as client:
            client.ehlo()
            self.assertEqual(client.docmd(f"MAIL FROM:<{sender}> {options}".rstrip())[0], 250)
            for recipient in recipients:
                self.assertEqual(client.docmd(f"RCPT TO:{recipient}")[0], 250, recipient)
            self.assertEqual(client.data(CONTENT)[0], 250)

    def reports(self, user: str, count: int) -> dict[str, tuple[Message, ...]]:
        """By the recipient and the action that they are about: the report and its parts."""
        until(lambda: len(self.server.mailbox(user)) >= count, f"{count} reports for {user}")
        found = {}
        for content in self.server.mailbox(user):
            whole = message_from_bytes(content, policy=policy.default)
            parts = whole.get_payload()
            fields = parts[1].get_payload()[1]  # type: ignore[index,union-attr]
            found[f"{fields['Final-Recipient']} {fields['Action']}"] = (whole, *parts)
        return found  # type: ignore[return-value]


class WarningTests(Base):
    def test_given_once_though_the_server_is_killed(self) -> None:
        self.send("grace@us.test", "<later@sink.test>")
        self.assertEqual(set(self.reports("grace", 1)), {"rfc822; later@sink.test delayed"})
        # A crash of the process keeps what was written.
        until(lambda: self.server.events("attempt")[-1]["warned"], "the outcome is not logged")
        made = len(self.server.events("attempt"))
        self.server.kill()
        self.server.start()
        until(lambda: len(self.server.events("attempt")) > made + 2, "no attempt after the restart")
        self.assertEqual(len(self.server.mailbox("grace")), 1)


class ReportTests(Base):
    lifetime = "4s"

    def test_every_wish_of_one_message(self) -> None:
        self.send(
            "alice@us.test",
            "<bob@sink.test> NOTIFY=SUCCESS ORCPT=rfc822;Bob+2Bx@list.test",
            "<carol@us.test> NOTIFY=SUCCESS,FAILURE",
            "<nobody@sink.test> NOTIFY=FAILURE",
            "<silent@sink.test> NOTIFY=NEVER",
            "<dave@us.test>",
            options="RET=HDRS ENVID=QQ+2B1",
        )
        found = self.reports("alice", 3)
        self.assertEqual(
            set(found),
            {"rfc822; bob@sink.test relayed", "rfc822; carol@us.test delivered", "rfc822; nobody@sink.test failed"},
        )
        for whole, _, status, original in found.values():
            self.assertEqual((whole["Return-Path"], whole["To"]), ("<>", "alice@us.test"))
            self.assertEqual(status.get_payload()[0]["Original-Envelope-Id"], "QQ+1")  # type: ignore[index]
            self.assertEqual(original.get_content_type(), "text/rfc822-headers")
        relayed = found["rfc822; bob@sink.test relayed"][2].get_payload()[1]  # type: ignore[index]
        self.assertEqual(relayed["Original-Recipient"], "rfc822; Bob+x@list.test")
        self.assertEqual(relayed["Diagnostic-Code"], "smtp; 250 2.0.0 taken as 4711")
        # Reports may be delivered before the message itself is to this recipient.
        until(lambda: len(self.server.mailbox("dave")) == 1, "no message for dave")
        self.assertEqual(len(self.server.mailbox("alice")), 3)

    def test_a_warning_and_then_the_failure(self) -> None:
        self.send("erin@us.test", "<later@sink.test>")
        found = self.reports("erin", 2)
        self.assertEqual(set(found), {"rfc822; later@sink.test delayed", "rfc822; later@sink.test failed"})
        self.assertIn(b"At noon?", b"".join(self.server.mailbox("erin")))

    def test_C104_double_bounce_ends_at_postmaster(self) -> None:
        self.send("unknown@sink.test", "<nobody@sink.test>")
        (report,) = self.reports("postmaster", 1).values()
        self.assertEqual(report[0]["Subject"], "A notice of this server could not be delivered")
        enclosed = report[3].get_payload(0)
        self.assertEqual(enclosed["Subject"], "Your message could not be delivered")  # type: ignore[index,call-overload]

    def test_C106_a_notice_comes_in_and_its_failure_is_told_to_nobody(self) -> None:
        self.send("", "<nobody@sink.test>", "<frank@us.test>")
        until(lambda: self.server.mailbox("frank"), "the notice never arrives")
        until(lambda: self.server.events("not_reported"), "nothing is logged")
        self.assertEqual(self.server.mailbox("postmaster"), [])
