"""What the sessions of a listener need of the server (shell): frozen, made in one place, replaced at a reload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IReactorTime

from fopemta import maillog
from fopemta.address.ip import in_networks
from fopemta.config.model import Configuration, Listener, ListenerKind, ListenerTls
from fopemta.few_at_once import InThread
from fopemta.inbound.clients import Clients
from fopemta.interfaces import IAliases, IBlocklists, ILogins, IQueue, IRecipients, IRuleCounts, IServerTls, ISpool
from fopemta.mail.envelope import RuleNote
from fopemta.policy.admission import Admission
from fopemta.policy.aliases import NO_ALIASES
from fopemta.policy.rulebook import NO_RULES, Rulebook
from fopemta.policy.steps import House
from fopemta.smtp.session_rules import SessionRules
from fopemta.smtp.transaction import BareLineEnds


@attrs.frozen(eq=False, kw_only=True)
class InboundServices:
    """The services that a listener's sessions use.

    `ids` returns a new queue id at each call, `now` the wall time, `clock` is steady.  `reading` runs message parsing
    off the reactor's thread.  Without `server_tls` STARTTLS is not offered, and a listener that requires TLS takes no
    mail; `logins` are for submission; without `blocklists` no client is looked up, without `recipients` no mailbox,
    without `aliases` there are none.  `clients` counts those of all listeners.
    """

    spool: ISpool
    queue: IQueue
    clients: Clients
    clock: IReactorTime
    ids: Callable[[], str]
    now: Callable[[], float]
    server_tls: IServerTls | None = None
    logins: ILogins | None = None
    blocklists: IBlocklists | None = None
    recipients: IRecipients | None = None
    aliases: IAliases | None = None
    rule_counts: IRuleCounts | None = None
    reading: InThread = maybeDeferred


@attrs.frozen(eq=False)
class InboundContext:
    """A `listener` under one configuration, and the services of its sessions."""

    listener: Listener
    config: Configuration
    services: InboundServices
    admission: Admission = attrs.field(init=False)
    # Both are computed once: each session needs its rules, each message the domains served here.
    _rules: dict[tuple[bool, bool, bool], SessionRules] = attrs.field(init=False, factory=dict)
    _houses: list[House] = attrs.field(init=False)

    @admission.default
    def _admission_of(self) -> Admission:
        return Admission.of(self.config.relay, self.config.routes, self.config.node.postmaster)

    @_houses.default
    def _without_aliases(self) -> list[House]:
        return [House(self.config.routes, self.config.relay.domains)]

    def under(self, config: Configuration) -> InboundContext:
        """The same listener under another configuration."""
        return InboundContext(self.listener, config, self.services)

    @property
    def logins(self) -> ILogins | None:
        """The logins to check; None unless this is a submission listener (RFC 4954 4 would allow AUTH anywhere)."""
        return self.services.logins if self.listener.kind is ListenerKind.SUBMISSION else None

    @property
    def house(self) -> House:
        """The domains served here, with the present aliases."""
        source = self.services.aliases
        aliases = NO_ALIASES if source is None else source.current()
        if aliases is not self._houses[0].aliases:
            self._houses[0] = House(self.config.routes, self.config.relay.domains, aliases)
        return self._houses[0]

    @property
    def book(self) -> Rulebook:
        """The rules in force; possibly none."""
        return self.config.rulebook or NO_RULES

    @property
    def most_sessions(self) -> int:
        """`[limits] connections`, for this process."""
        return self.config.workers.share(self.config.limits.connections)

    def rule_applied(self, message_id: str, note: RuleNote) -> None:
        """Log that a rule matched; `message_id` is "" if there is none yet."""
        maillog.rule_applied(message_id, note)
        if self.services.rule_counts is not None:
            self.services.rule_counts.noted(note)

    def rules(self, client: str, trusted: bool) -> SessionRules:
        """The session rules for a client with that address; `trusted`: it is in `[relay] networks`."""
        listener = self.listener
        key = (trusted, in_networks(client, listener.bare_newlines_except), in_networks(client, listener.xclient))
        rules = self._rules.get(key)
        if rules is None:
            rules = self._rules[key] = self._made_rules(*key)
        return rules

    def _made_rules(self, trusted: bool, excepted: bool, xclient: bool) -> SessionRules:
        listener, config, logins = self.listener, self.config, self.logins
        bare, has_tls = listener.bare_newlines, self.services.server_tls is not None
        if excepted:
            bare = BareLineEnds.REJECT if bare is BareLineEnds.NORMALISE else BareLineEnds.NORMALISE
        return SessionRules(
            hostname=config.node.hostname,
            banner=config.node.banner,
            postmaster=config.node.postmaster,
            message_size=config.limits.message_size,
            recipients=config.limits.recipients,
            errors=config.limits.errors,
            starttls=has_tls and listener.tls in (ListenerTls.OPPORTUNISTIC, ListenerTls.REQUIRED),
            tls_required=listener.tls is ListenerTls.REQUIRED,
            mechanisms=() if logins is None else logins.mechanisms(),
            # RFC 6409 4.3: clients that submit mail log in; those in `[relay] networks` are known by their address.
            login_required=listener.kind is ListenerKind.SUBMISSION and not trusted,
            without=frozenset(listener.without),
            trusted=trusted,
            bare_newlines=bare,
            nul=listener.nul,
            lenient=listener.lenient,
            hops=config.limits.hops,
            xclient=xclient,
            commands=config.limits.commands,
        )


class InboundInForce(Protocol):
    """Provides the context in force: a session outlives a reload, and its next question uses the new one."""

    context: InboundContext
