"""Who is still to be served, and how the others have ended."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.attempt.cursor import Step
from fopemta.attempt.findings import Session, StepFinding
from fopemta.attempt.roll import Roll
from fopemta.mail.envelope import Envelope
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.reply import Reply
from fopemta.routing.consignment import Consignment
from fopemta.routing.routes import next_hop
from fopemta.routing.values import Host
from fopemta.smtp.client_effects import Broken, Phase, RecipientResult, SessionFailed
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback, TlsPlan
from fopemta.trust.rungs import Rung
from fopemta.trust.verdict import VerdictRecord

BOB, EVE = Mailbox("bob", "d.test"), Mailbox("eve", "d.test")
STEP = Step(Host("mx.test", ("192.0.2.1",), 25), "192.0.2.1", Rung.STRONG_256)
SESSION = Session(STEP, None, (), None, None)
LOST = SessionFailed(Phase.DATA, Diagnosis.CONVERSATION_DROPPED, "gone")


def result(recipient: Mailbox, code: int) -> RecipientResult:
    return RecipientResult(recipient, code < 300, Phase.RCPT, Reply.of(code, None, "said"))


class RollTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.told: list[str] = []
        self.roll = self.make(Level.OPPORTUNISTIC)

    def make(self, level: Level) -> Roll:
        message = QueuedMessage.fresh("BCDFGH01", 0.0, 0, Envelope(None, (BOB, EVE)))
        consignment = Consignment(message, next_hop("d.test", ()), (BOB, EVE))
        plan = TlsPlan(level, (Rung.STRONG_256,), Fallback.NEVER)
        return Roll(consignment, plan, lambda: 7.0, self.note)

    def note(self, verdicts: Sequence[VerdictRecord]) -> Deferred[None]:
        self.told += [f"{each.recipient} {each.result.value}" for each in verdicts]
        return succeed(None)

    def tell(self) -> list[str]:
        """What is written down now."""
        self.told.clear()
        Deferred.fromCoroutine(self.roll.tell())
        return list(self.told)

    def verdicts(self) -> list[tuple[str, str, str]]:
        return [(each.recipient, each.result.value, each.text) for each in self.roll.verdicts()]

    def test_each_is_told_once(self) -> None:
        self.assertEqual(self.tell(), [])
        self.roll.note(SESSION, (result(BOB, 250), result(EVE, 450)))
        self.assertEqual((list(self.roll.left), self.tell(), self.tell()), ([EVE], ["bob@d.test delivered"], []))
        self.assertEqual(self.verdicts(), [("eve@d.test", "deferred", "said")])

    def test_an_end_is_an_end(self) -> None:
        self.roll.note(SESSION, (result(BOB, 550),))
        self.roll.note(SESSION, (result(BOB, 250),))
        self.assertEqual(self.tell(), ["bob@d.test failed"])

    def test_of_a_session_that_broke_what_was_known_by_then_stands(self) -> None:
        self.roll.note(SESSION, Broken(LOST, (result(BOB, 550),)))
        self.assertEqual(self.verdicts(), [("bob@d.test", "failed", "said"), ("eve@d.test", "deferred", "gone")])

    def test_every_disposition_has_its_result(self) -> None:
        for diagnosis, wanted in (
            (Diagnosis.DEMAND_CHANGED, "deferred"),
            (Diagnosis.POLICY_UNKNOWN, "deferred"),
            (Diagnosis.MESSAGE_TOO_LARGE, "failed"),
            (Diagnosis.LOCAL_TROUBLE, "deferred"),
        ):
            self.roll = self.make(Level.OPPORTUNISTIC)
            self.roll.note(SESSION, (RecipientResult(BOB, False, Phase.MAIL, None, diagnosis),))
            found = [each.result.value for each in self.roll.verdicts() if each.recipient == str(BOB)] or self.tell()
            self.assertEqual([each.split()[-1] for each in found], [wanted], diagnosis)

    def test_who_has_not_been_asked(self) -> None:
        self.roll.asked.add(BOB)
        self.assertEqual(self.roll.unasked, [EVE])

    def test_what_a_server_said_to_one_tells_more_of_him_than_what_else_was_found(self) -> None:
        self.roll.note(SESSION, (result(BOB, 450),))
        self.roll.found(
            StepFinding(code=451, enhanced="4.7.5", text="found", diagnosis=Diagnosis.CERT_EXPIRED, step=STEP)
        )
        self.assertEqual([text for _, _, text in self.verdicts()], ["said", "found"])

    def test_nothing_found_is_trouble_of_our_own(self) -> None:
        self.assertEqual({each.diagnosis for each in self.roll.verdicts()}, {"local_trouble"})

    def test_when_the_clock_of_forced_tls_starts(self) -> None:
        for level, diagnosis, wanted in (
            (Level.ENCRYPT, Diagnosis.TLS_NOT_OFFERED, 7.0),
            (Level.AUTHENTICATED, Diagnosis.CERT_EXPIRED, 7.0),
            (Level.OPPORTUNISTIC, Diagnosis.TLS_NOT_OFFERED, None),
            (Level.ENCRYPT, Diagnosis.CONNECTION_REFUSED, None),
            (Level.AUTHENTICATED, Diagnosis.REVOCATION_UNKNOWN, None),
        ):
            self.roll = self.make(level)
            self.roll.found(StepFinding(code=451, enhanced="4.7.5", text="", diagnosis=diagnosis, step=STEP))
            self.assertEqual({each.tls_since for each in self.roll.verdicts()}, {wanted}, diagnosis)
        # One of several is enough.
        self.roll = self.make(Level.ENCRYPT)
        for diagnosis in (Diagnosis.TLS_NOT_OFFERED, Diagnosis.CONNECTION_REFUSED):
            self.roll.found(StepFinding(code=451, enhanced="4.7.5", text="", diagnosis=diagnosis, step=STEP))
        self.assertEqual({each.tls_since for each in self.roll.verdicts()}, {7.0})
