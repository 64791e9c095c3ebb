"""What a scenario consists of: plain values that the generator makes, the world carries out and the oracle reads.

Times are seconds since the beginning of the scenario.  Nothing here knows anything of fopemta.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

LOCAL, RELAYED = "here.test", "relay.test"
HOSTNAME = "mail.here.test"


@attrs.frozen(kw_only=True)
class When:
    """Conditions of a rule; empty ones ask for nothing."""

    senders: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    subject: str = ""
    body: str = ""
    size_over: int = 0
    recipients_over: int = 0


@attrs.frozen(kw_only=True)
class Rule:
    """One rule.  `names` is "mx", "domain" or a host; `roots` "" or "other"; `to` is for redirect and bcc, `host` for
    route.
    """

    name: str
    action: str
    when: When = When()
    unless: When = When()
    direction: str = ""
    mode: str = "enforce"
    expires: float | None = None
    level: str = "authenticated"
    names: str = "mx"
    roots: str = ""
    lowest_rung: str = "strong128"
    optional: bool = False
    bare: bool = False
    hold: float = 480.0
    to: str = ""
    host: str = ""


@attrs.frozen(kw_only=True)
class Route:
    """One [[route]]; `host` "" goes by MX."""

    domain: str
    host: str = ""
    tls: str = ""
    names: str = "mx"


@attrs.frozen(kw_only=True)
class Setup:
    """What the operator has written: a change of it counts once a reload has taken it up."""

    rules: tuple[Rule, ...] = ()
    routes: tuple[Route, ...] = ()
    networks: tuple[str, ...] = ("10.1.0.0/16",)
    aliases: tuple[tuple[str, tuple[str, ...]], ...] = ()
    connections: int = 50
    connections_per_destination: int = 5
    messages_per_connection: int = 100
    warn_after: float | None = None


@attrs.frozen(kw_only=True)
class Server:
    """How one mail server of others behaves from now on.  `replies` as (stage, reply); see `fopemta.testing.peers`."""

    reach: str = "up"  # "refused", "silent"
    starttls: str = "good"
    certificate: str = "good"
    suites: str = "all"  # "128", "cbc"
    replies: tuple[tuple[str, str], ...] = ()
    latency: float = 0.0


@attrs.frozen(kw_only=True)
class Message:
    """One message; `client` is "outside", "relay" or "login".  `recipients` as (address, NOTIFY or "")."""

    number: int
    client: str
    address: str
    sender: str
    recipients: tuple[tuple[str, str], ...]
    subject: str = "Lunch"
    body: str = "Hello."
    size: int = 0

    @property
    def token(self) -> str:
        """Stands in the message, in its sender and in most of its recipients: whatever bears it belongs to it."""
        return f"m{self.number}z"


# --- events ----------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Send:
    """A client hands over a message."""

    message: Message


@attrs.frozen(kw_only=True)
class Become:
    """A server behaves otherwise."""

    host: str
    server: Server


@attrs.frozen(kw_only=True)
class Reload:
    """The operator writes `setup`; `how` is "sighup", "reload" or "allow_lower", or "restart" or "crash" where the
    server begins anew with it and is told nothing before.  `before_mail` names a host: SIGHUP comes when that host has
    answered the next EHLO, so that the message meant for it has been looked at and is about to go.
    """

    setup: Setup
    how: str
    before_mail: str = ""


@attrs.frozen(kw_only=True)
class Order:
    """An order for the n-th message that was accepted: hold, release, override, retry, remove."""

    kind: str
    number: int


@attrs.frozen(kw_only=True)
class Flush:
    """What ETRN or `fopemta flush` does."""

    domain: str


@attrs.frozen(kw_only=True)
class Stop:
    """`how` is "restart" (in good order), "crash" (kill -9) or "power" (what was not flushed may be lost); the end
    comes `after` so many calls of the disk and turns of the network; `choice` says which image of the disk is left.
    """

    how: str
    after: int = 0
    choice: int = 0


@attrs.frozen(kw_only=True)
class Jump:
    """The clock on the wall is set."""

    seconds: float


Event: TypeAlias = Send | Become | Reload | Order | Flush | Stop | Jump


@attrs.frozen(kw_only=True)
class Scenario:
    """`events` as (moment, event) in order; `hosts` by domain; `segment` cuts what goes over the wire."""

    seed: int
    setup: Setup
    servers: tuple[tuple[str, Server], ...]
    domains: tuple[tuple[str, tuple[str, ...]], ...]
    events: tuple[tuple[float, Event], ...]
    segment: int | None = None
    few_waiting: bool = False
