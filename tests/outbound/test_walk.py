"""The walk where a level is preferred and less would do: all hosts are tried at it first, then the best of the rest."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import fail
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.routing.consignment import Consignment
from fopemta.routing.routes import next_hop
from fopemta.testing.peers import Peer, StartTls
from fopemta.tls.server import ServerTls
from fopemta.trust.demand import Demand, Demanded
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback
from fopemta.trust.verdict import VerdictRecord
from tests.outbound.delivery import BOB, EVE, EXPIRED, ONLY_AES128, Delivery, peer
from tests.tls.handshakes import AUTHORITY, credentials

SECOND = ServerTls([credentials(AUTHORITY.leaf("mx2.d.test"))]).creator()
TLS = ["EHLO", "STARTTLS", "EHLO"]


def expired(**more: Any) -> Peer:
    return peer(creator=EXPIRED, **more)


def second(**more: Any) -> Peer:
    return peer(creator=SECOND, **more)


def preferring(*servers: Any, level: Level = Level.OPPORTUNISTIC, **more: Any) -> Delivery:
    """Authenticated where that can be had, at least `level`."""
    delivery = Delivery(*servers, **more)
    demand = Demand(level=level, source="rule x", preferred=Level.AUTHENTICATED)
    delivery.demanded = Demanded(demands=(demand,))
    return delivery


def brief(verdict: VerdictRecord) -> tuple[str, str | None, str | None]:
    return verdict.result.value, verdict.host, verdict.rung


class PreferenceTests(SynchronousTestCase):
    def test_table(self) -> None:
        """Servers → who has the message, and how many connections each had."""
        no_tls, garbage = (lambda: peer(StartTls.NOT_OFFERED)), (lambda: peer(StartTls.GARBAGE))
        busy = {"replies": {"RCPT": "450 4.2.0 later"}}
        table: list[tuple[list[Peer | None], Level, tuple[Any, ...], list[int]]] = [
            ([peer()], Level.OPPORTUNISTIC, ("delivered", "mx1.d.test", "strong256"), [1]),
            ([expired(), second()], Level.OPPORTUNISTIC, ("delivered", "mx2.d.test", "strong256"), [1, 1]),
            ([expired(), expired()], Level.OPPORTUNISTIC, ("delivered", "mx1.d.test", "strong256"), [1, 1]),
            ([no_tls(), second()], Level.OPPORTUNISTIC, ("delivered", "mx2.d.test", "strong256"), [1, 1]),
            ([no_tls(), no_tls()], Level.OPPORTUNISTIC, ("delivered", "mx1.d.test", "plain"), [1, 1]),
            ([garbage(), expired()], Level.OPPORTUNISTIC, ("delivered", "mx2.d.test", "strong256"), [1, 1]),
            ([garbage(), garbage()], Level.OPPORTUNISTIC, ("delivered", "mx1.d.test", "plain"), [2, 1]),
            ([None, expired()], Level.OPPORTUNISTIC, ("delivered", "mx2.d.test", "strong256"), [0, 1]),
            # The first that would do takes nobody now: the next that would do.
            ([expired(**busy), expired()], Level.OPPORTUNISTIC, ("delivered", "mx2.d.test", "strong256"), [1, 2]),
            ([expired(**busy), expired(**busy)], Level.OPPORTUNISTIC, ("deferred", "mx2.d.test", "strong256"), [1, 2]),
            ([expired(**busy), garbage()], Level.OPPORTUNISTIC, ("delivered", "mx2.d.test", "plain"), [1, 2]),
            ([no_tls(), expired()], Level.ENCRYPT, ("delivered", "mx2.d.test", "strong256"), [1, 1]),
            ([no_tls(), garbage()], Level.ENCRYPT, ("deferred", "mx2.d.test", "strong256"), [1, 1]),
        ]
        for servers, level, wanted, connections in table:
            delivery = preferring(*servers, level=level)
            [verdict] = delivery.run(5)
            self.assertEqual(brief(verdict), wanted, (wanted, connections))
            self.assertEqual([0 if each is None else each.connections for each in servers], connections, wanted)
            delivery.network.flush(10)
            for server in servers:
                for verbs in server.verbs if server is not None else ():
                    self.assertEqual(verbs[-1] == "QUIT", not verbs[-1].startswith("STARTTLS"), verbs)

    def test_a_session_that_was_kept_for_later_may_be_gone_by_then(self) -> None:
        first = expired()
        delivery = preferring(first, peer(StartTls.HANG))
        verdicts: list[VerdictRecord] = []
        done: list[Any] = []
        delivery.spool.submit("BCDFGH01", delivery.envelope, delivery.content).addCallback(done.append)
        delivery.network.flush()
        delivery.message = done[0]
        hop, edition = next_hop("d.test", ()), delivery.demands.edition
        consignment = Consignment(delivery.message, hop, (BOB,), delivery.demanded, edition)
        delivery.manager.deliver(consignment, delivery.note).addCallback(verdicts.extend)
        delivery.network.flush(5)
        self.assertEqual((first.connections, verdicts), (1, []))
        delivery.network.pumps[0].server.abortConnection()
        delivery.network.flush(400)
        self.assertEqual(brief(verdicts[0]), ("delivered", "mx1.d.test", "strong256"))
        self.assertEqual(first.connections, 2)

    def test_who_has_it_already_is_not_served_again(self) -> None:
        everybody = (BOB, EVE)
        first = expired(recipients={"eve@d.test": "450 4.2.0 later"})
        delivery = preferring(first, expired(), recipients=everybody)
        verdicts = delivery.run(5)
        self.assertEqual([brief(each)[:2] for each in verdicts],
                         [("delivered", "mx1.d.test"), ("delivered", "mx2.d.test")])  # fmt: skip
        self.assertEqual([each.recipients for server in delivery.servers for each in server.messages],
                         [("bob@d.test",), ("eve@d.test",)])  # fmt: skip
        # The first part was written down before the second server was asked.
        self.assertEqual([each.recipient for each in delivery.early], ["bob@d.test"])

    def test_plain_text_that_was_preferred_to_nothing_is_not_kept(self) -> None:
        server = expired()
        delivery = preferring(server)
        delivery.run()
        delivery.another()
        self.assertEqual(server.connections, 2)
        server = peer()
        delivery = preferring(server)
        delivery.run()
        delivery.another()
        self.assertEqual(server.connections, 1)

    def test_a_rung_lower_and_proven_comes_before_a_better_one_that_is_not(self) -> None:
        weaker = peer(creator=ONLY_AES128)
        verdict = preferring(weaker, expired(), fallback=Fallback.NEVER).run()[0]
        self.assertEqual((brief(verdict), verdict.authenticated), (("delivered", "mx1.d.test", "strong128"), True))


class HangupTests(SynchronousTestCase):
    def test_whom_there_is_nothing_to_say_to_is_left_at_once(self) -> None:
        """Not by the deadline that a server has which does not close its side."""
        for replies in ({"greeting": "554 5.3.2 no"}, {"EHLO": "421 4.3.2 no"}, {"greeting": "hello\r\n" * 300}):
            server = peer(replies=replies)
            delivery = Delivery(server)
            delivery.run(0)
            self.assertEqual(server.transcripts[0][-1], "-- closed", replies)
            self.assertEqual(delivery.network.getDelayedCalls(), [], replies)


class BugTests(SynchronousTestCase):
    def test_one_of_ours_leaves_no_connection_behind(self) -> None:
        for stage in ("judging", "carrying"):
            server = peer()
            delivery = Delivery(server, level=Level.AUTHENTICATED)
            if stage == "judging":
                delivery.manager.context = attrs.evolve(delivery.manager.context, revocations=object())
            else:
                delivery.spool.content = lambda _: fail(LookupError("a bug"))  # type: ignore[method-assign]
            [verdict] = delivery.run(10)
            self.assertEqual((verdict.result.value, verdict.diagnosis), ("deferred", "local_trouble"), stage)
            self.assertEqual(server.verbs, [[*TLS, "QUIT"]], stage)
            self.assertEqual(delivery.network.getDelayedCalls(), [])
            self.assertEqual(len(self.flushLoggedErrors()), 1)


class UnspeakableTests(SynchronousTestCase):
    def test_the_server_can_be_told_of_nobody(self) -> None:
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        bjoern = Mailbox("björn", "d.test")
        server = peer()
        [verdict] = Delivery(server, recipients=(bjoern,)).run(5)
        self.assertEqual((verdict.result.value, verdict.diagnosis), ("failed", "smtputf8_not_offered"))
        self.assertNotIn("MAIL", server.verbs[0])
        # No permit for nobody is asked for, which would be refused and told.
        self.assertEqual([each for each in events if each.get("event") == "not_permitted"], [])
