"""Certificates of a server (composition): read at the start, watched, and read again when they have been renewed."""

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
    """One for each listener, with sessions and tickets of its own; None for one without TLS."""
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
    """What connections to servers are made with.  Raises ConfigurationErrors."""
    try:
        return ClientTls(configuration.tls_client.roots, shown_certificates(configuration))
    except RootsError as error:
        raise ConfigurationErrors([ConfigurationError("tls.client.roots", str(error))]) from error
    except CredentialsError as error:
        raise ConfigurationErrors([ConfigurationError("route.certificate", str(error))]) from error


def credentials(configuration: Configuration) -> list[Credentials]:
    """Our certificates: the configured ones, else self-signed ones, made if they are not there yet.

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
    """Looks after the files of certificates, as the configuration names them at that time."""

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
    """Looks after the files of the certificates that routes show."""

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
        """Read them anew.  Raises RootsError."""


class _RestsOnRoots(Protocol):
    def distrust(self) -> None:
        """End what rests on the roots that were read before."""


def watch_of_roots(
    following: Following,
    reactor: IMailReactor,
    readers: Sequence[_ReadsRoots],
    resting: Sequence[_RestsOnRoots],
    client: ClientTls,
    in_thread: InThread,
) -> RootsWatch:
    """Looks after the files of whom we trust."""

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
