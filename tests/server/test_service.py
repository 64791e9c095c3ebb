"""The composition root: what `twistd fopemta` makes of a command line."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from twisted.application.service import IService
from twisted.internet import reactor
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.scripts.twistd import ServerOptions
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.config.model import Log, LogLevel
from fopemta.interfaces import IQueue, IRecipients
from fopemta.mail.identifiers import MESSAGE_ID
from fopemta.server import configuration_file, log_observers, superuser
from fopemta.server.assembly import Server, spool_of
from fopemta.server.certificates import credentials
from fopemta.server.kept import SharedState, new_ids
from fopemta.server.log_observers import JsonLog, LogOutlet, TextLog
from fopemta.server.machine import Machine
from fopemta.server.service import Options, build, makeService, open_log, run_steadily
from fopemta.settings.errors import ConfigurationErrors
from tests.server.test_preflight import Folder


class OptionsTests(Folder):
    def test_twistd_is_told_of_our_observer(self) -> None:
        twistd: dict[str, Any] = {"logger": None}
        self._parse(twistd, [])
        self.assertEqual(twistd["logger"], "fopemta.server.log_observers.for_twistd")
        self.assertIs(log_observers.for_twistd(), log_observers.outlet)

    def test_operator_comes_first(self) -> None:
        for given in ({"logger": "somebody.else"}, {"logger": None, "syslog": True}):
            twistd = dict(given)
            self._parse(twistd, [])
            self.assertEqual(twistd, given)

    def test_whole_command_line(self) -> None:
        """As twistd parses it."""
        twistd = ServerOptions()
        subcommand = [("fopemta", None, Options, "")]
        self.patch(ServerOptions, "subCommands", property(lambda _: subcommand))
        twistd.parseOptions(["-n", "fopemta", "-c", "x.toml"])
        self.assertEqual(twistd.subOptions["config"], "x.toml")
        self.assertIs(twistd["logger"], log_observers.for_twistd)

    def _parse(self, twistd: dict[str, Any], arguments: list[str]) -> None:
        options = Options()
        options.parent = twistd
        options.parseOptions(arguments)


class BareReactor(ReactorBase):
    """Twisted's own, that waits for nothing but time."""

    def installWaker(self) -> None:
        """No threads."""


class SteadyTests(SynchronousTestCase):
    def test_C114_waits_run_on_a_clock_that_nobody_sets(self) -> None:
        reactor = BareReactor()
        run_steadily(reactor)
        call = reactor.callLater(5, lambda: None)
        self.assertEqual((reactor.seconds, call.seconds), (time.monotonic, time.monotonic))
        self.assertLessEqual(reactor.timeout(), 5)


class MakeServiceTests(Folder):
    as_root = True

    def setUp(self) -> None:
        super().setUp()
        self.patch(log_observers, "outlet", LogOutlet())
        self.patch(sys, "excepthook", sys.excepthook)

    def make(self, twistd: Mapping[str, Any] | None = None) -> Any:
        options = Options()
        options.parent = twistd
        options["config"] = str(self.path)
        options["as-root"] = self.as_root
        return makeService(options)

    def refused(self, twistd: Mapping[str, Any] | None = None) -> list[str]:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as raised:
            self.make(twistd)
        self.assertEqual(raised.exception.code, 2)
        return said.getvalue().splitlines()

    def test_service_with_nothing_opened(self) -> None:
        """Only the certificates are made: twistd forks after this."""
        self.write('[log]\ntext = "off"\n')
        before = set(os.listdir("/proc/self/fd"))
        service = self.make()
        self.assertTrue(verifyObject(IService, service))
        self.assertEqual(set(os.listdir("/proc/self/fd")) - before, set())
        made = sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())
        kept = [f"var/state/self-signed{kind}.{what}" for kind in ("-rsa", "") for what in ("key", "pem")]
        self.assertEqual(made, ["etc/fopemta.toml", *kept])

    def test_root_is_told_to_be_somebody_else(self) -> None:
        self.as_root = False
        self.write('[log]\ntext = "off"\n')
        self.patch(superuser, "is_master_of_the_machine", lambda *_: True)
        [_, error] = self.refused()
        self.assertIn("fopemta does not run as root: start it as its own user", error)
        self.patch(superuser, "is_master_of_the_machine", lambda *_: False)
        self.assertTrue(verifyObject(IService, self.make()))

    def test_every_error_and_a_status(self) -> None:
        self.write("[limits]\nrecipients = 1\nrecipient = 1\n")
        self.assertEqual(
            self.refused(),
            [
                "fopemta: 2 errors in the configuration:",
                "  limits.recipients: must be a whole number from 100 to 1000000, not 1",
                '  limits.recipient: is not known; did you mean "recipients"?',
            ],
        )

    def test_errors_of_the_machine_are_told_likewise(self) -> None:
        self.write('[tls.client]\nroots = "none.pem"\n')
        self.assertEqual(
            self.refused(),
            [
                "fopemta: 1 error in the configuration:",
                f"  tls.client.roots: {self.folder}/etc/none.pem: No such file or directory",
            ],
        )

    def test_what_twistd_can_do_and_we_cannot(self) -> None:
        self.write()
        self.assertEqual(len(self.refused({"uid": 8, "gid": None, "chroot": "/x"})), 3)

    def test_state_that_cannot_be_written(self) -> None:
        self.write()
        (self.folder / "var").mkdir()
        (self.folder / "var" / "state").write_text("in the way")
        [_, error] = self.refused()
        self.assertIn("node.state: ", error)

    def test_no_traceback_for_what_the_log_has_told(self) -> None:
        from fopemta.server.mail_service import CannotStart

        shown: list[BaseException] = []
        self.patch(sys, "excepthook", lambda kind, error, trace: shown.append(error))
        self.write('[log]\ntext = "off"\n')
        self.make()
        bug = ValueError("bug")
        for error in (CannotStart("told"), bug):
            sys.excepthook(type(error), error, None)
        self.assertEqual(shown, [bug])


class LogTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.outlet = LogOutlet()
        self.patch(log_observers, "outlet", self.outlet)

    def opened(self, log: Log, **twistd: object) -> list[tuple[type, str]]:
        open_log(log, twistd)
        return [(type(each), type(each.file._output).__name__) for each in self.outlet._observers or ()]

    def test_where_each_goes(self) -> None:
        path = str(self.folder / "log")
        self.assertEqual(self.opened(Log(), nodaemon=True), [(TextLog, "StandardOutput")])
        self.assertEqual(self.opened(Log(text="off"), nodaemon=True), [])
        self.assertEqual(
            self.opened(Log(text=path, json="stdout"), nodaemon=True),
            [(TextLog, "AppendedFile"), (JsonLog, "StandardOutput")],
        )
        self.assertEqual(self.opened(Log(text="off"), logfile=path), [(TextLog, "AppendedFile")])

    def test_daemon_without_a_log_writes_what_twistd_would(self) -> None:
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        self.opened(Log(), nodaemon=False)
        self.assertTrue((self.folder / "twistd.log").exists())

    def test_log_that_cannot_be_opened(self) -> None:
        with self.assertRaisesRegex(ConfigurationErrors, "log.json: .*: Is a directory"):
            self.opened(Log(json=str(self.folder)), nodaemon=True)

    def test_level(self) -> None:
        self.opened(Log(json="stdout", level=LogLevel.DEBUG), nodaemon=True)
        self.assertEqual([each._debug for each in self.outlet._observers or ()], [True, True])


class BuildTests(Folder):
    def test_real_reactor_is_enough(self) -> None:
        path = self.write('[relay]\nnetworks = ["0.0.0.0/0"]\n')
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        service = build(path, configuration_file.read(path), reactor)  # type: ignore[arg-type]
        [listening] = service._listening
        self.assertTrue(verifyObject(IQueue, listening.factory.context.services.queue))
        self.assertTrue(verifyObject(IRecipients, listening.factory.context.services.recipients))
        self.assertIsNot(listening.factory.context.services.server_tls, None)
        self.assertEqual([event["event"] for event in events], ["certificate_made", "certificate_made", "caution"])

    def test_no_certificate_where_nobody_wants_tls(self) -> None:
        path = self.write(text=_WITHOUT_TLS)
        service = build(path, configuration_file.read(path), MemoryReactorClock())  # type: ignore[arg-type]
        self.assertIsNone(service._listening[0].factory.context.services.server_tls)
        self.assertFalse((self.folder / "var").exists())

    def test_deliveries_hear_that_other_mail_waits(self) -> None:
        path = self.write(text=_WITHOUT_TLS)
        configuration, clock = configuration_file.read(path), MemoryReactorClock()
        spool, kept = (
            spool_of(configuration, clock, [(configuration.node.spool, None)]),
            SharedState.here(configuration, clock),
        )  # type: ignore[arg-type]
        server = Server.of(configuration, clock, spool, kept)  # type: ignore[arg-type]
        server.queue.pressed = lambda hop: hop == "busy"  # type: ignore[method-assign]
        self.assertEqual([server.manager.context.pressed(each) for each in ("busy", "idle")], [True, False])
        self.assertIn(server.manager.context.router, server.following._targets)

    def test_what_strangers_make_long_takes_a_few_threads_in_all(self) -> None:
        path = self.write(text=_WITHOUT_TLS)
        configuration, clock = configuration_file.read(path), MemoryReactorClock()
        begun: list[Deferred[Any]] = []
        machine = Machine(in_threads=lambda _: lambda call, *arguments: begun.append(Deferred()) or begun[-1])
        kept = SharedState.here(configuration, clock, machine)  # type: ignore[arg-type]
        spool = spool_of(configuration, clock, [(configuration.node.spool, None)])  # type: ignore[arg-type]
        server = Server.of(configuration, clock, spool, kept)  # type: ignore[arg-type]
        # Reading when it comes in, reading when it waits, and putting into seven bits: one line for all.
        ways = [
            server.factories[0].context.services.reading,
            server.queue._demanding._in_thread,
            server.manager.context.in_thread,
        ]
        for way in ways:
            way(len, b"")
        self.assertEqual(len(begun), 2)
        begun[0].callback(0)
        self.assertEqual(len(begun), 3)

    def test_logins_where_there_is_a_user_file(self) -> None:
        submission = '[[listener]]\nendpoint = "tcp:587"\nkind = "submission"\n'
        for more, mechanisms in {
            "": None,
            '[users]\nfile = "users"\n': ("PLAIN", "LOGIN"),
            '[users]\nfile = "users"\nscram = true\n': ("SCRAM-SHA-256", "PLAIN", "LOGIN"),
        }.items():
            path = self.write(submission + more)
            service = build(path, configuration_file.read(path), MemoryReactorClock())
            mx, submit = [each.factory.context.logins for each in service._listening]
            self.assertEqual((mx, None if submit is None else submit.mechanisms()), (None, mechanisms))
        self.assertTrue((self.folder / "var" / "state" / "login-secret").exists())

    def test_secret_that_cannot_be_used(self) -> None:
        path = self.write('[users]\nfile = "users"\nscram = true\n')
        state = self.folder / "var" / "state"
        state.mkdir(parents=True)
        (state / "login-secret").write_bytes(b"short")
        with self.assertRaisesRegex(ConfigurationErrors, "node.state: .*does not hold 32 octets"):
            build(path, configuration_file.read(path), MemoryReactorClock())

    def test_self_signed_certificate_is_made_once(self) -> None:
        configuration = configuration_file.read(self.write())
        first, second = credentials(configuration), credentials(configuration)
        self.assertEqual(first[0].chain, second[0].chain)

    def test_ids(self) -> None:
        ids = new_ids()
        made = [ids() for _ in range(1000)]
        self.assertEqual(len(set(made)), 1000)
        self.assertTrue(all(MESSAGE_ID.fullmatch(each) for each in made))


_WITHOUT_TLS = """
[node]
hostname = "mx.example.org"
postmaster = "postmaster@example.org"
[[listener]]
endpoint = "tcp:25"
tls = "off"
[[route]]
domain = "example.org"
via = "maildir:/mail/{local_part}"
"""
