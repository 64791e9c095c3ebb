"""The permissions of one client at each stage (shell): asks policy, lists and the queue.

An answer is None for yes, else the refusal; or a Deferred of one of them.  A failure here refuses.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from fopemta import maillog
from fopemta.address.mailbox import Mailbox, path_text
from fopemta.inbound.context import InboundInForce
from fopemta.mail.envelope import Arrival, Envelope, TlsSession
from fopemta.mail.login import LoggedIn
from fopemta.mail.reply import Reply
from fopemta.policy.acceptance import TOO_MANY_RECIPIENTS, Acceptance, accept, note_of, refusal_of
from fopemta.policy.action import AT_ACCEPTANCE, Defer, Reject, RequireTls
from fopemta.policy.aliases import MOST_BY_ALIASES
from fopemta.policy.facts import Asked, ContentFacts, MessageFacts, RuleStage, facts_of
from fopemta.policy.require_tls import shortfall
from fopemta.policy.senders import judge_sender
from fopemta.policy.steps import through_aliases

_STARTED = "2.0.0"


class Gate:
    """For the client with the address `client`, as far as it is authenticated; replaced when the client changes.  A
    `local` client is a user of this machine, with the rights of `[relay] networks`.
    """

    def __init__(self, in_force: InboundInForce, client: str, local: bool = False) -> None:
        self._in_force = in_force
        context, services = in_force.context, in_force.context.services
        self.client = client
        self.trusted = local or context.admission.may_relay(client)
        self.login: LoggedIn | None = None
        self._sender: Mailbox | None = None
        self._tls: TlsSession | None = None
        # Known from MAIL on, and after a change of the configuration only until the transaction ends.
        self._certified = False
        # The number of addresses from aliases among the transaction's recipients.
        self._by_aliases = 0
        self._listed: Deferred[Reply | None] | Reply | None = None
        if services.blocklists is not None and not self.trusted:
            self._listed = services.blocklists.judge(client)

    @property
    def may_relay(self) -> bool:
        """Whether the client may send anywhere."""
        logged_in = self.login is not None and self._in_force.context.config.relay.authenticated_users
        return self.trusted or logged_in or self._certified

    @property
    def _is_ours(self) -> bool:
        """Whether its mail counts as outbound for rules."""
        return self.trusted or self.login is not None or self._certified

    def handshake(self) -> Reply | None:
        """The refusal of a TLS handshake, or None."""
        return None if self.trusted else self._in_force.context.services.clients.handshake(self.client)

    def sender(self, sender: Mailbox | None, tls: TlsSession | None) -> Reply | None:
        """The refusal of `sender`, or None."""
        self._sender, self._tls = sender, tls
        self._certified = self._in_force.context.admission.has_certificate(tls)
        refusal = judge_sender(self.login, sender)
        if refusal is None and not self.trusted:
            refusal = self._in_force.context.services.clients.message(self.client)
        refusal = refusal or self._rules_refuse(RuleStage.SENDER, ())
        self._by_aliases = 0
        return self._told("MAIL", path_text(sender), refusal)

    def recipient(self, recipient: Mailbox) -> Reply | Deferred[Reply | None] | None:
        """The refusal of `recipient`, or None.  The cheap checks come first."""
        context = self._in_force.context
        refusal = context.admission.judge_recipient(recipient, self.may_relay)
        if refusal is None and not self.trusted:
            refusal = context.services.clients.recipient(self.client)
        if refusal is None:
            # Before the rules, which are evaluated for all targets of an alias.
            refusal = self._too_many(recipient) or self._rules_refuse(RuleStage.RECIPIENT, (recipient,))
        if refusal is None and not self._is_postmaster(recipient):
            if self._listed is not None and not self._is_ours:
                return Deferred.fromCoroutine(self._ask_list_first(recipient))
            verified = self._verified(recipient)
            if verified is not None:
                return verified.addCallback(lambda found: self._told("RCPT", str(recipient), found))
        return self._told("RCPT", str(recipient), refusal)

    def _too_many(self, recipient: Mailbox) -> Reply | None:
        """The refusal if the aliases of the message make too many recipients; a single alias is always accepted."""
        aliases = self._in_force.context.services.aliases
        weight = 0 if aliases is None else aliases.weight(recipient)
        if self._by_aliases and weight and self._by_aliases + weight > MOST_BY_ALIASES:
            return TOO_MANY_RECIPIENTS
        self._by_aliases += weight
        return None

    def _is_postmaster(self, recipient: Mailbox) -> bool:
        """Whether it is postmaster at one of our domains, who must always be reachable for complaints (RFC 5321
        4.5.1).
        """
        ours = self._in_force.context.config.node.postmaster
        return recipient.local_part.lower() == "postmaster" or recipient == ours

    def _verified(self, recipient: Mailbox) -> Deferred[Reply | None] | None:
        recipients = self._in_force.context.services.recipients
        return None if recipients is None else recipients.verify(recipient)

    async def _ask_list_first(self, recipient: Mailbox) -> Reply | None:
        """Check the blocklists first, so that no other server is asked on behalf of a listed client."""
        refusal = await self._list_says()
        if refusal is None and (verified := self._verified(recipient)) is not None:
            refusal = await verified
        return self._told("RCPT", str(recipient), refusal)

    # --- rules -----------------------------------------------------------------------------------------------------

    @property
    def inspects(self) -> bool:
        """Whether rules read the content of messages, or add headers to them."""
        book = self._in_force.context.book
        return bool(book.of(*AT_ACCEPTANCE).rules) or book.reads_content

    @property
    def asked(self) -> Asked:
        """What rules read of the content of messages."""
        return self._in_force.context.book.asked

    @property
    def from_outside(self) -> bool:
        """Whether the client is a stranger, whose mail for our domains is inbound."""
        return not self._is_ours

    def acceptance(self, envelope: Envelope) -> Callable[[ContentFacts | None, int], Acceptance]:
        """A function that decides about the message from its inspected content and its size; it uses the configuration
        of now, and may run in any thread.
        """
        context = self._in_force.context
        book, house, now = context.book, context.house, context.services.now()
        return lambda content, size: accept(envelope, book, house, content, size, now)

    def _facts(self, stage: RuleStage, recipients: tuple[Mailbox, ...]) -> MessageFacts:
        """The facts for rules before the message has come."""
        login = None if self.login is None else self.login.name
        arrival = Arrival(self.client, "", "", self._tls, login)
        envelope = Envelope(self._sender, recipients, arrival=arrival, from_outside=self.from_outside)
        return facts_of(through_aliases(envelope, self._in_force.context.house), stage, 0, None)

    def _rules_refuse(self, stage: RuleStage, recipients: tuple[Mailbox, ...]) -> Reply | None:
        """The refusal of the first rule that certainly matches at this stage, and did not before."""
        book = self._in_force.context.book.of(Reject, Defer, RequireTls)
        if not book.rules:
            return None
        results = book.concerning(self._facts(stage, recipients), self._in_force.context.services.now())
        results = tuple(each for each in results if each.rule.stage is stage or stage is RuleStage.SENDER)
        for result in results:
            lack = shortfall(result.rule.then, self._tls) if isinstance(result.rule.then, RequireTls) else None
            if lack is not None and result.matches:
                self._in_force.context.rule_applied("", note_of(result))
                if result.enforced:
                    return lack
        refused = refusal_of(results)
        if refused is None:
            return None
        self._in_force.context.rule_applied("", note_of(refused[1]))
        return refused[0]

    async def flush(self, domain: str, tls: TlsSession | None) -> Reply:
        """Answer ETRN (RFC 1985 5.3)."""
        name = domain.removeprefix("@")
        login = None if self.login is None else self.login.name
        certificate = None if tls is None else tls.client
        refusal = self._in_force.context.admission.judge_flush(name, self.client, login, certificate)
        refusal = refusal or self._in_force.context.services.clients.flush(domain)
        if refusal is not None:
            self._told("ETRN", name, refusal)
            return refusal
        started = await self._in_force.context.services.queue.flush(domain)
        if started:
            return Reply.of(253, _STARTED, f"{started} pending messages for node {name} started")
        return Reply.of(251, _STARTED, f"No messages waiting for node {name}")

    async def _list_says(self) -> Reply | None:
        """The refusal by block lists, or None; a login exempts the client."""
        if self.login is not None:
            return None
        if isinstance(self._listed, Deferred):
            self._listed = await self._listed
        return self._listed

    def _told(self, stage: str, subject: str, refusal: Reply | None) -> Reply | None:
        if refusal is not None:
            maillog.refused(self.client, stage, refusal.code, refusal.enhanced, refusal.text, subject)
        return refusal
