"""The files that an operator writes for a setup."""

from __future__ import annotations

import datetime
import json

from tests.simulation.inputs import HOSTNAME, LOCAL, RELAYED, Route, Rule, Setup, When
from tests.users.accounts import ALICE_HASH

USERS = f"alice password={ALICE_HASH} sender=@{LOCAL}\n"

_MAIN = """
rules = "rules.toml"
[node]
hostname = "{hostname}"
postmaster = "postmaster@{local}"
spool = "/spool"
state = "state"
[[listener]]
endpoint = "tcp:25"
tls = "off"
[[listener]]
endpoint = "tcp:587"
kind = "submission"
tls = "required"
[tls.server]
certificates = [{{ chain = "here.pem", key = "here.key" }}]
client_roots = "ours.pem"
[tls.client]
roots = "ours.pem"
[fetch]
probe = "off"
[dns]
nameservers = ["127.0.0.1:53"]
[relay]
networks = {networks}
domains = ["{relayed}"]
[users]
file = "users"
[aliases]
file = "aliases"
[control]
socket = "control.sock"
[log]
text = "off"
[delivery]
connections = {connections}
connections_per_destination = {connections_per_destination}
messages_per_connection = {messages_per_connection}
[delivery.timeouts]
connect = "10s"
greeting = "20s"
handshake = "10s"
helo = "20s"
mail = "20s"
rcpt = "20s"
data = "20s"
block = "20s"
final = "40s"
[retry]
first = "20s"
factor = 2
longest = "3m"
lifetime = "20m"
warn_after = "{warn_after}"
[limits]
spool_free = 1
connections_per_client = 0
[[route]]
domain = "{local}"
via = "maildir:mail/{{local_part}}"
{routes}
"""


def files(setup: Setup, begin: float) -> dict[str, str]:
    """By name; `begin` is the beginning of the scenario on the clock on the wall."""
    return {
        "fopemta.toml": _MAIN.format(
            hostname=HOSTNAME,
            local=LOCAL,
            relayed=RELAYED,
            networks=json.dumps(setup.networks),
            connections=setup.connections,
            connections_per_destination=setup.connections_per_destination,
            messages_per_connection=setup.messages_per_connection,
            warn_after="off" if setup.warn_after is None else f"{setup.warn_after:.0f}s",
            routes="\n".join(_route(each) for each in setup.routes),
        ),
        "rules.toml": "\n".join(_rule(each, begin) for each in setup.rules),
        "aliases": "".join(f"{name}: {', '.join(targets)}\n" for name, targets in setup.aliases),
    }


def _route(route: Route) -> str:
    lines = ["[[route]]", f'domain = "{route.domain}"', f'via = "smtp:{route.host}"' if route.host else 'via = "mx"']
    if route.tls:
        lines.append(f'tls = "{route.tls}"')
        lines.append(f"names = {_names(route.names)}")
    return "\n".join(lines)


def _rule(rule: Rule, begin: float) -> str:
    lines = ["[[rule]]", f'name = "{rule.name}"', f'mode = "{rule.mode}"']
    if rule.direction:
        lines.append(f'direction = "{rule.direction}"')
    if rule.expires is not None:
        moment = datetime.datetime.fromtimestamp(begin + rule.expires, datetime.UTC)
        lines.append(f"expires = {moment:%Y-%m-%dT%H:%M:%SZ}")
    lines += ['owner = "somebody"', 'reason = "a seed"']
    for word, when in (("when", rule.when), ("unless", rule.unless)):
        if when != When():
            lines.append(f"{word} = {_when(when)}")
    lines.append(f"then = {{ {', '.join(_then(rule))} }}")
    return "\n".join(lines)


def _when(when: When) -> str:
    found = [
        f"{name} = {json.dumps(getattr(when, name))}"
        for name in ("senders", "recipients", "clients", "users")
        if getattr(when, name)
    ]
    found += [f'{name} = ["{getattr(when, name)}"]' for name in ("subject", "body") if getattr(when, name)]
    found += [f"{name} = {getattr(when, name)}" for name in ("size_over", "recipients_over") if getattr(when, name)]
    return "{ " + ", ".join(found) + " }"


def _then(rule: Rule) -> list[str]:
    found = [f'action = "{rule.action}"']
    if rule.action == "force_tls":
        found += [
            f"opportunistic_for_unspecified = {'true' if rule.optional else 'false'}",
            f'level = "{rule.level}"',
            f"names = {_names(rule.names)}",
            f'lowest_rung = "{rule.lowest_rung}"',
            f'hold = "{rule.hold:.0f}s"',
            f'report = "{"bare" if rule.bare else "headers"}"',
        ]
        found += ['roots = "other.pem"'] if rule.roots else []
    if rule.action == "allow_weaker":
        found.append(f'level = "{rule.level}"')
    if rule.action in ("redirect", "bcc"):
        found.append(f'to = ["{rule.to}"]')
    if rule.action == "add_header":
        found += ['name = "X-Rule"', f'value = "{rule.name}"']
    if rule.action == "route":
        found.append(f'via = "smtp:{rule.host}"')
    return found


def _names(names: str) -> str:
    return f'"{names}"' if names in ("mx", "domain") else f'["{names}"]'
