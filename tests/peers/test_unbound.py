"""The resolver against unbound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from fopemta.answer import Absent, Found, Unavailable
from fopemta.lookup.dns.resolver import Resolver
from tests.processes import Process, free_port, program, until

CONFIG = """
server:
  interface: 127.0.0.1
  port: {port}
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/pid"
  verbosity: 1
  local-zone: "test." static
  local-data: "d.test. 600 IN MX 10 mx.d.test."
  local-data: "d.test. 600 IN MX 20 mx2.d.test."
  local-data: "mx.d.test. 600 IN A 127.0.0.7"
  local-data: "mx.d.test. 600 IN AAAA ::1"
  local-data: "null.test. 600 IN MX 0 ."
  local-data: "plain.test. 600 IN A 127.0.0.8"
  local-zone: "refused.test." refuse
"""


class UnboundTests(TestCase):
    def setUp(self) -> None:
        unbound = program("unbound")
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        port = free_port()
        (folder / "unbound.conf").write_text(CONFIG.format(port=port, folder=folder))
        self.process = Process(unbound, "-d", "-c", str(folder / "unbound.conf"), output=folder / "output")
        self.addCleanup(self.process.stop)
        until(lambda: "start of service" in self.process.text or not self.process.running, "unbound does not start")
        assert self.process.running, self.process.text
        self.resolver: Any = Resolver(reactor, (("127.0.0.1", port),), 5.0)  # type: ignore[arg-type]

    async def test_answers(self) -> None:
        found = await self.resolver.exchangers("d.test")
        self.assertEqual(sorted(found.value), [(10, "mx.d.test"), (20, "mx2.d.test")])
        self.assertEqual(await self.resolver.exchangers("null.test"), Found(((0, ""),)))
        self.assertEqual(await self.resolver.exchangers("plain.test"), Absent())
        self.assertEqual(await self.resolver.exchangers("nowhere.test"), Absent(name_exists=False))
        self.assertEqual(await self.resolver.addresses("mx.d.test"), Found(("127.0.0.7", "::1")))
        self.assertIsInstance(await self.resolver.exchangers("x.refused.test"), Unavailable)
