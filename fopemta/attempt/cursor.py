"""The walk over hosts, addresses and rungs (pure): the next step, given how the last one ended.

All hosts with TLS, each down its rungs; only then plain text, from the best host on, if the plan permits it.  Every
step is a new connection.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Sequence

import attrs

from fopemta.routing.values import Host
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.handshake_failure import (
    permits_lenient_rung,
    permits_nameless_hello,
    permits_small_hello,
    permits_step_down,
)
from fopemta.trust.host_memory import Start
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback, TlsPlan
from fopemta.trust.proofs import rests_on_name
from fopemta.trust.rungs import Hello, Rung

MOST_CONNECTIONS_PER_HOST = 6
LONGEST_PER_HOST = 180.0


@attrs.frozen
class Step:
    """One connection to make.  `remembered`: the walk begins here because of what is remembered about the host."""

    host: Host
    address: str
    rung: Rung
    hello: Hello = Hello.FULL
    remembered: bool = False


class StepEnd(enum.Enum):
    """How a step ended, for the walk."""

    UNREACHABLE = "unreachable"  # no connection: try the host's next address
    HANDSHAKE_FAILED = "handshake failed"
    USED = "used"  # a session was established, was not good enough, or broke; the rest is for the next host
    FULL = "full"  # the session accepts no more, but the host does: repeat the step
    TICKET_FAILED = "ticket failed"  # a handshake that resumed a session failed: repeat it without


class Cursor:
    """Walks `hosts` under `plan`; `attempt` counts from 1 (fallback "after_deferral" needs the second).

    `start_of` says where on the ladder to begin with a remembered host; if that fails, the walk begins at the top.
    """

    def __init__(
        self,
        hosts: Sequence[Host],
        plan: TlsPlan,
        attempt: int,
        start_of: Callable[[Host], Start | None] = lambda _: None,
    ) -> None:
        self._plan = plan
        self._start_of = start_of
        self._attempt = attempt
        self._ways = deque((host, address) for host in hosts for address in host.addresses)
        self._plain: deque[tuple[Host, str]] = deque()
        self._again: Step | None = None
        self._full: Step | None = None
        self._connections: dict[Host, int] = {}
        self._began: dict[Host, float] = {}
        self._small_tried: set[str] = set()
        # Hosts where a connection was spent on outdated memory.
        self._misled: set[Host] = set()
        if not plan.tls_rungs:
            self._plain, self._ways = self._ways, deque()

    def next_step(self, now: float) -> Step | None:
        """The next step; None at the end of the walk.  `now` in seconds of any steady clock."""
        full, self._full = self._full, None
        if full is not None and self._connections[full.host] < MOST_CONNECTIONS_PER_HOST:
            return self._taken(full, now)
        again, self._again = self._again, None
        if again is not None:
            if self._may_go_on(again.host, now):
                return self._taken(again, now)
            # Memory must not keep a rung from being tried, with plain text as the consequence.
            if again.host not in self._misled:
                self._leave_for_plain(again)
        while self._ways:
            host, address = self._ways.popleft()
            if self._may_go_on(host, now):
                return self._taken(self._first(host, address), now)
        while self._plain and self._plan.plain_allowed:
            host, address = self._plain.popleft()
            # The time spent on hanging handshakes must not prevent delivery altogether.
            if self._connections.get(host, 0) < MOST_CONNECTIONS_PER_HOST:
                return self._taken(Step(host, address, Rung.PLAIN), now)
        return None

    def _first(self, host: Host, address: str) -> Step:
        start, top = self._start_of(host), Step(host, address, self._plan.tls_rungs[0])
        if start is None:
            return top
        hello = Hello.of(small=start.hello.small, named=start.hello.named or self._rests_on_name(host))
        step = attrs.evolve(top, rung=start.rung, hello=hello)
        return top if step == top else attrs.evolve(step, remembered=True)

    def ended(self, step: Step, end: StepEnd, diagnosis: Diagnosis | None = None) -> None:
        """Report how `step` ended; `diagnosis` is that of a failed handshake."""
        if end is StepEnd.TICKET_FAILED:
            self._misled.add(step.host)
            self._again = step
        elif end is StepEnd.HANDSHAKE_FAILED and step.remembered:
            self._misled.add(step.host)
            self._again = Step(step.host, step.address, self._plan.tls_rungs[0])
        elif diagnosis is not None:
            self._handshake_failed(step, diagnosis)
        elif end in (StepEnd.USED, StepEnd.FULL):
            # The host has answered: its other addresses would answer the same.
            self._ways = deque(way for way in self._ways if not _same(way[0], step.host))
            self._full = step if end is StepEnd.FULL else None

    def _handshake_failed(self, step: Step, diagnosis: Diagnosis) -> None:
        if permits_nameless_hello(diagnosis) and step.hello.named and not self._rests_on_name(step.host):
            self._again = attrs.evolve(step, hello=Hello.of(small=step.hello.small, named=False))
            return
        if permits_small_hello(diagnosis) and step.address not in self._small_tried:
            self._small_tried.add(step.address)
            self._again = attrs.evolve(step, hello=Hello.of(small=True, named=step.hello.named))
            return
        lower = self._below(step.rung, diagnosis) if permits_step_down(diagnosis) else None
        if lower is not None:
            # If a host answers only the small hello, a firewall drops the full one.
            answered = step.hello.small and not permits_small_hello(diagnosis)
            self._again = attrs.evolve(step, rung=lower, hello=Hello.of(small=answered, named=step.hello.named))
        elif diagnosis is not Diagnosis.CLIENT_CERTIFICATE_WANTED:
            # A server that demands our certificate has good TLS: no reason for weaker TLS.
            self._leave_for_plain(step)

    def _rests_on_name(self, host: Host) -> bool:
        """Whether the plan demands a certificate that a hello without the name might not get."""
        plan = self._plan
        demands = plan.level >= Level.AUTHENTICATED and host.name is not None
        return demands and rests_on_name(plan.proofs, host.name or "", plan.domain)

    def _leave_for_plain(self, step: Step) -> None:
        if self.fallback_allowed:
            self._plain.append((step.host, step.address))

    def _below(self, rung: Rung, diagnosis: Diagnosis) -> Rung | None:
        rungs = self._plan.tls_rungs
        lower = rungs[rungs.index(rung) + 1 :]
        return next((each for each in lower if each is not Rung.LENIENT or permits_lenient_rung(diagnosis)), None)

    @property
    def fallback_allowed(self) -> bool:
        """Whether plain text may follow a failed handshake in this attempt."""
        if self._plan.fallback is Fallback.AFTER_DEFERRAL:
            return self._attempt > 1
        return self._plan.fallback is Fallback.IMMEDIATE

    def _may_go_on(self, host: Host, now: float) -> bool:
        """Whether a TLS step is possible; the last connection is reserved for plain text."""
        began = self._began.get(host, now)
        return self._connections.get(host, 0) < MOST_CONNECTIONS_PER_HOST - 1 and now - began < LONGEST_PER_HOST

    def _taken(self, step: Step, now: float) -> Step:
        self._began.setdefault(step.host, now)
        self._connections[step.host] = self._connections.get(step.host, 0) + 1
        return step


def _same(one: Host, other: Host) -> bool:
    """Whether they are the same host, though perhaps looked up at different times."""
    return (one.name, one.port) == (other.name, other.port)
