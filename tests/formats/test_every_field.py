"""Every field of what is stored comes back: a new one that somebody forgets to write down is found here."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.formats.message_json import (
    StoredFacts,
    facts_from_json,
    facts_to_json,
    outcome_from_json,
    outcome_to_json,
)
from fopemta.mail.envelope import Arrival, Envelope, OriginalRecipient, RecipientOptions, RuleNote, TlsSession
from fopemta.mail.queued import QueuedMessage, RecipientStatus
from fopemta.trust.demand import Demand, Demanded, Patience, Proof
from fopemta.trust.evidence import ClientCertificate
from fopemta.trust.verdict import CertificateFacts, Tested, VerdictRecord
from tests.every_field import classes_in, filled, replaced, variants
from tests.spool.contract import ID

IN_ENVELOPE = (
    Envelope, Arrival, TlsSession, ClientCertificate, RecipientOptions, OriginalRecipient, RuleNote, Demand, Proof,
    Demanded, Patience, Mailbox,
)  # fmt: skip
IN_VERDICT = (VerdictRecord, CertificateFacts, Tested, Demanded, Demand, Proof, Patience)


class EveryFieldTests(SynchronousTestCase):
    """As JSON; that the spool keeps them wherever a message lies is in the contract of all spools."""

    def test_every_class_that_is_stored_is_looked_at(self) -> None:
        self.assertEqual(classes_in(filled(Envelope)), set(IN_ENVELOPE))
        self.assertEqual(classes_in(filled(VerdictRecord)), set(IN_VERDICT))

    def test_every_field_of_an_envelope(self) -> None:
        whole = filled(Envelope)
        for cls in IN_ENVELOPE:
            for what, value in variants(cls):
                envelope = replaced(whole, cls, value)
                # Nobody is a recipient twice.
                envelope = attrs.evolve(envelope, recipients=tuple(dict.fromkeys(envelope.recipients)))
                facts = StoredFacts(ID, 1.5, 7, envelope)
                self.assertEqual(facts_from_json(facts_to_json(facts)), facts, f"{cls.__name__}: {what}")

    def test_every_field_of_the_facts(self) -> None:
        for what, facts in variants(StoredFacts):
            facts = attrs.evolve(facts, id=ID)
            self.assertEqual(facts_from_json(facts_to_json(facts)), facts, what)

    def test_every_field_of_a_verdict(self) -> None:
        whole = filled(VerdictRecord)
        for cls in IN_VERDICT:
            for what, value in variants(cls):
                verdict = replaced(whole, cls, value)
                read = outcome_from_json(outcome_to_json(ID, [verdict]))
                self.assertEqual(read.verdicts, (verdict,), f"{cls.__name__}: {what}")

    def test_moments_are_text(self) -> None:
        """Programs read them as RFC 3339, every one."""
        for plain in (filled(VerdictRecord).to_json(), filled(VerdictRecord).to_brief_json()):
            self.assertEqual([name for name, fact in plain.items() if isinstance(fact, float)], [])

    def test_every_field_of_a_message(self) -> None:
        """`filled` values reach each field of what the queue sees."""
        envelope = filled(Envelope)
        verdicts = [filled(VerdictRecord, recipient=str(each)) for each in envelope.recipients]
        message = QueuedMessage.fresh(ID, 1.5, 7, envelope).after(verdicts)
        self.assertEqual(
            [field.name for field in attrs.fields(QueuedMessage) if field.eq],
            ["id", "arrived", "size", "envelope", "recipients"],
        )
        for status, address, verdict in zip(message.recipients, envelope.recipients, verdicts, strict=True):
            self.assertEqual(
                attrs.asdict(status, recurse=False),
                {
                    "address": address,
                    "state": RecipientStatus(address).after(verdict).state,
                    "attempts": verdict.attempt,
                    "last": verdict,
                },
            )
