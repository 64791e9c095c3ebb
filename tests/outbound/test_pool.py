"""Sessions that carry more than one message, and those that must not."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Fallback
from fopemta.interfaces import SpoolFailing
from fopemta.testing.peers import StartTls
from fopemta.trust.levels import Level
from tests.outbound.delivery import BOB, EVE, Delivery, peer

ONE = ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA", "(27"]
NEXT = ["MAIL", "RCPT", "DATA", "(27"]


class PoolTests(SynchronousTestCase):
    def test_messages_to_one_destination_share_a_session(self) -> None:
        server = peer()
        delivery = Delivery(server)
        first, second = delivery.run()[0], delivery.another()[0]
        self.assertEqual(server.verbs, [ONE + NEXT])
        self.assertEqual(attrs.evolve(second, message=first.message), first)
        self.assertEqual(len(server.messages), 2)

    def test_idle_session_ends_with_a_goodbye(self) -> None:
        server = peer()
        delivery = Delivery(server)
        delivery.run(seconds=10)
        self.assertEqual(server.verbs, [[*ONE, "QUIT"]])
        self.assertEqual(delivery.network.getDelayedCalls(), [])
        delivery.another()
        self.assertEqual(server.connections, 2)

    def test_number_of_messages_is_bounded(self) -> None:
        server = peer()
        delivery = Delivery(server)
        limits = attrs.evolve(delivery.config.delivery, messages_per_connection=2)
        delivery.manager.config = attrs.evolve(delivery.config, delivery=limits)
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

    def test_421_that_meets_our_next_message(self) -> None:
        server = peer()
        delivery = Delivery(server)
        delivery.run()
        delivery.network.pumps[0].server.write(b"421 4.4.2 you are idle\r\n")
        self.assertEqual(delivery.another()[0].result.value, "delivered")
        self.assertEqual((server.connections, len(server.messages)), (2, 2))

    def test_no_session_proven_for_less_is_used_for_more(self) -> None:
        server = peer(StartTls.NOT_OFFERED)
        delivery = Delivery(server)
        self.assertEqual(delivery.run()[0].rung, "plain")
        strict = Delivery(server, level=Level.ENCRYPT)
        strict.manager.pool = delivery.manager.pool
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
        now = delivery.manager.now()
        delivery.manager.now = lambda: now + 40 * 86400
        verdict = delivery.another()[0]
        self.assertEqual((verdict.result.value, verdict.diagnosis), ("deferred", "cert_expired"))
        self.assertEqual(len(server.messages), 1)

    def test_new_configuration_means_new_sessions(self) -> None:
        server = peer()
        delivery = Delivery(server)
        delivery.run()
        delivery.manager.reconfigure(delivery.config)
        delivery.network.flush()
        delivery.another()
        self.assertEqual(server.verbs, [[*ONE, "QUIT"], ONE])


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
