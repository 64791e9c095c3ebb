"""The envelope of a message: sender, recipients, and the facts of its arrival (pure)."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from operator import attrgetter

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.trust.demand import NOTHING_DEMANDED, Demand, Demanded
from fopemta.trust.evidence import ClientCertificate


class Direction(enum.StrEnum):
    """The direction of one recipient, determined once when the message is accepted.

    Inbound: from outside, to a recipient that is local or in a relay domain after aliases and redirects.  Everything
    else is outbound, including messages made here.
    """

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class BodyType(enum.Enum):
    """The BODY parameter of MAIL (RFC 6152)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT_MIME = "8BITMIME"
    BINARY_MIME = "BINARYMIME"  # RFC 3030: not divided into lines, every octet counts


class Returned(enum.Enum):
    """RFC 3461 4.3: how much of the message a failure report includes."""

    FULL = "FULL"
    HEADERS = "HDRS"


class Notify(enum.Enum):
    """RFC 3461 4.1: the notices that the sender wants about one recipient.  NEVER excludes the others."""

    NEVER = "NEVER"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


@attrs.frozen
class OriginalRecipient:
    """ORCPT (RFC 3461 4.2): `kind` is the address type in lower case ("rfc822", "utf-8"), `address` is decoded from
    xtext or from the unitext of RFC 6533.
    """

    kind: str
    address: str


@attrs.frozen
class RecipientOptions:
    """Facts about one recipient beside the address: the parameters of RCPT (RFC 3461), and what was found when the
    message was accepted.  Empty `notify`: not given, so failure and delay are reported.

    `stands_for` are the addresses that a rule or alias has replaced by this one, or that it receives a copy for; empty:
    only itself.  `by_way_of` are intermediate addresses unknown to the sender, such as an alias of an alias.  TLS
    demands on any of these apply to this address.  `leaves`: the address is neither local nor in a relay domain, so
    mail from outside is sent out again.  `demanded` is the TLS demanded when the message was accepted; later rules and
    routes never lower it, only an operator's explicit order does.
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
        """The options of one recipient that replaces several: `said` are theirs.  No notice that one of them asked for
        is lost; other options that contradict each other count as not given.
        """
        first, *others = said
        notify, original = first.notify, first.original
        if any(each.notify != notify for each in others):
            notify = frozenset().union(*(each.notify or _TOLD_UNASKED for each in said)) - {Notify.NEVER}
        if any(each.original != original for each in others):
            original = None
        return cls(notify, original, stands_for, by_way_of)

    def wants(self, notice: Notify) -> bool:
        """Whether the sender is to get `notice`, which must not be NEVER."""
        return notice in (self.notify or _TOLD_UNASKED)


# RFC 3461 4.1: without NOTIFY, failures are reported, and delays if the server does so by default.
_TOLD_UNASKED = frozenset({Notify.FAILURE, Notify.DELAY})
# Shared by all recipients without options, so that most comparisons are by identity.
NO_OPTIONS = RecipientOptions()
_NOBODYS: Mapping[Mailbox, RecipientOptions] = {}


@attrs.frozen
class TlsSession:
    """The TLS of an accepted session, as the Received header and rules need it.

    `protocol` and `cipher` as OpenSSL names them ("TLSv1.3", "TLS_AES_256_GCM_SHA384"), `bits` of the symmetric key in
    use.  `server_name` is the client's SNI.  `client` is its certificate, None if it sent none; `client_asked` says
    whether one was requested.
    """

    protocol: str
    cipher: str
    bits: int
    server_name: str | None = None
    client: ClientCertificate | None = None
    client_asked: bool = False


@attrs.frozen
class Arrival:
    """How a message arrived: stored with it, since rules may need these facts later.

    `client_address` is an IP address without brackets or zone; `helo` the name that the client gave, known to be
    printable; `protocol` the RFC 3848 word ("ESMTPS"); `listener` the endpoint string of the configuration.  `uid` is
    the local user who submitted it by the sendmail command; None if it arrived over a connection.
    """

    client_address: str
    helo: str
    protocol: str
    tls: TlsSession | None = None
    login: str | None = None
    listener: str = ""
    uid: int | None = None


@attrs.frozen
class RuleNote:
    """A rule that matched when the message arrived: its name, the words for action and mode, the answer, and why."""

    rule: str
    action: str
    mode: str
    answer: str
    why: str


@attrs.frozen
class Envelope:
    """The content of MAIL and RCPT.  `sender` None is the null reverse-path `<>`; `recipients` are unique.

    `arrival` is None for a message made here (a report).  `smtputf8` (RFC 6531): headers and addresses may contain
    UTF-8.  `require_tls` (RFC 8689).  `returned` and `envelope_id` (decoded from xtext) as in RFC 3461, None if not
    given.  `options` has entries only for recipients with options.  `rules` are those that matched when the message
    arrived; `held`: a rule holds the message until it is released.  `inherited`: TLS demands that a message made here
    takes over from the message it is about.  `from_outside`: the client was neither in `[relay] networks` nor
    authenticated by login or certificate.  `named`: the number of recipients that the client named, if aliases and
    rules have changed it; else 0.
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
        """A copy with the facts of its arrival."""
        # Runs for every message, and `attrs.evolve` takes several times as long.
        said = list(_all_fields(self))
        said[_ARRIVAL], said[_FROM_OUTSIDE] = arrival, from_outside
        return Envelope(*said)

    def direction_of(self, recipient: Mailbox) -> Direction:
        """The direction of mail for `recipient`."""
        if not self.from_outside or self.options_of(recipient).leaves:
            return Direction.OUTBOUND
        return Direction.INBOUND

    @property
    def bound(self) -> bool:
        """Whether TLS was demanded for any recipient when the message was accepted."""
        return bool(self.inherited) or any(said.demanded is not NOTHING_DEMANDED for _, said in self.options)

    def options_of(self, recipient: Mailbox) -> RecipientOptions:
        """The options of `recipient`; the defaults if it has none."""
        return self._options_of.get(recipient, NO_OPTIONS)


_FIELDS = [field.name for field in attrs.fields(Envelope) if field.init]
_all_fields = attrgetter(*_FIELDS)
_ARRIVAL, _FROM_OUTSIDE = _FIELDS.index("arrival"), _FIELDS.index("from_outside")
