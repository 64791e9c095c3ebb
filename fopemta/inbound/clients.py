"""Limits on clients, over all listeners together (shell).

Clients in `[relay] networks` are not limited.
"""

from __future__ import annotations

from collections import Counter

from twisted.internet.interfaces import IReactorTime

from fopemta.config.model import Configuration
from fopemta.mail.reply import Reply
from fopemta.policy.rates import Rate, client_network

# RFC 5321 3.8: 421 announces that we close.  RFC 3463: X.7.x is policy; X.3.2, for all clients together, the system.
_TOO_MANY_OF_YOURS = Reply.of(421, "4.7.0", "Too many connections from your network, please try again later")
_TOO_OFTEN = Reply.of(421, "4.7.0", "You connect too often, please try again later")
# The session stays open and MAIL may be repeated later: 450 and not 451, after which some clients back off from the
# host.
_TOO_MANY_MESSAGES = Reply.of(450, "4.7.1", "You send too many messages, please try again later")
# RFC 5321 4.5.3.1.10: the accepted recipients get the message, the client sends the others later.
_TOO_MANY_RECIPIENTS = Reply.of(452, "4.5.3", "You send to too many recipients, please try again later")
# RFC 1985 5.3.8
_FLUSHED_LATELY = Reply.of(458, "4.7.0", "The queue for that domain was started a moment ago, please wait a little")
# RFC 3207 4: the session goes on in the clear where that is allowed.
_TOO_MANY_HANDSHAKES = Reply.of(454, "4.7.0", "TLS is not available for the moment: you begin it too often")


class Clients:
    """Counts by client network; `clock` is steady."""

    def __init__(self, config: Configuration, clock: IReactorTime) -> None:
        self._clock = clock
        self._open: Counter[str] = Counter()
        # Read only at start: present clients have been counted by these.
        self._widths = (config.limits.client_ipv4, config.limits.client_ipv6)
        self._connections = self._messages = self._recipients = self._handshakes = Rate(0)
        # When the queue of a domain was started last; only domains permitted for ETRN, so there are few.
        self._flushed: dict[str, float] = {}
        self.reconfigure(config)

    def reconfigure(self, config: Configuration) -> None:
        """Use these limits from now on; where one has changed, its count starts again."""
        limits, share = config.limits, config.workers.share
        self._etrn_interval = limits.etrn_interval
        self._connections_per_client = share(limits.connections_per_client)
        self._connections = _rate(self._connections, share(limits.connections_per_minute))
        self._messages = _rate(self._messages, share(limits.messages_per_minute))
        self._recipients = _rate(self._recipients, share(limits.recipients_per_minute))
        self._handshakes = _rate(self._handshakes, share(limits.handshakes_per_minute))

    def _network(self, client: str) -> str:
        return client_network(client, *self._widths)

    def connecting(self, client: str, trusted: bool) -> Reply | None:
        """A client has connected; it counts until `gone`, unless it is refused here."""
        network = self._network(client)
        if not trusted:
            if 0 < self._connections_per_client <= self._open[network]:
                return _TOO_MANY_OF_YOURS
            if not self._connections.take(network, self._clock.seconds()):
                return _TOO_OFTEN
        self._open[network] += 1
        return None

    def gone(self, client: str) -> None:
        """An admitted client has left."""
        network = self._network(client)
        self._open[network] -= 1
        if not self._open[network]:
            del self._open[network]

    def handshake(self, client: str) -> Reply | None:
        """The refusal of a TLS handshake, which costs us more than the client; None if it may begin."""
        return self._once(self._handshakes, client, _TOO_MANY_HANDSHAKES)

    def flush(self, domain: str) -> Reply | None:
        """The refusal if the queue of `domain` was started recently, by any client (RFC 1985 5.3); else None."""
        now = self._clock.seconds()
        for known in [each for each, started in self._flushed.items() if now - started >= self._etrn_interval]:
            del self._flushed[known]
        if domain in self._flushed:
            return _FLUSHED_LATELY
        self.flushed(domain)
        return None

    def flushed(self, domain: str) -> None:
        """The queue of `domain` was started just now, perhaps in another process."""
        self._flushed[domain] = self._clock.seconds()

    def message(self, client: str) -> Reply | None:
        """The refusal of a new message; None if it may begin."""
        return self._once(self._messages, client, _TOO_MANY_MESSAGES)

    def recipient(self, client: str) -> Reply | None:
        """The refusal of one more recipient; None if it is accepted."""
        return self._once(self._recipients, client, _TOO_MANY_RECIPIENTS)

    def _once(self, rate: Rate, client: str, refusal: Reply) -> Reply | None:
        return None if rate.take(self._network(client), self._clock.seconds()) else refusal


def _rate(current: Rate, limit: int) -> Rate:
    return current if current.limit == limit else Rate(limit)
