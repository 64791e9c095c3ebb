"""What is looked at on the machine before the start."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.server import configuration_file, preflight
from fopemta.testing.authority import Authority
from fopemta.tls import groups
from tests.config.test_load import SMALLEST


class Folder(SynchronousTestCase):
    """A test with a folder for its configuration."""

    def setUp(self) -> None:
        self.folder = Path(os.path.abspath(self.mktemp()))
        (self.folder / "etc").mkdir(parents=True)
        self.path = self.folder / "etc" / "fopemta.toml"

    def write(self, more: str = "", text: str = SMALLEST) -> str:
        if "[control]" not in more + text and "[[" in text:
            # The folders of tests are too deep for the path of a socket.
            more += '\n[control]\nsocket = "off"\n'
        self.path.write_text(text.replace("maildir:/mail", "maildir:../mail") + more, encoding="utf-8")
        return str(self.path)


class CheckTests(Folder):
    def errors(self, more: str = "", text: str = SMALLEST) -> list[str]:
        found = preflight.check(configuration_file.read(self.write(more, text)))
        return [str(error).replace(str(self.folder), "") for error in found]

    def test_nothing_is_wrong_and_nothing_is_changed(self) -> None:
        self.assertEqual(self.errors(), [])
        self.assertEqual([path.name for path in self.folder.iterdir()], ["etc"])

    def test_all_at_once(self) -> None:
        (self.folder / "file").write_text("in the way")
        (self.folder / "etc" / "none.pem").write_text("no certificate")
        found = self.errors(
            '[tls.server]\ncertificates = [{ chain = "missing.pem", key = "missing.key" }]\n'
            '[tls.client]\nroots = "none.pem"\n[log]\ntext = "log/fopemta.log"\n',
            SMALLEST.replace("[node]", '[node]\nspool = "../file/spool"\n').replace(
                "[[route]]", '[[listener]]\nendpoint = "systemd:domain=INET:index=7"\n[[route]]'
            ),
        )
        self.assertEqual(
            found,
            [
                "listener[1].endpoint: Twisted cannot use 'systemd:domain=INET:index=7': list index out of range",
                "tls.server.certificates[0]: /etc/missing.pem: No such file or directory",
                "tls.client.roots: /etc/none.pem: holds no PEM certificates that can be read",
                "node.spool: /file: is not a folder",
                "log.text: /etc/log: there is no such folder",
            ],
        )

    def test_what_any_user_may_change(self) -> None:
        node = SMALLEST.replace("[node]", '[node]\nspool = "../open/spool"\nstate = "../open/state"')
        log = '[log]\ntext = "../open/text.log"\njson = "../logs/json.log"\n'
        (self.folder / "open").mkdir()
        (self.folder / "logs").mkdir()
        self.assertEqual(self.errors(log, node), [])
        (self.folder / "open").chmod(0o777)
        (self.folder / "logs" / "json.log").touch()
        (self.folder / "logs" / "json.log").chmod(0o666)
        words = "any user of this machine may write there (chmod o-w"
        self.assertEqual(
            self.errors(log, node),
            [f"{key}: {path}: {words} {path})" for key, path in (
                ("node.spool", "/open"), ("node.state", "/open"), ("log.text", "/open"),
                ("log.json", "/logs/json.log"),
            )],
        )  # fmt: skip
        # Where everybody may make files, but none may change another's.
        (self.folder / "open").chmod(0o1777)
        (self.folder / "logs" / "json.log").chmod(0o644)
        self.assertEqual(self.errors(log, node), [])

    def test_a_log_is_a_plain_file(self) -> None:
        os.mkfifo(self.folder / "etc" / "fifo")
        (self.folder / "etc" / "nowhere").symlink_to("/dev/null")
        for name in ("fifo", "nowhere"):
            self.assertEqual(
                self.errors(f'[log]\ntext = "{name}"\n'), [f"log.text: /etc/{name}: is there and is no plain file"]
            )

    def test_what_listeners_cannot_speak(self) -> None:
        self.patch(groups, "_set_list", lambda _context, names: 0 if b"448" in names else 1)
        groups._has.cache_clear()
        self.addCleanup(groups._has.cache_clear)
        listener = '[[listener]]\nendpoint = "tcp:2526"\n'
        old, no_448 = 'suites = ["AES128-SHA"]\n', "OpenSSL here has no X448"
        lowest = '[tls.server]\nlowest = "TLSv1.3"\n'
        nothing = 'holds none of TLS 1.3, and lowest is "TLSv1.3"'
        for more, wanted in (
            (f"[tls.server]\n{old}", []),
            (f"{lowest}{old}", [f"tls.server.suites: {nothing}"]),
            (f"{listener}{old}{lowest}", [f"listener[1].suites: {nothing}"]),
            (f'{listener}{old}tls = "off"\n{lowest}', []),
            ('[tls.server]\ngroups = ["X448", "X25519"]\n', [f"tls.server.groups: {no_448}"]),
            (f'{listener}groups = ["X448"]\n', [f"listener[1].groups: {no_448}"]),
            (f'{listener}[tls.server]\ngroups = ["X448"]\n', [f"tls.server.groups: {no_448}"]),
            (
                f'{listener}profile = "bsi"\n[[listener]]\nendpoint = "tcp:2527"\ngroups = ["X448"]\n',
                [f"listener[2].groups: {no_448}"],
            ),
            # Of a profile they are left out.
            ('[tls.server]\nprofile = "mail"\n', []),
        ):
            self.assertEqual(self.errors(more), wanted, more)

    def test_control_socket(self) -> None:
        def errors(path: str) -> list[str]:
            return self.errors(f'[control]\nsocket = "{path}"\n')

        self.assertEqual(errors("/" + 106 * "x"), [])
        self.assertEqual(errors("off"), [])
        self.assertEqual(
            errors("/" + 105 * "x" + "ü"),
            [f"control.socket: a socket's path can have 107 octets at most, this one has 108: /{105 * 'x'}ü"],
        )
        # A short path, whatever that of the temporary folder is.
        self.assertEqual(errors("/dev/null"), ["control.socket: /dev/null: is there and is no socket"])

    def test_user_file(self) -> None:
        users = '[users]\nfile = "users"\n'
        # Not there yet: `fopemta users add` makes it.
        self.assertEqual(self.errors(users), [])
        path = self.folder / "etc" / "users"
        path.write_text("alice\nbob password=x\n")
        path.chmod(0o600)
        found = self.errors(users)
        self.assertEqual([each.partition("password=")[0] for each in found], [
            "users.file: /etc/users: line 1: needs ", "users.file: /etc/users: line 2: ",
        ])  # fmt: skip
        path.chmod(0o644)
        self.assertIn("others may read or change it", self.errors(users)[0])

    def test_lists_of_recipients_and_aliases(self) -> None:
        text = '[aliases]\nfile = "aliases"\n[[route]]\ndomain = "d.test"\nverify = "list"\nrecipients = "list"\n'
        missing = [each.split(": ")[0::2] for each in self.errors(text)]
        self.assertEqual(
            missing, [[key, "No such file or directory"] for key in ("route[1].recipients", "aliases.file")]
        )
        (self.folder / "etc" / "list").write_text("anna\nx y\n", encoding="utf-8")
        (self.folder / "etc" / "aliases").write_text("a: b\nb: |x\nc: |y\n", encoding="utf-8")
        keys = [(each.split(": ")[0], each.split(": ")[2]) for each in self.errors(text)]
        self.assertEqual(
            keys, [("route[1].recipients", "line 2"), ("aliases.file", "line 2"), ("aliases.file", "line 3")]
        )
        (self.folder / "etc" / "list").write_text("anna\n", encoding="utf-8")
        (self.folder / "etc" / "aliases").write_text("a: b\nb: a\n", encoding="utf-8")
        self.assertIn("leads back to itself", self.errors(text)[0])
        (self.folder / "etc" / "aliases").write_text("a: b\n", encoding="utf-8")
        self.assertEqual(self.errors(text), [])

    def test_sockets_from_systemd_are_not_looked_for_by_hand(self) -> None:
        text = SMALLEST.replace("tcp:25", "systemd:domain=INET:index=7")
        configuration = configuration_file.read(self.write(text=text))
        self.assertEqual(preflight.check(configuration, adopting=False), ())
        self.assertEqual(len(preflight.check(configuration)), 1)

    def places(self, *endpoints: str, has: tuple[str, ...] = ("*",)) -> list[str]:
        more = "".join(f"[[listener]]\nendpoint = '{each}'\n" for each in endpoints[1:])
        text = SMALLEST.replace("tcp:25", endpoints[0].replace("\\", "\\\\"))

        def missing(family: int, address: str) -> str | None:
            return None if address in has else f"no {address} of IPv{family}"

        return [str(each) for each in preflight.addresses(configuration_file.read(self.write(more, text)), missing)]

    def test_listeners_that_take_each_others_port(self) -> None:
        self.assertEqual(self.places("tcp:25", "tcp6:25", "tcp:587"), [])
        taken = "listener[1].endpoint: listener[0] listens there already"
        both = r"tcp:25:interface=\:\:"
        one = "tcp:25:interface=192.0.2.1"
        pairs = (
            ("tcp:25", "tcp:25:backlog=9"), ("tcp6:25", "tcp6:25:backlog=9"), ("tcp:25", one), (one, "tcp:25"),
            ("tcp:25", both), ("tcp6:25", both),
        )  # fmt: skip
        for first, second in pairs:
            self.assertEqual(self.places(first, second, has=("*", "192.0.2.1")), [taken], (first, second))
        self.assertEqual(
            self.places("tcp:25", "tcp:26", "tcp:26:backlog=9")[0][:40], "listener[2].endpoint: listener[1] listen"
        )
        self.assertEqual(self.places("systemd:domain=INET:index=0", "systemd:domain=INET:index=1"), [])

    def test_addresses_that_this_machine_has_not(self) -> None:
        found = self.places("tcp:25:interface=192.0.2.9", r"tcp6:25:interface=2001\:db8\:\:9", "tcp6:587", has=())
        self.assertEqual(
            found,
            [
                "listener[0].endpoint: no 192.0.2.9 of IPv4",
                "listener[1].endpoint: no 2001:db8::9 of IPv6",
                "listener[2].endpoint: no * of IPv6",
            ],
        )

    def test_source_addresses_that_this_machine_has_not(self) -> None:
        text = '[delivery]\nsource_addresses = ["192.0.2.1", "2001:db8::9"]\n'
        configuration = configuration_file.read(self.write(text))
        found = preflight.missing_sources(configuration, lambda family, _: "no IPv6" if family == 6 else None)
        self.assertEqual([str(each) for each in found], ["delivery.source_addresses[1]: no IPv6"])

    def test_missing_roots(self) -> None:
        self.assertEqual(
            self.errors('[tls.client]\nroots = "missing.pem"\n'),
            ["tls.client.roots: /etc/missing.pem: No such file or directory"],
        )

    def test_roots_and_certificate_of_a_route(self) -> None:
        route = '[[route]]\ndomain = "d.test"\nroots = "none.pem"\ncertificate = { chain = "us.pem", key = "us.key" }\n'
        self.assertEqual(self.errors(route), ["route[1].roots: /etc/none.pem: No such file or directory"])
        authority = Authority()
        authority.write_root(self.folder / "etc", "none")
        [error] = self.errors(route)
        self.assertTrue(error.startswith("route[1].certificate: /etc/us.pem: "), error)
        authority.leaf("us.test").write(self.folder / "etc", "us")
        self.assertEqual(self.errors(route), [])

    def test_certificates_and_roots_that_are_good(self) -> None:
        authority = Authority()
        authority.leaf("mx.example.org").write(self.folder / "etc", "mx")
        authority.write_root(self.folder / "etc", "roots")
        self.assertEqual(
            self.errors(
                '[tls.server]\ncertificates = [{ chain = "mx.pem", key = "mx.key" }]\n'
                '[tls.client]\nroots = "roots.pem"\n'
            ),
            [],
        )
