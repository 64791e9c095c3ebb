"""A server's configuration (composition): whether another one can be used, and the switch to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from fopemta.config.model import Configuration
from fopemta.interfaces import IQueue
from fopemta.policy.action import ForceTls
from fopemta.tls.client import ClientTls
from fopemta.tls.credentials import Credentials, CredentialsError
from fopemta.tls.roots import RootsError
from fopemta.tls.server import ServerSettings, ServerTls
from fopemta.trust.plan import CertificateFiles


class Reconfigured(Protocol):
    """A part that uses the configuration."""

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` from now on."""


class AnyFollowing(Protocol):
    """One server, or several workers together."""

    @property
    def current(self) -> Configuration:
        """The configuration in use."""

    def freed_by(self, config: Configuration) -> Deferred[int | None]:
        """The number of queued recipients whose TLS demands would be lowered by `config`; None if unknown.  Does not
        fail.
        """

    def prepare(self, config: Configuration) -> Deferred[Sequence[str]]:
        """Why `config` cannot be used; empty if it can.  Changes nothing yet.  Does not fail."""

    def take(self, config: Configuration, lowered_by: str | None) -> None:
        """Use `config`, which has been prepared; `lowered_by`: the operator who ordered that the demands on queued mail
        may be lowered, None if nobody has.
        """


class Following:
    """`targets` use `current`; each of `server_tls`, for the listener at that position, serves what `credentials`
    finds; `client_tls` uses the certificates of routes.  None for a listener without TLS.
    """

    def __init__(
        self,
        current: Configuration,
        targets: Sequence[Reconfigured],
        server_tls: Sequence[ServerTls | None],
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
        """See AnyFollowing: reads the files of certificates and roots."""
        try:
            self._ready = self._made_ready(config)
        except CredentialsError as error:
            return succeed([f"tls.server.certificates: {error}"])
        except RootsError as error:
            return succeed([f"roots: {error}"])
        return succeed([])

    def _made_ready(self, config: Configuration) -> list[Callable[[], None]]:
        found = self._credentials(config) if any(self._server_tls) else []
        ready = [
            each.ready(found, ServerSettings.of(config.tls_server, listener))
            for each, listener in zip(self._server_tls, config.listeners, strict=False)
            if each is not None
        ]
        if self._client_tls is not None:
            ready.append(self._client_tls.ready(config.tls_client.roots, shown_certificates(config)))
        return ready

    def take(self, config: Configuration, lowered_by: str | None) -> None:
        """See AnyFollowing."""
        ready, self._ready = self._ready, []
        for each in ready:
            each()
        for target in self._targets:
            target.reconfigure(config)
        if self._queue is not None and lowered_by is not None:
            self._queue.let_demands_fall(lowered_by)
        self.current = config


def roots_of(configuration: Configuration) -> list[str]:
    """All configured roots: those of [tls.client] and [tls.server], of routes and of rules."""
    rules = configuration.rulebook.rules if configuration.rulebook else ()
    named = [rule.then.roots for rule in rules if isinstance(rule.then, ForceTls)]
    named += [route.roots for route in configuration.routes]
    usual = [configuration.tls_client.roots, configuration.tls_server.client_roots]
    return [*usual, *(each for each in named if each is not None)]


def shown_certificates(configuration: Configuration) -> list[CertificateFiles]:
    """Our certificates that routes use."""
    return [route.certificate for route in configuration.routes if route.certificate is not None]
