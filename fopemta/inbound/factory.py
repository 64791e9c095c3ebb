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

    Twisted's SMTP protocols are not used: they execute what is pipelined after STARTTLS, reorder pipelined replies and
    leave DATA on an over-long line.
    """

    noisy = False

    def __init__(self, listener: Listener, config: Configuration, services: InboundServices) -> None:
        super().__init__(portal=None)  # type: ignore[no-untyped-call]  # Twisted's mail is not typed
        # Always set: the default would look up our own name in DNS.
        self.domain = config.node.hostname.encode("ascii")
        self.timeout = config.limits.timeouts.command  # type: ignore[assignment]  # seconds, whole or not
        self.context = InboundContext(listener, config, services)
        self.sessions = Sessions(services.clock)

    def buildProtocol(self, addr: Any) -> Any:
        """A protocol for a new connection; if there are too many, it says so and closes."""
        return InboundProtocol(self, self.sessions)

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` from now on; what a session was told at its beginning stays."""
        self.context = self.context.under(config)

    def distrust(self) -> None:
        """Client certificates must be verified again: end the sessions that rely on one."""
        self.sessions.distrust()
