"""Judge a message as a listener would, by the server's own gate, without receiving it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Listener, ListenerKind
from fopemta.mail.reply import Reply
from fopemta.routing.route import Verify

if TYPE_CHECKING:
    from fopemta.inbound.context import InboundContext
    from fopemta.inbound.gate import Gate
    from fopemta.mail.envelope import Envelope, TlsSession
    from fopemta.mail.login import LoggedIn
    from fopemta.policy.acceptance import Acceptance
    from fopemta.policy.facts import ContentFacts

# An address reserved for documentation, so a stranger's.
A_STRANGER = "192.0.2.1"
_NO_LOGIN = Reply.of(535, "5.7.8", "Authentication credentials invalid")
_TOO_LARGE = Reply.of(552, "5.3.4", "Message too big for this server")


@attrs.frozen(kw_only=True)
class Attempt:
    """What a client would send: from `client`, as `user` if not None; `message` None: its content is unknown."""

    client: str
    user: str | None
    tls: TlsSession | None
    sender: Mailbox | None
    recipients: tuple[Mailbox, ...]
    message: bytes | None


@attrs.frozen(kw_only=True)
class Received:
    """`refusals` with the commands that they answer; `accepted` is None if it did not come to the message.  `notes` say
    what could not be checked here.  For a queued message: the recipients still `waiting`, and those whose demands are
    `lifted`.
    """

    sender: Mailbox | None
    refusals: tuple[tuple[str, Reply], ...] = ()
    notes: tuple[str, ...] = ()
    accepted: Acceptance | None = None
    content: ContentFacts | None = None
    size: int = 0
    waiting: tuple[Mailbox, ...] | None = None
    lifted: tuple[Mailbox, ...] = ()


def received(configuration: Configuration, attempt: Attempt) -> Received:
    """The server's answers to it."""
    from fopemta.mail.envelope import Arrival, Envelope

    listener = _listener(configuration, attempt.user is not None)
    gate = _gate(configuration, listener, attempt.client)
    if attempt.user is not None:
        gate.login = _login(configuration, attempt.user)
        if gate.login is None:
            return Received(sender=attempt.sender, refusals=((f"AUTH  {attempt.user}", _NO_LOGIN),))
    refusal = gate.sender(attempt.sender, attempt.tls)
    if refusal is not None:
        return Received(sender=attempt.sender, refusals=(("MAIL", refusal),))
    answers = [(each, _now(gate.recipient(each))) for each in attempt.recipients]
    refusals = tuple((f"RCPT  <{each}>", reply) for each, reply in answers if reply is not None)
    taken = tuple(each for each, reply in answers if reply is None)
    found = Received(sender=attempt.sender, refusals=refusals, notes=_notes(configuration, attempt.recipients))
    if not taken:
        return found
    login = None if gate.login is None else gate.login.name
    arrival = Arrival(attempt.client, "explain", "ESMTP", attempt.tls, login, listener.endpoint)
    envelope = Envelope(attempt.sender, taken).arrived(arrival, gate.from_outside)
    return _with_content(found, configuration, gate, envelope, attempt)


def _with_content(
    found: Received, configuration: Configuration, gate: Gate, envelope: Envelope, attempt: Attempt
) -> Received:
    from fopemta.policy.content import content_facts

    octets = attempt.message
    if octets is None:
        content, size = _no_content(), 0
    else:
        content, size = content_facts(octets, True, gate.asked, configuration.limits.content), len(octets)
        refusal = _refusal_of(octets, configuration, gate, attempt.sender)
        if refusal is not None:
            return attrs.evolve(found, refusals=(*found.refusals, ("the message", refusal)))
    accepted = gate.acceptance(envelope)(content, size)
    return attrs.evolve(found, accepted=accepted, content=content, size=size)


def _refusal_of(octets: bytes, configuration: Configuration, gate: Gate, sender: Mailbox | None) -> Reply | None:
    """The refusal of a message whatever rules say about it; or None."""
    from fopemta.mail.submission import HeaderReader
    from fopemta.policy.senders import judge_null_sender

    if len(octets) > configuration.limits.message_size:
        return _TOO_LARGE
    reader = HeaderReader()
    reader.feed(octets)
    reader.finish()
    return judge_null_sender(gate.login, sender, reader.automatic)


def _no_content() -> ContentFacts:
    """Rules that read the content cannot tell without a message."""
    from fopemta.policy.facts import ContentFacts, Gap

    gap = Gap("no --message is given", for_good=True)
    return ContentFacts(headers_gap=gap, texts_gap=gap, attachments_gap=gap)


def _notes(configuration: Configuration, recipients: tuple[Mailbox, ...]) -> tuple[str, ...]:
    from fopemta.routing.routes import route_for

    asked = [each for each in recipients if route_for(each.domain, configuration.routes).verify is Verify.CALLOUT]
    return tuple(f"<{each}> is assumed to exist: the server would make a callout, explain does not" for each in asked)


# --- the parts of a server -------------------------------------------------------------------------------------------


def _listener(configuration: Configuration, submits: bool) -> Listener:
    kind = ListenerKind.SUBMISSION if submits else ListenerKind.MX
    fitting = [each for each in configuration.listeners if each.kind is kind]
    return (fitting or configuration.listeners)[0]


def _gate(configuration: Configuration, listener: Listener, client: str) -> Gate:
    from twisted.internet.defer import maybeDeferred
    from twisted.internet.task import Clock

    from fopemta.inbound.clients import Clients
    from fopemta.inbound.context import InboundContext, InboundServices
    from fopemta.inbound.gate import Gate
    from fopemta.recipients.recipients import RecipientVerifier

    nobody_asks: Any = _Uncalled()
    recipients = RecipientVerifier(configuration, nobody_asks, maybeDeferred, time.time)
    recipients.start()
    nothing: Any = None  # no message is stored or delivered
    clock = Clock()
    services = InboundServices(
        spool=nothing, queue=nothing, clients=Clients(configuration, clock), clock=clock, ids=lambda: "", now=time.time,
        recipients=recipients, aliases=recipients,
    )  # fmt: skip
    return Gate(_Fixed(InboundContext(listener, configuration, services)), client)


class _Fixed:
    """Does not read files again while one question is answered."""

    def __init__(self, context: InboundContext) -> None:
        self.context = context


class _Uncalled:
    """Makes no callouts."""

    def known(self, recipient: Mailbox) -> Any:
        """Counts as existing."""
        from twisted.internet.defer import succeed

        from fopemta.policy.recipients import Remembered, Said

        return succeed(Remembered(Said.GOOD, time.time()))


def _login(configuration: Configuration, name: str) -> LoggedIn | None:
    """The login in the user file; None if there is none."""
    from twisted.internet.defer import maybeDeferred
    from twisted.internet.task import Clock

    from fopemta.users.logins import logins_of
    from fopemta.users.user_file import UserFile

    if configuration.users.file == "off":
        return None
    logins = logins_of(UserFile(configuration.users.file), Clock(), maybeDeferred, None, None)
    found: LoggedIn | None = _now(logins.known(name))
    return found


def _now(answer: Any) -> Any:
    """The result of a Deferred that has fired; any other value unchanged.  Raises the failure's exception."""
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    if not isinstance(answer, Deferred):
        return answer
    found: list[Any] = []
    answer.addBoth(found.append)
    if found and isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]
