"""One server that goes by a configuration (composition): whether it can go by another, and how it takes it up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from fopemta.config.model import CertificateFiles, Configuration
from fopemta.interfaces import IQueue
from fopemta.tls.client import ClientTls
from fopemta.tls.credentials import Credentials, CredentialsError
from fopemta.tls.server import ServerTls


class Reconfigured(Protocol):
    """Whoever goes by the configuration."""

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` from now on."""


class AnyFollowing(Protocol):
    """One server, or several of them together."""

    @property
    def current(self) -> Configuration:
        """What is gone by now."""

    def freed_by(self, config: Configuration) -> Deferred[int | None]:
        """For how many recipients in the queue less would be demanded under `config`.  Does not fail."""

    def prepare(self, config: Configuration) -> Deferred[Sequence[str]]:
        """Why `config` cannot be gone by; nothing where it can.  Nothing has changed yet.  Does not fail."""

    def take(self, config: Configuration, fall: bool) -> None:
        """Go by `config`, which has been prepared; `fall`: mail in the queue may go by less than it had to."""


class Following:
    """`targets` go by `current`; each of `server_tls` serves what `credentials` finds, `client_tls` shows what routes
    name.
    """

    def __init__(
        self,
        current: Configuration,
        targets: Sequence[Reconfigured],
        server_tls: Sequence[ServerTls],
        credentials: Callable[[Configuration], Sequence[Credentials]],
        queue: IQueue | None = None,
        client_tls: ClientTls | None = None,
    ) -> None:
        self.current = current
        self._targets = targets
        self._server_tls = server_tls
        self._credentials = credentials
        self._queue = queue
        self._client_tls = client_tls
        self._ready: list[Callable[[], None]] = []

    def freed_by(self, config: Configuration) -> Deferred[int | None]:
        """See AnyFollowing."""
        return succeed(0) if self._queue is None else self._queue.freed_by(config)

    def prepare(self, config: Configuration) -> Deferred[Sequence[str]]:
        """See AnyFollowing: reads the files of certificates."""
        try:
            found = self._credentials(config) if self._server_tls else []
            ready = [each.ready(found) for each in self._server_tls]
            if self._client_tls is not None:
                ready.append(self._client_tls.ready(shown_certificates(config)))
        except CredentialsError as error:
            return succeed([f"tls.server.certificates: {error}"])
        self._ready = ready
        return succeed([])

    def take(self, config: Configuration, fall: bool) -> None:
        """See AnyFollowing."""
        ready, self._ready = self._ready, []
        for each in ready:
            each()
        for target in self._targets:
            target.reconfigure(config)
        if self._queue is not None and fall:
            self._queue.let_demands_fall()
        self.current = config


def shown_certificates(configuration: Configuration) -> list[CertificateFiles]:
    """Those of ours that routes show to their hosts."""
    return [route.certificate for route in configuration.routes if route.certificate is not None]
