"""The settings of a session (pure), and which command is allowed when."""

from __future__ import annotations

import enum
from typing import Protocol

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import TlsSession
from fopemta.mail.login import LoggedIn
from fopemta.mail.reply import Reply
from fopemta.smtp import server_replies as replies
from fopemta.smtp.commands import Command, Verb
from fopemta.smtp.extensions import Offered, offers
from fopemta.smtp.server_states import NEEDS, State
from fopemta.smtp.transaction import BareLineEnds, ContentLimits, Nul


class Lenient(enum.Enum):
    """Which clients may omit angle brackets around a path, or the domain of a sender: local programs write such
    commands, and they have only one reading.
    """

    TRUSTED = "trusted"  # clients in trusted networks or logged in
    ALL = "all"
    NONE = "none"


@attrs.frozen(kw_only=True)
class SessionRules:
    """What the configuration says about a session.

    `postmaster` is the address for `<postmaster>`; `starttls`: TLS can be begun; `tls_required` before any mail.
    `mechanisms` of AUTH, used under TLS only; `login_required` before any mail.  `without`: extensions turned off;
    `require_tls`: offer REQUIRETLS under TLS; `xclient`: this client may use XCLIENT.  `trusted`: the client's address
    is in a trusted network; `nul` applies to clients neither trusted nor logged in.  Sizes in octets, 0 for no limit;
    `errors` before the client is disconnected; `commands` without a message before it is, 0 for no limit.
    """

    hostname: str
    banner: str
    postmaster: Mailbox
    message_size: int
    recipients: int
    errors: int
    starttls: bool
    tls_required: bool
    mechanisms: tuple[str, ...] = ()
    login_required: bool = False
    without: frozenset[str] = frozenset()
    require_tls: bool = False
    xclient: bool = False
    trusted: bool = False
    bare_newlines: BareLineEnds = BareLineEnds.NORMALISE
    nul: Nul = Nul.REJECT
    lenient: Lenient = Lenient.TRUSTED
    hops: int = 100
    commands: int = 0
    # Derived once: the limits of one message, and the replies that every session uses.
    _of_strangers: ContentLimits = attrs.field(init=False, repr=False)
    _of_known: ContentLimits = attrs.field(init=False, repr=False)
    greeting: bytes = attrs.field(init=False, repr=False)
    farewell: bytes = attrs.field(init=False, repr=False)
    _in_the_clear: Offered = attrs.field(init=False, repr=False)
    _under_tls: Offered = attrs.field(init=False, repr=False)

    @_of_strangers.default
    def _limits_of_strangers(self) -> ContentLimits:
        return self._limits(self.nul)

    @_of_known.default
    def _limits_of_known(self) -> ContentLimits:
        return self._limits(Nul.REMOVE)

    def _limits(self, nul: Nul) -> ContentLimits:
        size, bare = self.message_size, self.bare_newlines
        return ContentLimits(message_size=size, hops=self.hops, bare_newlines=bare, nul=nul)

    @greeting.default
    def _greeting(self) -> bytes:
        return Reply.of(220, None, f"{self.hostname} {self.banner}").render()

    @farewell.default
    def _farewell(self) -> bytes:
        return Reply.of(221, "2.0.0", f"{self.hostname} closing connection").render()

    @_in_the_clear.default
    def _offered_in_the_clear(self) -> Offered:
        return self._offered(under_tls=False)

    @_under_tls.default
    def _offered_under_tls(self) -> Offered:
        return self._offered(under_tls=True)

    def _offered(self, under_tls: bool) -> Offered:
        return Offered(
            message_size=self.message_size,
            recipients=self.recipients,
            starttls=self.starttls and not under_tls,
            # RFC 4954 4: never before TLS, where a password could be read.
            mechanisms=self.mechanisms if under_tls else (),
            require_tls=self.require_tls and under_tls,
            xclient=self.xclient,
            without=self.without,
        )

    def content_limits(self, login: LoggedIn | None) -> ContentLimits:
        """The limits of one message, from a client with this login or none."""
        return self._of_known if self._knows(login) else self._of_strangers

    def home(self, login: LoggedIn | None) -> str | None:
        """The domain for sender addresses without one: a local domain, so that reports about the mail arrive.  None for
        clients that must follow the grammar strictly.
        """
        known = self.lenient is Lenient.TRUSTED and self._knows(login)
        return self.postmaster.domain if known or self.lenient is Lenient.ALL else None

    def _knows(self, login: LoggedIn | None) -> bool:
        return self.trusted or login is not None

    def offered(self, tls: TlsSession | None) -> Offered:
        """What EHLO offers to a client with or without TLS."""
        return self._in_the_clear if tls is None else self._under_tls


class SessionStanding(Protocol):
    """The facts about a session that decide whether a command is allowed."""

    @property
    def state(self) -> State:
        """The state of the session."""

    @property
    def tls(self) -> TlsSession | None:
        """The TLS session; None in the clear."""

    @property
    def login(self) -> LoggedIn | None:
        """The login; None before AUTH."""

    @property
    def offered(self) -> Offered | None:
        """The extensions the client may use; None unless it greeted with EHLO."""


def out_of_place(rules: SessionRules, standing: SessionStanding, command: Command) -> Reply | None:
    """The refusal of a well-formed command that is not allowed at this moment; None if it may proceed."""
    verb = command.verb
    if rules.tls_required and standing.tls is None and verb not in _BEFORE_TLS:
        return replies.TLS_FIRST
    needed = NEEDS.get(verb)
    if needed is not None and standing.state not in needed:
        return Reply.of(503, "5.5.1", replies.BAD_SEQUENCE[verb])
    if verb in _EXTENDED_VERBS and not _offers(standing.offered, _EXTENDED_VERBS[verb]):
        return replies.NOT_AVAILABLE
    special = _SPECIAL.get(verb)
    return None if special is None else special(rules, standing, command)


def _offers(offered: Offered | None, keyword: str) -> bool:
    return offered is not None and any(each.keyword == keyword for each in offers(offered))


def _mail(rules: SessionRules, standing: SessionStanding, command: Command) -> Reply | None:
    if rules.login_required and standing.login is None:
        return replies.LOGIN_FIRST
    # RFC 1870 6.1: a message declared too large may be refused at once.
    return replies.TOO_LARGE if 0 < rules.message_size < command.mail.size else None


def _starttls(rules: SessionRules, standing: SessionStanding, command: Command) -> Reply | None:
    if standing.tls is not None:
        return replies.TLS_ACTIVE
    return None if rules.starttls else replies.NO_TLS


def _auth(rules: SessionRules, standing: SessionStanding, command: Command) -> Reply | None:
    if not rules.mechanisms or standing.offered is None:
        return replies.NOT_AVAILABLE
    if standing.tls is None:
        # The reply must not reveal whether the password was right.
        return replies.ENCRYPTION_FIRST
    if standing.login is not None:
        return replies.LOGGED_IN_ALREADY
    return None if command.name in rules.mechanisms else replies.NO_MECHANISM


_BEFORE_TLS = frozenset({Verb.EHLO, Verb.HELO, Verb.STARTTLS, Verb.NOOP, Verb.QUIT, Verb.RSET})
# Verbs that exist only where their extension is offered.
_EXTENDED_VERBS = {Verb.BDAT: "CHUNKING", Verb.ETRN: "ETRN"}
_SPECIAL = {Verb.MAIL: _mail, Verb.STARTTLS: _starttls, Verb.AUTH: _auth}
