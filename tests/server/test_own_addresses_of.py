"""Where our own listeners are, for everybody who asks which hosts mail would go to."""

from __future__ import annotations

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import fopemta
from fopemta.config.load import load
from fopemta.server.own_addresses import own_addresses
from tests.config.test_load import SMALLEST

LISTENER = '[[listener]]\nendpoint = "tcp:26:interface=192.0.2.1"\n[[route]]'


class OwnAddressesTests(SynchronousTestCase):
    def test_every_listener(self) -> None:
        own = own_addresses(load(SMALLEST.replace("[[route]]", LISTENER), "/etc"), frozenset({"192.0.2.7"}))
        for address, port, ours in (
            ("192.0.2.7", 25, True), ("127.0.0.1", 25, True), ("192.0.2.1", 26, True), ("192.0.2.7", 26, False),
            ("192.0.2.9", 25, False),
        ):  # fmt: skip
            self.assertIs(own.are(address, port), ours, (address, port))

    def test_nobody_asks_without_them(self) -> None:
        """A command that looked for hosts without knowing our own would find others than delivery does."""
        for path in Path(fopemta.__file__).parent.rglob("*.py"):
            calls = [each for each in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(each, ast.Call)]
            bare = [each for each in calls if isinstance(each.func, ast.Name) and each.func.id == "OwnAddresses"]
            self.assertEqual([each.lineno for each in bare if not each.args], [], path)
