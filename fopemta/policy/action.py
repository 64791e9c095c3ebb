"""The actions of rules (pure): each is a value; its docstring says where it is performed."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Direction
from fopemta.policy.facts import RuleStage
from fopemta.routing.route import Route
from fopemta.trust.demand import NameSource, Revocation
from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung


@attrs.frozen(kw_only=True)
class ForceTls:
    """Authenticated TLS or no delivery.  Performed by the queue, again at each attempt.

    `opportunistic_for_unspecified`: recipients that the rule does not name get authenticated TLS if it succeeds, else
    opportunistic.  `hold` and `warn_after` in seconds, from a recipient's first TLS failure.  `names` is a source or
    the names themselves.  `roots` is a file or folder of authorities, None for those of [tls.client].  `revocation`
    None is hard, except that under private roots a certificate may lack CRL and OCSP addresses.
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
    """Inbound: the session must have TLS of `level`, and a client certificate if any of the tuples is not empty.
    Performed at MAIL or RCPT.

    `names` in the certificate, `issuers` as RFC 4514 text, `fingerprints` SHA-256 of certificate or key in hex.
    """

    level: Level = Level.ENCRYPT
    names: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()

    @property
    def wants_certificate(self) -> bool:
        """Whether a client certificate is required."""
        return bool(self.names or self.issuers or self.fingerprints)


@attrs.frozen
class Reject:
    """550 5.7.1 with `text`.  Performed as soon as the rule is certain to match."""

    text: str = "Message refused by policy"


@attrs.frozen
class Defer:
    """450 4.7.1 with `text`.  Performed like Reject."""

    text: str = "Message not taken for the moment, by policy"


@attrs.frozen
class Hold:
    """Accepted, and not delivered until it is released."""


@attrs.frozen
class Redirect:
    """Replace the recipients that the rule names by `to`."""

    to: tuple[Mailbox, ...]


@attrs.frozen
class Bcc:
    """Send a copy to `to`."""

    to: tuple[Mailbox, ...]


@attrs.frozen
class AddHeader:
    """Add a header in front of those of the message."""

    name: str
    value: str


@attrs.frozen
class RouteVia:
    """Send the recipients that the rule names by `route` instead of their domain's.  Performed at each attempt."""

    route: Route


@attrs.frozen
class AllowWeaker:
    """An exception: demands of rules and routes above `level` are lowered to it.  Published policies (DANE, MTA-STS)
    and REQUIRETLS are not lowered.
    """

    level: Level


Action: TypeAlias = ForceTls | RequireTls | Reject | Defer | Hold | Redirect | Bcc | AddHeader | RouteVia | AllowWeaker

# The word in the configuration file.
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

# The last stage for an action: TLS can be required of a client only before its message has come.
LATEST: dict[type[Action], RuleStage] = {RequireTls: RuleStage.RECIPIENT}
# The only direction of an action, if it has one.
ONLY: dict[type[Action], Direction] = {RequireTls: Direction.INBOUND}

# Decided once, when the message is complete, and stored with it.
AT_ACCEPTANCE = (Reject, Defer, Hold, Redirect, Bcc, AddHeader)
# What of it concerns mail that is made here: nobody refuses our own notices, and they get no headers.
FOR_OUR_OWN = tuple(each for each in AT_ACCEPTANCE if each not in (Reject, Defer, AddHeader))
# Decided again at each attempt, from the facts stored with the message.
AT_EACH_ATTEMPT = (ForceTls, RouteVia, AllowWeaker)
