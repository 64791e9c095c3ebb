"""What must hold between the keys of a configuration (pure)."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from fopemta.address.ip import is_ip_address
from fopemta.config.model import (
    ClientCertificates,
    Configuration,
    Listener,
    ListenerKind,
    ListenerTls,
    Log,
    Node,
    UserSettings,
)
from fopemta.mail.envelope import Direction
from fopemta.policy.action import ForceTls, RequireTls
from fopemta.policy.cautions import proof_cautions, rule_cautions
from fopemta.policy.matchers import Users as UsersMatcher
from fopemta.policy.rulebook import Rule, Rulebook
from fopemta.retry.settings import Retry
from fopemta.routing.route import Route, Verify
from fopemta.routing.routes import is_local
from fopemta.settings.errors import ConfigurationError
from fopemta.settings.place import WRONG, Place
from fopemta.trust.demand import NameSource, Revocation
from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung


def check_together(facts: Mapping[str, Any], place: Place) -> None:
    """Note at `place` what is wrong between keys; `facts` as the file's section read them, some may be WRONG."""
    listeners, routes = facts.get("listeners", WRONG), facts.get("routes", ())
    if listeners == ():
        place.at("listener").wrong("at least one [[listener]] is needed")
    _unique(listeners, place.at("listener"), "endpoint")
    _check_proxies(listeners, place.at("listener"))
    if _unique(routes, place.at("route"), "domain"):
        _check_postmaster(facts.get("node", WRONG), routes, place.at("node").at("postmaster"))
    _check_verification(routes, place.at("route"))
    _check_waits(facts.get("retry", Retry()), place.at("retry").at("longest"))
    _check_log(facts.get("log", Log()), place.at("log").at("json"))
    _check_users(facts.get("users", UserSettings()), place.at("users").at("scram"))


def _check_proxies(listeners: Any, place: Place) -> None:
    """Whoever may name the client must be known."""
    for index, listener in enumerate(() if listeners is WRONG else listeners):
        if isinstance(listener, Listener) and listener.proxied != bool(listener.proxies):
            here = place.item(index)
            if listener.proxied:
                here.at("proxies").wrong('is missing: an endpoint "haproxy:..." must know whom to believe')
            else:
                here.at("proxies").wrong('has no use without an endpoint "haproxy:..."')


def _unique(entries: Any, place: Place, name: str) -> bool:
    """No two entries have the same `name`."""
    repeated = [] if entries is WRONG else list(_repeated([getattr(each, name, None) for each in entries]))
    for index, first in repeated:
        place.item(index).at(name).wrong(f"is the same as {place.item(first).at(name).key}")
    return not repeated


def _repeated(values: Sequence[Hashable | None]) -> Iterable[tuple[int, int]]:
    """The index of every value that stood before, and where it stood first; None does not count."""
    first: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        if value is not None and first.setdefault(value, index) != index:
            yield index, first[value]


def _check_postmaster(node: Any, routes: Any, place: Place) -> None:
    """RFC 5321 4.5.1: postmaster is always reachable; here, without leaving this machine."""
    known = isinstance(node, Node) and routes is not WRONG and all(isinstance(each, Route) for each in routes)
    if known and not is_local(node.postmaster.domain, routes):
        domain = node.postmaster.domain
        place.wrong(f'must be delivered on this machine: "{domain}" needs a [[route]] with via = "maildir:..."')


def _check_verification(routes: Any, place: Place) -> None:
    for index, route in enumerate(() if routes is WRONG else routes):
        if not isinstance(route, Route):
            continue
        here = place.item(index)
        if route.crosses_no_network and not _is_loopback(route.host):
            here.at("tls").wrong('"local" is for a host on this machine: via = "smtp:[127.0.0.1]:port"')
        if route.fixed_host is not None and route.names is NameSource.DOMAIN and not route.names_one_domain:
            here.at("names").wrong('"domain" does not say which, where the route is for several to one host')
        trouble = _trouble_with_verify(route)
        if trouble is not None:
            here.at("verify").wrong(trouble)
        if route.verify is Verify.LIST and route.recipients == "off":
            here.at("recipients").wrong('is missing: verify = "list" needs the list')
        if route.verify is not Verify.LIST and route.recipients != "off":
            here.at("recipients").wrong('has no use without verify = "list"')


def _is_loopback(host: str | None) -> bool:
    """A name that everybody resolves to this machine, or an address of it."""
    if host is None or not is_ip_address(host):
        return host is not None and (host == "localhost" or host.endswith(".localhost"))
    return ipaddress.ip_address(host).is_loopback


def _trouble_with_verify(route: Route) -> str | None:
    local = route.is_local
    if route.verify is Verify.MAILDIR and not (local and "{local_part}" in (route.maildir or "")):
        return '"maildir" needs via = "maildir:..." with {local_part} in its path'
    if route.verify is Verify.CALLOUT and local:
        return '"callout" asks another server; here "list" and "maildir" say who is there'
    if route.verify is Verify.CALLOUT and route.domain == "*":
        return '"callout" needs a domain of yours: strangers\' servers are not asked for their users'
    if route.verify is Verify.CALLOUT and route.etrn:
        # It is not there but when it says so.
        return '"callout" has no use with etrn: who fetches mail by it is not called'
    return None


def _check_waits(retry: Any, place: Place) -> None:
    if isinstance(retry, Retry) and retry.longest < retry.first:
        place.wrong("must not be shorter than retry.first")


def _check_log(log: Any, place: Place) -> None:
    if isinstance(log, Log) and log.json != "off" and log.json == log.text:
        place.wrong("must not be the same place as log.text")


def _check_users(users: Any, place: Place) -> None:
    if isinstance(users, UserSettings) and users.scram and users.file == "off":
        place.wrong("needs users.file")


def revocation_matters(configuration: Configuration) -> bool:
    """Some mail may wait for what is known of a certificate's revocation."""
    if configuration.tls_client.revocation is Revocation.OFF:
        return False
    rules = configuration.rulebook.rules if configuration.rulebook is not None else ()
    return (
        configuration.tls_client.revocation is Revocation.HARD
        or any(each.tls is Level.AUTHENTICATED for each in configuration.routes)
        or any(isinstance(each.then, ForceTls) for each in rules)
    )


def rule_errors(configuration: Configuration) -> tuple[ConfigurationError, ...]:
    """What rules demand that the rest of the configuration makes impossible."""
    book, usual = configuration.rulebook or Rulebook(), configuration.tls_server.client_certificates
    deaf = [
        index
        for index, each in enumerate(configuration.listeners)
        if each.asks_for(usual) is ClientCertificates.IGNORE and each.kind is ListenerKind.MX
    ]
    return tuple(
        ConfigurationError(
            f"rules, line {rule.line} ({rule.name})",
            f'wants a client certificate, and listener[{index}] asks for none: client_certificates is "ignore"',
        )
        for rule in book.rules
        if isinstance(rule.then, RequireTls) and rule.then.wants_certificate and not _is_about_logins(rule)
        for index in deaf[:1]
    )


def _is_about_logins(rule: Rule) -> bool:
    """It never matches what a stranger sends, so that it is no matter of kind "mx"."""
    return rule.direction is Direction.OUTBOUND or any(isinstance(each, UsersMatcher) for each in rule.when)


def _client_certificates(listener: Listener, index: int) -> str:
    own = listener.client_certificates is not None
    return f"listener[{index}].client_certificates" if own else "tls.server.client_certificates"


_NOBODY_ASKS = 'no listener asks for certificates: client_certificates is "ignore" everywhere'


def cautions(configuration: Configuration, now: float) -> tuple[ConfigurationError, ...]:
    """What is permitted and probably not meant; told, not refused.  `now` in seconds since the epoch."""
    found = []
    asked = [each.asks_for(configuration.tls_server.client_certificates) for each in configuration.listeners]
    for index, listener in enumerate(configuration.listeners):
        if listener.kind is ListenerKind.MX and listener.tls in (ListenerTls.REQUIRED, ListenerTls.IMPLICIT):
            found.append(
                ConfigurationError(
                    f"listener[{index}].tls",
                    f'"{listener.tls.value}" on kind "mx": servers that know no TLS cannot send mail here (RFC 3207 4)',
                )
            )
        if listener.kind is ListenerKind.SUBMISSION and configuration.users.file == "off":
            what = "without users.file nobody can log in, and only [relay] networks can send"
            found.append(ConfigurationError(f"listener[{index}].kind", what))
        if listener.kind is ListenerKind.MX and asked[index] is ClientCertificates.REQUIRE:
            what = '"require" on kind "mx": servers without a certificate cannot send mail here (RFC 3207 4)'
            found.append(ConfigurationError(_client_certificates(listener, index), what))
    if configuration.relay.certificates and not any(each is not ClientCertificates.IGNORE for each in asked):
        found.append(ConfigurationError("relay.certificates", _NOBODY_ASKS))
    for index, network in enumerate(configuration.relay.networks):
        if network.prefixlen == 0:
            found.append(ConfigurationError(f"relay.networks[{index}]", f"{network}: anyone may relay through here"))
    for index, route in enumerate(configuration.routes):
        if route.domain == "*" and route.is_local:
            found.append(
                ConfigurationError(
                    f"route[{index}].domain", '"*" is local: mail for every domain is taken and kept here'
                )
            )
    if configuration.tls_client.lowest_rung == Rung.LEGACY.value:
        found.append(ConfigurationError("tls.client.lowest_rung", '"legacy": TLS 1.0 and 1.1 are out of date'))
    if configuration.rulebook is not None:
        found += rule_cautions(configuration.rulebook, configuration.routes, now)
        found += proof_cautions(configuration.rulebook)
    return tuple(found)
