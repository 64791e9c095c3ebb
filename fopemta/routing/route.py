"""A route of the configuration, and how it is read (pure)."""

from __future__ import annotations

import enum
import string
from typing import Any, assert_never

import attrs

from fopemta.address.ip import Network
from fopemta.settings.key import REQUIRED, key, section_of
from fopemta.settings.place import WRONG, NotValid, Place, array, shown
from fopemta.settings.quantities import yes_or_no
from fopemta.settings.words import (
    WordOrDomains,
    certificate_identity,
    domain_of,
    fingerprint,
    is_address,
    network,
    one_of,
    path,
    resolved,
    route_domain,
    split_port,
    text,
    text_of,
    words_of,
)
from fopemta.trust.demand import NameSource
from fopemta.trust.levels import Level
from fopemta.trust.plan import CertificateFiles

_LOCAL = "local"
_LEVELS = one_of({level.word: level for level in Level} | {_LOCAL: None})
_PLACEHOLDERS = frozenset({"local_part", "domain"})
_FORMS = '"mx", "smtp:host", "smtp:host:port", "smtp:[address]:port" or "maildir:path"'


class Verify(enum.Enum):
    """How a route's recipients are verified before mail is accepted: not at all, by a list, by their Maildir, by
    callout to the next hop.
    """

    OFF = "off"
    LIST = "list"
    MAILDIR = "maildir"
    CALLOUT = "callout"


class Unverified(enum.Enum):
    """What to do with a recipient that the next hop cannot verify at the moment."""

    ACCEPT = "accept"
    DEFER = "defer"


class Via(enum.Enum):
    """The kinds of transport that a route can name."""

    MX = "mx"
    SMTP = "smtp"
    MAILDIR = "maildir"


@attrs.frozen
class WrittenVia:
    """The parsed `via`; field names as in `Route`."""

    via: Via
    host: str | None = None
    port: int | None = None
    maildir: str | None = None


@attrs.frozen
class RouteTls:
    """The parsed `tls`; field names as in `Route`."""

    tls: Level | None = None
    crosses_no_network: bool = False


def read_tls(value: object, place: Place) -> RouteTls:
    """Read [[route]] tls: a level, or "local" for a hop that crosses no network."""
    if value == _LOCAL:
        return RouteTls(crosses_no_network=True)
    found: Any = _LEVELS(value, place)
    if found is not WRONG:
        return RouteTls(tls=found)
    return found  # type: ignore[return-value]  # WRONG, as every reader may say


def read_via(value: object, place: Place) -> WrittenVia:
    """Read [[route]] via."""
    try:
        return _way(text_of(value), place.folder)
    except NotValid as error:
        return place.wrong(str(error))  # type: ignore[no-any-return]  # WRONG, as every reader may say


def _way(text: str, folder: str) -> WrittenVia:
    kind, colon, rest = text.partition(":")
    if text == "mx":
        return WrittenVia(Via.MX)
    if kind == "smtp" and colon:
        host, port = split_port(rest)
        return WrittenVia(Via.SMTP, host if is_address(host) else domain_of(host), port)
    if kind == "maildir" and rest:
        return WrittenVia(Via.MAILDIR, maildir=resolved(_checked_template(rest), folder))
    if kind == "lmtp":
        raise NotValid(f"lmtp is not supported by this version; must be {_FORMS}")
    raise NotValid(f"must be {_FORMS}, not {shown(text)}")


def _checked_template(text: str) -> str:
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(text)]
    except ValueError as error:
        raise NotValid(f"has a brace without its partner: {shown(text)}") from error
    for name, spec, conversion in fields:
        if name is not None and (name not in _PLACEHOLDERS or spec or conversion):
            raise NotValid(f"may hold {{local_part}} and {{domain}} only: {shown(text)}")
    return text


@attrs.frozen(kw_only=True, cache_hash=True)  # part of every next hop
class Route:
    """The table [[route]]: where mail for a domain goes.

    `domain` is a domain, "*.example.org" for its sub-domains, "@example.org" for both, or "*" for all others.  `host`
    and `port` for SMTP (port None: [delivery] port); `host` is a name or an address, always connected to directly,
    without MX lookup.  `is_local`: the operator declares that the path to the host crosses no network, which satisfies
    every demand (tls = "local").  `names`, `roots` and `pins` authenticate the host if its certificate is demanded (see
    trust.demand.Proof); `certificate` is ours, shown only to the hosts of this route.  `etrn`, `etrn_logins`,
    `etrn_certificates` say which clients may request its mail; with `on_demand` it waits for such a request.  `maildir`
    is a path that may contain {local_part} and {domain}.  A domain with a `maildir` route is local: mail for it is
    accepted from anyone. `recipients` is the path of the list for `verify` "list", or "off".
    """

    domain: str = key(
        route_domain,
        REQUIRED,
        'A domain, `"*.example.org"` for its sub-domains, `"@example.org"` for both, `"*"` for all others; the '
        "most specific one applies.",
        above="",
    )
    via: Via = key(
        read_via,
        "mx",
        '`"mx"`, `"smtp:host"`, `"smtp:host:port"`, `"smtp:[address]:port"`, `"maildir:path"` with `{local_part}` and '
        "`{domain}`: where mail for the domain goes. A domain with a Maildir is local: anyone may send to it.",
        spread=True,
        default=Via.MX,
        above="",
    )
    host: str | None = None
    port: int | None = None
    maildir: str | None = None
    tls: Level | None = key(
        read_tls,
        None,
        'The required level of TLS: `"plain"`, `"opportunistic"`, `"encrypt"`, `"authenticated"`; or '
        '`"local"`: a port of this machine, which satisfies every rule.',
        spread=True,
        counts="opportunistic",
        above="",
    )
    crosses_no_network: bool = False
    names: NameSource | tuple[str, ...] = key(
        WordOrDomains({each.value: each for each in NameSource}),
        "mx",
        'If authentication is required, the name that the certificate must match: `"mx"`, the host\'s; `"domain"`, '
        "the recipient's; or a list of names.",
    )
    roots: str | None = key(
        path(),
        None,
        "A PEM file or folder of trusted authorities, instead of `tls.client.roots`.",
        shown="partner.pem",
        decides=True,
    )
    pins: tuple[str, ...] = key(
        array(fingerprint),
        [],
        "SHA-256 fingerprints of certificate or key, two for a change; a match is required, and sufficient alone.",
    )
    certificate: CertificateFiles | None = key(
        section_of(CertificateFiles),
        None,
        "`{ chain, key }`: ours, shown to the hosts of this route alone, if they ask for one.",
        shown={"chain": "us.pem", "key": "us.key"},
        inline=True,
    )
    etrn: tuple[Network, ...] = key(
        array(network),
        [],
        "Networks that may start the queue for the domain by ETRN (RFC 1985); `[relay] networks` may for every domain "
        "with a route and every relay domain.",
    )
    etrn_logins: tuple[str, ...] = key(array(text), [], "Logins that may do so, too.")
    etrn_certificates: tuple[str, ...] = key(
        array(certificate_identity),
        [],
        "Names or SHA-256 fingerprints (of certificate or key) of client certificates that may; a name counts only in "
        "a verified one.",
    )
    on_demand: bool = key(
        yes_or_no,
        False,
        "Mail waits until it is asked for by ETRN or `fopemta flush`, as for a server that dials in.",
    )
    verify: Verify = key(
        words_of(Verify),
        "off",
        'How recipients are verified before mail is accepted: `"off"`; `"list"`, by the file of '
        '`recipients`; `"maildir"`, by its folder; `"callout"`, by asking the next hop.',
        see="recipients.md",
    )
    unverified: Unverified = key(
        words_of(Unverified),
        "accept",
        'If the next hop gives no answer: `"accept"` takes recipients confirmed within 31 days, `"defer"` none '
        "(450 4.1.1).",
    )
    recipients: str = key(
        path("off"), "off", 'The file for `verify = "list"`: one address or local part per line.', decides=True
    )

    @property
    def is_local(self) -> bool:
        """Whether mail for its domain is delivered on this machine."""
        match self.via:
            case Via.MAILDIR:
                return True
            case Via.MX | Via.SMTP:
                return False
            case _:
                assert_never(self.via)

    @property
    def fixed_host(self) -> str | None:
        """The host that it names, common to all its domains; None if hosts are looked up, or no host is needed."""
        match self.via:
            case Via.SMTP:
                assert self.host is not None
                return self.host
            case Via.MX | Via.MAILDIR:
                return None
            case _:
                assert_never(self.via)

    @property
    def by_mx(self) -> bool:
        """Whether the DNS of the recipient's domain names the hosts."""
        match self.via:
            case Via.MX:
                return True
            case Via.SMTP | Via.MAILDIR:
                return False
            case _:
                assert_never(self.via)

    @property
    def word(self) -> str | None:
        """The form of its destination in logs and listings: "smtp:host:port" or "maildir:path"; None: the domain."""
        match self.via:
            case Via.MX:
                return None
            case Via.SMTP:
                return f"smtp:{self.host}" + (f":{self.port}" if self.port else "")
            case Via.MAILDIR:
                return f"maildir:{self.maildir}"
            case _:
                assert_never(self.via)

    @property
    def names_one_domain(self) -> bool:
        """Whether it is for one domain, not for several."""
        return not self.domain.startswith(("*", "@"))
