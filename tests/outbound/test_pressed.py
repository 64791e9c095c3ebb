"""A server that keeps silent while other mail waits for its place."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.routing.consignment import Consignment
from fopemta.routing.values import NextHop
from fopemta.testing.network import SILENT
from fopemta.testing.peers import Peer, StartTls
from fopemta.trust.verdict import Result
from tests.outbound.delivery import Delivery, peer

NEVER = 1e9


def silent(stage: str) -> Peer:
    return peer(StartTls.NOT_OFFERED, replies={stage: ""})


def delivery_of(*servers: Any, pressed: float) -> Delivery:
    """One that is pressed from that moment on, in seconds from its beginning."""
    delivery = Delivery(*servers)
    delivery.asked = []  # type: ignore[attr-defined]

    def is_pressed(hop: NextHop) -> bool:
        delivery.asked.append(hop)  # type: ignore[attr-defined]
        return delivery.network.seconds() >= pressed

    delivery.manager.context = attrs.evolve(delivery.manager.context, pressed=is_pressed)
    return delivery


class PressedTests(SynchronousTestCase):
    def assert_lasts(self, seconds: float, *servers: Any, pressed: float) -> Delivery:
        """The delivery is given up after just so many seconds."""
        with self.assertRaises(AssertionError, msg="given up sooner"):
            delivery_of(*servers, pressed=pressed).run(seconds - 0.5)
        delivery = delivery_of(*servers, pressed=pressed)
        (verdict,) = delivery.run(seconds)
        self.assertEqual(verdict.result, Result.DEFERRED)
        self.assertEqual(delivery.network.getDelayedCalls(), [])
        return delivery

    def test_silence_before_the_message_is_given_up_after_half_a_minute(self) -> None:
        for stage in ("greeting", "EHLO", "MAIL", "RCPT", "DATA"):
            self.assert_lasts(30, silent(stage), pressed=0)

    def test_where_nobody_waits_it_has_its_time(self) -> None:
        for stage in ("greeting", "EHLO", "MAIL", "RCPT", "DATA"):
            self.assert_lasts(300, silent(stage), pressed=NEVER)

    def test_others_that_come_later_are_seen(self) -> None:
        self.assert_lasts(105, silent("greeting"), pressed=102)

    def test_once_the_message_has_been_sent_it_has_its_time(self) -> None:
        # Whoever gives up then sends it twice.
        self.assert_lasts(600, silent("end"), pressed=0)

    def test_after_half_a_minute_without_an_answer_to_the_message_its_place_is_another_s(self) -> None:
        """It is asked for until it is granted, once then, and the server has its ten minutes all the same."""
        for granted_at, asked in ((0.0, [30.0]), (41.0, [30.0, 35.0, 40.0, 45.0]), (NEVER, None)):
            delivery, moments = Delivery(silent("end")), list[float]()

            def stalls(consignment: Consignment, granted_at: float = granted_at) -> bool:
                self.assertIs(consignment, delivery.consignment)  # noqa: B023  it is asked in this turn
                moments.append(delivery.network.seconds())  # noqa: B023
                return moments[-1] >= granted_at  # noqa: B023

            delivery.manager.context = attrs.evolve(delivery.manager.context, stalls=stalls)
            (verdict,) = delivery.run(600)
            self.assertEqual((verdict.diagnosis, verdict.time > 0), ("conversation_timeout", True))
            self.assertEqual(moments[:4] if asked is None else moments, asked or [30.0, 35.0, 40.0, 45.0])
            self.assertEqual(delivery.network.getDelayedCalls(), [])
            with self.assertRaises(AssertionError, msg="given up sooner"):
                silent_one = Delivery(silent("end"))
                silent_one.manager.context = attrs.evolve(silent_one.manager.context, stalls=lambda _: True)
                silent_one.run(599)

    def test_of_no_other_wait_that_is_asked(self) -> None:
        for stage in ("greeting", "EHLO", "MAIL", "RCPT", "DATA"):
            delivery = Delivery(silent(stage))
            delivery.manager.context = attrs.evolve(delivery.manager.context, stalls=self.fail)
            delivery.run(300)

    def test_no_further_host_of_a_domain_that_keeps_silent(self) -> None:
        second = peer()
        delivery = self.assert_lasts(30, silent("greeting"), second, pressed=0)
        self.assertEqual(second.connections, 0)
        self.assertEqual({hop.domain for hop in delivery.asked}, {"d.test"})  # type: ignore[attr-defined]

    def test_nor_of_one_that_takes_no_connection(self) -> None:
        for pressed, dialled in ((0.0, 1), (NEVER, 2)):
            delivery = delivery_of(SILENT, peer(), pressed=pressed)
            delivery.run(40)
            self.assertEqual(len(delivery.network.dialled), dialled)

    def test_next_host_where_nobody_waits(self) -> None:
        (verdict,) = delivery_of(silent("greeting"), peer(), pressed=NEVER).run(310)
        self.assertEqual((verdict.result, verdict.host), (Result.DELIVERED, "mx2.d.test"))

    def test_other_failures_end_no_walk(self) -> None:
        # A refusal costs no time, and a hanging handshake may be followed by another rung or plain text.
        for first in (None, peer(StartTls.HANG), peer(replies={"greeting": "421 4.3.2 later"})):
            (verdict,) = delivery_of(first, peer(), pressed=0).run(200)
            self.assertEqual(verdict.result, Result.DELIVERED, first)
