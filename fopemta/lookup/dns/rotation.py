"""The name servers in the order to ask them, with a memory of those that did not answer (shell: tells the log)."""

from __future__ import annotations

from collections.abc import Sequence

from fopemta import maillog
from fopemta.lookup.dns.exchange import Server, text_of

# A server that failed goes to the end of the line for so long.
REST = 30.0


class Rotation:
    """`servers` as configured, best first.  `now` is the reactor's time throughout."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = tuple(servers)
        self._failing: dict[Server, float] = {}

    def in_order(self, now: float) -> list[Server]:
        """All of them: first those believed to work, as configured, then those that rest."""
        return sorted(self._servers, key=lambda server: self._failing.get(server, now) > now)

    def failed(self, server: Server, why: str, now: float) -> None:
        """It could not be asked, or did not answer.  (SERVFAIL is an answer: it blames the domain, not the server.)"""
        if server not in self._failing:
            maillog.name_server_failing(text_of(server), why)
        self._failing[server] = now + REST

    def answered(self, server: Server) -> None:
        """It works."""
        if self._failing.pop(server, None) is not None:
            maillog.name_server_works_again(text_of(server))
