"""The control socket comes and goes with the server."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.control.protocol import ControlFactory
from fopemta.control.socket import ControlSocket
from tests.users.accounts import caught


class Port:
    """As Twisted's: it removes its file one turn after it was told to stop."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.path.touch()
        self.closed: Deferred[None] = Deferred()

    def stopListening(self) -> Deferred[None]:
        return self.closed

    def turn(self) -> None:
        try:
            self.path.unlink()
        except OSError:
            self.closed.errback()
        else:
            self.closed.callback(None)


class Reactor(Clock):
    port: Port
    given: tuple[Any, ...]
    trouble: Exception | None = None

    def listenUNIX(self, path: str, *more: Any) -> Port:
        self.given = more
        if self.trouble is not None:
            raise self.trouble
        self.port = Port(path)
        return self.port


class ControlSocketTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).resolve() / "run" / "control.sock"
        self.reactor = Reactor()
        self.socket = ControlSocket(str(self.path), self.reactor, None)  # type: ignore[arg-type]

    def test_it_is_gone_at_once_and_that_is_no_error(self) -> None:
        self.socket.start()
        self.assertTrue(self.path.exists())
        self.socket.stop()
        self.assertFalse(self.path.exists())
        self.reactor.port.turn()
        self.socket.stop()
        # What nobody has looked at is told of when it is forgotten.
        del self.reactor.port
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_other_trouble_is_told(self) -> None:
        self.socket.start()
        self.socket.stop()
        self.reactor.port.closed.errback(PermissionError())
        self.assertEqual(len(self.flushLoggedErrors(PermissionError)), 1)

    def test_what_is_no_socket_is_left_alone(self) -> None:
        self.path.parent.mkdir(parents=True)
        self.path.write_text("mine")
        self.assertIn("is there and is no socket", self.told(self.socket.start))
        self.socket.stop()
        self.assertEqual(self.path.read_text(), "mine")

    def told(self, call: Callable[[], object]) -> str:
        """What the operator is warned of."""
        return "".join(str(each) for each in caught(call))

    def test_it_is_for_its_own_user_alone(self) -> None:
        self.socket.start()
        factory, backlog, mode = self.reactor.given
        self.assertIsInstance(factory, ControlFactory)
        self.assertEqual((backlog, mode), (50, 0o600))

    def test_mail_goes_on_without_it(self) -> None:
        self.reactor.trouble = CannotListenError(None, str(self.path), OSError("the path is too long"))
        self.assertIn("commands will not reach this server", self.told(self.socket.start))
        self.socket.stop()
