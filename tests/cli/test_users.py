"""`fopemta users`."""

from __future__ import annotations

import io
import json
import os
from typing import IO, Any

from click.testing import CliRunner, Result

from fopemta.cli.main import main
from fopemta.users.hashing import verified
from fopemta.users.user_file import read
from tests.server.test_preflight import Folder

_CONFIG = '\n[users]\nfile = "../var/users"\n'


class Terminal(io.BytesIO):
    """At which somebody types."""

    def isatty(self) -> bool:
        return True


class UsersTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.write(_CONFIG)
        self.file = self.folder / "var" / "users"

    def run_users(self, *arguments: str, stdin: str | bytes | IO[Any] = "secret\n") -> Result:
        return CliRunner().invoke(main, ["users", *arguments, "--config", str(self.path)], input=stdin)

    def good(self, *arguments: str, stdin: str = "secret\n") -> str:
        done = self.run_users(*arguments, stdin=stdin)
        self.assertEqual((done.exit_code, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def password_fits(self, name: str, password: str) -> bool:
        account = read(str(self.file)).find(name)
        assert account is not None
        return verified(account.password, password)

    def test_add_makes_the_file(self) -> None:
        out = self.good("add", "alice", "--sender", "Alice@US.test", "--sender", "@Alice.test", "--password-stdin")
        self.assertEqual(out, "alice may log in, and send from: alice@us.test, @alice.test\n")
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertTrue(self.password_fits("ALICE", "secret"))
        self.assertFalse(self.password_fits("alice", "Secret"))
        self.assertNotIn("secret", self.file.read_text())

    def test_name_that_is_an_address_may_write_as_itself(self) -> None:
        out = self.good("add", "alice@us.test", "--password-stdin")
        self.assertEqual(out, "alice@us.test may log in, and send from: alice@us.test\n")
        self.assertIn("send from: nobody", self.good("add", "bob", "--password-stdin"))

    def test_password_by_prompt_is_asked_twice(self) -> None:
        self.good("add", "alice", stdin="one\none\n")
        self.assertTrue(self.password_fits("alice", "one"))
        self.assertEqual(self.run_users("add", "bob", stdin="one\ntwo\n").exit_code, 1)

    def test_password_from_standard_input_says_nothing_and_at_a_terminal_shows_nothing(self) -> None:
        out = self.good("add", "alice", "--password-stdin")
        self.assertEqual(out, "alice may log in, and send from: nobody\n")
        done = self.run_users("passwd", "alice", "--password-stdin", stdin=Terminal(b"new secret\nnew secret\n"))
        self.assertEqual(
            done.stdout.split("\n"), ["Password: ", "Repeat for confirmation: ", "alice has a new password", ""]
        )
        self.assertTrue(self.password_fits("alice", "new secret"))

    def test_list(self) -> None:
        self.assertEqual(self.good("list"), "There are no users.\n")
        self.assertEqual(self.good("list", "--json"), "")
        self.good("add", "alice", "--sender", "alice@us.test", "--password-stdin")
        self.assertEqual(
            [line.split() for line in self.good("list").splitlines()],
            [["NAME", "SCRAM", "SENDERS"], ["alice", "no", "alice@us.test"]],
        )
        self.assertEqual(
            json.loads(self.good("list", "--json")),
            {"name": "alice", "senders": ["alice@us.test"], "scram": False},
        )

    def test_scram_verifier_is_kept_where_it_is_wanted(self) -> None:
        self.write(_CONFIG + "scram = true\n")
        self.good("add", "alice", "--password-stdin")
        self.assertIn('"scram": true', self.good("list", "--json"))
        self.write(_CONFIG)
        self.good("passwd", "alice", "--password-stdin", stdin="new\n")
        # One of the old password would let that live on.
        self.assertIn('"scram": false', self.good("list", "--json"))

    def test_passwd_senders_and_remove(self) -> None:
        self.good("add", "alice", "--sender", "alice@us.test", "--password-stdin")
        self.good("passwd", "Alice", "--password-stdin", stdin="new\r\n")
        self.assertEqual((self.password_fits("alice", "new"), self.password_fits("alice", "secret")), (True, False))
        self.assertIn("@x.test", self.good("senders", "alice", "@x.test", "a@us.test"))
        self.assertIn('["@x.test", "a@us.test"]', self.good("list", "--json"))
        self.assertIn("nobody", self.good("senders", "alice"))
        self.good("remove", "ALICE")
        self.assertEqual(self.good("list"), "There are no users.\n")

    def test_other_lines_stay(self) -> None:
        self.good("add", "alice", "--password-stdin")
        self.file.write_text("# ours\n\n" + self.file.read_text() + "# last, without an end")
        before = self.file.read_text()
        self.good("add", "bob", "--password-stdin")
        self.good("senders", "bob", "@us.test")
        self.good("remove", "bob")
        self.assertEqual(self.file.read_text(), before + "\n")

    def test_what_cannot_be_done_is_status_1(self) -> None:
        self.good("add", "alice", "--password-stdin")
        before = self.file.read_text()
        for arguments, stdin, words in (
            (["add", "Alice", "--password-stdin"], "x\n", "there is a user Alice already"),
            (["add", "b b", "--password-stdin"], "x\n", "no blanks"),
            (["add", "#b", "--password-stdin"], "x\n", "no # in front"),
            (["add", "b\x1b[2J", "--password-stdin"], "x\n", "control character"),
            (["add", "", "--password-stdin"], "x\n", "a name is empty"),
            (["add", "b", "--password-stdin"], "\n", "the password is empty"),
            (["add", "b", "--password-stdin"], "", "the password is empty"),
            (["add", "b", "--password-stdin"], "a\tb\n", "the password holds a control character"),
            (["add", "b", "--password-stdin"], b"\xff\n", "not UTF-8"),
            (["add", "b", "--sender", "nonsense", "--password-stdin"], "x\n", "a sender must be an address"),
            (["add", "b", "--sender", "@", "--password-stdin"], "x\n", "a sender must be an address"),
            (["add", "b", "--sender", '"b b"@us.test', "--password-stdin"], "x\n", "with a blank"),
            (["passwd", "nobody", "--password-stdin"], "x\n", "there is no user nobody"),
            (["remove", "nobody"], "", "there is no user nobody"),
            (["senders", "nobody", "@us.test"], "", "there is no user nobody"),
            (["senders", "alice", "x"], "", "a sender must be an address"),
        ):
            done = self.run_users(*arguments, stdin=stdin)
            self.assertEqual(done.exit_code, 1, arguments)
            self.assertIn(words, done.stderr)
            self.assertNotIn("\x1b", done.stderr)
        self.assertEqual(self.file.read_text(), before)

    def test_file_that_cannot_be_used_is_status_2_and_stays(self) -> None:
        self.file.parent.mkdir()
        for content, words in ((b"alice password=plain\n", "users: line 1: password= is no argon2id hash"),
                               (b"\xff", "not UTF-8 at octet 0")):  # fmt: skip
            self.file.write_bytes(content)
            os.chmod(self.file, 0o600)
            for arguments in (["list"], ["remove", "alice"], ["add", "bob", "--password-stdin"]):
                done = self.run_users(*arguments)
                self.assertEqual(done.exit_code, 2, arguments)
                self.assertIn(words, done.stderr)
            self.assertEqual(self.file.read_bytes(), content)

    def test_place_where_nothing_can_be_written(self) -> None:
        (self.folder / "var").write_text("a file")
        done = self.run_users("add", "alice", "--password-stdin")
        self.assertEqual(done.exit_code, 2)
        self.assertIn("fopemta: ", done.stderr)

    def test_without_a_user_file(self) -> None:
        self.write()
        done = self.run_users("list")
        self.assertEqual((done.exit_code, done.stderr), (2, "fopemta: users.file: no user file is configured\n"))
