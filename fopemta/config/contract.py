"""The contract of fopemta.toml as tables: every key, what reads it, and what later versions bring (pure).

The defaults are the model's own; `etc/fopemta.toml` and `docs/configuration.md` are tested against these tables.
"""

from __future__ import annotations

from typing import Any

import attrs

from fopemta.config.endpoints import endpoint
from fopemta.config.model import (
    AliasFile,
    ClientCertificates,
    ClientEku,
    Configuration,
    Control,
    Delivery,
    DeliveryTimeouts,
    Dns,
    Fetch,
    Limits,
    LimitTimeouts,
    Listener,
    ListenerKind,
    ListenerTls,
    Log,
    LogLevel,
    Node,
    ServerVersion,
    TlsServer,
    Users,
    Workers,
)
from fopemta.config.section import Key, Section, Tables
from fopemta.mime.flaws import ContentBounds
from fopemta.policy.admission import Relay
from fopemta.policy.blocklist import Blocklist, list_code
from fopemta.retry.settings import Retry
from fopemta.routing.route import Route, Unverified, Verify
from fopemta.routing.ways import route_tls, via
from fopemta.settings.place import Place, array
from fopemta.settings.quantities import (
    duration,
    duration_or_off,
    greeting_delay,
    number,
    port,
    size,
    size_between,
    size_or_none,
    whole,
    yes_or_no,
)
from fopemta.settings.words import (
    banner,
    certificate_identity,
    certificate_names,
    domain,
    fingerprint,
    http_url,
    ip_address,
    nameserver,
    network,
    one_of,
    path,
    pattern,
    postmaster,
    proxy,
    route_domain,
    text,
)
from fopemta.smtp.extensions import OPTIONAL
from fopemta.smtp.session_rules import Lenient
from fopemta.smtp.transaction import BareLineEnds, Nul
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.demand import Revocation
from fopemta.trust.plan import CertificateFiles, Fallback
from fopemta.trust.rungs import Rung
from fopemta.trust.server_offer import KNOWN_GROUPS, KNOWN_SUITES, ServerProfile

_MANY = 1_000_000
_LEAST_HEADER, _MOST_LOOKED_AT = 16 << 10, 64 << 20


def _default(model: type, attribute: str) -> object:
    """A path's default, so that it is resolved like one that was written."""
    return attrs.fields_dict(model)[attribute].default


def _same_names(**readers: Any) -> dict[str, Key]:
    """Keys named like their attributes."""
    return {name: Key(name, read) for name, read in readers.items()}


NODE = Section(
    Node,
    {
        "hostname": Key("hostname", domain, required=True),
        "postmaster": Key("postmaster", postmaster, required=True),
        "banner": Key("banner", banner),
        "spool": Key("spool", path(), absent=_default(Node, "spool")),
        "state": Key("state", path(), absent=_default(Node, "state")),
    },
)

_client_certificates = one_of({each.value: each for each in ClientCertificates})
_profile = one_of({each.value: each for each in ServerProfile})
_suites = array(one_of({each: each for each in KNOWN_SUITES}))
_groups = array(one_of({each: each for each in KNOWN_GROUPS}))

BLOCKLIST = Section(Blocklist, {"zone": Key("zone", domain, required=True), "codes": Key("codes", array(list_code))})


def blocklist(value: object, place: Place) -> Any:
    """A zone, or a table with the codes that count."""
    return BLOCKLIST({"zone": value} if isinstance(value, str) else value, place)


LISTENER = Section(
    Listener,
    {
        "endpoint": Key("endpoint", endpoint, required=True),
        "kind": Key("kind", one_of({each.value: each for each in ListenerKind})),
        "tls": Key("tls", one_of({each.value: each for each in ListenerTls})),
        "bare_newlines": Key("bare_newlines", one_of({each.value: each for each in BareLineEnds})),
        "bare_newlines_except": Key("bare_newlines_except", array(network)),
        "lenient": Key("lenient", one_of({each.value: each for each in Lenient})),
        "nul": Key("nul", one_of({each.value: each for each in Nul})),
        "without": Key("without", array(one_of({each: each for each in sorted(OPTIONAL)}))),
        "tell_client": Key("tell_client", yes_or_no),
        "client_certificates": Key("client_certificates", _client_certificates),
        "profile": Key("profile", _profile),
        "suites": Key("suites", _suites),
        "groups": Key("groups", _groups),
        "proxies": Key("proxies", array(network)),
        "xclient": Key("xclient", array(network)),
        "blocklists": Key("blocklists", array(blocklist)),
        "banner_delay": Key("banner_delay", greeting_delay),
    },
    later=frozenset({"auth", "require_tls"}),
)

CERTIFICATE = Section(
    CertificateFiles,
    {"chain": Key("chain", path(), required=True), "key": Key("key", path(), required=True)},
)

TLS_SERVER = Section(
    TlsServer,
    _same_names(
        certificates=Tables(CERTIFICATE),
        client_certificates=_client_certificates,
        client_roots=path("system"),
        client_eku=one_of({each.value: each for each in ClientEku}),
        lowest=one_of({each.value: each for each in ServerVersion}),
        profile=_profile,
        suites=_suites,
        groups=_groups,
    ),
)

TLS_CLIENT = Section(
    TlsClient,
    {
        "roots": Key("roots", path("system")),
        "lowest_rung": Key(
            "lowest_rung", one_of({rung.value: rung.value for rung in Rung if rung not in (Rung.PLAIN, Rung.LENIENT)})
        ),
        "fallback": Key("fallback", one_of({each.value: each for each in Fallback})),
        "revocation": Key("revocation", one_of({each.value: each for each in Revocation})),
        "fetch_private": Key("fetch_private", yes_or_no),
    },
    later=frozenset({"certificate"}),
)

TLS = Section(dict, {"server": Key("server", TLS_SERVER), "client": Key("client", TLS_CLIENT)})

DNS = Section(
    Dns,
    _same_names(nameservers=array(nameserver), timeout=duration, records=whole(50, 1000)),
    later=frozenset({"dnssec"}),
)

FETCH = Section(Fetch, _same_names(proxy=proxy, probe=http_url, timeout=duration, largest=size))

RELAY = Section(
    Relay,
    _same_names(
        networks=array(network),
        certificates=array(certificate_identity),
        domains=array(pattern),
        authenticated_users=yes_or_no,
    ),
)

USERS = Section(Users, _same_names(file=path("off"), scram=yes_or_no))

ALIASES = Section(AliasFile, _same_names(file=path("off")))

CONTROL = Section(Control, {"socket": Key("socket", path("off"), absent=_default(Control, "socket"))})

ROUTE = Section(
    Route,
    {
        "domain": Key("domain", route_domain, required=True),
        "via": Key("via", via, spread=True),
        "tls": Key("tls", route_tls, spread=True),
        "names": Key("names", certificate_names),
        "roots": Key("roots", path()),
        "pins": Key("pins", array(fingerprint)),
        "certificate": Key("certificate", CERTIFICATE),
        "etrn": Key("etrn", array(network)),
        "etrn_logins": Key("etrn_logins", array(text)),
        "etrn_certificates": Key("etrn_certificates", array(certificate_identity)),
        "on_demand": Key("on_demand", yes_or_no),
        "verify": Key("verify", one_of({each.value: each for each in Verify})),
        "unverified": Key("unverified", one_of({each.value: each for each in Unverified})),
        "recipients": Key("recipients", path("off")),
    },
)

DELIVERY = Section(
    Delivery,
    _same_names(
        port=port,
        private=array(network),
        connections=whole(1, _MANY),
        connections_per_destination=whole(1, _MANY),
        messages_per_connection=whole(1, _MANY),
        source_addresses=array(ip_address),
        rate_per_destination=whole(0, _MANY),
        reply_text=whole(200, 65536),
        timeouts=Section(DeliveryTimeouts, {name: Key(name, duration) for name in attrs.fields_dict(DeliveryTimeouts)}),
    ),
)

RETRY = Section(
    Retry,
    _same_names(first=duration, factor=number(1, 100), longest=duration, lifetime=duration, warn_after=duration_or_off),
)

LIMITS = Section(
    Limits,
    _same_names(
        message_size=size_or_none,
        hops=whole(0, _MANY),
        recipients=whole(100, _MANY),  # RFC 5321 4.5.3.1.8: at least 100
        connections=whole(1, _MANY),
        connections_per_client=whole(0, _MANY),
        client_ipv4=whole(8, 32),
        client_ipv6=whole(16, 128),
        connections_per_minute=whole(0, _MANY),
        messages_per_minute=whole(0, _MANY),
        recipients_per_minute=whole(0, _MANY),
        handshakes_per_minute=whole(0, _MANY),
        commands=whole(0, _MANY),
        errors=whole(1, _MANY),
        etrn_interval=duration,
        spool_free=size,
        timeouts=Section(LimitTimeouts, {name: Key(name, duration) for name in attrs.fields_dict(LimitTimeouts)}),
        content=Section(
            ContentBounds,
            _same_names(
                # Held in memory while a message comes in: a mistake must not fill it.
                looked_at=size_between(_LEAST_HEADER, _MOST_LOOKED_AT),
                header=size_between(_LEAST_HEADER, _MOST_LOOKED_AT),
                field=size_between(_LEAST_HEADER, _MOST_LOOKED_AT),
                parameters=whole(10, 10_000),
                parts=whole(10, 100_000),
                depth=whole(5, 200),
            ),
        ),
    ),
)

LOG = Section(
    Log,
    _same_names(
        text=path("stdout", "off"),
        json=path("stdout", "off"),
        level=one_of({each.value: each for each in LogLevel}),
    ),
    later=frozenset({"evidence"}),
)

WORKERS = Section(Workers, _same_names(count=whole(1, 64)))

FILE = Section(
    Configuration,
    {
        "node": Key("node", NODE, required=True),
        "listener": Key("listeners", Tables(LISTENER), required=True),
        "tls": Key("tls", TLS),
        "dns": Key("dns", DNS),
        "fetch": Key("fetch", FETCH),
        "relay": Key("relay", RELAY),
        "users": Key("users", USERS),
        "aliases": Key("aliases", ALIASES),
        # Also where it is absent: the path counts from the folder of the file.
        "control": Key("control", CONTROL, absent={}),
        "route": Key("routes", Tables(ROUTE)),
        "delivery": Key("delivery", DELIVERY),
        "retry": Key("retry", RETRY),
        "limits": Key("limits", LIMITS),
        "log": Key("log", LOG),
        "workers": Key("workers", WORKERS),
        "rules": Key("rules", path()),
    },
    later=frozenset({"web"}),
)
