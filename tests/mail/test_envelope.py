"""What senders ask for of their recipients."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Arrival, Envelope, Notify, OriginalRecipient, RecipientOptions
from tests.every_field import filled, variants

N, S, F, D = Notify.NEVER, Notify.SUCCESS, Notify.FAILURE, Notify.DELAY


class OfAllTests(SynchronousTestCase):
    def test_no_notice_is_left_out(self) -> None:
        for said, together in (
            ([set()], set()),
            ([set(), set()], set()),
            ([{N}, {N}], {N}),
            ([{S}, {S}], {S}),
            ([{N}, {F}], {F}),
            ([{N}, set()], {F, D}),
            ([{S}, set()], {S, F, D}),
            ([{S}, {N}, {D}], {S, D}),
        ):
            options = [RecipientOptions(frozenset(each)) for each in said]
            for order in (options, options[::-1]):
                self.assertEqual(RecipientOptions.of_all(order, ()).notify, together, said)

    def test_a_word_for_the_recipient_is_kept_where_all_have_said_it(self) -> None:
        one, other = OriginalRecipient("rfc822", "a@b.test"), OriginalRecipient("rfc822", "c@b.test")
        for said, together in (([one], one), ([one, one], one), ([one, other], None), ([one, None], None)):
            options = [RecipientOptions(original=each) for each in said]
            self.assertEqual(RecipientOptions.of_all(options, ()).original, together)

    def test_it_stands_for_them(self) -> None:
        them = (Mailbox("a", "b.test"), Mailbox("c", "b.test"))
        self.assertEqual(RecipientOptions.of_all([RecipientOptions()] * 2, them), RecipientOptions(stands_for=them))


class ArrivedTests(SynchronousTestCase):
    def test_nothing_else_changes(self) -> None:
        arrival = filled(Arrival)
        for what, envelope in variants(Envelope):
            found = envelope.arrived(arrival, True)
            self.assertEqual(found, attrs.evolve(envelope, arrival=arrival, from_outside=True), what)
