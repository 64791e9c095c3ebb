"""The certificates of a server (composition): read at start, watched, and read again when renewed."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Protocol

from fopemta import maillog
from fopemta.config.model import Configuration, ListenerTls
from fopemta.few_at_once import InThread
from fopemta.interfaces import (
    IMailReactor,
)
from fopemta.server.following import Following, roots_of, shown_certificates
from fopemta.settings.errors import ConfigurationError, ConfigurationErrors
from fopemta.tls.client import ClientTls
from fopemta.tls.credentials import Credentials, CredentialsError, self_signed
from fopemta.tls.credentials import load as load_credentials
from fopemta.tls.root_watch import RootsWatch
from fopemta.tls.roots import RootsError
from fopemta.tls.server import ServerSettings, ServerTls
from fopemta.tls.watch import CertificateWatch
from fopemta.trust.plan import CertificateFiles


def server_tls(configuration: Configuration, now: Callable[[], float]) -> list[ServerTls | None]:
    """One ServerTls for each listener, with its own sessions and tickets; None for a listener without TLS."""
    server, listeners = configuration.tls_server, configuration.listeners
    try:
        served = credentials(configuration) if any(each.tls is not ListenerTls.OFF for each in listeners) else []
        return [
            None if each.tls is ListenerTls.OFF else ServerTls(served, ServerSettings.of(server, each), now)
            for each in listeners
        ]
    except CredentialsError as error:
        key = "tls.server.certificates" if server.certificates else "node.state"
        raise ConfigurationErrors([ConfigurationError(key, str(error))]) from error
    except RootsError as error:
        raise ConfigurationErrors([ConfigurationError("tls.server.client_roots", str(error))]) from error


def client_tls(configuration: Configuration) -> ClientTls:
    """The TLS of outgoing connections.  Raises ConfigurationErrors."""
    try:
        return ClientTls(configuration.tls_client.roots, shown_certificates(configuration))
    except RootsError as error:
        raise ConfigurationErrors([ConfigurationError("tls.client.roots", str(error))]) from error
    except CredentialsError as error:
        raise ConfigurationErrors([ConfigurationError("route.certificate", str(error))]) from error


def credentials(configuration: Configuration) -> list[Credentials]:
    """Our certificates: the configured ones, else self-signed ones, made if missing.

    Raises CredentialsError.
    """
    files = configuration.tls_server.certificates
    if files:
        return [load_credentials(each) for each in files]
    now = datetime.datetime.now(datetime.UTC)
    kept, made = self_signed(configuration.node.state, configuration.node.hostname, now)
    for each in made:
        maillog.certificate_made(each)
    return kept


def watch_of_listeners(
    following: Following, reactor: IMailReactor, now: Callable[[], float], serving: Sequence[ServerTls]
) -> CertificateWatch:
    """Watches the listeners' certificate files, as named by the configuration of the moment."""

    def serve(found: Sequence[Credentials]) -> None:
        for each in serving:
            each.replace(found)

    return CertificateWatch(
        reactor,
        now,
        following.current.node.hostname,
        lambda: following.current.tls_server.certificates if serving else (),
        lambda: credentials(following.current) if serving else [],
        serve,
    )


def watch_of_routes(
    following: Following, reactor: IMailReactor, now: Callable[[], float], client_tls: ClientTls
) -> CertificateWatch:
    """Watches the files of certificates that routes use."""

    def shown() -> list[CertificateFiles]:
        return shown_certificates(following.current)

    return CertificateWatch(
        reactor,
        now,
        None,
        shown,
        lambda: [load_credentials(each) for each in shown()],
        lambda _: client_tls.show(shown()),
        "route.certificate",
    )


class _ReadsRoots(Protocol):
    def read_roots(self) -> None:
        """Read the roots again.  Raises RootsError."""


class _RestsOnRoots(Protocol):
    def distrust(self) -> None:
        """End what relies on the old roots."""


def watch_of_roots(
    following: Following,
    reactor: IMailReactor,
    readers: Sequence[_ReadsRoots],
    resting: Sequence[_RestsOnRoots],
    client: ClientTls,
    in_thread: InThread,
) -> RootsWatch:
    """Watches the files of trusted roots."""

    def read() -> None:
        errors = []
        for each in readers:
            try:
                each.read_roots()
            except RootsError as error:
                errors.append(str(error))
        for one in resting:
            one.distrust()
        if errors:
            raise RootsError("; ".join(dict.fromkeys(errors)))

    return RootsWatch(reactor, lambda: roots_of(following.current), read, client.other_roots, in_thread)
