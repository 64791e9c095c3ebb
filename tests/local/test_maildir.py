"""Into Maildirs."""

from __future__ import annotations

import errno
import mailbox
import os
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.address.mailbox import Mailbox
from fopemta.interfaces import ICourier
from fopemta.local.maildir import MaildirCourier
from fopemta.mail.envelope import BodyType, Envelope, RecipientOptions
from fopemta.routing.consignment import Consignment
from fopemta.routing.route import Route, Verify, Via
from fopemta.routing.routes import next_hop
from fopemta.spool.content import OctetsContent
from fopemta.spool.memory import MemorySpool
from fopemta.trust.verdict import VerdictRecord

BOB = Mailbox("Bob", "local.test")
EVE = Mailbox("eve", "local.test")


class MaildirCourierTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.mktemp()
        self.spool = MemorySpool(Clock())
        self.events: list[str] = []
        self.courier = MaildirCourier(self.spool, lambda: 1000.0, self.in_thread)

    def in_thread(self, call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        self.events.append("stored")
        return maybeDeferred(call, *arguments)

    def ended(self, verdicts: Any) -> Deferred[None]:
        self.early.extend(verdicts)
        self.events.append("told")
        return succeed(None)

    def deliver(
        self, content: bytes, *recipients: Mailbox, verify: Verify = Verify.OFF, **more: Any
    ) -> list[VerdictRecord]:
        self.early: list[VerdictRecord] = []
        recipients = recipients or (BOB,)
        envelope = Envelope(more.pop("sender", Mailbox("a", "c.test")), recipients, **more)
        self.counter = getattr(self, "counter", 0) + 1
        message: Any = self.successResultOf(self.spool.submit(f"BCDFGHJ{self.counter}", envelope, content))
        path = os.path.join(self.folder, "{local_part}")
        routes = (Route(domain="local.test", via=Via.MAILDIR, maildir=path, verify=verify),)
        consignment = Consignment(message, next_hop("local.test", routes), recipients)
        return self.early + list(self.successResultOf(self.courier.deliver(consignment, self.ended)))

    def messages(self, user: str) -> list[bytes]:
        box = mailbox.Maildir(os.path.join(self.folder, user), create=False)
        return [box.get_bytes(key) for key in box.keys()]  # noqa: SIM118  a mailbox is no dict

    def test_no_report_makes_a_folder_where_folders_say_who_is_there(self) -> None:
        ghost, postmaster = Mailbox("ghost", "local.test"), Mailbox("Postmaster", "local.test")
        by_alias = (ghost, RecipientOptions(stands_for=(BOB,)))
        for who, verify, facts, delivered in (
            (ghost, Verify.MAILDIR, {"sender": None}, False),
            (ghost, Verify.MAILDIR, {}, True),
            (ghost, Verify.OFF, {"sender": None}, True),
            (ghost, Verify.MAILDIR, {"sender": None, "options": (by_alias,)}, True),
            (postmaster, Verify.MAILDIR, {"sender": None}, True),
        ):
            self.folder = self.mktemp()
            (verdict,) = self.deliver(b"Subject: x\r\n\r\n", who, verify=verify, **facts)
            found = verdict.enhanced, os.path.exists(self.folder)
            self.assertEqual(found, ("2.1.5", True) if delivered else ("5.1.1", False), (who, verify, facts))
        os.makedirs(os.path.join(self.folder, "ghost"))
        self.assertEqual(self.deliver(b"x", ghost, verify=Verify.MAILDIR, sender=None)[0].enhanced, "2.1.5")

    def test_interface(self) -> None:
        self.assertTrue(verifyObject(ICourier, self.courier))

    def test_delivered_with_its_headers_and_local_line_ends(self) -> None:
        verdict = self.deliver(b"Subject: x\r\n\r\nHello\r\n")[0]
        self.assertEqual((verdict.result.value, verdict.code, verdict.enhanced), ("delivered", 250, "2.1.5"))
        self.assertEqual((verdict.host, verdict.rung, verdict.level), (None, None, None))
        wanted = b"Return-Path: <a@c.test>\nDelivered-To: Bob@local.test\nSubject: x\n\nHello\n"
        self.assertEqual(self.messages("bob"), [wanted])

    def test_each_recipient_has_its_mailbox_and_is_told_of_before_the_next(self) -> None:
        verdicts = self.deliver(b"\r\nx\r\n", BOB, EVE)
        self.assertEqual([each.recipient for each in verdicts], ["Bob@local.test", "eve@local.test"])
        self.assertEqual((len(self.messages("bob")), len(self.messages("eve"))), (1, 1))
        self.assertEqual(self.events, ["stored", "told", "stored"])

    def test_unusable_local_part_fails_for_good(self) -> None:
        verdict = self.deliver(b"\r\nx\r\n", Mailbox("../x", "local.test"))[0]
        self.assertEqual((verdict.result.value, verdict.code, verdict.enhanced), ("failed", 550, "5.1.1"))

    def test_delivered_here_before_is_a_loop(self) -> None:
        verdict = self.deliver(b"Delivered-To: BOB@local.test\r\nSubject: x\r\n\r\nHello\r\n")[0]
        self.assertEqual((verdict.result.value, verdict.enhanced), ("failed", "5.4.6"))
        quoted = self.deliver(b"Subject: x\r\n\r\nDelivered-To: bob@local.test\r\n")[0]
        self.assertEqual(quoted.result.value, "delivered")

    def test_content_that_is_shorter_than_it_should_be_is_not_delivered(self) -> None:
        for left, wanted in ((b"\r\nhello\r\n", "delivered"), (b"", "deferred"), (b"\r\nhello\r", "deferred")):
            content = self.spool.content
            self.spool.content = lambda _, left=left: succeed(OctetsContent(left))  # type: ignore[method-assign,misc]
            verdict = self.deliver(b"\r\nhello\r\n")[0]
            self.assertEqual((verdict.result.value, len(self.messages("bob"))), (wanted, 1))
            self.spool.content = content  # type: ignore[method-assign]

    def test_trouble_defers(self) -> None:
        table = {errno.ENOSPC: "4.2.2", errno.EDQUOT: "4.2.2", errno.EACCES: "4.3.0", errno.EIO: "4.3.0"}
        found = {}
        for number in table:

            def broken(*_: Any, number: int = number) -> Deferred[Any]:
                return maybeDeferred(self.raise_os_error, number)

            self.courier = MaildirCourier(self.spool, lambda: 1000.0, broken)
            verdict = self.deliver(b"\r\nx\r\n")[0]
            self.assertEqual(verdict.result.value, "deferred")
            found[number] = verdict.enhanced
        self.assertEqual(found, table)

    def raise_os_error(self, number: int) -> None:
        raise OSError(number, os.strerror(number))

    def test_a_mailbox_that_another_message_is_making_just_now(self) -> None:
        for made in ((), ("tmp",), ("tmp", "new")):
            path = os.path.join(self.folder, f"user{len(made)}")
            os.makedirs(path)
            for each in made:
                os.mkdir(os.path.join(path, each))
            verdict = self.deliver(b"\r\nx\r\n", Mailbox(os.path.basename(path), "local.test"))[0]
            self.assertEqual(verdict.result.value, "delivered", verdict.text)

    def test_a_new_mailbox_is_durable_with_its_name(self) -> None:
        flushed: list[int] = []
        fsync = os.fsync
        self.patch(os, "fsync", lambda fd: (flushed.append(os.fstat(fd).st_ino), fsync(fd)))
        self.deliver(b"\r\nx\r\n")
        box = os.path.join(self.folder, "bob")
        wanted = [os.path.dirname(os.path.abspath(self.folder)), self.folder, box, os.path.join(box, "new")]
        self.assertEqual({os.stat(each).st_ino for each in wanted} - {*flushed}, set())
        del flushed[:]
        self.deliver(b"\r\nx\r\n")
        self.assertEqual(len(flushed), 2)  # the message and its folder

    def test_a_new_mailbox_and_what_leads_to_it_are_closed_to_others_under_any_umask(self) -> None:
        whole = self.folder
        for umask in (0o000, 0o022, 0o077, 0o777):
            self.addCleanup(os.umask, os.umask(umask))
            self.folder = os.path.join(whole, f"{umask}", "of a domain")
            self.deliver(b"\r\nx\r\n")
            os.umask(0o022)
            for folder in ("..", "", "bob", "bob/new", "bob/cur", "bob/tmp"):
                mode = os.stat(os.path.join(self.folder, folder)).st_mode & 0o777
                self.assertEqual(mode, 0o700, (oct(umask), folder))

    def test_what_is_no_mailbox_defers(self) -> None:
        os.makedirs(self.folder)
        with open(os.path.join(self.folder, "bob"), "w"):
            pass
        self.assertEqual(self.deliver(b"\r\nx\r\n")[0].result.value, "deferred")

    def test_binary_content_keeps_every_octet(self) -> None:
        for content in (b"A: x\r\n\r\na\r\nb\rc\nd\r", b"A: x\r\n\r\n" + bytes(range(256)) * 8000):
            self.deliver(content, body_type=BodyType.BINARY_MIME)
            self.assertTrue(self.newest("bob").endswith(b"Delivered-To: Bob@local.test\r\n" + content))

    def newest(self, user: str) -> bytes:
        new = os.path.join(self.folder, user, "new")
        names = sorted(os.listdir(new), key=lambda name: int(name.partition("Q")[2].partition(".")[0]))
        with open(os.path.join(new, names[-1]), "rb") as file:
            return file.read()

    def test_a_line_end_at_any_place_of_a_large_message(self) -> None:
        for shift in range(4):
            content = b"A: x\r\n\r\n" + b"y" * shift + b"\r\n" * 600_000 + b"\r"
            self.deliver(content)
            self.assertTrue(self.newest("bob").endswith(content.replace(b"\r\n", b"\n")), shift)

    def test_large_message(self) -> None:
        content = b"\r\n" + b"x" * 78 + b"\r\n"
        content = content * 30_000
        self.assertEqual(self.deliver(content)[0].result.value, "delivered")
        self.assertTrue(self.messages("bob")[0].endswith(content.replace(b"\r\n", b"\n")))
