"""The order in which name servers are asked, with back-off for those that failed (shell: it logs)."""

from __future__ import annotations

from collections.abc import Sequence

from fopemta import maillog
from fopemta.lookup.dns.exchange import Server, text_of

# Seconds for which a server that failed is asked last.
REST = 30.0


class Rotation:
    """`servers` as configured, best first.  All times are the reactor's."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = tuple(servers)
        self._failing: dict[Server, float] = {}

    def in_order(self, now: float) -> list[Server]:
        """All servers: first the working ones, as configured, then those in back-off."""
        return sorted(self._servers, key=lambda server: self._failing.get(server, now) > now)

    def failed(self, server: Server, why: str, now: float) -> None:
        """Report that it could not be asked, or did not answer.  (SERVFAIL is an answer: the domain is at fault, not
        the server.)
        """
        if server not in self._failing:
            maillog.name_server_failing(text_of(server), why)
        self._failing[server] = now + REST

    def answered(self, server: Server) -> None:
        """Report that it works."""
        if self._failing.pop(server, None) is not None:
            maillog.name_server_works_again(text_of(server))
