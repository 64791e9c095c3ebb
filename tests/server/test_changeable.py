"""Files that decide what the server does, and that others may change."""

from __future__ import annotations

import os
import stat

from click.testing import CliRunner

from fopemta import maillog
from fopemta.cli.main import main
from fopemta.config.reference import deciding_files, keys
from fopemta.server import configuration_file
from fopemta.server.assembly import tell_cautions
from fopemta.server.changeable import Ourselves, changeable, writer
from fopemta.server.reload import _read
from fopemta.settings.words import PathReader
from fopemta.testing.authority import Authority
from tests.config.test_load import SMALLEST
from tests.server.test_preflight import Folder

US = Ourselves(frozenset({0, 100}), 200)
DIR, FILE = stat.S_IFDIR, stat.S_IFREG

RULES = (
    '[[rule]]\nname = "r"\nwhen = { recipients = ["a.test"] }\nthen = { action = "force_tls", roots = "force.pem" }\n'
)


def status(mode: int, uid: int, gid: int) -> os.stat_result:
    return os.stat_result((mode, 1, 1, 1, uid, gid, 0, 0, 0, 0))


class WriterTests(Folder):
    def test_who_may_write(self) -> None:
        for mode, uid, gid, expected in (
            (FILE | 0o644, 0, 0, None),
            (FILE | 0o640, 0, 300, None),
            (FILE | 0o644, 100, 300, None),
            (FILE | 0o664, 100, 200, None),  # our own group
            (FILE | 0o664, 100, 0, None),
            (FILE | 0o664, 0, 0, None),
            (FILE | 0o664, 0, 200, "the group 200"),  # root's file: our own group, too
            (FILE | 0o664, 100, 30000, "the group 30000"),
            (FILE | 0o646, 0, 0, "any user of this machine"),
            (FILE | 0o666, 0, 30000, "any user of this machine"),
            (FILE | 0o600, 40000, 0, "the user 40000"),
            (FILE | stat.S_ISVTX | 0o666, 0, 0, "any user of this machine"),
            (DIR | 0o755, 0, 0, None),
            (DIR | 0o777, 0, 0, "any user of this machine"),
            (DIR | 0o775, 100, 30000, "the group 30000"),
            (DIR | stat.S_ISVTX | 0o777, 0, 0, None),
            (DIR | stat.S_ISVTX | 0o777, 40000, 0, "the user 40000"),
            (stat.S_IFLNK | 0o777, 40000, 0, None),
        ):
            found = writer(status(mode, uid, gid), US)
            self.assertEqual(None if found is None else found[0], expected, (oct(mode), uid, gid))

    def test_what_ends_it(self) -> None:
        found = [writer(status(FILE | mode, uid, 30000), US) for mode, uid in ((0o620, 0), (0o602, 0), (0o600, 40000))]
        self.assertEqual([each and each[1] for each in found], ["chmod g-w", "chmod o-w", "chown root"])


class DecidingFilesTests(Folder):
    def test_every_path_decides_or_is_only_written(self) -> None:
        paths = {name for name, key in keys() if isinstance(key.read, PathReader)}
        deciding = {name for name, key in keys() if key.told.decides}
        self.assertEqual(
            paths - deciding, {"node.spool", "node.state", "node.drop", "control.socket", "log.text", "log.json"}
        )
        self.assertEqual(deciding - paths, set())

    def test_of_a_configuration(self) -> None:
        text = SMALLEST + (
            'roots = "route.pem"\nverify = "list"\nrecipients = "list"\n'
            'certificate = { chain = "us.pem", key = "us.key" }\n'
            '[users]\nfile = "users"\n[aliases]\nfile = "aliases"\n[tls.client]\nroots = "roots"\n'
            '[tls.server]\nclient_roots = "clients.pem"\ncertificates = [{ chain = "c0", key = "k0" }]\n'
        )
        (self.folder / "etc" / "rules.toml").write_text("", encoding="utf-8")
        configuration = configuration_file.read(self.write(text='rules = "rules.toml"\n' + text))
        etc = f"{self.folder}/etc/"
        self.assertEqual(
            {key: path.removeprefix(etc) for key, path in deciding_files(configuration)},
            {
                "rules": "rules.toml", "users.file": "users", "aliases.file": "aliases", "route[0].roots": "route.pem",
                "route[0].recipients": "list", "route[0].certificate.chain": "us.pem", "tls.client.roots": "roots",
                "tls.server.client_roots": "clients.pem", "tls.server.certificates[0].chain": "c0",
            },
        )  # fmt: skip
        self.assertEqual(list(deciding_files(configuration_file.read(self.write()))), [])


class ChangeableTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.etc = self.folder / "etc"
        (self.etc / "rules.toml").write_text(RULES, encoding="utf-8")
        Authority("a").write_root(self.etc)
        self.pems = next(self.etc.glob("*.pem"))
        (self.etc / "force.pem").write_bytes(self.pems.read_bytes())
        self.write(text='rules = "rules.toml"\n' + SMALLEST + '[aliases]\nfile = "aliases"\n[fetch]\nprobe = "off"\n')
        (self.etc / "aliases").write_text("a: b\n", encoding="utf-8")

    def found(self) -> list[str]:
        configuration = configuration_file.read(str(self.path))
        return [str(each).replace(str(self.folder), "") for each in changeable(str(self.path), configuration)]

    def test_nothing_to_tell(self) -> None:
        self.assertEqual(self.found(), [])

    def test_each_file_is_told_of_with_its_key(self) -> None:
        for name, key in (
            ("fopemta.toml", ""), ("rules.toml", "rules: "), ("aliases", "aliases.file: "),
            ("force.pem", "rules: rule[0].then.roots: "),
        ):  # fmt: skip
            file = self.etc / name
            file.chmod(0o646)
            words = f"{key}/etc/{name}: any user of this machine may change it (chmod o-w /etc/{name})"
            self.assertEqual(self.found(), [words])
            file.chmod(0o644)

    def test_a_folder_on_the_way_counts(self) -> None:
        self.etc.chmod(0o777)
        self.addCleanup(self.etc.chmod, 0o755)
        [first, *others] = self.found()
        folder = "any user of this machine may change what is in /etc (chmod o-w /etc)"
        self.assertEqual(first, f"/etc/fopemta.toml: {folder}")
        self.assertEqual(len(others), 3)
        self.etc.chmod(0o1777)
        self.assertEqual(self.found(), [])

    def test_a_link_is_looked_at_where_it_leads(self) -> None:
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        (self.etc / "aliases").rename(elsewhere / "aliases")
        (self.etc / "aliases").symlink_to(elsewhere / "aliases")
        self.assertEqual(self.found(), [])
        elsewhere.chmod(0o777)
        [one] = self.found()
        self.assertEqual(one, "aliases.file: /etc/aliases: any user of this machine may change what is in /elsewhere "
                              "(chmod o-w /elsewhere)")  # fmt: skip

    def test_what_is_in_a_folder_of_authorities_counts(self) -> None:
        roots = self.etc / "roots"
        roots.mkdir()
        (roots / "one.pem").write_bytes(self.pems.read_bytes())
        self.write(text=SMALLEST + f'[tls.client]\nroots = "{roots}"\n')
        self.assertEqual(self.found(), [])
        (roots / "one.pem").chmod(0o666)
        [one] = self.found()
        self.assertTrue(one.startswith("tls.client.roots: /etc/roots/one.pem: any user"), one)

    def test_a_file_that_is_not_there_is_no_matter(self) -> None:
        (self.etc / "aliases").unlink()
        self.assertEqual(self.found(), [])

    def test_the_start_a_reload_and_check_config_tell(self) -> None:
        (self.etc / "rules.toml").chmod(0o666)
        told: list[tuple[str, str]] = []
        configuration = configuration_file.read(str(self.path))
        self.patch(maillog, "caution", lambda key, message: told.append((key, message)))
        tell_cautions(str(self.path), configuration)
        self.assertEqual([key for key, message in told if "may change it" in message], ["rules"])
        _, cautions = _read(str(self.path))
        self.assertTrue(any(each.startswith("rules: ") and "may change it" in each for each in cautions))
        done = CliRunner().invoke(main, ["check-config", "--config", str(self.path)])
        self.assertEqual(done.exit_code, 0, repr(done.exception) + done.output)
        self.assertIn("caution: rules: ", done.stderr)
        self.assertIn("any user of this machine may change it (chmod o-w ", done.stderr)

    def test_who_has_the_spool_is_one_of_us(self) -> None:
        configuration = configuration_file.read(str(self.path))
        self.assertEqual(Ourselves.of(configuration).users, {0, os.geteuid()})
        (self.folder / "var").mkdir()
        os.symlink("/", self.folder / "var" / "spool")
        self.assertIn(os.stat("/").st_uid, Ourselves.of(configuration).users)
        self.assertEqual(Ourselves.of(configuration).group, os.getegid())
