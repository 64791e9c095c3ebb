"""What SIGHUP changes, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogEvent, globalLogPublisher

from fopemta.config.model import Configuration
from fopemta.server import configuration_file
from fopemta.server.certificates import credentials
from fopemta.server.following import Following
from fopemta.server.reload import AT_START, Reload
from fopemta.testing.authority import Authority
from fopemta.tls.credentials import Credentials, CredentialsError
from fopemta.tls.roots import RootsError
from fopemta.tls.server import ServerSettings
from tests.server.test_preflight import Folder


class Target:
    """Somebody who goes by the configuration."""

    def __init__(self) -> None:
        self.seen: list[Configuration] = []

    def reconfigure(self, config: Configuration) -> None:
        self.seen.append(config)


class Server:
    """A ServerTls that remembers."""

    def __init__(self) -> None:
        self.served: list[list[Credentials]] = []

    def ready(self, found: list[Credentials], settings: ServerSettings) -> Callable[[], None]:
        return lambda: self._serve(found, settings)

    def _serve(self, found: list[Credentials], settings: ServerSettings) -> None:
        self.served.append(found)
        self.settings = settings


class ClientTls:
    """One that remembers what is shown."""

    def __init__(self) -> None:
        self.shown: list[object] = []
        self.roots: list[str] = []

    def ready(self, roots: str, certificates: list[object]) -> Callable[[], None]:
        def show() -> None:
            self.shown.append(certificates)
            self.roots.append(roots)

        return show


class Queue:
    """One that would free so many; it counts how often demands have fallen."""

    def __init__(self, freed: int | None) -> None:
        self.freed = freed
        self.fallen = 0

    def freed_by(self, config: Configuration) -> Deferred[int | None]:
        return succeed(self.freed)

    def let_demands_fall(self, lowered_by: str) -> None:
        self.fallen += lowered_by == "alice"


class ReloadTests(Folder):
    CERTIFICATE = '[tls.server]\ncertificates = [{ chain = "mx.pem", key = "mx.key" }]\n'

    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority()
        self.renew()
        self.before = configuration_file.read(self.write(self.CERTIFICATE))
        self.target, self.server = Target(), Server()
        self.reload = Reload(str(self.path), Following(self.before, [self.target], [self.server], credentials))  # type: ignore[list-item]
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def renew(self) -> None:
        self.authority.leaf("mx.example.org").write(self.folder / "etc", "mx")

    def told(self) -> list[tuple[str, object]]:
        """Each event and what it says."""
        fields = {"reloaded": "what", "reload_failed": "errors", "needs_restart": "keys"}
        return [
            (event["event"], event[fields[event["event"]]]) for event in self.events if event.get("event") in fields
        ]

    def test_change_reaches_everyone(self) -> None:
        self.write(self.CERTIFICATE + "[limits]\nrecipients = 500\n")
        self.reload.run()
        [seen] = self.target.seen
        self.assertEqual(seen, attrs.evolve(self.before, limits=attrs.evolve(self.before.limits, recipients=500)))
        self.assertEqual(self.told(), [("reloaded", str(self.path))])

    def test_less_is_demanded_of_mail_that_waits_only_where_that_is_meant(self) -> None:
        less, one = (
            "TLS demands would be lowered for 3 queued recipients",
            "TLS demands would be lowered for 1 queued recipient;",
        )
        unknown = "try again in a moment"
        table: list[tuple[int | None, bool | None, str | None, int]] = [
            (0, False, None, 0), (3, False, less, 0), (1, False, one, 0), (None, False, unknown, 0),
            (0, True, None, 0), (3, True, None, 3), (None, True, None, 0),
            # SIGHUP: mail that is here keeps to what was demanded of it.
            (3, None, None, 0), (None, None, None, 0),
        ]  # fmt: skip
        for freed, allow_lower, error, told in table:
            queue, kept = Queue(freed), [True] * (freed == 3 and allow_lower is None)
            following = Following(self.before, [self.target], [], credentials, queue=queue)  # type: ignore[arg-type]
            done = self.successResultOf(Reload(str(self.path), following).run(allow_lower, "alice"))
            self.assertEqual((done.freed, len(done.errors)), (told, int(error is not None)), (freed, allow_lower))
            self.assertIn(error or "", "".join(done.errors))
            self.assertEqual(queue.fallen, int(bool(allow_lower) and error is None), (freed, allow_lower))
            cautions = [each["what"] for each in self.events if each.get("event") == "caution"]
            self.assertEqual(["3 queued recipients keep the old ones" in each for each in cautions], kept)
            self.events.clear()

    def test_at_a_signal_cautions_are_logged_since_nobody_asked(self) -> None:
        self.write(self.CERTIFICATE + '[relay]\nnetworks = ["::/0"]\n')
        for allow_lower, told in ((False, 0), (None, 1)):
            self.successResultOf(self.reload.run(allow_lower))
            found = [(each["key"], each["what"]) for each in self.events if each.get("event") == "caution"]
            self.assertEqual(found, [("relay.networks[0]", "::/0: anyone may relay through here")] * told)

    def test_a_signal_is_taken_up_before_the_queue_is_looked_through(self) -> None:
        queue = Queue(0)
        queue.freed_by = lambda config: Deferred()  # type: ignore[method-assign]  a long queue
        following = Following(self.before, [self.target], [], credentials, queue=queue)  # type: ignore[arg-type]
        self.write(self.CERTIFICATE + "[limits]\nrecipients = 101\n")
        reload = Reload(str(self.path), following)
        self.assertNoResult(reload.run())
        self.write(self.CERTIFICATE + "[limits]\nrecipients = 102\n")
        self.assertNoResult(reload.run())
        self.assertEqual([each.limits.recipients for each in self.target.seen], [101, 102])

    def test_of_two_at_once_what_was_read_last_stays(self) -> None:
        queue = Queue(0)
        waiting: Deferred[int | None] = Deferred()
        queue.freed_by = lambda config: waiting  # type: ignore[method-assign]  a queue that takes its time
        following = Following(self.before, [self.target], [], credentials, queue=queue)  # type: ignore[arg-type]
        reload = Reload(str(self.path), following)
        self.write(self.CERTIFICATE + "[limits]\nrecipients = 101\n")
        first = reload.run(False)
        self.write(self.CERTIFICATE + "[limits]\nrecipients = 102\n")
        second = reload.run()
        waiting.callback(0)
        self.successResultOf(first), self.successResultOf(second)
        self.assertEqual([each.limits.recipients for each in self.target.seen], [101, 102])

    def test_C008_renewed_certificate_is_served(self) -> None:
        self.reload.run()
        self.renew()
        self.reload.run()
        [[first], [second]] = self.server.served
        self.assertNotEqual(first.chain[0].serial_number, second.chain[0].serial_number)

    def test_error_keeps_everything(self) -> None:
        self.write(self.CERTIFICATE + "[limits]\nrecipients = 500\nrecipient = 3\n")
        self.reload.run()
        self.assertEqual((self.target.seen, self.server.served), ([], []))
        self.assertEqual(
            self.told(), [("reload_failed", ('limits.recipient: is not known; did you mean "recipients"?',))]
        )

    def test_certificate_without_its_key_keeps_everything(self) -> None:
        key = self.folder / "etc" / "mx.key"
        key.write_bytes(self.authority.leaf("other.example.org").key_pem)
        self.write(self.CERTIFICATE + "[limits]\nrecipients = 500\n")
        self.reload.run()
        self.assertEqual((self.target.seen, self.server.served), ([], []))
        [(event, [error])] = self.told()
        self.assertEqual(event, "reload_failed")
        self.assertIn("tls.server.certificates[0]", error)

    def test_what_is_refused_changes_no_certificate_of_a_route(self) -> None:
        class Refusing(Server):
            def ready(self, found: list[Credentials], settings: ServerSettings) -> Callable[[], None]:
                raise CredentialsError("there is another certificate with the same names")

        for server, count in ((Refusing(), 0), (Server(), 1)):
            client = ClientTls()
            following = Following(self.before, [], [server], credentials, client_tls=client)  # type: ignore[list-item,arg-type]
            Reload(str(self.path), following).run()
            self.assertEqual(len(client.shown), count)

    def test_roots_and_settings_of_tls_are_taken_up(self) -> None:
        client = ClientTls()
        following = Following(self.before, [], [self.server], credentials, client_tls=client)  # type: ignore[list-item,arg-type]
        self.write(
            self.CERTIFICATE.replace("[tls.server]\n", '[tls.server]\nclient_roots = "mx.pem"\nlowest = "TLSv1.3"\n')
            + '[tls.client]\nroots = "mx.pem"\n'
        )
        Reload(str(self.path), following).run()
        roots = str(self.folder / "etc" / "mx.pem")
        self.assertEqual(client.roots, [roots])
        self.assertEqual((self.server.settings.client_roots, self.server.settings.lowest.value), (roots, "TLSv1.3"))
        self.assertEqual(self.told(), [("reloaded", str(self.path))])

    def test_roots_that_cannot_be_read_keep_everything(self) -> None:
        class Unreadable(ClientTls):
            def ready(self, roots: str, certificates: list[object]) -> Callable[[], None]:
                raise RootsError("/r.pem: gone")

        following = Following(self.before, [self.target], [self.server], credentials, client_tls=Unreadable())  # type: ignore[list-item,arg-type]
        Reload(str(self.path), following).run()
        self.assertEqual((self.target.seen, self.server.served), ([], []))
        self.assertEqual(self.told(), [("reload_failed", ("roots: /r.pem: gone",))])

    def test_missing_file_keeps_everything(self) -> None:
        self.path.unlink()
        self.reload.run()
        self.assertEqual([event for event, _ in self.told()], ["reload_failed"])

    def test_what_is_read_at_start_stays_and_is_named(self) -> None:
        self.write(
            self.CERTIFICATE + '[dns]\ntimeout = "3s"\n[limits]\nerrors = 7\n[delivery]\nport = 26\n',
        )
        self.reload.run()
        [seen] = self.target.seen
        self.assertEqual((seen.dns, seen.delivery), (self.before.dns, self.before.delivery))
        self.assertEqual(seen.limits.errors, 7)
        self.assertEqual(self.told()[1], ("needs_restart", ("dns.timeout", "delivery.port")))

    def test_change_is_measured_against_what_runs(self) -> None:
        """A key that needs a restart is named at each reload until there is one, and not once it is back."""
        before = Path(self.path).read_text(encoding="utf-8")
        self.write(self.CERTIFICATE + '[dns]\ntimeout = "3s"\n')
        self.reload.run()
        self.reload.run()
        self.path.write_text(before, encoding="utf-8")
        self.reload.run()
        self.assertEqual([event for event, _ in self.told()].count("needs_restart"), 2)


class TableTests(Folder):
    def test_names_attributes_of_the_model(self) -> None:
        configuration = configuration_file.read(self.write())
        for path, _ in AT_START:
            value: object = configuration
            for name in path:
                value = getattr(value, name)
