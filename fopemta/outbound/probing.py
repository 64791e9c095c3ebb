"""Inspect the TLS of a mail server without sending mail (shell), with the walk, dialer and judging of delivery."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from fopemta.attempt.cursor import Cursor, Step, StepEnd
from fopemta.attempt.findings import Session
from fopemta.config.model import Configuration
from fopemta.interfaces import IClientTls, IMailReactor, IRevocations
from fopemta.outbound.bench import Bench
from fopemta.outbound.dialer import dial
from fopemta.outbound.protocol import OpenedSession, OutboundProtocol
from fopemta.routing.values import Host
from fopemta.smtp.client_effects import Broken, Phase
from fopemta.smtp.server_offer import ServerOffer
from fopemta.trust.demand import Demand, merge
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.ladder import plan_of
from fopemta.trust.levels import Level
from fopemta.trust.permit import Judged
from fopemta.trust.plan import Judgement, TlsPlan
from fopemta.trust.rungs import Hello, Rung
from fopemta.trust.verdict import Tested

_LONGEST_LINE = 1000
_MOST_LINES = 200


@attrs.frozen
class Tried:
    """One connection: `diagnosis` is None if it led to a session with TLS."""

    rung: Rung
    hello: Hello
    diagnosis: Diagnosis | None
    text: str = ""


@attrs.frozen(kw_only=True)
class Seen:
    """What one address showed.  `dialogue` is that of the last connection, lines after "C: " or "S: ".

    `rung` None: no TLS, and `diagnosis` says why.  `reached` False: no connection either.  `hello` of the last
    connection.
    """

    host: Host
    address: str
    dialogue: tuple[str, ...] = ()
    tried: tuple[Tried, ...] = ()
    reached: bool = True
    rung: Rung | None = None
    hello: Hello = Hello.FULL
    evidence: HandshakeEvidence | None = None
    judged: Judged | None = None
    diagnosis: Diagnosis | None = None
    text: str = ""

    @property
    def judgement(self) -> Judgement | None:
        """The judgement on the certificate; None if there was none."""
        return None if self.judged is None else self.judged.judgement


class Dialogue:
    """The dialogue, line by line, made safe for display."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._rest = {True: b"", False: b""}

    def overhear(self, ours: bool, data: bytes) -> None:
        """Add octets sent by us or by the server."""
        *lines, self._rest[ours] = (self._rest[ours] + data).split(b"\n")
        for line in lines:
            if len(self.lines) < _MOST_LINES:
                self.lines.append(("C: " if ours else "S: ") + _shown(line))
                # RFC 3207 4: what follows the server's consent is under TLS.
                if not ours and line.startswith(b"2") and self.lines[-2:-1] == ["C: STARTTLS"]:
                    self.lines.append("-- TLS")


def _shown(line: bytes) -> str:
    text = line.rstrip(b"\r")[:_LONGEST_LINE].decode("utf-8", "replace")
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


class Prober:
    """Connects as delivery would, up to EHLO after STARTTLS, and sends QUIT; `now` gives the wall time."""

    def __init__(
        self,
        reactor: IMailReactor,
        tls: IClientTls,
        config: Configuration,
        revocations: IRevocations | None,
        now: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._tls = tls
        self._config = config
        self._now = now
        # Check everything, whatever the demands on real mail are.
        demand = Demand(level=Level.AUTHENTICATED, source="tlstest")
        self._judging = TlsPlan(Level.AUTHENTICATED, (), config.tls_client.fallback)
        client = config.tls_client
        self._walking = plan_of(
            merge([attrs.evolve(demand, level=Level.OPPORTUNISTIC)]), client.fallback, Rung(client.lowest_rung)
        )
        self._bench = Bench(self._judging, tls, client, revocations, now)

    async def look(self, host: Host, address: str) -> Seen:
        """Go down the ladder at one address, until there is a session with TLS, or none is possible."""
        alone = attrs.evolve(host, addresses=(address,))
        cursor = Cursor((alone,), self._walking, 1)
        tried: list[Tried] = []
        seen = Seen(host=host, address=address, reached=False)
        while (step := cursor.next_step(self._reactor.seconds())) is not None and step.rung is not Rung.PLAIN:
            seen, end = await self._step(step, self._tls)
            tried.append(Tried(step.rung, step.hello, seen.diagnosis, seen.text))
            if end is StepEnd.HANDSHAKE_FAILED:
                cursor.ended(step, end, seen.diagnosis)
                continue
            break
        return attrs.evolve(seen, host=host, tried=tuple(tried))

    def tested(self, seen: Seen, demands: Sequence[Demand], domain: str) -> tuple[Tested, ...]:
        """What each of `demands` would decide about it; `domain` is the recipient's."""
        bench = Bench(self._judging, self._tls, self._config.tls_client, None, self._now, domain)
        step = Step(seen.host, seen.address, seen.rung or Rung.PLAIN, seen.hello)
        session = Session.of(step, seen.evidence, seen.judged, seen.diagnosis, ServerOffer())
        return bench.tested(demands, session)

    async def accepts(self, seen: Seen, tls: IClientTls) -> Diagnosis | None:
        """None if a handshake with exactly the offer of `tls` succeeds at the address; else why not."""
        host = attrs.evolve(seen.host, addresses=(seen.address,))
        step = Step(host, seen.address, Rung.STRONG_256, Hello.of(small=False, named=seen.hello.named))
        seen, _ = await self._step(step, tls)
        return seen.diagnosis

    async def _step(self, step: Step, tls: IClientTls) -> tuple[Seen, StepEnd]:
        timeouts, config = self._config.delivery.timeouts, self._config
        dialogue = Dialogue()
        protocol = OutboundProtocol(
            config.node.hostname, step.rung, step.hello, step.host.name, tls, self._reactor, timeouts
        )
        protocol.overhear = dialogue.overhear
        seen = Seen(host=step.host, address=step.address, hello=step.hello)
        refused = await dial(
            self._reactor, step.address, step.host.port, protocol, timeouts.connect, config.delivery.source_addresses
        )
        if refused is not None:
            text, diagnosis = refused.text, refused.diagnosis
            return attrs.evolve(seen, reached=False, diagnosis=diagnosis, text=text), StepEnd.UNREACHABLE
        opened = await protocol.opened
        protocol.quit()
        seen = attrs.evolve(seen, dialogue=tuple(dialogue.lines))
        if isinstance(opened, Broken):
            end = StepEnd.HANDSHAKE_FAILED if opened.failure.phase is Phase.HANDSHAKE else StepEnd.USED
            return attrs.evolve(seen, diagnosis=opened.failure.diagnosis, text=opened.failure.text), end
        return await self._opened(seen, step, opened), StepEnd.USED

    async def _opened(self, seen: Seen, step: Step, opened: OpenedSession) -> Seen:
        if opened.evidence is None:
            refused = opened.ready.refused
            if refused is not None:
                text = f"{refused.code} {refused.text}"
                return attrs.evolve(seen, diagnosis=Diagnosis.TLS_REFUSED, text=text)
            return attrs.evolve(seen, diagnosis=Diagnosis.TLS_NOT_OFFERED)
        judged = await self._bench.judged(step, opened.evidence)
        return attrs.evolve(seen, rung=step.rung, evidence=opened.evidence, judged=judged)
