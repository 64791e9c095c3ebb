"""One listener's factory: who may connect, and an orderly end (shell)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.mail.smtp import SMTPFactory

from fopemta import maillog
from fopemta.address.ip import in_networks
from fopemta.config.model import Configuration, Listener, ListenerKind, ListenerTls
from fopemta.few_at_once import InThread
from fopemta.inbound.clients import Clients
from fopemta.inbound.protocol import InboundProtocol
from fopemta.interfaces import IAliases, IBlocklists, ILogins, IQueue, IRecipients, IRuleCounts, IServerTls, ISpool
from fopemta.mail.envelope import RuleNote
from fopemta.policy.admission import Admission
from fopemta.policy.aliases import NO_ALIASES
from fopemta.policy.rulebook import NO_RULES, Rulebook
from fopemta.policy.steps import House
from fopemta.smtp.session_rules import SessionRules
from fopemta.smtp.transaction import BareLineEnds


class InboundFactory(SMTPFactory):
    """Builds one InboundProtocol per connection of `listener`.

    Without `server_tls` STARTTLS is not offered, and a listener that demands TLS takes no mail.  `ids` gives a new
    queue id at each call, `now` the wall time.  `logins` are for kind submission; without `blocklists` no client is
    looked up, without `recipients` no mailbox, without `aliases` nobody stands for another; `clients` counts those of
    all listeners, `rule_counts` how often rules match; `reading` runs what reads messages off the
    reactor's thread.  The stock SMTP protocols are not used: they run what is queued behind STARTTLS, reorder pipelined
    replies and leave DATA on an over-long line.
    """

    noisy = False

    def __init__(
        self,
        listener: Listener,
        config: Configuration,
        spool: ISpool,
        queue: IQueue,
        server_tls: IServerTls | None,
        clock: IReactorTime,
        ids: Callable[[], str],
        now: Callable[[], float],
        logins: ILogins | None = None,
        blocklists: IBlocklists | None = None,
        recipients: IRecipients | None = None,
        clients: Clients | None = None,
        aliases: IAliases | None = None,
        rule_counts: IRuleCounts | None = None,
        reading: InThread = maybeDeferred,
    ) -> None:
        super().__init__(portal=None)  # type: ignore[no-untyped-call]  # Twisted's mail is not typed
        # Always set: the stock default asks DNS for our own name.
        self.domain = config.node.hostname.encode("ascii")
        self.timeout = config.limits.timeouts.command  # type: ignore[assignment]  # seconds, whole or not
        self.listener = listener
        self.config = config
        self.spool = spool
        self.queue = queue
        self.server_tls = server_tls
        self.clock = clock
        self.ids = ids
        self.now = now
        self.logins = logins if listener.kind is ListenerKind.SUBMISSION else None
        self.blocklists = blocklists
        self.recipients = recipients
        self.aliases = aliases
        self._rule_counts = rule_counts
        self.reading = reading
        self.clients = clients if clients is not None else Clients(config, clock)
        self._rules: dict[tuple[bool, bool, bool], SessionRules] = {}
        self.admission = Admission.of(config.relay, config.routes, config.node.postmaster)
        self._house = House(config.routes, config.relay.domains)
        self.sessions: set[InboundProtocol] = set()
        # Where the system does not allow as many as the configuration.
        self.most_sessions: int | None = None
        # The spool is still being read: clients are told to come again later.
        self.starting = False
        self.closing = False
        self._emptied: Deferred[None] | None = None

    def buildProtocol(self, addr: Any) -> Any:
        """A protocol for a new connection; where there are too many, it says so and closes."""
        return InboundProtocol(self)

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` for the connections to come; those that stand go on as they began."""
        self.config = config
        self._rules.clear()
        self.admission = Admission.of(config.relay, config.routes, config.node.postmaster)
        self._house = House(config.routes, config.relay.domains, self._house.aliases)

    @property
    def house(self) -> House:
        """What is at home here, by the aliases of now."""
        aliases = NO_ALIASES if self.aliases is None else self.aliases.current()
        if aliases is not self._house.aliases:
            self._house = House(self.config.routes, self.config.relay.domains, aliases)
        return self._house

    @property
    def book(self) -> Rulebook:
        """The rules that are in force; they may be none."""
        return self.config.rulebook or NO_RULES

    def distrust(self) -> None:
        """What clients' certificates have proven counts no more: sessions that rest on one end."""
        for session in tuple(self.sessions):
            session.distrust()

    def rule_applied(self, message_id: str, note: RuleNote) -> None:
        """A rule had something to say; `message_id` is "" where there is none yet."""
        maillog.rule_applied(message_id, note)
        if self._rule_counts is not None:
            self._rule_counts.noted(note)

    def rules(self, client: str, trusted: bool) -> SessionRules:
        """Those for a client with that address; `trusted` when it is in `[relay] networks`."""
        listener = self.listener
        key = (trusted, in_networks(client, listener.bare_newlines_except), in_networks(client, listener.xclient))
        rules = self._rules.get(key)
        if rules is None:
            rules = self._rules[key] = self._made_rules(*key)
        return rules

    def _made_rules(self, trusted: bool, excepted: bool, xclient: bool) -> SessionRules:
        listener, config = self.listener, self.config
        bare = listener.bare_newlines
        if excepted:
            bare = BareLineEnds.REJECT if bare is BareLineEnds.NORMALISE else BareLineEnds.NORMALISE
        return SessionRules(
            hostname=config.node.hostname,
            banner=config.node.banner,
            postmaster=config.node.postmaster,
            message_size=config.limits.message_size,
            recipients=config.limits.recipients,
            errors=config.limits.errors,
            starttls=self.server_tls is not None and listener.tls in (ListenerTls.OPPORTUNISTIC, ListenerTls.REQUIRED),
            tls_required=listener.tls is ListenerTls.REQUIRED,
            mechanisms=() if self.logins is None else self.logins.mechanisms(),
            # RFC 6409 4.3: who submits says who he is; `[relay] networks` are known by their address.
            login_required=listener.kind is ListenerKind.SUBMISSION and not trusted,
            without=frozenset(listener.without),
            trusted=trusted,
            bare_line_ends=bare,
            nul=listener.nul,
            lenient=listener.lenient,
            hops=config.limits.hops,
            xclient=xclient,
            commands=config.limits.commands,
        )

    @property
    def full(self) -> bool:
        """As many sessions as `[limits] connections` and the system allow."""
        most = self.config.workers.share(self.config.limits.connections)
        return len(self.sessions) >= (most if self.most_sessions is None else min(most, self.most_sessions))

    def joined(self, session: InboundProtocol) -> None:
        """A session has begun."""
        self.sessions.add(session)

    def left(self, session: InboundProtocol) -> None:
        """A session has ended."""
        self.sessions.discard(session)
        if not self.sessions and self._emptied is not None:
            emptied, self._emptied = self._emptied, None
            emptied.callback(None)

    def shut_down(self, deadline: float) -> Deferred[None]:
        """Send idle clients away, let messages under way come to their end, cut off what is left after `deadline`
        seconds.  Fires when no session is left.
        """
        self.closing = True
        for session in tuple(self.sessions):
            session.shut_down()
        if not self.sessions:
            return succeed(None)
        self._emptied = Deferred()
        call = self.clock.callLater(deadline, self._cut_off)
        return self._emptied.addCallback(lambda _: call.cancel() if call.active() else None)

    def _cut_off(self) -> None:
        for session in tuple(self.sessions):
            session.abort("the server is shutting down")
