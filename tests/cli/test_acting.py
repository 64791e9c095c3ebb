"""`check-config` by root tries what the service's user may."""

from __future__ import annotations

import os
import pwd

from click.testing import CliRunner, Result
from twisted.trial.unittest import SkipTest

from fopemta.cli.main import main
from tests.server.test_preflight import Folder


class ActingTests(Folder):
    def check(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["check-config", "--config", str(self.path), *words])

    def test_paths_are_named(self) -> None:
        self.write('[control]\nsocket = "/run/s.sock"\n')
        done = self.check()
        self.assertIn(f"spool     {self.folder}/var/spool\n", done.output)
        self.assertIn("control   /run/s.sock\n", done.output)

    def test_who_is_there(self) -> None:
        self.write()
        self.assertEqual(self.check("--as", "no such user").exit_code, 2)
        own = pwd.getpwuid(os.geteuid()).pw_name
        self.assertIn(f"tried as the user {own}\n", self.check("--as", own).output)

    def test_what_another_may_not_read(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can try what another user may")
        self.write()
        for each in (self.folder, *self.folder.parents):
            if each.stat().st_mode & 0o055 != 0o055 and str(each) != "/":
                # Where the tests run, others may not even come near.
                self.assertEqual(self.check("--as", "nobody").exit_code, 2)
                return
        self.assertEqual(self.check("--as", "nobody").exit_code, 2, "var/ cannot be made by nobody")
        spool = self.folder / "var" / "spool"
        spool.mkdir(parents=True)
        for folder in (spool, spool.parent):
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        done = self.check()
        self.assertEqual(done.exit_code, 0, done.output)
        self.assertIn("tried as the user nobody\n", done.output)
        self.path.chmod(0o600)
        self.assertEqual(self.check().exit_code, 2)
        self.assertEqual(os.geteuid(), 0)
