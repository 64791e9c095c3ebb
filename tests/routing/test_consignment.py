"""What a courier is given."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Envelope
from fopemta.mail.queued import QueuedMessage
from fopemta.routing.consignment import Consignment
from fopemta.routing.routes import next_hop
from tests.steps import LINEAR, steps_a_pair


def consignment(size: int) -> Consignment:
    who = tuple(Mailbox(f"u{number}", "b.test") for number in range(size))
    message = QueuedMessage.fresh("M", 900.0, 10, Envelope(None, who))
    tried = tuple(attrs.evolve(each, attempts=number) for number, each in enumerate(message.recipients))
    return Consignment(attrs.evolve(message, recipients=tried), next_hop("b.test", ()), who)


class ConsignmentTests(SynchronousTestCase):
    def test_attempts_are_counted_from_one(self) -> None:
        load = consignment(3)
        self.assertEqual([load.attempt_of(each) for each in load.recipients], [1, 2, 3])

    def test_asking_for_each_costs_what_it_asks(self) -> None:
        def asking(size: int) -> Callable[[], object]:
            load = consignment(size)
            return lambda: [load.attempt_of(each) for each in load.recipients]

        self.assertLess(steps_a_pair(asking), LINEAR)
