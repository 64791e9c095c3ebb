"""Sessions that carry more than one message, and those that must not."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from fopemta.address.mailbox import Mailbox
from fopemta.interfaces import IRouter, SpoolFailing
from fopemta.mail.envelope import Envelope
from fopemta.outbound.content import ContentSource
from fopemta.outbound.pool import Pool, SessionPlace, StandingSession
from fopemta.routing.consignment import Consignment
from fopemta.routing.route import Route, Via
from fopemta.routing.routes import next_hop
from fopemta.routing.values import Host, NextHop, RoutingFailure
from fopemta.smtp.client_effects import Transaction
from fopemta.testing.peers import Peer, StartTls
from fopemta.tls.server import ServerTls
from fopemta.trust.demand import NOTHING_DEMANDED, Demand, Demanded
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback, TlsPlan
from fopemta.trust.rungs import Rung
from fopemta.trust.verdict import VerdictRecord
from tests.outbound.delivery import BOB, EVE, Delivery, peer
from tests.tls.handshakes import AUTHORITY, credentials

ONE = ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA", "(27"]
PLAN = TlsPlan(Level.ENCRYPT, (Rung.STRONG_256,), Fallback.IMMEDIATE)
NEXT = ["MAIL", "RCPT", "DATA", "(27"]


class PoolTests(SynchronousTestCase):
    def test_messages_to_one_destination_share_a_session(self) -> None:
        server = peer()
        delivery = Delivery(server)
        first, second = delivery.run()[0], delivery.another()[0]
        self.assertEqual(server.verbs, [ONE + NEXT])
        self.assertEqual(attrs.evolve(second, message=first.message), first)
        self.assertEqual(len(server.messages), 2)

    def test_rules_in_test_mode_are_told_of_their_own_mail_alone(self) -> None:
        server = peer()
        delivery = Delivery(server)
        one, other = (Demanded(tested=(Demand(level=Level.ENCRYPT, source=f"rule {name}"),)) for name in ("a", "b"))
        told = []
        for demanded in (one, other, NOTHING_DEMANDED):
            delivery.demanded = demanded
            told.append([(each.rule, each.passed) for each in delivery.another()[0].tested])
        self.assertEqual((server.connections, told), (1, [[("a", True)], [("b", True)], []]))

    def test_idle_session_ends_with_a_goodbye(self) -> None:
        server = peer()
        delivery = Delivery(server)
        delivery.run(seconds=10)
        self.assertEqual(server.verbs, [[*ONE, "QUIT"]])
        self.assertEqual(delivery.network.getDelayedCalls(), [])
        delivery.another()
        self.assertEqual(server.connections, 2)

    def test_each_idle_session_has_its_own_time(self) -> None:
        clock = Clock()
        pool, gone = Pool(clock), list[tuple[str, float]]()
        place, hop = SessionPlace("mx.test", "192.0.2.1", 25, PLAN), next_hop("b.test", ())

        class Idle:
            usable = True

            def __init__(self, name: str) -> None:
                self.name = name

            def quit(self) -> None:
                gone.append((self.name, clock.seconds()))

        def put(name: str) -> None:
            pool.put(place, StandingSession(Idle(name), None, hop))  # type: ignore[arg-type]

        for name in ("one", "two", "three"):
            put(name)
            clock.advance(1)
        self.assertEqual(pool.take([place], hop).protocol.name, "three")  # type: ignore[union-attr]
        clock.pump([0.5] * 10)
        self.assertEqual(gone, [("one", 3.0), ("two", 4.0)])
        put("four")
        clock.advance(1)
        put("five")
        pool.close()
        self.assertEqual((gone[2:], clock.getDelayedCalls()), ([("four", 9.0), ("five", 9.0)], []))

    def test_of_more_than_may_be_kept_the_oldest_go(self) -> None:
        clock, gone = Clock(), list[str]()
        pool, hop = Pool(clock), next_hop("b.test", ())

        class Idle:
            usable = True

            def __init__(self, name: str) -> None:
                self.name = name

            def quit(self) -> None:
                gone.append(self.name)

        def put(name: str) -> None:
            clock.advance(0.1)
            pool.put(SessionPlace(name[:1], "192.0.2.1", 25, PLAN), StandingSession(Idle(name), None, hop))  # type: ignore[arg-type]

        pool.make_room()
        for name in ("a1", "b1", "a2"):
            put(name)
        self.assertEqual(gone, [])
        pool.most = 2
        for name, left in (("c1", ["a1", "b1"]), ("c2", ["a1", "b1", "a2"])):
            put(name)
            self.assertEqual(gone, left)
        pool.most = 0
        put("d1")
        self.assertEqual(gone, ["a1", "b1", "a2", "c1", "c2"])
        pool.make_room()
        self.assertEqual(gone[5:], ["d1"])
        pool.close()

    def test_number_of_messages_is_bounded(self) -> None:
        server = peer()
        delivery = Delivery(server)
        limits = attrs.evolve(delivery.config.delivery, messages_per_connection=2)
        delivery.manager.context = attrs.evolve(
            delivery.manager.context, config=attrs.evolve(delivery.config, delivery=limits)
        )
        for _ in range(3):
            delivery.another()
        self.assertEqual(server.verbs, [[*ONE, *NEXT, "QUIT"], ONE])

    def test_session_that_the_server_has_closed_is_no_failure(self) -> None:
        server = peer()
        delivery = Delivery(server)
        delivery.run()
        delivery.network.pumps[0].server.abortConnection()
        delivery.network.flush()
        self.assertEqual(delivery.another()[0].result.value, "delivered")
        self.assertEqual(server.connections, 2)

    def test_server_that_closes_just_as_we_begin_is_no_failure(self) -> None:
        server = peer()
        delivery = Delivery(server)
        delivery.run()
        # The connection ends at the next turn, when the commands are out already.
        delivery.network.pumps[0].server.abortConnection()
        self.assertEqual(delivery.another()[0].result.value, "delivered")
        self.assertEqual(len(server.messages), 2)

    def test_server_that_says_421_while_we_are_idle(self) -> None:
        server = peer()
        delivery = Delivery(server)
        delivery.run()
        delivery.network.pumps[0].server.write(b"421 4.4.2 you are idle\r\n")
        delivery.network.pumps[0].pump()
        self.assertEqual(delivery.another()[0].result.value, "delivered")
        self.assertEqual(server.connections, 2)

    def test_a_session_with_the_second_server_is_told_of_and_judged_as_that(self) -> None:
        server = peer(creator=ServerTls([credentials(AUTHORITY.leaf("mx2.d.test"))]).creator())
        delivery = Delivery(None, server, level=Level.AUTHENTICATED)
        for _ in range(2):
            verdict = delivery.another(1)[0]
            self.assertEqual(
                (verdict.result.value, verdict.host, verdict.address), ("delivered", "mx2.d.test", "192.0.2.2")
            )
        self.assertEqual(server.connections, 1)

    def test_whom_it_has_refused_before_it_closed_is_not_asked_about_again(self) -> None:
        refused, ended = Once(), Once()
        server = peer(recipients=refused, replies=ended)
        delivery = Delivery(server, recipients=(BOB, EVE))
        delivery.run()
        refused["eve@d.test"], ended["DATA"] = "550 5.1.1 nobody", "421 4.3.2 closing"
        bob, eve = delivery.another()
        self.assertEqual((bob.result.value, eve.result.value, eve.code), ("deferred", "failed", 550))
        self.assertEqual((server.connections, len(server.messages)), (1, 1))

    def said_as_we_begin(self, words: bytes, also: tuple[Mailbox, ...] = ()) -> tuple[str, int, int]:
        """What becomes for Bob of a second message when the server says `words` while its commands are on their way."""
        server = peer()
        delivery = Delivery(server, recipients=(BOB, *also))
        delivery.run()
        content, said = delivery.spool.content, [words]

        def opened(message_id: str) -> Any:
            if said:
                delivery.network.pumps[0].server.write(said.pop())
            return content(message_id)

        delivery.spool.content = opened  # type: ignore[method-assign]
        verdict = delivery.another()[0]
        self.assertEqual(said, [])
        return verdict.result.value, server.connections, len(server.messages)

    def test_one_that_was_lost_before_we_begin_is_said_to_be_dropped(self) -> None:
        server = peer()
        delivery = Delivery(server)
        delivery.run()
        protocol: Any = delivery.network.pumps[0].client.protocol._wrappedProtocol
        delivery.network.pumps[0].server.abortConnection()
        delivery.network.pumps[0].pump()
        self.assertTrue(protocol.lost)
        message = Transaction(envelope=Envelope(None, (BOB,)), recipients=(BOB,), size=1)
        broken = self.successResultOf(protocol.transact(message, ContentSource.of(b"x"), None))
        self.assertIs(broken.failure.diagnosis, Diagnosis.CONVERSATION_DROPPED)

    def test_421_that_meets_our_next_message(self) -> None:
        self.assertEqual(self.said_as_we_begin(b"421 4.4.2 you are idle\r\n"), ("delivered", 2, 2))

    def test_421_that_meets_it_where_the_server_cannot_be_told_of_somebody_else(self) -> None:
        bjoern = Mailbox("björn", "d.test")
        self.assertEqual(self.said_as_we_begin(b"421 4.4.2 you are idle\r\n", (bjoern,)), ("delivered", 2, 2))

    def test_another_answer_that_meets_it_is_one(self) -> None:
        self.assertEqual(self.said_as_we_begin(b"450 4.4.2 not now\r\n" * 3), ("deferred", 1, 1))

    def test_no_session_proven_for_less_is_used_for_more(self) -> None:
        server = peer(StartTls.NOT_OFFERED)
        delivery = Delivery(server)
        self.assertEqual(delivery.run()[0].rung, "plain")
        strict = Delivery(server, level=Level.ENCRYPT)
        strict.manager.context = attrs.evolve(strict.manager.context, pool=delivery.manager.context.pool)
        verdict = strict.run()[0]
        self.assertEqual((verdict.result.value, verdict.diagnosis), ("deferred", "tls_not_offered"))
        self.assertEqual(len(server.messages), 1)

    def test_plain_text_after_a_failed_handshake_is_not_kept(self) -> None:
        server = peer(StartTls.GARBAGE)
        delivery = Delivery(server, fallback=Fallback.IMMEDIATE)
        delivery.run()
        delivery.another()
        # TLS is tried again for each message.
        self.assertEqual([verbs[:2] for verbs in server.verbs], [["EHLO", "STARTTLS"], ["EHLO", "MAIL"]] * 2)

    def test_transaction_that_came_to_nothing_is_reset_before_the_next(self) -> None:
        server = peer(replies={"RCPT": "550 5.1.1 no"})
        delivery = Delivery(server)
        delivery.run()
        delivery.another()
        self.assertEqual(server.verbs, [["EHLO", "STARTTLS", "EHLO", *(["MAIL", "RCPT", "DATA", "RSET"] * 2)]])

    def test_session_is_judged_again_by_the_time_of_each_message(self) -> None:
        server = peer()
        delivery = Delivery(server, level=Level.AUTHENTICATED)
        delivery.run()
        now = delivery.manager.context.now()
        delivery.manager.context = attrs.evolve(delivery.manager.context, now=lambda: now + 40 * 86400)
        verdict = delivery.another()[0]
        self.assertEqual((verdict.result.value, verdict.diagnosis), ("deferred", "cert_expired"))
        self.assertEqual(len(server.messages), 1)

    def test_mail_that_does_not_depend_on_a_certificate_has_it_judged_at_intervals(self) -> None:
        server = peer()
        delivery = Delivery(server)
        now = delivery.manager.context.now()
        delivery.run()
        delivery.another()
        # The wall clock leaps past the end of the certificate; what was judged a moment ago stands.
        delivery.manager.context = attrs.evolve(delivery.manager.context, now=lambda: now + 40 * 86400)
        moments = [delivery.another()[0].authenticated, delivery.another(seconds=1)[0].authenticated]
        moments.append(delivery.another()[0].authenticated)
        self.assertEqual((server.connections, moments), (1, [True, True, False]))

    def test_new_configuration_means_new_sessions(self) -> None:
        server = peer()
        delivery = Delivery(server)
        delivery.run()
        delivery.manager.reconfigure(delivery.config)
        delivery.network.flush()
        delivery.another()
        self.assertEqual(server.verbs, [[*ONE, "QUIT"], ONE])


@implementer(IRouter)
@attrs.frozen
class ProvenOfE:
    """Of e.test alone the names of the hosts are proven."""

    router: IRouter

    def hosts(self, hop: NextHop) -> Deferred[tuple[Host, ...] | RoutingFailure]:
        proof = "dnssec" if hop.domain == "e.test" else None

        def proven(found: tuple[Host, ...] | RoutingFailure) -> tuple[Host, ...] | RoutingFailure:
            assert not isinstance(found, RoutingFailure)
            return tuple(attrs.evolve(host, proven_by=proof) for host in found)

        return self.router.hosts(hop).addCallback(proven)


class Once(dict[str, str]):
    """Answers that a server gives once."""

    def get(self, stage: str, usual: Any = None) -> Any:
        return self.pop(stage, usual)


class SharingTests(SynchronousTestCase):
    """Domains d.test and e.test, whose mail goes to the same servers, or nearly."""

    def setUp(self) -> None:
        self.servers: tuple[Peer, ...] = (peer(), peer())
        self.delivery = Delivery(*self.servers)
        self.resolver = self.delivery.resolver
        self.resolver.hosts["other.e.test"] = ("192.0.2.1",)

    def deliver(self, domain: str, result: str = "delivered") -> VerdictRecord:
        """One message to `domain`."""
        delivery = self.delivery
        delivery.number += 1
        submitted: list[Any] = []
        delivery.spool.submit(f"BCDFGH{delivery.number:02d}", delivery.envelope, delivery.content).addCallback(
            submitted.append
        )
        delivery.network.flush()
        verdicts: list[VerdictRecord] = []
        consignment = Consignment(submitted[0], next_hop(domain, delivery.config.routes), (BOB,))
        consignment = attrs.evolve(consignment, edition=delivery.demands.edition)
        delivery.manager.deliver(consignment, delivery.note).addCallback(verdicts.extend)
        delivery.network.flush()
        self.assertEqual(verdicts[0].result.value, result)
        return verdicts[0]

    def connections(self, *domains: str) -> tuple[int, int]:
        for domain in domains:
            self.deliver(domain)
        return self.servers[0].connections, self.servers[1].connections

    def test_domains_of_one_provider_share_a_session(self) -> None:
        self.resolver.mx["e.test"] = ((5, "mx1.d.test"),)
        self.assertEqual(self.connections("d.test", "e.test", "d.test"), (1, 0))

    def test_the_same_address_by_another_name_is_another_server(self) -> None:
        self.resolver.mx["e.test"] = ((5, "other.e.test"),)
        self.assertEqual(self.connections("d.test", "e.test"), (2, 0))

    def test_the_same_name_at_another_address_is_another_server(self) -> None:
        self.resolver.mx["e.test"] = ((5, "mx1.d.test"),)
        self.deliver("d.test")
        self.resolver.hosts["mx1.d.test"] = ("192.0.2.2",)
        self.assertEqual(self.connections("e.test"), (1, 1))

    def test_nobody_goes_to_his_last_resort_because_others_are_at_home_there(self) -> None:
        self.resolver.mx["e.test"] = ((5, "mx2.d.test"),)
        self.assertEqual(self.connections("e.test", "d.test"), (1, 1))

    def test_who_had_to_go_there_stays_while_his_session_stands(self) -> None:
        del self.delivery.network.servers["192.0.2.1", 25]
        self.deliver("d.test")
        self.delivery.network.servers["192.0.2.1", 25] = self.servers[0]
        self.assertEqual(self.connections("d.test"), (0, 1))

    def test_ourselves_is_not_a_way_because_a_route_leads_there(self) -> None:
        self.servers = (peer(hostname="us.test"),)
        self.delivery = Delivery(*self.servers)
        route = Route(domain="e.test", via=Via.SMTP, host="mx1.d.test")
        self.delivery.config = attrs.evolve(self.delivery.config, routes=(route,))
        self.deliver("e.test")
        self.assertEqual(self.deliver("d.test", "deferred").diagnosis, "loops_back")
        self.assertEqual(len(self.servers[0].messages), 1)

    def test_a_record_tells_what_its_own_domain_has_proven(self) -> None:
        self.resolver.mx["e.test"] = ((5, "mx1.d.test"),)
        self.delivery.manager.context = attrs.evolve(
            self.delivery.manager.context, router=ProvenOfE(self.delivery.manager.context.router)
        )
        proven = [self.deliver(domain).mx_proven_by for domain in ("d.test", "e.test", "d.test")]
        self.assertEqual((proven, self.servers[0].connections), ([None, "dnssec", None], 1))


class TroubleTests(SynchronousTestCase):
    def test_who_has_it_does_not_get_it_again_for_our_troubles(self) -> None:
        first = peer(recipients={"eve@d.test": "450 4.2.1 later"})
        delivery = Delivery(first, peer(), recipients=(BOB, EVE))
        content, calls = delivery.spool.content, []

        def failing_later(message_id: str) -> Any:
            calls.append(message_id)
            return content(message_id) if len(calls) == 1 else fail(SpoolFailing("EIO"))

        delivery.spool.content = failing_later  # type: ignore[method-assign]
        bob, eve = delivery.run()
        self.assertEqual((bob.result.value, eve.result.value, eve.text), ("delivered", "deferred", "later"))
        self.assertEqual([each.recipient for each in delivery.early], ["bob@d.test"])

    def test_a_session_whose_message_cannot_be_read_is_not_left_open(self) -> None:
        server = peer()
        delivery = Delivery(server)
        delivery.run()
        delivery.spool.content = lambda message_id: fail(SpoolFailing("EMFILE"))  # type: ignore[method-assign]
        self.assertEqual(delivery.another()[0].diagnosis, "local_trouble")
        self.assertEqual(server.verbs, [[*ONE, "QUIT"]])
