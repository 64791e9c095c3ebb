"""What is due when."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.scheduling.agenda import Agenda


class AgendaTests(SynchronousTestCase):
    def test_due_ones_come_in_order_of_their_moments(self) -> None:
        agenda = Agenda()
        for moment, message_id in ((30.0, "c"), (10.0, "a"), (20.0, "b")):
            agenda.set(message_id, moment)
        self.assertEqual(agenda.next_moment(), 10.0)
        self.assertEqual([agenda.pop_due(25.0) for _ in range(3)], ["a", "b", None])
        self.assertEqual((len(agenda), agenda.next_moment()), (1, 30.0))

    def test_new_moment_replaces_the_old(self) -> None:
        agenda = Agenda()
        agenda.set("a", 10.0)
        agenda.set("a", 50.0)
        self.assertIsNone(agenda.pop_due(20.0))
        self.assertEqual(agenda.next_moment(), 50.0)

    def test_what_was_replaced_is_swept_out_and_the_order_stays(self) -> None:
        agenda = Agenda()
        for turn in range(40):
            for number in range(10):
                agenda.set(str(number), float((number * 7 + turn * 3) % 10))
        self.assertLessEqual(len(agenda._heap), 2 * 10 + 65)
        popped = [agenda.pop_due(20.0) for _ in range(10)]
        self.assertEqual(popped, sorted(popped, key=lambda each: (int(each or 0) * 7 + 39 * 3) % 10))

    def test_removed_is_never_due(self) -> None:
        agenda = Agenda()
        agenda.set("a", 10.0)
        agenda.remove("a")
        agenda.remove("a")
        self.assertIsNone(agenda.pop_due(20.0))
        self.assertNotIn("a", agenda)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), st.integers(0, 20)))))
    def test_behaves_like_a_dict(self, steps: list[tuple[str, int | None]]) -> None:
        agenda, plain = Agenda(), {}
        for message_id, moment in steps:
            if moment is None:
                agenda.remove(message_id)
                plain.pop(message_id, None)
            else:
                agenda.set(message_id, moment)
                plain[message_id] = moment
        popped = []
        while (message_id := agenda.pop_due(20)) is not None:
            popped.append(plain.pop(message_id))
        self.assertEqual((popped, plain), (sorted(popped), {}))
