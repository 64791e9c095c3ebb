"""The configuration as frozen values (pure): every key with its default, its reader, and what there is to say of it.

A section's class stands here, beside this module, or in the room that works with it; what a key is: `settings.key`.
Durations are seconds, sizes are octets, relative paths are resolved against the file's folder by `config.load`.
"""

from __future__ import annotations

import enum
from typing import ClassVar

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.config.example_entries import LISTENERS, ROUTES
from fopemta.config.limits import Limits, LimitTimeouts
from fopemta.config.listener import (
    ClientCertificates,
    ClientEku,
    Listener,
    ListenerKind,
    ListenerTls,
    ServerVersion,
    TlsServer,
)
from fopemta.config.sending import Delivery, DeliveryTimeouts, Dns, Fetch
from fopemta.policy.admission import Relay
from fopemta.policy.earlier import Earlier
from fopemta.policy.rulebook import Rulebook
from fopemta.retry.settings import Retry
from fopemta.routing.route import Route
from fopemta.settings import words
from fopemta.settings.key import REQUIRED, About, key, table, tables
from fopemta.settings.quantities import whole, yes_or_no
from fopemta.settings.words import domain, path, words_of
from fopemta.trust.client_settings import TlsClient

__all__ = [
    "AliasFile", "ClientCertificates", "ClientEku", "Configuration", "Control", "Delivery", "DeliveryTimeouts", "Dns",
    "Fetch", "LimitTimeouts", "Limits", "Listener", "ListenerKind", "ListenerTls", "Log", "LogLevel", "Node",
    "ServerVersion", "TlsServer", "UserSettings", "Workers",
]  # fmt: skip


class LogLevel(enum.Enum):
    """How much is logged: every fact about mail, or every connection too."""

    INFO = "info"
    DEBUG = "debug"


@attrs.frozen(kw_only=True)
class Node:
    """[node]"""

    about: ClassVar[About] = About(airy=True)

    hostname: str = key(
        domain,
        REQUIRED,
        "The name in the greeting, in EHLO and in Received; in the Internet, the host name that your address resolves "
        "to.",
        given="mail.localhost",
        start=True,
    )
    postmaster: Mailbox = key(
        words.postmaster,
        REQUIRED,
        "Where mail for postmaster goes, here and at every domain of ours; its domain needs a route to a Maildir (RFC "
        "5321 4.5.1).",
        given="postmaster@localhost",
    )
    banner: str = key(words.banner, "ESMTP fopemta", "Follows the host name in the greeting.")
    spool: str = key(
        path(),
        "../var/spool",
        "Accepted mail that is not delivered yet; one process at a time, and not where any user may write.",
        see="spool.md",
        start=True,
    )
    state: str = key(
        path(),
        "../var/state",
        "What fopemta makes and keeps for itself, such as the self-signed certificate and the rules last in force; it "
        "belongs to the spool.",
        start=True,
    )
    drop: str = key(
        path("off"),
        "off",
        "Where fopemta-sendmail leaves messages for the server, also while that does not run; any user of the machine "
        'may put some there, and every folder on the way must let them pass. `"off"`: there is no such folder.',
        see="sendmail.md",
        given="../var/drop",
        start=True,
    )


@attrs.frozen(kw_only=True)
class UserSettings:
    """[users]"""

    file: str = key(
        path("off"),
        "off",
        "Who may log in, and as whom they may write; `fopemta users add NAME` makes it. The file is read anew when it "
        'changes. `"off"`: nobody.',
        see="users.md",
        given="../var/users",
        decides=True,
        start=True,
    )
    scram: bool = key(
        yes_or_no,
        False,
        "Whether SCRAM-SHA-256 is offered besides PLAIN and LOGIN, for users whose password was set while this was "
        "true: `fopemta users` keeps a verifier for it then.",
        start=True,
    )


@attrs.frozen(kw_only=True)
class AliasFile:
    """[aliases]"""

    file: str = key(
        path("off"),
        "off",
        'What names at local domains stand for, as `sales: anna, bob@example.org`; read anew when it changes. `"off"`: '
        "nothing.",
        see="recipients.md",
        decides=True,
    )


@attrs.frozen(kw_only=True)
class Control:
    """[control]"""

    socket: str = key(
        path("off"),
        "../var/control.sock",
        'Where commands such as `fopemta reload` reach the running server, `"off"` for nowhere; open to the user that '
        "fopemta runs as, and root.",
        start=True,
    )


@attrs.frozen(kw_only=True)
class Workers:
    """[workers]  With one there is no other process."""

    count: int = key(
        whole(1, 64),
        1,
        "Processes that carry mail. One is best for most sites, on machines with several cores, too.",
        see="workers.md",
        start=True,
    )

    def share(self, number: int) -> int:
        """What each has of `number`: one at least, nothing of 0."""
        return -(-number // self.count)


@attrs.frozen(kw_only=True)
class Log:
    """[log]"""

    about: ClassVar[About] = About(later=frozenset({"evidence"}))

    text: str = key(
        path("stdout", "off"),
        "stdout",
        '`"stdout"`, `"off"` or a file, which SIGHUP opens anew; twistd\'s `--logfile` comes first, and a daemon has '
        "no stdout and writes `twistd.log`.",
        start=True,
    )
    json: str = key(
        path("stdout", "off"), "off", "The same with every fact of an event, one object a line.", start=True
    )
    level: LogLevel = key(
        words_of(LogLevel),
        "info",
        '`"info"`: all that concerns mail; `"debug"`: every connection and handshake, too.',
        start=True,
    )


_HEADER = """The configuration of fopemta.

This file runs as it is, without root, from a checkout: `make run`. Every key that there is stands here; one behind a \
"#" shows its default. An unknown key is an error, and all errors are told at once: `fopemta check-config`.
Durations: "90s" "5m" "24h" "5d". Sizes: 150000000 "10MB" "64KiB". Relative paths count from this file's folder.
`fopemta config show` tells what is in force.""".replace("\\\n", "")


@attrs.frozen(kw_only=True)
class Configuration:
    """The whole of fopemta.toml, in the order of the example."""

    about: ClassVar[About] = About(above=_HEADER, later=frozenset({"web"}))

    rules: str | None = key(
        path(),
        None,
        "The file of rules: what is refused, held, sent elsewhere, and what TLS is demanded for whom. Without this key "
        "there are none.",
        see="rules.md",
        decides=True,
        shown="rules.toml",
    )
    node: Node = table(Node, required=True)
    listeners: tuple[Listener, ...] = tables(Listener, *LISTENERS, name="listener", required=True, part="inbound")
    tls_server: TlsServer = table(TlsServer, name="tls.server")
    relay: Relay = table(Relay)
    users: UserSettings = table(UserSettings)
    aliases: AliasFile = table(AliasFile)
    control: Control = table(Control)
    workers: Workers = table(Workers)
    limits: Limits = table(Limits)
    routes: tuple[Route, ...] = tables(Route, *ROUTES, name="route", part="routes")
    tls_client: TlsClient = table(TlsClient, name="tls.client", part="outbound")
    fetch: Fetch = table(Fetch)
    dns: Dns = table(Dns)
    delivery: Delivery = table(Delivery)
    retry: Retry = table(Retry)
    log: Log = table(Log, part="log")
    # What stands in the file of rules: read by whoever reads this file.
    rulebook: Rulebook | None = None
    rules_text: str = ""
    # Rules that were in force before, which mail in the queue keeps to; None where nobody has said which.
    earlier: tuple[Earlier, ...] | None = None
