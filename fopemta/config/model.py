"""The configuration as frozen values (pure): every key, its default and what it means.

`etc/fopemta.toml` shows the same keys and defaults; a test holds the two together.  Durations are seconds, sizes are
octets, paths are as written (relative ones are resolved against the file's folder by `config.load`).
"""

from __future__ import annotations

import enum

import attrs

from fopemta.address.ip import Network
from fopemta.address.mailbox import Mailbox
from fopemta.mime.flaws import BOUNDS, ContentBounds
from fopemta.policy.admission import Relay
from fopemta.policy.blocklist import Blocklist
from fopemta.policy.earlier import Earlier
from fopemta.policy.rulebook import Rulebook
from fopemta.retry.settings import Retry
from fopemta.routing.route import Route
from fopemta.smtp.session_rules import Lenient
from fopemta.smtp.transaction import BareLineEnds, Nul
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.plan import CertificateFiles
from fopemta.trust.server_offer import ServerProfile

MIB = 1024 * 1024

# What an endpoint behind a proxy begins with.
PROXIED = "haproxy:"


class ListenerKind(enum.Enum):
    """What a listener is for."""

    MX = "mx"
    SUBMISSION = "submission"


class ListenerTls(enum.Enum):
    """TLS on a listener: never, on request, before any mail, from the first byte."""

    OFF = "off"
    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"
    IMPLICIT = "implicit"


class ClientCertificates(enum.Enum):
    """Whether a client is asked for a certificate, and what becomes of one that shows none."""

    IGNORE = "ignore"
    REQUEST = "request"
    REQUIRE = "require"


class ClientEku(enum.Enum):
    """What the extended key usage of a client's certificate must name (RFC 5280 4.2.1.12)."""

    ANY = "any"
    STRICT = "strict"


class ServerVersion(enum.Enum):
    """Versions of TLS that listeners can begin with; the value is OpenSSL's name."""

    TLS_1_2 = "TLSv1.2"
    TLS_1_3 = "TLSv1.3"


class LogLevel(enum.Enum):
    """How much is logged: every fact about mail, or every connection too."""

    INFO = "info"
    DEBUG = "debug"


@attrs.frozen(kw_only=True)
class Node:
    """[node]  `banner` follows the host name in the greeting.  `postmaster` is a mailbox of a local domain."""

    hostname: str
    postmaster: Mailbox
    banner: str = "ESMTP fopemta"
    spool: str = "../var/spool"
    state: str = "../var/state"


@attrs.frozen(kw_only=True)
class Listener:
    """[[listener]]  `endpoint` is a Twisted server endpoint string.

    `bare_newlines` is what becomes of a CR or LF alone in a message; the other of the two for clients in
    `bare_newlines_except`.  `nul` is what becomes of NUL characters from strangers; those of clients who are known are
    removed.  `lenient`: from whom addresses are taken that lack brackets, or senders' that lack a domain.  `without`
    are ESMTP extensions that are not offered.  `tell_client`: the Received header names the client and its address.
    `client_certificates`, `profile`, `suites` and `groups` come before those of [tls.server]; None and () stand for
    them, and a profile comes before the lists there, too.  `proxies` are the networks of those whose PROXY header is
    believed, for an endpoint "haproxy:..."; `xclient` of those who may speak for others by XCLIENT.  `blocklists` are
    asked about each client; `banner_delay` seconds before the greeting, in which nobody may speak.
    """

    endpoint: str
    kind: ListenerKind = ListenerKind.MX
    tls: ListenerTls = ListenerTls.OPPORTUNISTIC
    bare_newlines: BareLineEnds = BareLineEnds.NORMALISE
    bare_newlines_except: tuple[Network, ...] = ()
    nul: Nul = Nul.REJECT
    lenient: Lenient = Lenient.TRUSTED
    without: tuple[str, ...] = ()
    tell_client: bool = True
    client_certificates: ClientCertificates | None = None
    profile: ServerProfile | None = None
    suites: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    proxies: tuple[Network, ...] = ()
    xclient: tuple[Network, ...] = ()
    blocklists: tuple[Blocklist, ...] = ()
    banner_delay: float = 0.0

    def asks_for(self, usual: ClientCertificates) -> ClientCertificates:
        """What it wants of clients' certificates, `usual` as [tls.server] has it."""
        return self.client_certificates or usual

    @property
    def proxied(self) -> bool:
        """A proxy's header comes first."""
        return self.endpoint.startswith(PROXIED)

    @property
    def own_endpoint(self) -> str:
        """The endpoint without what stands for the proxy."""
        return self.endpoint.removeprefix(PROXIED)


@attrs.frozen(kw_only=True)
class TlsServer:
    """[tls.server]  Without `certificates` a self-signed one is made at first start and kept in [node] state.

    `client_certificates` for listeners that do not say otherwise; `client_roots` is "system" or the path of a PEM file,
    whom to trust about clients.  `client_eku` "any" takes a certificate that is for servers only as naming an MTA, too.
    `lowest` is the oldest version of TLS that is spoken, `profile` says with which suites and groups;
    `suites` and `groups` come before it where they are not empty.
    """

    certificates: tuple[CertificateFiles, ...] = ()
    client_certificates: ClientCertificates = ClientCertificates.IGNORE
    client_roots: str = "system"
    client_eku: ClientEku = ClientEku.ANY
    lowest: ServerVersion = ServerVersion.TLS_1_2
    profile: ServerProfile = ServerProfile.INTERNET_NL
    suites: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Fetch:
    """[fetch]  What is fetched over HTTP: through `proxy` ("off" or a URL), for at most `timeout` seconds and `largest`
    octets.  `probe` is the URL of a small CRL that is fetched to see whether any can be, or "off".
    """

    proxy: str = "off"
    probe: str = "http://x1.c.lencr.org/"
    timeout: float = 60.0
    largest: int = 32_000_000


@attrs.frozen(kw_only=True)
class Dns:
    """[dns]  `nameservers` are (address, port); empty means those of /etc/resolv.conf.  `timeout` for one question;
    an answer of more than `records` counts as none.
    """

    nameservers: tuple[tuple[str, int], ...] = ()
    timeout: float = 10.0
    records: int = 300


@attrs.frozen(kw_only=True)
class Users:
    """[users]  `file` is the path of the user file or "off"; with `scram`, SCRAM-SHA-256 is offered, too, and of each
    new password a verifier for it is kept.
    """

    file: str = "off"
    scram: bool = False


@attrs.frozen(kw_only=True)
class Control:
    """[control]  `socket` is the path at which commands reach the running server, or "off"."""

    socket: str = "../var/control.sock"


@attrs.frozen(kw_only=True)
class AliasFile:
    """[aliases]  `file` is the path of the aliases of local domains, or "off"."""

    file: str = "off"


@attrs.frozen(kw_only=True)
class DeliveryTimeouts:
    """[delivery.timeouts]  Seconds to wait for each step (RFC 5321 4.5.3.2); `total` for one connection to a host."""

    connect: float = 30.0
    greeting: float = 300.0
    handshake: float = 60.0
    helo: float = 300.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0
    final: float = 600.0
    quit: float = 5.0


@attrs.frozen(kw_only=True)
class Delivery:
    """[delivery]  `connections` in all and to one destination at a time; `messages_per_connection` at most.
    `rate_per_destination` deliveries a minute to one destination, 0 for no limit.  Connections come from the first of
    `source_addresses` that is of the family in use.  To addresses in `private` mail goes although they are not public,
    when an MX or an address literal names them.  Of the text of a server's reply at most `reply_text` characters are
    kept for each recipient.
    """

    port: int = 25
    private: tuple[Network, ...] = ()
    connections: int = 200
    connections_per_destination: int = 20
    messages_per_connection: int = 100
    source_addresses: tuple[str, ...] = ()
    rate_per_destination: int = 0
    reply_text: int = 1024
    timeouts: DeliveryTimeouts = DeliveryTimeouts()


@attrs.frozen(kw_only=True)
class LimitTimeouts:
    """[limits.timeouts]  Inbound: seconds for a command, for a handshake, for each KiB of a message, and for a whole
    session.
    """

    command: float = 300.0
    handshake: float = 60.0
    data: float = 180.0
    session: float = 3600.0


@attrs.frozen(kw_only=True)
class Limits:
    """[limits]  `message_size` octets of one message; `recipients` of one transaction; `connections` at a time;
    `errors` before a client is cut off; `spool_free` octets that the spool keeps free besides one message.
    `connections_per_client` at a time, and what one client may do in a minute, 0 for no limit; a client is an IPv4
    network of `client_ipv4` bits or an IPv6 one of `client_ipv6`, those in [relay] networks excepted.  `commands` of a
    session without a message.  `message_size` 0 is no limit.  `etrn_interval` seconds at least between two
    runs of a domain's queue that a client may start.  `hops` Received headers at most, 0 for no limit (RFC
    5321 6.3: at least 100).  `content`: how much of a message is read for rules.
    """

    message_size: int = 150_000_000
    hops: int = 100
    recipients: int = 1000
    connections: int = 2000
    connections_per_client: int = 50
    client_ipv4: int = 32
    client_ipv6: int = 64
    connections_per_minute: int = 0
    messages_per_minute: int = 0
    recipients_per_minute: int = 0
    handshakes_per_minute: int = 0
    commands: int = 1000
    errors: int = 20
    etrn_interval: float = 60.0
    spool_free: int = 256_000_000
    timeouts: LimitTimeouts = LimitTimeouts()
    content: ContentBounds = BOUNDS


@attrs.frozen(kw_only=True)
class Log:
    """[log]  `text` and `json` are paths or "stdout" or "off"; `level` is the least that is written."""

    text: str = "stdout"
    json: str = "off"
    level: LogLevel = LogLevel.INFO


@attrs.frozen(kw_only=True)
class Workers:
    """[workers]  `count` processes that carry mail; with 1 there is no other."""

    count: int = 1

    def share(self, number: int) -> int:
        """What each has of `number`: one at least, nothing of 0."""
        return -(-number // self.count)


@attrs.frozen(kw_only=True)
class Configuration:
    """The whole of fopemta.toml."""

    node: Node
    listeners: tuple[Listener, ...]
    tls_server: TlsServer = TlsServer()
    tls_client: TlsClient = attrs.field(factory=TlsClient)
    dns: Dns = Dns()
    fetch: Fetch = Fetch()
    relay: Relay = attrs.field(factory=Relay)
    users: Users = Users()
    aliases: AliasFile = AliasFile()
    control: Control = Control()
    routes: tuple[Route, ...] = ()
    delivery: Delivery = Delivery()
    retry: Retry = attrs.field(factory=Retry)
    limits: Limits = Limits()
    log: Log = Log()
    workers: Workers = Workers()
    # The path of the rules, and what stands there: read by whoever reads this file.
    rules: str | None = None
    rulebook: Rulebook | None = None
    rules_text: str = ""
    # Rules that were in force before, which mail in the queue keeps to; None where nobody has said which.
    earlier: tuple[Earlier, ...] | None = None
