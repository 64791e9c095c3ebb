"""[[listener]] and [tls.server] as values (pure): where clients come in, and how TLS is spoken with them."""

from __future__ import annotations

import enum
from typing import ClassVar

import attrs

from fopemta.address.ip import Network
from fopemta.config import endpoints
from fopemta.config.endpoints import PROXIED
from fopemta.policy.blocklist import Blocklist, read_blocklist
from fopemta.settings.key import REQUIRED, About, key, section_of
from fopemta.settings.place import array
from fopemta.settings.quantities import greeting_delay, yes_or_no
from fopemta.settings.section import Tables
from fopemta.settings.words import network, one_of, path, words_of
from fopemta.smtp.extensions import OPTIONAL
from fopemta.smtp.session_rules import Lenient
from fopemta.smtp.transaction import BareLineEnds, Nul
from fopemta.trust.listener_offer import KNOWN_GROUPS, KNOWN_SUITES, ServerProfile
from fopemta.trust.plan import CertificateFiles


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


_suites = array(one_of({each: each for each in KNOWN_SUITES}, "suite"))
_groups = array(one_of({each: each for each in KNOWN_GROUPS}, "group"))


@attrs.frozen(kw_only=True)
class Listener:
    """[[listener]]  `client_certificates`, `profile`, `suites` and `groups` come before those of [tls.server]; None and
    () stand for them, and a profile comes before the lists there, too.
    """

    about: ClassVar[About] = About(later=frozenset({"auth", "require_tls"}))

    endpoint: str = key(
        endpoints.endpoint,
        REQUIRED,
        '`"tcp:PORT"`, `"tcp:PORT:interface=ADDRESS"`, `"tcp6:PORT"` for IPv6 alone (colons of an address as `\\\\:`), '
        '`"systemd:domain=INET:index=0"`: where to listen, as Twisted writes it.',
        start=True,
        above="",
    )
    kind: ListenerKind = key(
        words_of(ListenerKind), "mx", '`"mx"` for mail servers, `"submission"` for mail programs.', start=True, above=""
    )
    tls: ListenerTls = key(
        words_of(ListenerTls),
        "opportunistic",
        '`"off"`, `"opportunistic"` (STARTTLS on request), `"required"` (no mail before STARTTLS), `"implicit"` (from '
        "the first byte).",
        start=True,
    )
    bare_newlines: BareLineEnds = key(
        words_of(BareLineEnds),
        "normalise",
        'A CR or LF that stands alone in a message becomes CRLF (`"normalise"`), or has the message refused with 550 '
        '5.6.11 (`"reject"`).',
        start=True,
    )
    bare_newlines_except: tuple[Network, ...] = key(
        array(network), [], "Networks of clients to which the other of the two applies.", start=True
    )
    nul: Nul = key(
        words_of(Nul),
        "reject",
        "NUL characters are never passed on, except in BINARYMIME: they have the message refused with 550 5.6.0 "
        '(`"reject"`), or are removed (`"remove"`); from `[relay] networks` and logged-in users they are always '
        "removed.",
        start=True,
    )
    lenient: Lenient = key(
        words_of(Lenient),
        "trusted",
        "From whom to take MAIL and RCPT without angle brackets, and senders without a domain, such as root, which get "
        'that of `postmaster`: `"trusted"` (`[relay] networks` and logged-in users), `"all"` or `"none"`.',
        start=True,
    )
    without: tuple[str, ...] = key(
        array(one_of({each: each for each in sorted(OPTIONAL)}, "extension")),
        [],
        'ESMTP extensions not to be offered, for clients that stumble over them, as `["CHUNKING", "SMTPUTF8"]`.',
        start=True,
    )
    tell_client: bool = key(
        yes_or_no, True, "Whether the Received header names the client and its address.", start=True
    )
    proxies: tuple[Network, ...] = key(
        array(network),
        [],
        'Behind a proxy: networks whose PROXY header (v1, v2) is believed; the endpoint is `"haproxy:tcp:PORT"` then, '
        "and all others are cut off before anything is read.",
        start=True,
    )
    xclient: tuple[Network, ...] = key(
        array(network), [], "Networks of those that may speak for others by XCLIENT.", start=True
    )
    blocklists: tuple[Blocklist, ...] = key(
        array(read_blocklist),
        [],
        'DNS lists of unwanted clients: a zone, `"zen.example.org"`, or `{ zone = "...", codes = ["127.0.0.2"] }`; '
        "127.0.0.2 to 127.0.0.255 count unless `codes` says otherwise. A list that cannot say lets mail pass.",
        start=True,
    )
    banner_delay: float = key(
        greeting_delay,
        0,
        "How long the greeting waits, at most 2 minutes, 0 for not at all; a client that speaks before it is cut off "
        '(554 5.5.1). Not for `[relay] networks`, and not with `tls = "implicit"`, where the client speaks first.',
        start=True,
    )
    client_certificates: ClientCertificates | None = key(
        words_of(ClientCertificates),
        None,
        "As `tls.server.client_certificates`, for this listener; without it, that.",
        above="As in [tls.server], for this listener alone (shown: the default there). A profile here comes before "
        "lists there.",
        inherits="tls.server.client_certificates",
        start=True,
    )
    profile: ServerProfile | None = key(
        words_of(ServerProfile),
        None,
        "As `tls.server.profile`, for this listener, and before its lists there; without it, that.",
        above="",
        inherits="tls.server.profile",
        start=True,
    )
    suites: tuple[str, ...] = key(_suites, [], "As `tls.server.suites`, for this listener.", above="", start=True)
    groups: tuple[str, ...] = key(_groups, [], "As `tls.server.groups`, for this listener.", above="", start=True)

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
    """[tls.server]"""

    certificates: tuple[CertificateFiles, ...] = key(
        Tables(section_of(CertificateFiles)),
        [],
        "`{ chain, key }`, PEM files, one entry for each kind of key (RSA, ECDSA); without any a self-signed "
        "certificate is made at the first start and kept in `[node] state`.",
        above="PEM files: the chain holds the leaf first and then its intermediates. One entry for each kind of key "
        "(RSA, ECDSA):\n"
        '  certificates = [{ chain = "/etc/fopemta/chain.pem", key = "/etc/fopemta/key.pem" }]\n'
        "Without any, a self-signed certificate is made at the first start and kept in [node] state.",
        inline=True,
    )
    client_certificates: ClientCertificates = key(
        words_of(ClientCertificates),
        "ignore",
        'Whether clients are asked for a certificate: `"ignore"`, `"request"` (a client may show one), or `"require"` '
        "(no TLS without one).",
    )
    client_roots: str = key(
        path("system"),
        "system",
        'Whom to trust about clients\' certificates: `"system"`, a PEM file or a folder of authorities; a change of '
        "the files counts within a minute.",
        decides=True,
    )
    client_eku: ClientEku = key(
        words_of(ClientEku),
        "any",
        '`"any"`: a certificate that is for servers only names a mail server, too; `"strict"`: it must be for clients.',
    )
    lowest: ServerVersion = key(
        words_of(ServerVersion), "TLSv1.2", 'The oldest version that is spoken: `"TLSv1.2"` or `"TLSv1.3"`.'
    )
    profile: ServerProfile = key(
        words_of(ServerProfile),
        "internet.nl",
        'Which suites and groups are spoken: `"internet.nl"`, what its mail test takes; `"mail"`, besides, what only '
        'old senders need (CBC with SHA-1, RSA key transport); `"bsi"`, AES, the curves of NIST and brainpool '
        "(TR-02102-2).",
        see="trust.md#what-listeners-speak",
    )
    suites: tuple[str, ...] = key(
        _suites, [], "Suites of TLS 1.3 and 1.2 in OpenSSL's names, best first, instead of the profile's."
    )
    groups: tuple[str, ...] = key(
        _groups, [], "Groups for key exchange in OpenSSL's names, best first, instead of the profile's."
    )
