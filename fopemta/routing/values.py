"""The results of routing: the next hop of a recipient, the hosts of a next hop, or why there are none (pure)."""

from __future__ import annotations

import attrs

from fopemta.routing.route import Route
from fopemta.trust.diagnosis import Diagnosis


@attrs.frozen(cache_hash=True)  # hashed a dozen times for each message
class NextHop:
    """The destination that recipients share: the same `route`, and the same `domain` if the route looks up MX.

    Hashable: the queue groups recipients and counts connections by it.
    """

    domain: str
    route: Route

    @property
    def word(self) -> str:
        """Its form in logs and listings: a domain, "smtp:host:port" or "maildir:path"."""
        return self.route.word or self.domain


@attrs.frozen
class Host:
    """One host to try.  `name` in canonical form is for SNI and certificates; None for a bare address.

    `addresses` are IP addresses as text in the order to try, `port` a TCP port, `proven_by` what authenticated the name
    (None, "dnssec", "rule").
    """

    name: str | None
    addresses: tuple[str, ...]
    port: int
    proven_by: str | None = None

    @property
    def word(self) -> str:
        """Its form in logs."""
        return self.name or self.addresses[0]


@attrs.frozen
class RoutingFailure:
    """Why no host can be tried.  `permanent` ends the recipient at once; `code` and `enhanced` agree with it."""

    permanent: bool
    code: int
    enhanced: str
    diagnosis: Diagnosis
    text: str
