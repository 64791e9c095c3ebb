"""Put incoming mail together (composition): the factories of the listeners, and their services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from fopemta import maillog
from fopemta.config.model import Configuration, Listener
from fopemta.few_at_once import InThread
from fopemta.inbound.clients import Clients
from fopemta.inbound.context import InboundServices
from fopemta.inbound.factory import InboundFactory
from fopemta.interfaces import (
    ILogins,
    IMailReactor,
    IQueue,
    IResolver,
    ISpool,
)
from fopemta.lookup.blocklists import Blocklists
from fopemta.outbound.callout import Callout
from fopemta.recipients.calls import Calls
from fopemta.recipients.recipients import RecipientVerifier
from fopemta.server.kept import SharedState, new_ids
from fopemta.settings.errors import ConfigurationError, ConfigurationErrors
from fopemta.tls.server import ServerTls
from fopemta.users.logins import logins_of
from fopemta.users.secret import SecretUnusable, kept_secret
from fopemta.users.slowdown import AnySlowdown
from fopemta.users.user_file import UserFile


def logins_for(
    configuration: Configuration,
    in_thread: Callable[..., Deferred[Any]],
    reactor: IMailReactor,
    slowdown: AnySlowdown | None = None,
) -> ILogins | None:
    """The logins; None if no listener takes any."""
    users = configuration.users
    if users.file == "off":
        return None
    try:
        secret = kept_secret(configuration.node.state) if users.scram else None
    except SecretUnusable as error:
        raise ConfigurationErrors([ConfigurationError("node.state", str(error))]) from error
    file = UserFile(users.file, in_thread)
    for caution in file.cautions(users.scram):
        maillog.caution("users.file", caution)
    return logins_of(file, reactor, in_thread, secret, slowdown)


def recipients_of(
    configuration: Configuration, reactor: IMailReactor, callout: Callout, kept: SharedState
) -> RecipientVerifier:
    """Which recipients exist, by lists, folders and callouts."""
    machine = kept.machine
    calls = Calls(callout, kept.callouts, reactor, kept.callouts_in, machine.now)
    return RecipientVerifier(configuration, calls, machine.in_threads(reactor), machine.now, reactor)


def services_of(
    configuration: Configuration,
    reactor: IMailReactor,
    spool: ISpool,
    queue: IQueue,
    recipients: RecipientVerifier,
    kept: SharedState,
    reading: InThread,
) -> InboundServices:
    """The services that the listeners share.  Raises ConfigurationErrors."""
    machine, partners = kept.machine, kept.partners
    slowdown = None if partners is None else partners.slowdown
    return InboundServices(
        spool=spool,
        queue=queue if partners is None else partners.shared(queue),
        clients=Clients(configuration, reactor),
        clock=reactor,
        ids=new_ids(None if partners is None else partners.number, machine),
        now=machine.now,
        logins=logins_for(configuration, machine.in_threads(reactor), reactor, slowdown),
        recipients=recipients,
        aliases=recipients,
        rule_counts=kept.counts,
        reading=reading,
    )


def factory_of(
    listener: Listener,
    configuration: Configuration,
    services: InboundServices,
    tls: ServerTls | None,
    resolver: IResolver,
) -> InboundFactory:
    """The factory of one listener."""
    lists = Blocklists(resolver, listener.blocklists, services.clock) if listener.blocklists else None
    return InboundFactory(listener, configuration, attrs.evolve(services, server_tls=tls, blocklists=lists))
