"""The envelope of a message: who sent it to whom, and what is known of its arrival (pure)."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from operator import attrgetter

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.trust.demand import NOTHING_DEMANDED, Demand, Demanded
from fopemta.trust.evidence import ClientCertificate


class Direction(enum.StrEnum):
    """Of one recipient, found once when the message is accepted.  Inbound: from outside, to a recipient that, after
    aliases and redirects, is local or at a relay domain.  All else is outbound, what is made here included.
    """

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class BodyType(enum.Enum):
    """RFC 6152 BODY parameter."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT_MIME = "8BITMIME"
    BINARY_MIME = "BINARYMIME"  # RFC 3030: lines mean nothing, every octet counts


class Returned(enum.Enum):
    """RFC 3461 4.3: how much of the message a report of failure brings back."""

    FULL = "FULL"
    HEADERS = "HDRS"


class Notify(enum.Enum):
    """RFC 3461 4.1: what the sender wants to hear of one recipient.  NEVER stands alone."""

    NEVER = "NEVER"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


@attrs.frozen
class OriginalRecipient:
    """RFC 3461 4.2 ORCPT: `kind` the address type in lower case ("rfc822", "utf-8"), `address` decoded from xtext or
    RFC 6533's unitext.
    """

    kind: str
    address: str


@attrs.frozen
class RecipientOptions:
    """What is known of one recipient beside the address: what RCPT asked for (RFC 3461), and what was found when the
    message was accepted.  `notify` empty: not said, so failure and delay are told.

    `stands_for` are the addresses that a rule or an alias has replaced by this one, or that a copy is of; empty: itself
    alone.  `by_way_of` are those that lay between, of which the sender knows nothing: an alias of an alias.  Demands on
    the way to any of these are demands on the way to this one.  `leaves`: the address is neither local nor
    at a relay domain, so that mail from outside goes out again.  `demanded` is what was demanded of the way there;
    whatever rules and routes say later, it is not lowered but by an operator's explicit order.
    """

    notify: frozenset[Notify] = frozenset()
    original: OriginalRecipient | None = None
    stands_for: tuple[Mailbox, ...] = ()
    by_way_of: tuple[Mailbox, ...] = ()
    leaves: bool = False
    demanded: Demanded = NOTHING_DEMANDED

    @classmethod
    def of_all(
        cls,
        said: Sequence[RecipientOptions],
        stands_for: tuple[Mailbox, ...],
        by_way_of: tuple[Mailbox, ...] = (),
    ) -> RecipientOptions:
        """Of one who gets the mail for several: `said` of each.  No notice that was asked for of any is left out; what
        contradicts itself otherwise counts as not said.
        """
        first, *others = said
        notify, original = first.notify, first.original
        if any(each.notify != notify for each in others):
            notify = frozenset().union(*(each.notify or _TOLD_UNASKED for each in said)) - {Notify.NEVER}
        if any(each.original != original for each in others):
            original = None
        return cls(notify, original, stands_for, by_way_of)

    def wants(self, notice: Notify) -> bool:
        """The sender is to be told of `notice`, which is not NEVER."""
        return notice in (self.notify or _TOLD_UNASKED)


# RFC 3461 4.1: without NOTIFY, failures are told, and delays where a server has that habit.
_TOLD_UNASKED = frozenset({Notify.FAILURE, Notify.DELAY})
_NO_OPTIONS = RecipientOptions()
_NOBODYS: Mapping[Mailbox, RecipientOptions] = {}


@attrs.frozen
class TlsSession:
    """The TLS of a session that we accepted, as the Received header and rules need it.

    `protocol` as OpenSSL names it ("TLSv1.3"), `cipher` likewise ("TLS_AES_256_GCM_SHA384"), `bits` of the symmetric
    key in use.  `server_name` is the SNI that the client sent.  `client` is None where no certificate was asked for;
    `client_asked` tells that from a client that has none.
    """

    protocol: str
    cipher: str
    bits: int
    server_name: str | None = None
    client: ClientCertificate | None = None
    client_asked: bool = False


@attrs.frozen
class Arrival:
    """How a message came in: the facts that rules may ask for later, stored with it.

    `client_address` is an IP address without brackets or zone; `helo` the name the client gave, already checked to be
    printable; `protocol` the RFC 3848 word ("ESMTPS"); `listener` the endpoint string of the configuration.
    """

    client_address: str
    helo: str
    protocol: str
    tls: TlsSession | None = None
    login: str | None = None
    listener: str = ""


@attrs.frozen
class RuleNote:
    """What a rule had to say when the message came in: its name, the words of action and mode, the answer, and why."""

    rule: str
    action: str
    mode: str
    answer: str
    why: str


@attrs.frozen
class Envelope:
    """What MAIL and RCPT said.  `sender` None is the null reverse-path `<>`; `recipients` has no address twice.

    `arrival` is None for a message made here (reports).  `smtputf8` (RFC 6531): the message may hold UTF-8 in its
    headers and addresses.  `require_tls` (RFC 8689).  `returned` and `envelope_id` (decoded from xtext) as RFC 3461,
    None where not said.  `options` has an entry for those recipients alone of whom there is more to say.  `rules` are
    those that had something to say when the message came in; `held`: one of them keeps it until it is released.
    `inherited`: what a message made here must keep to, as the one that it is about had to.  `from_outside`: the client
    was a stranger, neither in `[relay] networks` nor known by a login or certificate.  `named`: how many recipients the
    client named, where aliases and rules have made more or fewer of them; 0: as many as there are.
    """

    sender: Mailbox | None
    recipients: tuple[Mailbox, ...]
    body_type: BodyType = BodyType.SEVEN_BIT
    arrival: Arrival | None = None
    smtputf8: bool = False
    require_tls: bool = False
    returned: Returned | None = None
    envelope_id: str | None = None
    options: tuple[tuple[Mailbox, RecipientOptions], ...] = ()
    rules: tuple[RuleNote, ...] = ()
    held: bool = False
    inherited: tuple[Demand, ...] = ()
    from_outside: bool = False
    named: int = 0
    _options_of: Mapping[Mailbox, RecipientOptions] = attrs.field(init=False, eq=False, repr=False)

    @_options_of.default
    def _by_recipient(self) -> Mapping[Mailbox, RecipientOptions]:
        return dict(self.options) if self.options else _NOBODYS

    def arrived(self, arrival: Arrival, from_outside: bool) -> Envelope:
        """The same, and where it came from."""
        # For every message: `attrs.evolve` takes several times as long.
        said = list(_all_fields(self))
        said[_ARRIVAL], said[_FROM_OUTSIDE] = arrival, from_outside
        return Envelope(*said)

    def direction_of(self, recipient: Mailbox) -> Direction:
        """Which way mail for `recipient` goes."""
        if not self.from_outside or self.options_of(recipient).leaves:
            return Direction.OUTBOUND
        return Direction.INBOUND

    @property
    def bound(self) -> bool:
        """Something was demanded of the way to somebody when the message was accepted."""
        return bool(self.inherited) or any(said.demanded is not NOTHING_DEMANDED for _, said in self.options)

    def options_of(self, recipient: Mailbox) -> RecipientOptions:
        """What is known of `recipient` beside the address."""
        return self._options_of.get(recipient, _NO_OPTIONS)


_FIELDS = [field.name for field in attrs.fields(Envelope) if field.init]
_all_fields = attrgetter(*_FIELDS)
_ARRIVAL, _FROM_OUTSIDE = _FIELDS.index("arrival"), _FIELDS.index("from_outside")
