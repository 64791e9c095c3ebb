"""`twistd fopemta` (composition root): reads the configuration and puts the objects together.

twistd forks after `makeService` when it daemonises, and threads and locks do not survive that; so only files are read
here.  `mail_service` opens the rest when it is started.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NoReturn

import attrs
from twisted.python import usage

from fopemta import maillog
from fopemta.config.model import Configuration, Log, LogLevel
from fopemta.control.outflow import portions_of
from fopemta.control.protocol import ControlledServer
from fopemta.control.socket import ControlSocket
from fopemta.interfaces import IMailReactor
from fopemta.queue.rule_watch import RuleWatch
from fopemta.server import configuration_file, log_observers, preflight, superuser
from fopemta.server.assembly import Server, spool_of, tell_cautions
from fopemta.server.kept import SharedState
from fopemta.server.kept_rules import KeptRules, RulesAtStart, oldest_of
from fopemta.server.log_file import AppendedFile, Output, StandardOutput
from fopemta.server.machine import THIS_MACHINE, Machine
from fopemta.server.mail_service import Attendant, CannotStart, Listening, MailService
from fopemta.server.reload import Reload
from fopemta.settings.errors import ConfigurationError, ConfigurationErrors
from fopemta.spool.partitions import folders_for

# twistd's log of a daemon, if it is given no other.
_DAEMON_LOG = "twistd.log"
_OUR_LOGGER = "fopemta.server.log_observers.for_twistd"


class Options(usage.Options):
    """The command line of `twistd fopemta`."""

    synopsis = "[--config FILE]"
    longdesc = (
        "Without --config: $FOPEMTA_CONFIG, else ./etc/fopemta.toml, else /etc/fopemta/fopemta.toml. "
        "The log goes where [log] says; twistd's --logfile, --logger and --syslog come first."
    )
    optParameters = [["config", "c", None, "The configuration file (TOML)"]]
    optFlags = [["as-root", None, "Run as root all the same (in containers that is not needed)"]]

    def postOptions(self) -> None:
        """Make twistd log to our outlet, unless the operator has chosen another."""
        twistd = self.parent
        if twistd is not None and not twistd.get("logger") and not twistd.get("syslog"):
            # twistd takes the name, and asks for the observer once the service is made.
            twistd["logger"] = _OUR_LOGGER


def makeService(options: Options) -> Any:
    """IServiceMaker.  Ends the process, with every reason, if the configuration cannot run here."""
    from twisted.internet import reactor

    twistd: Mapping[str, Any] = options.parent or {}
    sys.excepthook = _without_traceback(sys.excepthook)
    try:
        path = configuration_file.find(options["config"], os.environ)
        configuration = configuration_file.read(path)
        foreign = _foreign_options(twistd, configuration.workers.count)
        root = _user(bool(options["as-root"]))
        errors = (*root, *foreign, *preflight.check(configuration), *preflight.addresses(configuration))
        if errors:
            raise ConfigurationErrors(errors)
        log = open_log(configuration.log, twistd)
        if configuration.workers.count > 1:
            from fopemta.server.supervisor import supervisor  # a single process needs none of it

            service: Any = supervisor(path, configuration, reactor, log)
        else:
            service = build(path, configuration, reactor)  # type: ignore[arg-type]  # the module stands for a reactor
        service.prepare = partial(run_steadily, reactor)
        return service
    except ConfigurationErrors as found:
        _refuse(found)


def run_steadily(reactor: Any) -> None:
    """Make a Twisted reactor use a steady clock; call it before the reactor is given any timer.

    By default it uses the wall clock: if that is set back an hour, no timeout ends for an hour.
    """
    reactor.seconds = time.monotonic


def _user(root_is_meant: bool) -> Iterator[ConfigurationError]:
    """Root must not parse what strangers send; ports below 1024 need no root (docs/decisions/0021-root.md)."""
    if not root_is_meant and superuser.is_master_of_the_machine(os.geteuid(), os.environ):
        words = (
            "fopemta does not run as root: start it as its own user, with CAP_NET_BIND_SERVICE for ports below 1024 "
            "(see fopemta.server.service), or with the option --as-root"
        )
        yield ConfigurationError("", words)


def _foreign_options(twistd: Mapping[str, Any], workers: int) -> Iterator[ConfigurationError]:
    """Options of twistd that cannot be supported: files made before the change of user would be unusable after it, and
    its logger exists in one process only.
    """
    for name in ("uid", "gid", "chroot"):
        if twistd.get(name) is not None:
            words = f"twistd --{name} cannot be used: start fopemta as its own user (see fopemta.server.service)"
            yield ConfigurationError("", words)
    for name in ("syslog", "logger"):
        if workers > 1 and twistd.get(name) and twistd[name] not in (_OUR_LOGGER, log_observers.for_twistd):
            yield ConfigurationError("workers.count", f"twistd --{name} cannot be used with several workers: see [log]")


def _without_traceback(show: Callable[..., Any]) -> Callable[..., Any]:
    """An excepthook: a failure to start has been logged in one line already."""

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


def open_log(log: Log, twistd: Mapping[str, Any]) -> Log:
    """Open the files of [log].  twistd's --logfile takes precedence over `text`; a daemon has no stdout and writes
    twistd.log, as usual.  Returns the resulting settings; raises ConfigurationErrors.
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
    return log if text in ("stdout", "off") else attrs.evolve(log, text=os.path.abspath(text))


def _output(key: str, place: str) -> Output:
    try:
        return StandardOutput() if place == "stdout" else AppendedFile(os.path.abspath(place))
    except OSError as error:
        raise ConfigurationErrors([ConfigurationError(key, f"{place}: {error.strerror}")]) from error


# --- the parts -------------------------------------------------------------------------------------------------------


def build(
    path: str, configuration: Configuration, reactor: IMailReactor, machine: Machine = THIS_MACHINE
) -> MailService:
    """The whole server for a configuration that has passed `preflight.check`; `path` is where it was read.

    Reads certificates, and makes the self-signed one if needed; opens nothing.  Raises ConfigurationErrors.
    """
    spool = spool_of(configuration, reactor, [(folder, None) for folder in partitions(configuration)], machine)
    kept = SharedState.here(configuration, reactor, machine)

    def oldest() -> float | None:
        """The arrival of the oldest waiting mail; None while the spool is being read."""
        return oldest_of(spool.listing()) if service.is_ready else None

    rules = KeptRules(configuration.node.state, machine.now, oldest)
    configuration = rules.at_start(configuration)
    server = Server.of(configuration, reactor, spool, kept)
    reload = Reload(path, server.following, machine.in_threads(reactor), rules)
    tell_cautions(path, configuration, machine)
    listening = [Listening(f"listener[{index}].endpoint", each) for index, each in enumerate(server.factories)]
    attendants = (*server.attendants, RuleWatch(reactor, machine.now, lambda: reload.current))
    early: list[Attendant] = [RulesAtStart(reactor, rules, configuration, reload.tell_what_keeps)]
    if configuration.control.socket != "off":
        reach = ControlledServer(
            server.queue, reload, kept.memory, lambda: portions_of(spool.listing()), lambda: service.is_ready
        )
        early.append(ControlSocket(configuration.control.socket, reactor, reach))
    files = log_observers.outlet.files
    service = MailService(
        configuration, reactor, spool, server.queue, listening, reload, files, attendants, kept.keepers, early
    )
    service.allow = server.allow
    return service


def partitions(configuration: Configuration) -> list[str]:
    """The folders that one process opens: the spool's own, and those of former workers.

    Raises ConfigurationErrors.
    """
    try:
        return folders_for(configuration.node.spool, 1, 1)
    except OSError as error:
        raise ConfigurationErrors([ConfigurationError("node.spool", str(error))]) from error
