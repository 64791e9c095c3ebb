"""Relay control (pure): the only place that decides where clients may send.

Mail for local and relay domains is accepted from anyone; mail for all others only from `[relay] networks`, from clients
with one of `[relay] certificates`, and from logins if `[relay] authenticated_users` is set.  There is no other
permission, so a default configuration is no open relay.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Self

import attrs

from fopemta.address.ip import Network, in_networks
from fopemta.address.mailbox import Mailbox
from fopemta.address.written import names_of
from fopemta.mail.envelope import TlsSession
from fopemta.mail.reply import Reply
from fopemta.policy.client_identity import is_one_of
from fopemta.routing.route import Route
from fopemta.routing.routes import is_local, route_for
from fopemta.settings.key import About, key
from fopemta.settings.place import array
from fopemta.settings.quantities import yes_or_no
from fopemta.settings.words import certificate_identity, network, pattern
from fopemta.trust.evidence import ClientCertificate

# Characters that older systems read as a route to another address inside the local part.
_ROUTING_CHARACTERS = frozenset("@%!")

_ROUTE_IN_ADDRESS = Reply.of(550, "5.7.1", "Relaying denied: addresses with a route in them are not passed on")
_NOT_YOUR_QUEUE = Reply.of(459, "4.7.1", "You may not ask for that domain")
_RELAYING_DENIED = Reply.of(550, "5.7.1", "Relaying denied: this server does not handle mail for that domain")


@attrs.frozen(kw_only=True)
class Relay:
    """[relay]"""

    about: ClassVar[About] = About(airy=True)

    networks: tuple[Network, ...] = key(
        array(network), [], "Networks and addresses that may send anywhere. None, unless you say so."
    )
    certificates: tuple[str, ...] = key(
        array(certificate_identity),
        [],
        "Names or SHA-256 fingerprints (of certificate or key) of client certificates that permit it, too; a name "
        "counts only in a verified one. A listener must ask for certificates then (`[tls.server] "
        "client_certificates`).",
    )
    domains: tuple[str, ...] = key(
        array(pattern),
        [],
        'Domains whose mail is accepted from anyone and relayed by its `[[route]]` or MX; `"*.example.org"` for '
        'sub-domains, `"@example.org"` for both. Addresses with a route in them (`%`, `!`, `@` in the local part) are '
        "refused.",
    )
    authenticated_users: bool = key(yes_or_no, True, "Whether logged-in users may send anywhere.")


@attrs.frozen
class Admission:
    """The settings that decide.  `postmaster` is always reachable."""

    networks: tuple[Network, ...]
    domains: Collection[str]
    routes: tuple[Route, ...]
    postmaster: Mailbox
    certificates: tuple[str, ...] = ()

    @classmethod
    def of(cls, relay: Relay, routes: tuple[Route, ...], postmaster: Mailbox) -> Self:
        """Make it from these sections of a configuration."""
        return cls(relay.networks, frozenset(relay.domains), routes, postmaster, relay.certificates)

    def may_relay(self, client: str) -> bool:
        """Whether the client's address is in `[relay] networks`; false for invalid addresses."""
        return in_networks(client, self.networks)

    def has_certificate(self, tls: TlsSession | None) -> bool:
        """Whether the session's client has presented one of `[relay] certificates`."""
        return tls is not None and tls.client is not None and is_one_of(tls.client, self.certificates)

    def judge_recipient(self, recipient: Mailbox, may_relay: bool) -> Reply | None:
        """None if mail for `recipient` is accepted, else the refusal."""
        if may_relay or recipient == self.postmaster or is_local(recipient.domain, self.routes):
            return None
        if not names_domain(self.domains, recipient.domain):
            return _RELAYING_DENIED
        # "user%elsewhere@customer": we would pass it on unchanged, and the customer's server, which trusts us, might
        # send it elsewhere: an open relay in two steps.
        return _ROUTE_IN_ADDRESS if _ROUTING_CHARACTERS.intersection(recipient.local_part) else None

    def judge_flush(
        self, domain: str, client: str, login: str | None = None, certificate: ClientCertificate | None = None
    ) -> Reply | None:
        """The refusal if the client may not start the queue of `domain` (RFC 1985), else None.  Permitted are the
        networks, logins and certificates in its route, and relay networks; only for our own domains, since for others
        the reply would reveal who writes to whom.
        """
        route = route_for(domain, self.routes)
        ours = names_domain(self.domains, domain) or route.domain not in ("*",)
        permitted = (
            in_networks(client, (*route.etrn, *self.networks))
            or login in route.etrn_logins
            or (certificate is not None and is_one_of(certificate, route.etrn_certificates))
        )
        return None if ours and permitted else _NOT_YOUR_QUEUE


def names_domain(patterns: Collection[str], domain: str) -> bool:
    """Whether one of `patterns` names `domain` (see `address.written`)."""
    return any(name in patterns for name in names_of(domain))
