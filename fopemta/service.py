"""`twistd fopemta` (composition root): reads the configuration and puts the concrete objects together.

twistd forks after `makeService` when it daemonises, and what a thread or a lock was then is gone; so everything here
reads files only.  `mail_service` opens the rest, when it is started.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn

from twisted.python import usage

from fopemta import configuration_file, log_observers, maillog, preflight
from fopemta.assembly import Kept, Server
from fopemta.config.checks import cautions
from fopemta.config.errors import ConfigurationError, ConfigurationErrors
from fopemta.config.model import Configuration, Log, LogLevel
from fopemta.control.protocol import Reach
from fopemta.control.socket import ControlSocket
from fopemta.interfaces import IMailReactor
from fopemta.log_file import AppendedFile, Output, StandardOutput
from fopemta.mail_service import Attendant, CannotStart, Listening, MailService
from fopemta.queue.rule_watch import RuleWatch
from fopemta.reload import Reload
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.spool.threads import PoolThreads

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
    spool = _spool(configuration, reactor)
    kept = Kept.here(configuration, reactor)
    server = Server.of(configuration, reactor, spool, kept)
    reload = Reload(path, server.following)
    for caution in cautions(configuration, time.time()):
        maillog.caution(caution.key, caution.message)
    listening = [Listening(f"listener[{index}].endpoint", each) for index, each in enumerate(server.factories)]
    attendants: list[Attendant] = [*server.attendants, RuleWatch(reactor, time.time, lambda: reload.current)]
    if configuration.control.socket != "off":
        reach = Reach(server.queue, reload, kept.memory, spool)
        attendants.append(ControlSocket(configuration.control.socket, reactor, reach))
    files = log_observers.outlet.files
    return MailService(configuration, reactor, spool, server.queue, listening, reload, files, attendants)


def _spool(configuration: Configuration, reactor: IMailReactor) -> Spool:
    limits = SpoolLimits(spool_free=configuration.limits.spool_free, message_size=configuration.limits.message_size)
    return Spool(configuration.node.spool, limits, reactor, PoolThreads(reactor), now=time.time)
