"""The control socket (shell): its place and its permissions."""

from __future__ import annotations

import os
import socket
import stat
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.python.failure import Failure

from fopemta import maillog
from fopemta.background import supervise
from fopemta.control.protocol import ControlFactory, ControlledServer
from fopemta.interfaces import IMailReactor

_BACKLOG = 50


class ControlSocket:
    """Listens at `path` while the server runs, for its own user and root only; an Attendant."""

    def __init__(self, path: str, reactor: IMailReactor, reach: ControlledServer) -> None:
        self._path = path
        self._reactor = reactor
        self._factory = ControlFactory(reach, reactor)
        self._port: IListeningPort | None = None

    def start(self) -> None:
        """Accept requests.  A failure to listen is logged; mail goes on without."""
        try:
            self._port = self._bound()
        except OSError as error:
            maillog.caution("control.socket", f"commands will not reach this server: {error.strerror or error}")

    def stop(self) -> None:
        """Stop accepting requests."""
        port: Any = self._port
        self._port = None
        if port is not None:
            closed = maybeDeferred(port.stopListening)
            # At once, while the spool is still ours: Twisted would do it in a later reactor turn, which may not come,
            # or may remove the socket of the next server.
            _remove(self._path)
            supervise(closed.addErrback(_is_gone), "closing the control socket")

    def _bound(self) -> IListeningPort:
        """Raises OSError."""
        os.makedirs(os.path.dirname(self._path), mode=0o755, exist_ok=True)
        _make_way(self._path)
        # Before anyone can connect: the file is made with this mode.
        before = os.umask(0o177)
        try:
            return self._reactor.listenUNIX(self._path, self._factory, _BACKLOG, 0o600)
        except CannotListenError as error:
            raise OSError(str(error.socketError)) from error
        finally:
            os.umask(before)


def _make_way(path: str) -> None:
    """Remove a socket left by a killed server.  Raises OSError if a server listens there, or it is no socket."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(f"{path} is there and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            _remove(path)
            return
        except BlockingIOError:
            pass  # a server listens, and is busy
    raise OSError(f"another server listens at {path}")


def _is_gone(failure: Failure) -> None:
    """Ignore that the file is gone: Twisted removes it, too."""
    failure.trap(FileNotFoundError)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
