"""Orders to the queue."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.cli import queue, queue_orders
from fopemta.mail import orders
from fopemta.mail.orders import OrderKind


class KindTests(SynchronousTestCase):
    """A new kind of order cannot be left out of what goes by kinds."""

    def test_each_says_what_it_changes_and_what_is_recorded(self) -> None:
        self.assertEqual((set(orders._CHANGES), set(orders._RECORDS)), (set(OrderKind), set(OrderKind)))

    def test_each_that_an_operator_gives_has_a_command_and_its_words(self) -> None:
        # A reload gives the one that lowers demands.
        given = set(OrderKind) - {OrderKind.LOWER}
        self.assertEqual(set(queue.ORDERS), {each.value for each in given})
        for words in (queue_orders._DONE, queue_orders._AFTERWARDS, queue_orders._NOTHING):
            self.assertEqual(set(words), given)
