"""Programs that send mail by calling sendmail: real ones, and the command as it is installed with a server that is
killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import SkipTest

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.pickup.folder import DropFolder, OpenedFile
from tests.processes import ROOT, Fopemta, Process, program, until

CONFIG = """
[node]
hostname = "mx.us.test"
postmaster = "postmaster@us.test"
drop = "drop"
[[listener]]
endpoint = "tcp:2525"
[[route]]
domain = "us.test"
via = "maildir:mail/{local_part}"
"""


def wrapper(folder: Path, config: Path, python: str = sys.executable) -> Path:
    """The command, under the name that programs look for; what it says is in the file `said`, too."""
    path, said = folder / "sendmail", folder / "said"
    said.touch()
    said.chmod(0o666)
    modules = f"{ROOT}:{Path(attrs.__file__).parent.parent}"
    path.write_text(
        f'#!/bin/sh\nPYTHONPATH={modules} exec {python} -m fopemta.cli.sendmail -C {config} "$@" 2>>{said}\n'
    )
    path.chmod(0o755)
    return path


class ProgramTests(SynchronousTestCase):
    """Without a server: what they hand in lies in the drop folder."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        (self.folder / "fopemta.toml").write_text(CONFIG)
        self.drop = DropFolder(str(self.folder / "drop"), time.time)
        self.drop.prepare()
        self.addCleanup(self.drop.rest)
        self.sendmail = wrapper(self.folder, self.folder / "fopemta.toml")

    def run_program(self, *words: str, text: bytes = b"", **variables: str) -> None:
        done = subprocess.run(
            words, input=text, capture_output=True, timeout=60, check=False, cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", **variables},
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)

    def dropped(self) -> tuple[OpenedFile, bytes]:
        """The one message, which may be handed in behind the program's end."""
        numbers = iter("BCDF")
        claimed = until(lambda: self.drop.claim((), 10, lambda: f"BCDFGHJK{next(numbers)}"), f"mail: {self.said}")
        [(_, message_id)] = claimed
        opened = self.drop.open(message_id)
        with os.fdopen(opened.descriptor, "rb") as file:
            return opened, file.read()

    @property
    def said(self) -> str:
        path = self.folder / "said"
        return path.read_text() if path.exists() else ""

    def test_bsd_mailx(self) -> None:
        path = program("bsd-mailx")
        (self.folder / "mailrc").write_text(f"set sendmail={self.sendmail}\n")
        self.run_program(
            path, "-s", "hello", "-b", "carl@us.test", "bob@us.test", text=b"Text\n.\n", MAILRC=f"{self.folder}/mailrc"
        )
        opened, content = self.dropped()
        self.assertEqual(set(opened.letter.recipients), {"bob@us.test", "carl@us.test"})
        self.assertIn(b"Subject: hello\n", content)
        self.assertNotIn(b"carl", content)

    def test_s_nail(self) -> None:
        path = program("s-nail")
        self.run_program(
            path, "-:/", "-S", f"mta={self.sendmail}", "-S", "v15-compat", "-s", "hello", "-r", "anna@us.test",
            "bob@us.test", text=b"Text\n",
        )  # fmt: skip
        opened, content = self.dropped()
        self.assertEqual((opened.letter.sender, opened.letter.recipients), ("anna@us.test", ("bob@us.test",)))
        self.assertIn(b"\n\nText\n", content)

    def test_mutt(self) -> None:
        path = program("mutt")
        (self.folder / "muttrc").write_text(
            f'set sendmail="{self.sendmail} -oem -oi"\nset from=anna@us.test use_envelope_from=yes use_from=yes\n'
            'set copy=no dsn_notify="failure,delay" dsn_return=hdrs use_8bitmime=yes\n'
            'set send_charset=utf-8 realname="Anna"\n'
        )
        self.run_program(
            path, "-F", f"{self.folder}/muttrc", "-s", "gr\u00fcn", "-b", "carl@us.test", "--", "bob@us.test",
            text="\u00e4\n.\n".encode(),
        )  # fmt: skip
        opened, content = self.dropped()
        letter = opened.letter
        self.assertEqual((letter.sender, set(letter.recipients)), ("anna@us.test", {"bob@us.test", "carl@us.test"}))
        self.assertEqual({each.value for each in letter.notify}, {"FAILURE", "DELAY"})
        self.assertEqual((letter.returned and letter.returned.value, letter.body.value), ("HDRS", "8BITMIME"))
        self.assertTrue(content.endswith("\n\n\u00e4\n.\n".encode()), content)
        self.assertNotIn(b"carl", content)

    def test_git_send_email(self) -> None:
        git = program("git")
        usage = subprocess.run([git, "send-email", "-h"], capture_output=True, check=False, timeout=30)
        perl = subprocess.run(["perl", "-MMail::Address", "-e", "1"], capture_output=True, check=False, timeout=30)
        if b"<format-patch options>" not in usage.stdout + usage.stderr or perl.returncode:
            raise SkipTest("git send-email is not installed")
        (self.folder / "0001-x.patch").write_text(
            "From 1 Mon Sep 17 00:00:00 2001\nFrom: Anna <anna@us.test>\nSubject: [PATCH] x\n\n---\n.\n"
        )
        self.run_program(
            git, "send-email",
            f"--smtp-server={self.sendmail}", "--to=bob@us.test", "--bcc=carl@us.test", "--from=Anna <anna@us.test>",
            "--envelope-sender=anna@us.test", "--confirm=never", "--suppress-cc=all", "0001-x.patch",
            GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="Anna", GIT_AUTHOR_EMAIL="anna@us.test",
            GIT_COMMITTER_NAME="Anna", GIT_COMMITTER_EMAIL="anna@us.test",
        )  # fmt: skip
        opened, content = self.dropped()
        self.assertEqual(opened.letter.sender, "anna@us.test")
        self.assertEqual(set(opened.letter.recipients), {"bob@us.test", "carl@us.test"})
        self.assertIn(b"\n.\n", content)
        self.assertNotIn(b"carl", content)

    def test_php(self) -> None:
        path = program("php")
        self.run_program(
            path, "-d", f"sendmail_path={self.sendmail} -t -i", "-r",
            'exit(mail("bob@us.test, carl@us.test", "hello", "one\\n.\\ntwo\\n", '
            '"From: web@us.test\\r\\nBcc: dora@us.test", "-fweb@us.test") ? 0 : 1);',
        )  # fmt: skip
        opened, content = self.dropped()
        self.assertEqual(opened.letter.sender, "web@us.test")
        self.assertEqual(opened.letter.recipients, ("bob@us.test", "carl@us.test", "dora@us.test"))
        self.assertIn(b"one\n.\ntwo\n", content)
        self.assertNotIn(b"dora", content)

    def test_cron(self) -> None:
        """In its own mount namespace: there it finds our command, no job but ours, and no lock of the system's."""
        text = (
            "mount --bind {sendmail} /usr/sbin/sendmail && mount -t tmpfs none /run && mount -t tmpfs none /etc/cron.d"
            " && mount -t tmpfs none /var/spool/cron && mkdir -m 1730 /var/spool/cron/crontabs && : > /tmp/none-{pid}"
            " && mount --bind /tmp/none-{pid} /etc/crontab && rm -f /tmp/none-{pid}"
            " && printf 'MAILTO=bob@us.test\\n@reboot root printf \"a\\\\n.\\\\nb\\\\n\"\\n' > /etc/cron.d/ours"
            " && exec {cron} -f"
        )
        cron = self._namespaced(text, "cron")
        try:
            opened, content = self.dropped()
        finally:
            cron.stop(5)
        self.assertEqual(opened.letter.recipients, ("bob@us.test",))
        self.assertIn(b"Subject: Cron <root@", content)
        self.assertTrue(content.endswith(b"\n\na\n.\nb\n"), content)

    def test_at(self) -> None:
        """The same for atd."""
        text = (
            "mount --bind {sendmail} /usr/sbin/sendmail && mount -t tmpfs none /run"
            " && mount -t tmpfs none /var/spool/cron && mkdir -m 1770 /var/spool/cron/atjobs /var/spool/cron/atspool"
            " && chown daemon:daemon /var/spool/cron/atjobs /var/spool/cron/atspool"
            " && touch /var/spool/cron/atjobs/.SEQ && chown daemon:daemon /var/spool/cron/atjobs/.SEQ"
            " && echo 'echo hello; echo .; echo end' | at -m now && exec {atd} -f -b 0"
        )
        program("at")
        atd = self._namespaced(text, "atd")
        try:
            opened, content = self.dropped()
        finally:
            atd.stop(5)
        self.assertEqual(opened.letter.recipients, ("root",))
        self.assertIn(b"hello\n.\nend\n", content)

    def _namespaced(self, text: str, name: str) -> Process:
        """As root of a mount namespace; skipped where that cannot be had, and where the system has no sendmail."""
        path, unshare = program(name), program("unshare")
        if subprocess.run([unshare, "-m", "true"], capture_output=True, check=False, timeout=30).returncode:
            raise SkipTest("no mount namespace can be made here")
        if not Path("/usr/sbin/sendmail").exists():
            raise SkipTest("there is no /usr/sbin/sendmail to stand in for")
        script = text.format(sendmail=self.sendmail, pid=os.getpid(), **{name: path})
        return Process(unshare, "-m", "sh", "-c", script, output=self.folder / "output", cwd=self.folder)


class ServerTests(SynchronousTestCase):
    """With a server that is there, is not, and is killed."""

    def setUp(self) -> None:
        # The path of a socket must be short, and other users must come there.
        self.folder = Path(tempfile.mkdtemp(prefix="fopemta-drop-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        self.drop = self.folder / "drop"
        self.server = Fopemta(self.folder, node='drop = "drop"')
        self.sendmail = wrapper(self.folder, self.server.config)
        self.server.start()
        self.addCleanup(self.server.stop)
        until((self.drop / "collect").exists, "no socket")

    def send(self, text: bytes, *words: str, status: int = 0, user: int | None = None) -> bytes:
        done = subprocess.run(
            [self.sendmail, *words], input=text, capture_output=True, timeout=60, check=False, user=user,
            group=user, extra_groups=[] if user else None,
        )  # fmt: skip
        self.assertEqual(done.returncode, status, (self.folder / "said").read_text())
        return done.stdout

    def received(self, count: int) -> list[bytes]:
        return list(until(lambda: len(found := self.server.mailbox("bob")) >= count and found, f"{count} messages"))

    def test_while_it_runs_is_killed_and_runs_again(self) -> None:
        self.assertIn(b"queued as", self.send(b"Subject: 0\n\nText\n", "-v", "bob"))
        [first] = self.received(1)
        self.assertIn(f"(fopemta, from userid {os.getuid()})".encode(), first)
        self.assertIn(
            b"250 2.0.0 Ok: queued as",
            self.send(
                b"EHLO x\r\nMAIL FROM:<root>\r\nRCPT TO:<bob@us.test>\r\nDATA\r\nSubject: 1\r\n\r\nx\r\n.\r\nQUIT\r\n",
                "-bs",
            ),
        )
        self.received(2)
        self.server.kill()
        # The socket is there still, and nobody behind it.
        self.assertTrue((self.drop / "collect").exists())
        for number in range(2, 12):
            self.send(b"Subject: %d\n\nText\n" % number, "bob")
        self.assertEqual(len(list((self.drop / "new").iterdir())), 10)
        self.server.start()
        self.received(12)
        self.server.stop()
        self.assertFalse((self.drop / "collect").exists())
        self._once(12)

    def test_killed_while_it_collects_nothing_is_lost_or_doubled(self) -> None:
        self.server.stop()
        for number in range(25):
            self.send(b"Subject: %d\n\nText\n" % number, "bob")
        lives = 0
        while list((self.drop / "new").iterdir()) and lives < 12:
            lives += 1
            with contextlib.suppress(AssertionError):
                self.server.start()
            # Somewhere in the midst of it.
            time.sleep(0.02 * lives)
            self.server.kill()
        self.server.start()
        self.received(25)
        self.server.stop()
        self._once(25)

    def _once(self, count: int) -> None:
        subjects = [
            line for each in self.server.mailbox("bob") for line in each.split(b"\r\n" if b"\r\n" in each else b"\n")
            if line.startswith(b"Subject: ")
        ]  # fmt: skip
        self.assertEqual(sorted(subjects), sorted(b"Subject: %d" % each for each in range(count)))
        for each in ("new", "taken", "damaged"):
            self.assertEqual(list((self.drop / each).iterdir()), [], each)

    def test_another_user(self) -> None:
        """Who may not see the folder, the spool or what others drop."""
        if os.getuid() != 0:
            raise SkipTest("only root can become another user")
        python = next((each for each in (sys.executable, "/usr/bin/python3") if _is_for_all(each)), None)
        if python is None or not _is_for_all(str(self.folder)) or not _is_for_all(attrs.__file__):
            raise SkipTest("other users cannot reach the Python, its modules, or the folder of the test")
        self.sendmail = wrapper(self.folder, self.server.config, python)
        self.send(b"Subject: 0\n\nText\n", "-v", "bob", user=65534)
        [message] = self.received(1)
        self.assertIn(b"(fopemta, from userid 65534)", message)
        listing = subprocess.run(
            ["ls", str(self.drop / "new")], capture_output=True, check=False, user=65534, group=65534,
            extra_groups=[], timeout=30,
        )  # fmt: skip
        self.assertNotEqual(listing.returncode, 0)


def _is_for_all(name: str) -> bool:
    """Any user may pass to it; of a Python, that it is of this version, too."""
    path = Path(os.path.realpath(name))
    if not all(each.stat().st_mode & 0o001 for each in path.parents):
        return False
    if path.suffix or not path.is_file():
        return True
    version = "import sys; print(sys.version_info[:2])"
    done = subprocess.run([name, "-c", version], capture_output=True, check=False, text=True, timeout=30)
    return done.stdout.strip() == str(sys.version_info[:2])
