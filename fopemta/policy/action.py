"""What rules do (pure): each action is a value; who performs it is named beside it."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Direction
from fopemta.policy.facts import Stage
from fopemta.routing.route import Route
from fopemta.trust.demand import NameSource, Revocation
from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung


@attrs.frozen(kw_only=True)
class ForceTls:
    """Authenticated TLS or nothing.  Performed by the queue, anew at each attempt.

    `opportunistic_for_unspecified`: recipients that the rule does not name get authenticated TLS where it succeeds,
    else opportunistic.  `hold` and `warn_after` in seconds, from a recipient's first TLS failure.  `names` is a source
    or the names themselves.  `roots` a file or folder of authorities, None for those of [tls.client].  `revocation`
    None is hard, but where private roots count a certificate may name no source.
    """

    opportunistic_for_unspecified: bool = False
    level: Level = Level.AUTHENTICATED
    names: NameSource | tuple[str, ...] = NameSource.MX
    lowest_rung: Rung = Rung.STRONG_128
    roots: str | None = None
    pins: tuple[str, ...] = ()
    revocation: Revocation | None = None
    hold: float = 86400.0
    warn_after: float = 4 * 3600.0
    tell_sender: bool = False
    bare_report: bool = False


@attrs.frozen(kw_only=True)
class RequireTls:
    """Inbound: the session must have TLS of `level`, and a client certificate where any of the tuples names one.
    Performed at MAIL or RCPT.

    `names` of the certificate, `issuers` as RFC 4514 text, `fingerprints` SHA-256 of certificate or key in hex.
    """

    level: Level = Level.ENCRYPT
    names: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()

    @property
    def wants_certificate(self) -> bool:
        """TLS alone is not enough."""
        return bool(self.names or self.issuers or self.fingerprints)


@attrs.frozen
class Reject:
    """550 5.7.1 with `text`.  Performed as soon as the rule is known to match."""

    text: str = "Message refused by policy"


@attrs.frozen
class Defer:
    """450 4.7.1 with `text`.  As Reject."""

    text: str = "Message not taken for the moment, by policy"


@attrs.frozen
class Hold:
    """Accepted and kept from delivery until it is released."""


@attrs.frozen
class Redirect:
    """The recipients that the rule names are replaced by `to`."""

    to: tuple[Mailbox, ...]


@attrs.frozen
class Bcc:
    """`to` get the message, too."""

    to: tuple[Mailbox, ...]


@attrs.frozen
class AddHeader:
    """A header in front of those that the message has."""

    name: str
    value: str


@attrs.frozen
class RouteVia:
    """The recipients that the rule names go by `route` and not by their domain's.  Worked out at each attempt."""

    route: Route


@attrs.frozen
class AllowWeaker:
    """An exception: for what the rule matches, demands of rules and routes above `level` are lowered to it.  Published
    policy (DANE, MTA-STS) and REQUIRETLS are not lowered.
    """

    level: Level


Action: TypeAlias = ForceTls | RequireTls | Reject | Defer | Hold | Redirect | Bcc | AddHeader | RouteVia | AllowWeaker

# The word in the file.
WORDS: dict[type[Action], str] = {
    ForceTls: "force_tls",
    RequireTls: "require_tls",
    Reject: "reject",
    Defer: "defer",
    Hold: "hold",
    Redirect: "redirect",
    Bcc: "bcc",
    AddHeader: "add_header",
    RouteVia: "route",
    AllowWeaker: "allow_weaker",
}

# The last stage at which an action makes sense: TLS can be required of a client only before its message has come.
LATEST: dict[type[Action], Stage] = {RequireTls: Stage.RECIPIENT}
# The only direction of an action, where it has one.
ONLY: dict[type[Action], Direction] = {RequireTls: Direction.INBOUND}

# Those that are decided once, when the message has come, and stored with it.
AT_ACCEPTANCE = (Reject, Defer, Hold, Redirect, Bcc, AddHeader)
# Those that are decided anew at each attempt, from the facts that are stored with the message.
AT_EACH_ATTEMPT = (ForceTls, RouteVia, AllowWeaker)
