"""A message on its way into the spool, beside the session."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.inbound.reception import changed
from fopemta.mail.address import Mailbox
from fopemta.mail.envelope import Envelope, RuleNote
from fopemta.policy.acceptance import Acceptance
from tests.every_field import filled


class ChangedByRulesTests(SynchronousTestCase):
    def test_all_that_rules_say_nothing_of_stays(self) -> None:
        before = filled(Envelope, held=False)
        address, note = filled(Mailbox), filled(RuleNote)
        accepted = Acceptance(hold=True, recipients=((address, before.recipients),), notes=(note,))
        after = changed(before, accepted)
        self.assertEqual((after.recipients, after.rules, after.held), ((address,), (note,), True))
        self.assertEqual(after.options_of(address).stands_for, before.recipients)
        same = {name: getattr(before, name) for name in ("recipients", "rules", "held", "options")}
        self.assertEqual(attrs.evolve(after, **same), before)
