"""One listener's factory (shell)."""

from __future__ import annotations

from typing import Any

from twisted.mail.smtp import SMTPFactory

from fopemta.config.model import Configuration, Listener
from fopemta.inbound.context import InboundContext, InboundServices
from fopemta.inbound.protocol import InboundProtocol
from fopemta.inbound.sessions import Sessions


class InboundFactory(SMTPFactory):
    """Builds one InboundProtocol per connection of `listener`.

    The stock SMTP protocols are not used: they run what is queued behind STARTTLS, reorder pipelined replies and leave
    DATA on an over-long line.
    """

    noisy = False

    def __init__(self, listener: Listener, config: Configuration, services: InboundServices) -> None:
        super().__init__(portal=None)  # type: ignore[no-untyped-call]  # Twisted's mail is not typed
        # Always set: the stock default asks DNS for our own name.
        self.domain = config.node.hostname.encode("ascii")
        self.timeout = config.limits.timeouts.command  # type: ignore[assignment]  # seconds, whole or not
        self.context = InboundContext(listener, config, services)
        self.sessions = Sessions(services.clock)

    def buildProtocol(self, addr: Any) -> Any:
        """A protocol for a new connection; where there are too many, it says so and closes."""
        return InboundProtocol(self, self.sessions)

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` from now on; what a session was told at its beginning stays as it is."""
        self.context = self.context.under(config)

    def distrust(self) -> None:
        """What clients' certificates have proven counts no more: sessions that rest on one end."""
        self.sessions.distrust()
