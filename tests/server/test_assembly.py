"""How the parts of a server are put together, where it matters to whom it trusts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import maybeDeferred

from fopemta.outbound.callout import Callout
from fopemta.routing.route import Via
from fopemta.server import configuration_file
from fopemta.server.assembly import Server, spool_of
from fopemta.server.following import roots_of
from fopemta.server.kept import SharedState
from fopemta.server.machine import THIS_MACHINE
from fopemta.testing.authority import Authority
from fopemta.testing.network import MemoryNetwork
from fopemta.tls.root_watch import INTERVAL, RootsWatch
from fopemta.tls.server import ServerSettings
from tests.server.test_preflight import Folder

LISTENERS = """
[[listener]]
endpoint = "tcp:2526:interface=127.0.0.1"
profile = "mail"
[[listener]]
endpoint = "tcp:2527:interface=127.0.0.1"
[[listener]]
endpoint = "tcp:2528:interface=127.0.0.1"
tls = "off"
"""
# Work in threads is done at once.
MACHINE = attrs.evolve(THIS_MACHINE, in_threads=lambda _: maybeDeferred)


class ServerTests(Folder):
    def server(self, more: str = "") -> Server:
        self.clock = MemoryNetwork()
        self.configuration = configuration_file.read(self.write(more))
        configuration, reactor = self.configuration, self.clock
        spool = spool_of(configuration, reactor, [(configuration.node.spool, None)])  # type: ignore[arg-type]
        return Server.of(configuration, reactor, spool, SharedState.here(configuration, reactor, MACHINE))  # type: ignore[arg-type]

    def test_each_listener_has_sessions_of_its_own(self) -> None:
        server = self.server(LISTENERS)
        served: list[Any] = [each.context.services.server_tls for each in server.factories]
        self.assertEqual([each is None for each in served], [False, False, False, True])
        self.assertEqual(len({id(each) for each in served}), 4)
        settings = [
            ServerSettings.of(self.configuration.tls_server, each.context.listener)
            for each in server.factories
            if each.context.services.server_tls is not None
        ]
        self.assertEqual([each._settings for each in served if each is not None], settings)
        self.assertNotEqual(settings[0], settings[1])

    def test_each_kind_of_way_has_somebody_who_carries_it(self) -> None:
        self.assertEqual(set(self.server().queue._couriers), set(Via))

    def test_everybody_who_trusts_somebody_is_told_when_roots_change(self) -> None:
        roots = Path(Authority("one").write_root(self.folder / "etc"))
        server = self.server(f'[tls.client]\nroots = "{roots}"\n{LISTENERS}')
        [watch] = [each for each in server.attendants if isinstance(each, RootsWatch)]
        watch.start()
        self.addCleanup(watch.stop)
        told: list[str] = []
        manager = server.manager
        [callout] = [each for each in server.following._targets if isinstance(each, Callout)]
        for name, one in (
            ("manager", manager),
            ("callout", callout),
            *(("factory", each) for each in server.factories),
        ):
            self.patch(one, "distrust", lambda name=name: told.append(name))
        contexts = self.contexts(server)
        Authority("two").write_root(self.folder / "etc")
        for _ in range(2):
            self.clock.advance(INTERVAL)
        self.assertEqual(told, ["manager", "callout", *["factory"] * 4])
        self.assertEqual([new is old for new, old in zip(self.contexts(server), contexts, strict=True)], [False] * 4)
        # Where one cannot be read the others are told all the same.
        roots.unlink()
        for _ in range(2):
            self.clock.advance(INTERVAL)
        self.assertEqual(len(told), 12)

    def contexts(self, server: Server) -> list[object]:
        served: list[Any] = [tls for each in server.factories if (tls := each.context.services.server_tls) is not None]
        client: Any = server.manager.context.tls
        return [client._contexts, *(each._context for each in served)]


class RootsTests(Folder):
    def test_all_roots_that_decide(self) -> None:
        for name in ("a", "b", "c", "d"):
            Authority(name).write_root(self.folder / "etc", name)
        (self.folder / "etc" / "rules.toml").write_text(
            '[[rule]]\nname = "x"\nwhen.recipients = ["b.test"]\nthen = { action = "force_tls", roots = "d.pem" }\n'
        )
        path = self.write(
            '[tls.client]\nroots = "a.pem"\n[tls.server]\nclient_roots = "b.pem"\n'
            '[[route]]\ndomain = "c.test"\nvia = "mx"\nroots = "c.pem"\n'
        )
        Path(path).write_text('rules = "rules.toml"\n' + Path(path).read_text())
        found = roots_of(configuration_file.read(path))
        self.assertEqual(sorted(Path(each).name for each in found), ["a.pem", "b.pem", "c.pem", "d.pem"])
