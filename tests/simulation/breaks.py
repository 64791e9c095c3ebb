"""Ways to break the product on purpose: the judgement must see each.  `python -m tests.simulation --break NAME`."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed

from fopemta.attempt import findings
from fopemta.local import maildir
from fopemta.mail.queued import QueuedMessage
from fopemta.outbound import pool, protocol
from fopemta.outbound.delivery_manager import DeliveryManager
from fopemta.outbound.walk import Walk
from fopemta.policy import facts
from fopemta.policy.facts import Direction
from fopemta.policy.way import Way
from fopemta.queue import demanding, dispatcher, reporter
from fopemta.queue.demanding import Demanding, MessageDemands
from fopemta.queue.reporter import Reporter
from fopemta.report.enclosure import Enclosed
from fopemta.server.kept_rules import KeptRules
from fopemta.spool.log import intake_log, segment
from fopemta.spool.store import Spool
from fopemta.trust import permit, pkix
from fopemta.trust.levels import Level
from fopemta.trust.verdict import Result


def _who_is_meant() -> None:
    """1: rules see the address that a client wrote to, and not where the mail goes."""
    real = facts.recipient_facts

    def blind(envelope: Any, recipient: Any) -> Any:
        found = real(envelope, recipient)
        written = envelope.options_of(recipient).stands_for or (recipient,)
        return attrs.evolve(found, addresses=tuple(written))

    facts.recipient_facts = blind


def _direction() -> None:
    """2: what comes from an address that is in no network of today's is inbound, whatever it was."""
    real = demanding.Demanding._said

    async def anew(self: Any, message: Any, books: Any) -> Any:
        found, results = await real(self, message, books)
        arrival = message.envelope.arrival
        networks = self._config.relay.networks
        if arrival is None or arrival.login is not None or _is_in(arrival.client_address, networks):
            return found, results
        inbound = tuple(attrs.evolve(each, direction=Direction.INBOUND) for each in found.recipients)
        found = attrs.evolve(found, recipients=inbound)
        return found, [book.concerning(found, message.arrived) for book in books]

    demanding.Demanding._said = anew  # type: ignore[method-assign]
    demanding._with_stored = lambda found, status, message: found


def _is_in(address: str, networks: Any) -> bool:
    return any(ipaddress.ip_address(address) in each for each in networks)


def _frozen_demands() -> None:
    """3: what was planned when a consignment was made counts at MAIL, too."""

    def frozen(self: Any, consignment: Any) -> Any:
        return dict.fromkeys(consignment.recipients, Way(consignment.next_hop, consignment.demanded, None))

    Demanding.ways_in_force = frozen  # type: ignore[method-assign]


def _notices_of_those_left() -> None:
    """7: a notice inherits what is demanded of those that are not finished."""
    real = Demanding.for_notices

    def pending(self: Any, message: Any, demands: MessageDemands) -> Any:
        left = [
            each
            for each, status in zip(demands.unlifted, message.recipients, strict=False)
            if status.open and len(message.pending) < len(message.recipients)
        ]
        whole = len(message.pending) == len(message.recipients)
        return real(self, message, demands if whole else attrs.evolve(demands, unlifted=tuple(left)))

    Demanding.for_notices = pending  # type: ignore[method-assign]


def _nothing_stored() -> None:
    """8: what was stored with the message is not looked at."""
    demanding._with_stored = lambda found, status, message: found


def _rules_forgotten() -> None:
    """A server that begins knows its file of rules alone."""
    KeptRules.at_start = lambda self, configuration: configuration  # type: ignore[method-assign]


def _no_gate() -> None:
    """Whatever a connection has shown, it is permitted."""
    protocol.permitted = _whatever


def _whatever(ground: Any, evidence: Any) -> Any:
    return permit.Permit(recipients=ground.recipients, level=Level.PLAIN, evidence=evidence, seal=permit._SEAL)


def _any_session() -> None:
    """A session with the same server is used again, whatever it was proven for, and no gate looks."""
    _no_gate()
    real = pool.Pool.take

    def take(self: Any, places: Any, next_hop: Any) -> Any:
        for place in places:
            for known in list(self._waiting):
                if known.server == place.server:
                    return real(self, [known], next_hop)
        return None

    pool.Pool.take = take  # type: ignore[method-assign]
    Walk._shortfall = lambda self, session, ready, level: None  # type: ignore[method-assign]


def _dates() -> None:
    """A certificate that has expired since the handshake is good."""
    pkix._date_fault = lambda path, now: None


def _judged_once() -> None:
    """What a certificate has proven when the connection was made it proves as long as the connection stands."""

    async def as_it_stands(self: Any, standing: Any) -> Any:
        return standing.session

    Walk._as_it_stands = as_it_stands  # type: ignore[method-assign]


def _not_recorded() -> None:
    """Every third delivery is not written down."""
    count = iter(range(10**9))
    real = Spool.record

    def record(self: Any, message_id: str, verdicts: Any, finished: bool) -> Deferred[None]:
        if any(each.result is Result.DELIVERED for each in verdicts) and next(count) % 3 == 0:
            return succeed(None)
        return real(self, message_id, verdicts, finished)

    Spool.record = record  # type: ignore[method-assign]


def _no_flush() -> None:
    """The log is not flushed before 250."""
    real = segment.append

    def append(disk: Any, where: Any, drafts: Any, flush: bool) -> Any:
        found = real(disk, where, drafts, False)
        where.flushed = where.length
        return found

    intake_log.append = append


def _report_in_clear() -> None:
    """A notice inherits nothing."""
    Demanding.for_notices = lambda self, message, demands: ()  # type: ignore[method-assign]


def _report_with_body() -> None:
    """A notice about a message under Force TLS brings back all of it."""
    real = reporter.delivery_report
    reporter.delivery_report = lambda *args, most=None, **kwargs: real(*args, most=Enclosed.WHOLE, **kwargs)


def _dropped() -> None:
    """The last of several recipients is forgotten when a message is accepted."""
    real = QueuedMessage.fresh

    def fresh(message_id: str, arrived: float, size: int, envelope: Any) -> QueuedMessage:
        found = real(message_id, arrived, size, envelope)
        return attrs.evolve(found, recipients=found.recipients[: max(len(found.recipients) - 1, 1)])

    QueuedMessage.fresh = staticmethod(fresh)  # type: ignore[method-assign,assignment]


def _twice() -> None:
    """A consignment is carried twice."""
    real = DeliveryManager._deliver

    async def deliver(self: Any, consignment: Any, ended: Any) -> Any:
        await real(self, consignment, ended)
        return await real(self, consignment, ended)

    DeliveryManager._deliver = deliver  # type: ignore[method-assign]


def _no_alarm() -> None:
    """Nobody looks for what is due."""
    dispatcher.Dispatcher._set_alarm = lambda self: None  # type: ignore[method-assign]


def _not_told() -> None:
    """Of a failure nobody is told."""

    async def tell(self: Any, message: Any, verdicts: Any, *_: Any) -> Any:
        return reporter.Told(tuple(verdicts), ())

    Reporter.tell = tell  # type: ignore[method-assign]


def _false_record() -> None:
    """Records call every server authenticated, and every cipher the best."""
    real = findings.Scribe.verdict

    def verdict(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = real(self, *args, **kwargs)
        return attrs.evolve(found, authenticated=True) if found.rung is not None else found

    findings.Scribe.verdict = verdict  # type: ignore[method-assign]


def _mailbox_lost() -> None:
    """Mail for a mailbox here is said to be delivered, and is not."""
    maildir._store = lambda path, file: None


BREAKS: dict[str, Callable[[], None]] = {
    "who is meant": _who_is_meant,
    "direction": _direction,
    "frozen demands": _frozen_demands,
    "notices of those left": _notices_of_those_left,
    "nothing stored": _nothing_stored,
    "rules forgotten": _rules_forgotten,
    "no gate": _no_gate,
    "any session": _any_session,
    "dates": _dates,
    "judged once": _judged_once,
    "not recorded": _not_recorded,
    "no flush": _no_flush,
    "report in clear": _report_in_clear,
    "report with body": _report_with_body,
    "recipient dropped": _dropped,
    "delivered twice": _twice,
    "no alarm": _no_alarm,
    "nobody told": _not_told,
    "false record": _false_record,
    "mailbox lost": _mailbox_lost,
}
