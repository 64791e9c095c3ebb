"""The sendmail command itself, in one process with its drop folder, and with whoever may answer at its socket."""

from __future__ import annotations

import contextlib
import io
import os
import pwd
import signal
import socket
import stat
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.cli import dropping, sendmail, sendmail_session
from fopemta.cli.dropping import CannotDrop, Dropping, ring
from fopemta.mail.envelope import BodyType, Notify
from fopemta.pickup.folder import DropFolder, OpenedFile
from fopemta.sendmail.dropped import DroppedLetter
from fopemta.sendmail.exit_status import Exit, exit_of

CONFIG = """
[node]
hostname = "mx.us.test"
postmaster = "pm@us.test"
drop = "drop"
[[listener]]
endpoint = "tcp:2525"
[[route]]
domain = "us.test"
via = "maildir:mail/{local_part}"
[limits]
message_size = 100
"""
USER = pwd.getpwuid(os.getuid()).pw_name


class SendmailTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.config = self.folder / "fopemta.toml"
        self.config.write_text(CONFIG)
        self.drop = DropFolder(str(self.folder / "drop"), lambda: 0.0)
        self.drop.prepare()
        self.addCleanup(self.drop.rest)
        self.said = self.printed = ""
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.environment(FOPEMTA_CONFIG=str(self.config), NAME=None)

    def environment(self, **variables: str | None) -> None:
        for name, value in variables.items():
            before = os.environ.get(name)
            self.addCleanup(self._set, name, before)
            self._set(name, value)

    def _set(self, name: str, value: str | None) -> None:
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value

    def run_with(self, text: bytes, *words: str, name: str = "sendmail") -> int:
        """The exit status; what it says and prints is kept."""
        here, there = os.pipe()
        os.write(there, text)
        os.close(there)
        out = self.folder / "out"
        self.patch(sendmail, "_STDIN", here)
        self.patch(sendmail_session, "_STDIN", here)
        errors, prints = io.StringIO(), io.StringIO()
        with open(out, "wb") as file:
            self.patch(sendmail_session, "_STDOUT", file.fileno())
            with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(prints):
                status = sendmail.run([name, *words])
        os.close(here)
        self.said, self.printed = errors.getvalue(), prints.getvalue() + out.read_text()
        return status

    def dropped(self) -> tuple[OpenedFile, bytes]:
        """The one message that lies there."""
        numbers = iter("BCDF")
        [(_, message_id)] = self.drop.claim((), 10, lambda: f"BCDFGHJK{next(numbers)}")
        opened = self.drop.open(message_id)
        content = os.read(opened.descriptor, 100_000)
        os.close(opened.descriptor)
        self.drop.remove([message_id])
        return opened, content

    def nothing(self) -> None:
        self.assertEqual(os.listdir(self.folder / "drop" / "new"), [])


class MailTests(SendmailTests):
    def test_to_whom_the_command_line_says(self) -> None:
        self.assertEqual(self.run_with(b"Subject: x\nBcc: c@us.test\n\nText\n", "bob", "Anna <anna@peer.test>"), 0)
        opened, content = self.dropped()
        self.assertEqual((opened.letter.sender, opened.letter.recipients), (USER, ("bob", "anna@peer.test")))
        self.assertEqual(content, b"Subject: x\n\nText\n")
        self.assertEqual((opened.uid, self.said, self.printed), (os.getuid(), "", ""))

    def test_to_whom_the_header_says_besides(self) -> None:
        text = b"To: bob, anna@us.test\nBcc: c@us.test\n\nText\n"
        self.assertEqual(self.run_with(text, "-t", "dora", "bob"), 0)
        opened, content = self.dropped()
        self.assertEqual(opened.letter.recipients, ("dora", "bob", "anna@us.test", "c@us.test"))
        self.assertEqual(content, b"To: bob, anna@us.test\n\nText\n")

    def test_options_are_passed_on(self) -> None:
        words = ["-f", "Me <me@peer.test>", "-F", "M \x07 E", "-N", "never", "-R", "hdrs", "-V", "7", "-B8BITMIME"]
        self.assertEqual(self.run_with(b"\n", *words, "bob"), 0)
        letter = self.dropped()[0].letter
        self.assertEqual((letter.sender, letter.full_name), ("me@peer.test", "M ? E"))
        self.assertEqual((letter.notify, letter.envelope_id), (frozenset({Notify.NEVER}), "7"))
        self.assertEqual((letter.body, letter.returned and letter.returned.value), (BodyType.EIGHT_BIT_MIME, "HDRS"))

    def test_the_null_sender(self) -> None:
        for word in ("", "<>"):
            self.assertEqual(self.run_with(b"\n", "-f", word, "bob"), 0)
            self.assertEqual(self.dropped()[0].letter.sender, "")

    def test_the_name_of_the_user(self) -> None:
        for variable, name in (("Anna", "Anna"), (None, sendmail._name_of_user())):
            self.environment(NAME=variable)
            self.run_with(b"\n", "bob")
            self.assertEqual(self.dropped()[0].letter.full_name, name)

    def test_a_dot_ends_it_or_does_not(self) -> None:
        for words, content in (((), b"one\n"), (("-i",), b"one\n.\ntwo\n"), (("-oi",), b"one\n.\ntwo\n")):
            self.run_with(b"\none\n.\ntwo\n", *words, "bob")
            self.assertEqual(self.dropped()[1], b"\n" + content)

    def test_what_is_wrong(self) -> None:
        for text, words, status, why in (
            (b"x", (), Exit.USAGE, "recipients must be named"),
            (b"Subject: x\n\n", ("-t",), Exit.USAGE, "names no recipients"),
            (b"x", ("two words",), Exit.DATAERR, "not an address: two words"),
            (b"x", ("b\udc80b@us.test",), Exit.DATAERR, "not an address: b\\udc80b"),
            (b"To: a@b@c\n\n", ("-t",), Exit.DATAERR, "not an address: a@b@c"),
            (b"x", ("-f", "a b", "bob"), Exit.USAGE, "option -f"),
            (b"x", ("-f", "a,b", "bob"), Exit.USAGE, "option -f"),
            (b"x", ("-Z",), Exit.USAGE, "unknown option: -Z"),
            (b"x" * 101, ("bob",), Exit.UNAVAILABLE, "larger than 100 octets"),
            (b"x", [f"u{each}" for each in range(10_001)], Exit.UNAVAILABLE, "more than 10000 recipients"),
        ):
            self.assertEqual(self.run_with(text, *words), status, why)
            self.assertIn(why, self.said)
            self.nothing()

    def test_a_size_that_is_just_right(self) -> None:
        self.assertEqual(self.run_with(b"x" * 100, "bob"), 0)

    def test_nothing_at_all_is_a_message(self) -> None:
        self.assertEqual(self.run_with(b"", "bob"), 0)
        self.assertEqual(self.dropped()[1], b"")

    def test_options_of_no_use_are_told_and_mail_goes(self) -> None:
        self.assertEqual(self.run_with(b"x", "-N", "often", "bob"), 0)
        self.assertIn("warning: -N often is not valid", self.said)

    def test_verbose_says_what_became_of_it(self) -> None:
        self.run_with(b"x", "-v", "bob")
        self.assertIn("the server will collect it", self.printed)

    def test_a_signal_leaves_nothing(self) -> None:
        real = Dropping.write

        def write(this: Dropping, data: bytes) -> None:
            real(this, data)
            os.kill(os.getpid(), signal.SIGTERM)

        self.patch(Dropping, "write", write)
        self.assertEqual(self.run_with(b"x", "bob"), Exit.TEMPFAIL)
        self.assertIn("SIGTERM", self.said)
        self.nothing()

    def test_a_signal_at_the_end_comes_too_late(self) -> None:
        """Whoever is told that nothing was sent sends it again."""
        real = Dropping.finish

        def finish(this: Dropping) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            real(this)

        self.patch(Dropping, "finish", finish)
        self.assertEqual(self.run_with(b"x", "bob"), 0)
        self.dropped()

    def test_a_signal_that_the_caller_ignores_is_ignored(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.run_with(b"x", "bob")
        self.assertIs(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)

    def test_a_disk_that_fails(self) -> None:
        def write(*_: object) -> None:
            raise OSError(28, "No space left on device")

        self.patch(Dropping, "write", write)
        self.assertEqual(self.run_with(b"x", "bob"), Exit.TEMPFAIL)
        self.assertIn("No space left", self.said)
        self.nothing()

    def test_no_folder_yet(self) -> None:
        self.config.write_text(CONFIG.replace('"drop"', '"nowhere"'))
        self.assertEqual(self.run_with(b"x", "bob"), Exit.TEMPFAIL)

    def test_configurations_that_will_not_do(self) -> None:
        for text, why in (
            (CONFIG.replace('drop = "drop"', ""), "no drop folder"), ("[", "not TOML"),
            (CONFIG.replace("hostname", "hostnam"), "hostnam"),
        ):  # fmt: skip
            self.config.write_text(text)
            self.assertEqual(self.run_with(b"x", "bob"), Exit.CONFIG)
            self.assertIn(why, self.said)
        self.assertEqual(self.run_with(b"x", "-C", "/nowhere.toml", "bob"), Exit.CONFIG)
        self.assertIn("/nowhere.toml: No such file", self.said)
        self.config.write_bytes(b"\xff")
        self.assertEqual(self.run_with(b"x", "bob"), Exit.CONFIG)

    def test_the_folder_where_it_runs_says_nothing(self) -> None:
        """A job may run where others write."""
        self.environment(FOPEMTA_CONFIG=None)
        self.patch(sendmail, "_PLACE", str(self.folder / "none"))
        (self.folder / "etc").mkdir()
        (self.folder / "etc" / "fopemta.toml").write_text(CONFIG)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        self.assertEqual(self.run_with(b"x", "bob"), Exit.CONFIG)


class FileTests(SendmailTests):
    def test_only_the_server_s_group_reads_it_under_any_umask(self) -> None:
        for mask in (0o077, 0o000):
            before = os.umask(mask)
            try:
                self.run_with(b"x", "bob")
            finally:
                os.umask(before)
            [name] = os.listdir(self.folder / "drop" / "new")
            status = (self.folder / "drop" / "new" / name).stat()
            self.assertEqual(stat.S_IMODE(status.st_mode), 0o640)
            self.assertEqual(status.st_gid, (self.folder / "drop" / "new").stat().st_gid)
            self.dropped()

    def test_a_folder_that_does_not_give_its_group_is_not_used(self) -> None:
        """The server could not read what is there."""
        real = os.stat

        class Other:
            st_gid, st_uid = os.getgid() + 1, os.getuid() + 1

        self.patch(dropping.os, "stat", lambda path, **more: Other if str(path).endswith("new") else real(path, **more))
        self.assertRaises(
            CannotDrop, Dropping, str(self.folder / "drop"), DroppedLetter(sender="", recipients=("a",)), 0
        )
        self.nothing()

    def test_it_has_no_name_before_it_is_whole(self) -> None:
        whole = Dropping(str(self.folder / "drop"), DroppedLetter(sender="", recipients=("a",)), 0)
        [name] = os.listdir(self.folder / "drop" / "new")
        self.assertEqual(name, f"tmp.{whole.name}")
        whole.finish()
        self.assertEqual(os.listdir(self.folder / "drop" / "new"), [whole.name])


class RingTests(SendmailTests):
    def answering(self, answer: bytes) -> list[bytes]:
        """Somebody at the socket; what is heard there."""
        heard: list[bytes] = []
        bell = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        here = os.getcwd()
        os.chdir(self.folder / "drop")  # a path of a socket must be short
        try:
            bell.bind("collect")
        finally:
            os.chdir(here)
        bell.listen(1)
        bell.settimeout(20)

        def serve() -> None:
            with bell:
                connection, _ = bell.accept()
                with connection:
                    heard.append(connection.recv(1000))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join, 20)
        return heard

    def test_answers_and_statuses(self) -> None:
        for answer, status, words in (
            (b"250 2.0.0 Ok: queued as X\r\n", 0, ""),
            (b"550 5.1.1 There is no such mailbox\r\n", Exit.NOUSER, "550 5.1.1 There is no such mailbox"),
            (b"550-5.7.1 Two\r\n550 5.7.1 lines\r\n", Exit.UNAVAILABLE, "550 5.7.1 lines"),
            (b"", 0, ""),
            (b"nonsense\r\n", 0, ""),
        ):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.folder / "drop" / "collect")
            heard = self.answering(answer)
            if len(str(self.folder / "drop" / "collect")) > 100:
                self.patch(sendmail, "ring", lambda _, name: self._ring_near(name))
            self.assertEqual(self.run_with(b"x", "bob"), status, answer)
            self.assertIn(words, self.said)
            [name] = os.listdir(self.folder / "drop" / "new")
            self.assertEqual(heard, [name.encode() + b"\n"])
            self.dropped()

    def _ring_near(self, name: str) -> tuple[int, str, str] | None:
        here = os.getcwd()
        os.chdir(self.folder / "drop")
        try:
            return ring(".", name)
        finally:
            os.chdir(here)

    def test_only_the_owner_of_the_folder_is_believed(self) -> None:
        os.mknod(self.folder / "drop" / "collect", stat.S_IFSOCK | 0o666)
        real = os.stat

        class Other:
            st_uid = os.getuid() + 1

        asked: list[object] = []
        self.patch(dropping.socket, "socket", lambda *_: asked.append(1))
        self.patch(dropping.os, "stat", lambda path, **more: Other if str(path).endswith("new") else real(path, **more))
        self.assertIsNone(ring(str(self.folder / "drop"), "a" * 32))
        self.assertEqual(asked, [])

    def test_what_is_no_socket_is_not_asked(self) -> None:
        (self.folder / "drop" / "collect").write_text("250 2.0.0 Ok\n")
        self.assertIsNone(ring(str(self.folder / "drop"), "a" * 32))

    def test_statuses(self) -> None:
        cases = [(250, "2.0.0", 0), (451, "4.3.0", 75), (550, "5.1.1", 67), (553, "5.1.3", 67), (552, "5.3.4", 69)]
        for code, enhanced, status in cases:
            self.assertEqual(exit_of(code, enhanced), status)


TALK = b"EHLO x\r\nMAIL FROM:<root> BODY=8BITMIME RET=HDRS\r\nRCPT TO:<bob@us.test> NOTIFY=FAILURE\r\nDATA\r\n"
CODES = ["220", "250", "250", "250", "354", "250", "221"]


class SessionTests(SendmailTests):
    def codes(self) -> list[str]:
        return [line[:3] for line in self.printed.splitlines() if line[3:4] == " "]

    def test_a_message(self) -> None:
        self.assertEqual(self.run_with(TALK + b"A: b\r\n\r\n..\r\n.\r\nQUIT\r\n", "-bs", "-odb", "-F", "Some One"), 0)
        self.assertEqual(self.codes(), CODES)
        opened, content = self.dropped()
        self.assertEqual(content, b"A: b\r\n\r\n.\r\n")
        letter = opened.letter
        self.assertEqual((letter.sender, letter.recipients), ("root@us.test", ("bob@us.test",)))
        self.assertEqual((letter.notify, letter.full_name), (frozenset({Notify.FAILURE}), "Some One"))
        self.assertEqual((letter.body, letter.returned and letter.returned.value), (BodyType.EIGHT_BIT_MIME, "HDRS"))

    def test_chunks(self) -> None:
        talk = TALK.replace(b"DATA\r\n", b"BDAT 9 LAST\r\n") + b"A: b\r\n\r\nxQUIT\r\n"
        self.run_with(talk, "-bs")
        self.assertEqual(self.codes(), ["220", "250", "250", "250", "250", "221"])
        self.assertEqual(self.dropped()[1], b"A: b\r\n\r\nx")

    def test_the_end_of_the_input_in_the_midst(self) -> None:
        self.assertEqual(self.run_with(TALK + b"A: b\r\n", "-bs"), 0)
        self.nothing()

    def test_a_refusal_is_told(self) -> None:
        self.patch(sendmail_session, "ring", lambda *_: (550, "5.7.1", "Not this"))
        self.run_with(TALK + b"A: b\r\n.\r\nQUIT\r\n", "-bs")
        self.assertEqual(self.codes(), [*CODES[:5], "550", "221"])
        self.assertIn("550 5.7.1 Not this", self.printed)

    def test_the_id_is_told(self) -> None:
        self.patch(sendmail_session, "ring", lambda *_: (250, "2.0.0", "Ok: queued as BCDFGHJK"))
        self.run_with(TALK + b"A: b\r\n.\r\nQUIT\r\n", "-bs")
        self.assertIn("queued as BCDFGHJK", self.printed)

    def test_too_large(self) -> None:
        self.run_with(TALK + b"x" * 101 + b"\r\n.\r\nQUIT\r\n", "-bs")
        self.assertEqual(self.codes(), [*CODES[:5], "552", "221"])
        self.nothing()

    def test_a_disk_that_fails(self) -> None:
        def fails(*_: object) -> None:
            raise OSError(28, "No space left on device")

        for name in ("__init__", "write", "finish"):
            patched = self.patch(Dropping, name, fails)
            self.run_with(TALK + b"A: b\r\n.\r\nQUIT\r\n", "-bs")
            self.assertIn("451 4.3.0", self.printed, name)
            self.nothing()
            patched.restore()

    def test_what_it_does_not_have(self) -> None:
        self.run_with(b"EHLO x\r\nSTARTTLS\r\nAUTH PLAIN\r\nETRN us.test\r\nXCLIENT ADDR=1\r\nQUIT\r\n", "-bs")
        self.assertEqual([each[0] for each in self.codes()], ["2", "2", "5", "5", "5", "5", "2"])


class OtherModeTests(SendmailTests):
    def test_commands(self) -> None:
        called: list[list[str]] = []
        from fopemta.cli import main

        def fopemta(words: list[str], prog_name: str) -> None:
            called.append(words)
            raise SystemExit(self.status)

        self.patch(main, "main", fopemta)
        given = ["--config", str(self.config)]
        for words, expected in (
            (["-bp"], ["queue", "list"]), (["-q"], ["queue", "retry", "--all"]),
            (["-qRpeer.test"], ["flush", "peer.test"]), (["-qIBCDF"], ["queue", "retry", "BCDF"]),
        ):  # fmt: skip
            for self.status, found in ((0, 0), (1, Exit.UNAVAILABLE), (2, Exit.CONFIG)):
                self.assertEqual(self.run_with(b"", *words), found)
                self.assertEqual(called.pop(), given + expected)
        self.status = 0
        self.run_with(b"", name="/usr/bin/mailq")
        self.assertEqual(called.pop(), [*given, "queue", "list"])

    def test_newaliases_has_nothing_to_do(self) -> None:
        self.assertEqual((self.run_with(b"", name="newaliases"), self.printed), (0, ""))
        self.assertEqual(self.run_with(b"", "-bi", "-v"), 0)
        self.assertIn("read anew", self.printed)
