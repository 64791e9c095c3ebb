"""How many connections stand, and in how many we have said goodbye."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.outbound import walk
from fopemta.outbound.connections import Connections, CountedConnection
from fopemta.routing.routes import next_hop
from fopemta.routing.values import NextHop
from fopemta.testing.peers import StartTls
from tests.outbound.delivery import Delivery, peer

HERE, THERE = next_hop("d.test", ()), next_hop("e.test", ())


class CountedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connections = Connections()
        self.closed: list[NextHop] = []
        self.connections.closed = self.closed.append

    def numbers(self, hop: NextHop = HERE) -> tuple[int, int, int]:
        return self.connections.to(hop), self.connections.ending(hop), self.closed.count(hop)

    def test_from_its_beginning_to_its_end(self) -> None:
        one, other = CountedConnection(self.connections, HERE), CountedConnection(self.connections, HERE)
        self.assertEqual(self.numbers(), (0, 0, 0))
        one.made()
        other.made()
        self.assertEqual(self.numbers(), (2, 0, 0))
        one.left()
        one.left()
        self.assertEqual(self.numbers(), (2, 1, 0))
        one.lost()
        self.assertEqual(self.numbers(), (1, 0, 1))
        other.lost()
        self.assertEqual(self.numbers(), (0, 0, 2))
        # Nothing is kept of next hops that are left.
        self.assertEqual((dict(self.connections.standing), dict(self.connections.leaving)), ({}, {}))
        self.assertEqual(self.numbers(THERE), (0, 0, 0))

    def test_what_never_stood_was_never_there(self) -> None:
        counted = CountedConnection(self.connections, HERE)
        counted.left()
        counted.lost()
        self.assertEqual(self.numbers(), (0, 0, 0))
        counted.made()
        counted.lost()
        counted.lost()
        self.assertEqual(self.numbers(), (0, 0, 1))

    def test_descriptors_are_counted_from_the_beginning(self) -> None:
        connections = self.connections
        self.assertFalse(connections.full)
        connections.most = 2
        one, other = CountedConnection(connections, HERE), CountedConnection(connections, THERE)
        self.assertEqual((connections.open, connections.full), (2, True))
        one.failed()
        one.failed()
        one.lost()
        self.assertEqual((connections.open, connections.full), (1, False))
        other.made()
        other.left()
        self.assertEqual(connections.open, 1)
        other.lost()
        other.lost()
        self.assertEqual(connections.open, 0)

    def test_without_a_listener(self) -> None:
        counted = CountedConnection(Connections(), HERE)
        counted.made()
        counted.lost()


class DeliveryTests(SynchronousTestCase):
    """`hear`: what was counted when each command came in."""

    def test_each_connection_is_counted_while_it_stands(self) -> None:
        delivery = Delivery(peer(StartTls.GARBAGE))
        connections = Connections()
        delivery.manager.context = attrs.evolve(delivery.manager.context, connections=connections)
        closed: list[NextHop] = []
        connections.closed = closed.append
        [verdict] = delivery.run()
        hop = delivery.consignment.next_hop
        self.assertEqual(
            (verdict.rung, connections.to(hop), connections.ending(hop), closed), ("plain", 0, 0, [hop] * 2)
        )

    def test_one_that_stands_idle_counts_until_it_is_left(self) -> None:
        delivery = Delivery(peer())
        connections = Connections()
        delivery.manager.context = attrs.evolve(delivery.manager.context, connections=connections)
        delivery.run()
        hop = delivery.consignment.next_hop
        self.assertEqual((connections.to(hop), connections.ending(hop)), (1, 0))
        delivery.manager.leave(next_hop("elsewhere.test", ()))
        self.assertEqual((connections.to(hop), connections.ending(hop)), (1, 0))
        delivery.manager.leave(hop)
        self.assertEqual((connections.to(hop), connections.ending(hop)), (1, 1))
        delivery.network.flush(1)
        self.assertEqual((connections.to(hop), connections.ending(hop)), (0, 0))

    def test_without_a_descriptor_nothing_is_dialled_and_what_is_idle_goes(self) -> None:
        server, second = peer(), peer()
        delivery = Delivery(server)
        connections = delivery.manager.context.connections
        delivery.run()
        self.assertEqual((server.connections, connections.open), (1, 1))
        delivery.network.servers["192.0.2.2", 25] = second
        delivery.resolver.hosts["mx1.d.test"] = ("192.0.2.2",)
        connections.most = 1
        [verdict] = delivery.another()
        self.assertEqual((verdict.result.value, verdict.diagnosis), ("deferred", "local_trouble"))
        self.assertIn("descriptor", verdict.text)
        self.assertEqual(second.connections, 0)
        # The idle session has said goodbye.
        delivery.network.flush(1)
        self.assertEqual(connections.open, 0)
        [verdict] = delivery.another()
        self.assertEqual((verdict.result.value, second.connections), ("delivered", 1))

    def test_what_cannot_be_reached_has_no_descriptor(self) -> None:
        delivery = Delivery(None)
        delivery.run(40)
        self.assertEqual(delivery.manager.context.connections.open, 0)

    def test_one_that_is_given_up_while_it_is_made_has_none(self) -> None:
        delivery = Delivery(peer())
        never: Deferred[object] = Deferred()
        self.patch(walk, "dial", lambda *_: never)
        with self.assertRaises(AssertionError):
            delivery.run()
        self.assertEqual(delivery.manager.context.connections.open, 1)
        never.cancel()
        self.flushLoggedErrors()
        self.assertEqual(delivery.manager.context.connections.open, 0)

    def test_at_the_end_of_all_every_one_is_left(self) -> None:
        delivery = Delivery(peer())
        connections = Connections()
        delivery.manager.context = attrs.evolve(delivery.manager.context, connections=connections)
        delivery.run()
        delivery.manager.close()
        self.assertEqual(connections.ending(delivery.consignment.next_hop), 1)
