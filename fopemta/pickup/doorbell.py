"""The socket beside the drop folder (shell): a program sends the name of its file, and gets the result.

The client is not authenticated and learns only whether the file of that name was taken: names are random, and the file
system knows the owner of a file.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from fopemta import maillog
from fopemta.background import supervise
from fopemta.deadline import Deadline
from fopemta.interfaces import IMailReactor
from fopemta.mail.reply import Reply
from fopemta.pickup.collector import Collector
from fopemta.pickup.folder import SOCKET, DropFolder, Unusable
from fopemta.sendmail.dropped import WHOLE

_LONGEST_LINE = 64
_PATIENCE = 60.0
_MOST_CLIENTS = 100
_BACKLOG = 50
_BUSY = Reply.of(250, "2.0.0", "Ok: it will be taken later")
_WHAT = Reply.of(501, "5.5.4", "That is no name of a file")


class Bell(Protocol):
    """Answers one name."""

    def __init__(self, collector: Collector, clock: IReactorTime, present: set[Bell]) -> None:
        self._collector = collector
        self._present = present
        self._line = b""
        self._asked = False
        self._deadline = Deadline(clock, self._too_long)

    def connectionMade(self) -> None:
        """If there are too many at once, the client is told that its file is collected later."""
        self._present.add(self)
        self._deadline.set(_PATIENCE)
        if len(self._present) > _MOST_CLIENTS:
            self._say(_BUSY)

    def dataReceived(self, data: bytes) -> None:
        """Receive the name, with its LF."""
        if self._asked:
            return
        self._line += data
        name, end, _ = self._line.partition(b"\n")
        if not end and len(name) <= _LONGEST_LINE:
            return
        self._asked = True
        text = name.decode("latin-1")
        if not end or WHOLE.fullmatch(text) is None:
            self._say(_WHAT)
        else:
            supervise(self._collector.collect(text).addCallback(self._say), "answering at the drop folder")

    def _say(self, reply: Reply) -> None:
        self._asked = True
        if self in self._present:
            transport: Any = self.transport
            transport.write(reply.render())
            transport.loseConnection()

    def _too_long(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        """The client has disconnected."""
        self._present.discard(self)
        self._deadline.end()


class Doorbell:
    """An Attendant; prepares the folder, and collects while the server runs.  If the folder or the socket cannot be
    used, that is logged, and mail goes on.
    """

    def __init__(self, folder: DropFolder, collector: Collector, reactor: IMailReactor) -> None:
        self._folder = folder
        self._collector = collector
        self._reactor = reactor
        self._port: IListeningPort | None = None

    def start(self) -> None:
        """Start collecting."""
        try:
            closed = self._folder.prepare()
        except (OSError, Unusable) as error:
            maillog.caution("node.drop", f"nothing is collected: {error}")
            return
        if closed is not None:
            maillog.caution("node.drop", f"other users' programs cannot reach it: {closed} is closed to them")
        self._collector.start()
        try:
            self._port = self._bound()
        except OSError as error:
            maillog.caution("node.drop", f"programs hear nothing of their messages: {error}")

    def stop(self) -> None:
        """Stop listening."""
        self._collector.stop()
        port: Any = self._port
        self._port = None
        if port is not None:
            closing: Deferred[Any] = maybeDeferred(port.stopListening)
            _remove(self._path)
            supervise(closing.addErrback(_is_gone), "closing the socket of the drop folder")

    @property
    def _path(self) -> str:
        return os.path.join(self._folder.path, SOCKET)

    def _bound(self) -> IListeningPort:
        """Raises OSError.  An existing socket can only be ours, since the folder is."""
        if os.path.lexists(self._path) and stat.S_ISSOCK(os.lstat(self._path).st_mode):
            _remove(self._path)
        present: set[Bell] = set()
        factory: Any = Factory.forProtocol(lambda: Bell(self._collector, self._reactor, present))
        factory.noisy = False
        try:
            port = self._reactor.listenUNIX(self._path, factory, _BACKLOG, 0o666)
        except CannotListenError as error:
            raise OSError(str(error.socketError)) from error
        # Any program may connect; Twisted sets this mode too, but less the umask.
        os.chmod(self._path, 0o666)  # noqa: S103
        return port


def _is_gone(failure: Failure) -> None:
    """Ignore that the file is gone: Twisted removes it, too."""
    failure.trap(FileNotFoundError)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
