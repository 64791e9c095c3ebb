"""`twistd fopemta` (composition root): reads the configuration and puts the concrete objects together.

twistd forks after `makeService` when it daemonises, and what a thread or a lock was then is gone; so everything here
reads files only.  `mail_service` opens the rest, when it is started.
"""

from __future__ import annotations

import datetime
import os
import random
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python import usage

from fopemta import configuration_file, log_observers, maillog, preflight
from fopemta.config.checks import cautions, revocation_matters
from fopemta.config.errors import ConfigurationError, ConfigurationErrors
from fopemta.config.model import (
    CertificateFiles,
    ClientCertificates,
    Configuration,
    Listener,
    ListenerTls,
    Log,
    LogLevel,
    Via,
)
from fopemta.config.ways import listening_address
from fopemta.control.socket import ControlSocket
from fopemta.inbound.clients import Clients
from fopemta.inbound.factory import InboundFactory
from fopemta.interfaces import ICourier, ILogins, IMailReactor
from fopemta.local.maildir import MaildirCourier, maildir_path
from fopemta.log_file import AppendedFile, Output, StandardOutput
from fopemta.lookup.blocklists import Blocklists
from fopemta.lookup.fetch import Fetcher
from fopemta.lookup.list_shelf import ListShelf
from fopemta.lookup.local_addresses import local_addresses
from fopemta.lookup.nameservers import system_nameservers
from fopemta.lookup.resolver import Resolver
from fopemta.lookup.revocation_lists import RevocationLists
from fopemta.lookup.revocation_upkeep import RevocationUpkeep
from fopemta.lookup.revocations import Revocations
from fopemta.lookup.router import Router
from fopemta.lookup.staples import Staples
from fopemta.mail.identifiers import message_id
from fopemta.mail_service import Attendant, CannotStart, Listening, MailService
from fopemta.outbound.callout import Callout, hurried
from fopemta.outbound.delivery_manager import DeliveryManager
from fopemta.outbound.host_memory import HostMemory
from fopemta.queue.dispatcher import Dispatcher
from fopemta.queue.rule_counts import RuleCounts
from fopemta.queue.rule_watch import RuleWatch
from fopemta.recipients.calls import Calls
from fopemta.recipients.memory import CalloutMemory
from fopemta.recipients.recipients import Recipients
from fopemta.reload import Reconfigured, Reload, shown_certificates
from fopemta.routing.hosts import OwnAddresses
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.spool.threads import PoolThreads
from fopemta.tls.client import ClientTls
from fopemta.tls.credentials import Credentials, CredentialsError, self_signed
from fopemta.tls.credentials import load as load_credentials
from fopemta.tls.roots import RootsError
from fopemta.tls.server import ServerSettings, ServerTls
from fopemta.tls.watch import CertificateWatch
from fopemta.users.logins import logins_of
from fopemta.users.secret import SecretUnusable, kept_secret
from fopemta.users.user_file import UserFile

# twistd's own name for the log of a daemon that is told no other.
_DAEMON_LOG = "twistd.log"


class Options(usage.Options):
    """The command line of `twistd fopemta`."""

    synopsis = "[--config FILE]"
    longdesc = (
        "Without --config: $FOPEMTA_CONFIG, else ./etc/fopemta.toml, else /etc/fopemta/fopemta.toml. "
        "The log goes where [log] says; twistd's --logfile, --logger and --syslog come first."
    )
    optParameters = [["config", "c", None, "The configuration file (TOML)"]]

    def postOptions(self) -> None:
        """Have twistd log to our outlet, unless the operator wants it otherwise."""
        twistd = self.parent
        if twistd is not None and not twistd.get("logger") and not twistd.get("syslog"):
            # twistd takes the name, and asks it for the observer once the service is made.
            twistd["logger"] = "fopemta.log_observers.for_twistd"


def makeService(options: Options) -> MailService:
    """IServiceMaker.  Ends the process, with every reason, when the configuration cannot run here."""
    from twisted.internet import reactor

    twistd: Mapping[str, Any] = options.parent or {}
    sys.excepthook = _without_traceback(sys.excepthook)
    try:
        path = configuration_file.find(options["config"], os.environ)
        configuration = configuration_file.read(path)
        errors = (*_foreign_options(twistd), *preflight.check(configuration))
        if errors:
            raise ConfigurationErrors(errors)
        open_log(configuration.log, twistd)
        service = build(path, configuration, reactor)  # type: ignore[arg-type]  # the reactor module stands for one
        service.prepare = partial(run_steadily, reactor)
        return service
    except ConfigurationErrors as found:
        _refuse(found)


def run_steadily(reactor: Any) -> None:
    """Have all waits of a Twisted reactor run on a clock that nobody sets; to be called before it waits for anything.

    By itself it follows the clock on the wall: set back an hour, nothing would happen for an hour, and no timeout end
    (C114).
    """
    reactor.seconds = time.monotonic


def _foreign_options(twistd: Mapping[str, Any]) -> list[ConfigurationError]:
    """What twistd could do and we cannot: files made before the change of user would be of no use after it."""
    return [
        ConfigurationError("", f"twistd --{name} cannot be used: start fopemta as its own user (see fopemta.service)")
        for name in ("uid", "gid", "chroot")
        if twistd.get(name) is not None
    ]


def _without_traceback(show: Callable[..., Any]) -> Callable[..., Any]:
    """An excepthook: what ends twistd because we cannot start has been told in one line of the log already."""

    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if not isinstance(error, CannotStart):
            show(kind, error, trace)

    return hook


def _refuse(found: ConfigurationErrors) -> NoReturn:
    count = len(found.errors)
    print(f"fopemta: {count} error{'s' if count > 1 else ''} in the configuration:", file=sys.stderr)  # noqa: T201
    for error in found.errors:
        print(f"  {error}", file=sys.stderr)  # noqa: T201
    sys.exit(2)


# --- the log ---------------------------------------------------------------------------------------------------------


def open_log(log: Log, twistd: Mapping[str, Any]) -> None:
    """Open what [log] names.  twistd's --logfile comes before `text`; a daemon has no stdout and writes twistd.log,
    as others do.  Raises ConfigurationErrors.
    """
    text = twistd.get("logfile") or log.text
    if text in ("stdout", "-"):
        text = "stdout" if twistd.get("nodaemon", True) else _DAEMON_LOG
    debug = log.level is LogLevel.DEBUG
    observers: list[log_observers.TextLog | log_observers.JsonLog] = []
    if text != "off":
        observers.append(log_observers.TextLog(_output("log.text", text), debug))
    if log.json != "off":
        observers.append(log_observers.JsonLog(_output("log.json", log.json), debug))
    maillog.detail.wanted = debug
    log_observers.outlet.open(observers)


def _output(key: str, place: str) -> Output:
    try:
        return StandardOutput() if place == "stdout" else AppendedFile(os.path.abspath(place))
    except OSError as error:
        raise ConfigurationErrors([ConfigurationError(key, f"{place}: {error.strerror}")]) from error


# --- the parts -------------------------------------------------------------------------------------------------------


def build(path: str, configuration: Configuration, reactor: IMailReactor) -> MailService:
    """The whole server for a configuration that has passed `preflight.check`; `path` is where it was read.

    Reads certificates, and makes the self-signed one where it is needed; opens nothing.  Raises ConfigurationErrors.
    """
    threads = PoolThreads(reactor)
    limits = SpoolLimits(spool_free=configuration.limits.spool_free, message_size=configuration.limits.message_size)
    spool = Spool(configuration.node.spool, limits, reactor, threads, now=time.time)
    client_tls = _client_tls(configuration)
    server_tls = _server_tls(configuration)
    serving = list(server_tls.values())
    resolver = Resolver(reactor, configuration.dns.nameservers or system_nameservers(), configuration.dns.timeout)
    router = _router(configuration, resolver)
    fetcher = Fetcher(reactor, resolver, configuration.fetch, configuration.tls_client.fetch_private)
    revocations, upkeep = _revocations(configuration, reactor, fetcher)
    memory = HostMemory(configuration.node.state, reactor, time.time, _in_thread(reactor))
    manager, calling = (
        DeliveryManager(reactor, router, client_tls, spool, config, time.time, _in_thread(reactor), revocations, memory)
        for config in (configuration, hurried(configuration))
    )
    callout = Callout(calling)
    recipients = _recipients(configuration, reactor, callout)
    couriers: dict[Via, ICourier] = {
        Via.MX: manager,
        Via.SMTP: manager,
        Via.MAILDIR: MaildirCourier(spool, time.time, _in_thread(reactor)),
    }
    counts = RuleCounts(configuration.node.state, reactor, _in_thread(reactor))
    noise = random.Random()  # noqa: S311  jitter
    dispatcher = Dispatcher(spool, couriers, configuration, reactor, time.time, noise, _in_thread(reactor), counts)
    logins, clients = _logins(configuration, reactor), Clients(configuration, reactor)

    def factory(listener: Listener) -> InboundFactory:
        tls = None if listener.tls is ListenerTls.OFF else server_tls[_asks(configuration, listener)]
        blocklists = Blocklists(resolver, listener.blocklists, reactor) if listener.blocklists else None
        return InboundFactory(
            listener, configuration, spool, dispatcher, tls, reactor, new_ids(), time.time,
            logins=logins, blocklists=blocklists, recipients=recipients, aliases=recipients, clients=clients,
            rule_counts=counts,
        )  # fmt: skip

    listening = [
        Listening(f"listener[{index}].endpoint", factory(listener))
        for index, listener in enumerate(configuration.listeners)
    ]
    followers = (dispatcher, manager, callout, recipients, clients)
    targets: list[Reconfigured] = [*followers, *(each.factory for each in listening)]
    reload = Reload(path, configuration, targets, serving, credentials, dispatcher, client_tls.show)
    watches = [_watch(configuration, reactor, reload, serving), _watch_of_routes(reactor, reload, client_tls)]
    for caution in cautions(configuration, time.time()):
        maillog.caution(caution.key, caution.message)
    files = log_observers.outlet.files
    staples = Staples(reactor, fetcher, time.time, lambda: serving[0].chains if serving else ())
    for each in serving:
        each.staple(staples.staple)
    attendants: list[Attendant] = [
        *watches,
        RuleWatch(reactor, time.time, lambda: reload.current),
        staples,
        upkeep,
        recipients,
        counts,
        memory,
    ]
    if configuration.control.socket != "off":
        attendants.append(ControlSocket(configuration.control.socket, reactor, dispatcher, reload, memory))
    return MailService(configuration, reactor, spool, dispatcher, listening, reload, files, attendants)


def new_ids() -> Callable[[], str]:
    """What gives a new queue id at each call."""
    return lambda: message_id(time.time_ns() // 1000, secrets.randbits(20))


def _in_thread(reactor: IMailReactor) -> Callable[..., Deferred[Any]]:
    """Runs a call in the reactor's own threads, which exist from the first such call on."""
    return lambda call, *arguments: deferToThreadPool(reactor, reactor.getThreadPool(), call, *arguments)


def _revocations(
    configuration: Configuration, reactor: IMailReactor, fetcher: Fetcher
) -> tuple[Revocations, RevocationUpkeep]:
    """Who finds out about revocation, and who looks after what he keeps."""
    settings, in_thread = configuration.fetch, _in_thread(reactor)
    shelf = ListShelf(os.path.join(configuration.node.state, "revocation"))
    lists = RevocationLists(fetcher, shelf, settings.largest, time.time, in_thread)
    revocations = Revocations(reactor, fetcher, lists, time.time, in_thread)
    probe = settings.probe if settings.probe != "off" and revocation_matters(configuration) else None
    return revocations, RevocationUpkeep(reactor, revocations, lists, fetcher, probe)


def _recipients(configuration: Configuration, reactor: IMailReactor, callout: Callout) -> Recipients:
    in_thread = _in_thread(reactor)
    memory = CalloutMemory.in_folder(configuration.node.state)
    calls = Calls(callout, memory, reactor, in_thread, time.time)
    return Recipients(configuration, calls, maildir_path, in_thread, time.time)


def _router(configuration: Configuration, resolver: Resolver) -> Router:
    addresses = [listening_address(listener.endpoint) for listener in configuration.listeners]
    own = OwnAddresses(frozenset(each for each in addresses if each is not None), local_addresses())
    names = frozenset({configuration.node.hostname})
    return Router(resolver, names, own, configuration.delivery.port, random.random)


def _client_tls(configuration: Configuration) -> ClientTls:
    try:
        return ClientTls(configuration.tls_client.roots, shown_certificates(configuration))
    except RootsError as error:
        raise ConfigurationErrors([ConfigurationError("tls.client.roots", str(error))]) from error
    except CredentialsError as error:
        raise ConfigurationErrors([ConfigurationError("route.certificate", str(error))]) from error


def _server_tls(configuration: Configuration) -> dict[ClientCertificates, ServerTls]:
    """One for each thing that listeners ask of their clients."""
    asked = {_asks(configuration, each) for each in configuration.listeners if each.tls is not ListenerTls.OFF}
    server = configuration.tls_server
    try:
        served = credentials(configuration) if asked else []
        return {
            ask: ServerTls(
                served,
                ServerSettings(
                    client_certificates=ask,
                    client_roots=server.client_roots,
                    client_eku=server.client_eku,
                    lowest=server.lowest,
                ),
                time.time,
            )
            for ask in asked
        }
    except CredentialsError as error:
        key = "tls.server.certificates" if configuration.tls_server.certificates else "node.state"
        raise ConfigurationErrors([ConfigurationError(key, str(error))]) from error


def _logins(configuration: Configuration, reactor: IMailReactor) -> ILogins | None:
    """None where nobody can log in."""
    users = configuration.users
    if users.file == "off":
        return None
    try:
        secret = kept_secret(configuration.node.state) if users.scram else None
    except SecretUnusable as error:
        raise ConfigurationErrors([ConfigurationError("node.state", str(error))]) from error
    file = UserFile(users.file)
    for caution in file.cautions(users.scram):
        maillog.caution("users.file", caution)
    return logins_of(file, reactor, _in_thread(reactor), secret)


def _asks(configuration: Configuration, listener: Listener) -> ClientCertificates:
    return listener.asks_for(configuration.tls_server.client_certificates)


def _watch(
    configuration: Configuration, reactor: IMailReactor, reload: Reload, serving: Sequence[ServerTls]
) -> CertificateWatch:
    """Looks after the files of certificates, as the configuration names them at that time."""

    def serve(found: Sequence[Credentials]) -> None:
        for each in serving:
            each.replace(found)

    return CertificateWatch(
        reactor,
        time.time,
        configuration.node.hostname,
        lambda: reload.current.tls_server.certificates if serving else (),
        lambda: credentials(reload.current) if serving else [],
        serve,
    )


def _watch_of_routes(reactor: IMailReactor, reload: Reload, client_tls: ClientTls) -> CertificateWatch:
    """Looks after the files of the certificates that routes show."""

    def shown() -> list[CertificateFiles]:
        return shown_certificates(reload.current)

    return CertificateWatch(
        reactor,
        time.time,
        None,
        shown,
        lambda: [load_credentials(each) for each in shown()],
        lambda _: client_tls.show(shown()),
        "route.certificate",
    )


def credentials(configuration: Configuration) -> list[Credentials]:
    """Our certificates: the configured ones, else the self-signed one, made if it is not there yet.

    Raises CredentialsError.
    """
    files = configuration.tls_server.certificates
    if files:
        return [load_credentials(each) for each in files]
    now = datetime.datetime.now(datetime.UTC)
    kept, made = self_signed(configuration.node.state, configuration.node.hostname, now)
    if made:
        maillog.certificate_made(kept.source)
    return [kept]
