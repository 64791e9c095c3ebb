"""A worker's process (composition): `python -m fopemta.server.worker VERSION [REACTOR]`, started by the supervisor."""

from __future__ import annotations

import signal
import socket
import sys
from typing import Any

import fopemta


def main() -> None:
    """Ignore SIGINT and SIGHUP, which a terminal sends to the whole group: the supervisor handles them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if sys.argv[1:2] != [fopemta.__version__]:
        # Supervisor and worker must have the same version to understand each other.
        theirs = f"{sys.argv[1]} runs" if len(sys.argv) > 1 else "no server has begun this"
        sys.exit(f"fopemta: version {fopemta.__version__} is installed, {theirs}: restart the server")
    if len(sys.argv) > 2:
        from twisted.application.reactors import installReactor

        installReactor(sys.argv[2])
    # Not earlier: much of Twisted installs the default reactor when imported.
    _run()


def _run() -> None:
    from twisted.internet import reactor
    from twisted.logger import globalLogBeginner

    from fopemta.server.log_observers import outlet
    from fopemta.server.service import run_steadily
    from fopemta.server.worker_duty import Worker
    from fopemta.workers.link import GivenProtocol
    from fopemta.workers.seat import LINK

    running: Any = reactor
    run_steadily(running)
    globalLogBeginner.beginLoggingTo([outlet], redirectStandardIO=False)
    worker = Worker(running)
    # Twisted's own handler stops the reactor, which is an error if the supervisor has stopped it meanwhile.
    running.callWhenRunning(signal.signal, signal.SIGTERM, lambda *_: running.callFromThread(worker.end))
    running.callWhenRunning(running.adoptStreamConnection, LINK, socket.AF_UNIX, GivenProtocol(worker.link))
    running.run()


if __name__ == "__main__":
    main()
