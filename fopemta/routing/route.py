"""A route as the operator writes it, as a value (pure)."""

from __future__ import annotations

import enum

import attrs

from fopemta.address.ip import Network
from fopemta.trust.demand import NameSource
from fopemta.trust.levels import Level
from fopemta.trust.plan import CertificateFiles


class Verify(enum.Enum):
    """How it is found out, before mail is taken, whether a route's recipients exist: not at all, by a list, by their
    Maildir, by asking the next hop.
    """

    OFF = "off"
    LIST = "list"
    MAILDIR = "maildir"
    CALLOUT = "callout"


class Unverified(enum.Enum):
    """What becomes of a recipient of whom the next hop cannot say for now whether it exists."""

    ACCEPT = "accept"
    DEFER = "defer"


class Via(enum.Enum):
    """The kinds of way a route can name."""

    MX = "mx"
    SMTP = "smtp"
    MAILDIR = "maildir"


@attrs.frozen(kw_only=True, cache_hash=True)  # a part of every next hop
class Route:
    """[[route]]  The way for a domain.

    `domain` is a domain, "*.example.org" for its sub-domains, "@example.org" for both, or "*" for all others.  `host`
    and `port` for SMTP (port None: [delivery] port); `host` is a name or an address; an address in brackets in the
    file, or a name that has no MX looked up: a route's host is always connected to directly.  `is_local`: the
    operator says that the way to the host crosses no network, so that it satisfies every demand (tls = "local").
    `names`, `roots` and `pins` are what proves the host where its certificate must (see trust.demand.Proof);
    `certificate` is ours, shown to the hosts of this route alone.  `etrn`, `etrn_logins`, `etrn_certificates` say who
    may ask for its mail; with `on_demand` it waits until they do.  `maildir` is a path that may hold {local_part} and
    {domain}.  A domain with a `maildir` route is local: its mail is taken from anyone.  `recipients` is the path of the
    list for `verify` "list", or "off".
    """

    domain: str
    via: Via = Via.MX
    host: str | None = None
    port: int | None = None
    maildir: str | None = None
    tls: Level | None = None
    is_local: bool = False
    names: NameSource | tuple[str, ...] = NameSource.MX
    roots: str | None = None
    pins: tuple[str, ...] = ()
    certificate: CertificateFiles | None = None
    etrn: tuple[Network, ...] = ()
    etrn_logins: tuple[str, ...] = ()
    etrn_certificates: tuple[str, ...] = ()
    on_demand: bool = False
    verify: Verify = Verify.OFF
    unverified: Unverified = Unverified.ACCEPT
    recipients: str = "off"

    @property
    def names_one_domain(self) -> bool:
        """It is the route of one domain, not of several."""
        return not self.domain.startswith(("*", "@"))
