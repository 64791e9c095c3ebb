"""Phase × reply → what becomes of the recipient: the whole table."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.attempt.blame import after_break, disposition_of
from fopemta.mail.reply import Reply
from fopemta.smtp.client_effects import Phase, RecipientResult
from fopemta.trust.diagnosis import Diagnosis

BOB = Mailbox("bob", "d.test")


class BlameTests(SynchronousTestCase):
    def test_replies(self) -> None:
        wanted = {}
        for phase in (Phase.GREETING, Phase.HELO, Phase.STARTTLS, Phase.HANDSHAKE):
            wanted[phase] = {451: "next host", 550: "next host", 552: "next host"}
        for phase in (Phase.MAIL, Phase.DATA, Phase.CONTENT, Phase.FINAL):
            wanted[phase] = {451: "next host", 550: "failed", 552: "failed"}
        wanted[Phase.RCPT] = {451: "next host", 550: "failed", 552: "next host"}
        found = {
            phase: {
                code: disposition_of(RecipientResult(BOB, False, phase, Reply.of(code, None))).value for code in codes
            }
            for phase, codes in wanted.items()
        }
        self.assertEqual(found, wanted)

    def test_552_to_rcpt_is_for_good_where_it_says_more_than_too_many(self) -> None:
        for enhanced, wanted in (
            (None, "next host"),
            ("5.5.3", "next host"),
            ("5.3.4", "failed"),
            ("5.2.2", "failed"),
            ("5.5.0", "failed"),
        ):
            result = RecipientResult(BOB, False, Phase.RCPT, Reply.of(552, enhanced, "no"))
            self.assertEqual(disposition_of(result).value, wanted, enhanced)
        # Only a 552, and only there.
        for phase, code in ((Phase.RCPT, 550), (Phase.MAIL, 552), (Phase.FINAL, 552)):
            result = RecipientResult(BOB, False, phase, Reply.of(code, "5.5.3", "no"))
            self.assertEqual(disposition_of(result).value, "failed", phase)

    def test_nonsense_is_temporary(self) -> None:
        for code in (250, 354):
            result = RecipientResult(BOB, False, Phase.DATA, Reply.of(code, None))
            self.assertEqual(disposition_of(result).value, "next host")

    def test_our_own_reasons(self) -> None:
        final = {
            Diagnosis.EIGHT_BIT_NOT_OFFERED, Diagnosis.BINARY_NOT_OFFERED, Diagnosis.SMTPUTF8_NOT_OFFERED,
            Diagnosis.MESSAGE_TOO_LARGE,
        }  # fmt: skip
        # What is demanded has changed, or is not known: no host of this attempt would do.
        over = {Diagnosis.DEMAND_CHANGED, Diagnosis.POLICY_UNKNOWN}
        for diagnosis in (None, *Diagnosis):
            wanted = "failed" if diagnosis in final else "deferred" if diagnosis in over else "next host"
            result = RecipientResult(BOB, False, Phase.MAIL, None, diagnosis)
            self.assertEqual(disposition_of(result).value, wanted, diagnosis)

    def test_accepted(self) -> None:
        self.assertEqual(
            disposition_of(RecipientResult(BOB, True, Phase.FINAL, Reply.of(250, None))).value, "delivered"
        )

    def test_C183_after_the_final_dot_no_other_host(self) -> None:
        found = {phase: after_break(phase).value for phase in Phase}
        self.assertEqual({phase for phase, end in found.items() if end == "deferred"}, {Phase.FINAL})
