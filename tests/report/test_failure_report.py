"""The failure report: against golden files, and parsed back by the standard library.

`FOPEMTA_REFRESH_GOLDEN=1 python -m twisted.trial tests.report` writes the golden files anew; look at the difference.
"""

from __future__ import annotations

import os
from email import message_from_bytes, policy
from email.message import Message
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.address import Mailbox
from fopemta.mail.envelope import Envelope
from fopemta.mail.queued import QueuedMessage
from fopemta.report.facts import Facts
from fopemta.report.failure_report import LARGEST_ENCLOSED, failure_report
from fopemta.report.status import field
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import Result, VerdictRecord

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
NOW = 1_795_583_385.0
FACTS = Facts(hostname="mx.us.test", postmaster="postmaster@us.test", report_id="RPRT1", now=NOW, lifetime=432000.0)
ORIGINAL = b"From: Alice <alice@us.test>\r\nTo: bob@b.test\r\nSubject: Lunch\r\n\r\nAt noon?\r\n"
MESSAGE = QueuedMessage.fresh(
    "MSG1", NOW - 100.0, len(ORIGINAL), Envelope(Mailbox("alice", "us.test"), (Mailbox("bob", "b.test"),))
)


def verdict(recipient: str = "bob@b.test", **changes: object) -> VerdictRecord:
    values: dict[str, object] = {
        "time": NOW, "message": "MSG1", "sender": "alice@us.test", "recipient": recipient, "attempt": 1,
        "result": Result.FAILED, "code": 550, "enhanced": "5.1.1", "text": "No such user here", "host": "mx1.b.test",
        "address": "192.0.2.1", "port": 25, "diagnosis": "refused_by_peer", "protocol": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256,
    }  # fmt: skip
    return VerdictRecord(**{**values, **changes})  # type: ignore[arg-type]


def report(*failed: VerdictRecord, original: bytes = ORIGINAL, message: QueuedMessage = MESSAGE) -> bytes:
    return failure_report(FACTS, message, failed or (verdict(),), original)


def parsed(content: bytes) -> tuple[Message, Message, Message, Message]:
    whole = message_from_bytes(content, policy=policy.default)
    return (whole, *whole.get_payload())  # type: ignore[return-value]


class GoldenTests(SynchronousTestCase):
    maxDiff = None

    def compare(self, name: str, content: bytes) -> None:
        path = GOLDEN / name
        if os.environ.get("FOPEMTA_REFRESH_GOLDEN"):
            path.write_bytes(content.replace(b"\r\n", b"\n"))
        self.assertEqual(content.decode("latin-1").replace("\r\n", "\n"), path.read_text("latin-1"))

    def test_refused_by_the_server(self) -> None:
        self.compare("failure_refused.eml", report())

    def test_no_such_domain(self) -> None:
        text = "the domain b.test does not exist"
        failed = verdict(
            host=None, address=None, protocol=None, enhanced="5.1.2", text=text, diagnosis="domain_not_found"
        )
        self.compare("failure_no_domain.eml", report(failed))

    def test_tls_was_demanded_and_life_is_over(self) -> None:
        failed = verdict(
            code=451, enhanced="5.7.5", diagnosis="name_mismatch", attempt=36,
            text="wanted mx1.b.test, found elsewhere.test",
        )  # fmt: skip
        self.compare("failure_tls.eml", report(failed))

    def test_two_recipients(self) -> None:
        self.compare(
            "failure_two.eml", report(verdict(), verdict("eve@b.test", code=552, enhanced="5.2.2", text="Full"))
        )


class FormTests(SynchronousTestCase):
    def test_parsed_back(self) -> None:
        whole, text, status, original = parsed(report())
        self.assertEqual(whole.get_content_type(), "multipart/report")
        self.assertEqual(whole.get_param("report-type"), "delivery-status")
        self.assertEqual(
            (whole["Auto-Submitted"], whole["To"], whole["Message-ID"]),
            ("auto-replied", "alice@us.test", "<RPRT1@mx.us.test>"),
        )
        self.assertEqual(whole.defects, [])
        self.assertEqual(text.get_content_type(), "text/plain")
        per_message, per_recipient = status.get_payload()  # type: ignore[misc]
        self.assertEqual(per_message["Reporting-MTA"], "dns; mx.us.test")
        self.assertEqual(
            (per_recipient["Final-Recipient"], per_recipient["Action"], per_recipient["Status"]),
            ("rfc822; bob@b.test", "failed", "5.1.1"),
        )
        self.assertEqual(per_recipient["Remote-MTA"], "dns; mx1.b.test")
        self.assertEqual(per_recipient["Diagnostic-Code"], "smtp; 550 5.1.1 No such user here")
        self.assertEqual(original.get_payload(0)["Subject"], "Lunch")

    def test_every_line_is_short_and_ends_with_crlf(self) -> None:
        content = report(verdict(text="x" * 5000))
        self.assertEqual(content.count(b"\n"), content.count(b"\r\n"))
        self.assertLessEqual(max(map(len, content.split(b"\r\n"))), 998)

    def test_large_message_comes_back_as_its_headers(self) -> None:
        original = ORIGINAL + b"x" * LARGEST_ENCLOSED
        large = attrs.evolve(MESSAGE, size=len(original))
        part = parsed(report(original=original[:LARGEST_ENCLOSED], message=large))[3]
        self.assertEqual(part.get_content_type(), "text/rfc822-headers")
        self.assertIn("Subject: Lunch", str(part.get_payload()))
        self.assertNotIn("noon", str(part.get_payload()))

    def test_eight_bit_original_comes_back_as_it_was(self) -> None:
        original = ORIGINAL + "Grüße\r\n".encode()
        content = report(original=original)
        self.assertIn(original, content)
        self.assertEqual(parsed(content)[3]["Content-Transfer-Encoding"], "8bit")

    def test_boundary_is_none_that_the_original_holds(self) -> None:
        original = ORIGINAL + b"--RPRT1-0\r\n\r\n--RPRT1-1--\r\n"
        content = report(original=original)
        self.assertEqual(len(parsed(content)), 4)
        self.assertIn(original, content)

    def test_C143_long_and_strange_remote_texts(self) -> None:
        for text in ("x" * 3000, "a b " * 900, "line\r\nX-Injected: yes", "nö\x00\x1b[31m", ""):
            status = parsed(report(verdict(text=text)))[2]
            groups = status.get_payload()
            self.assertEqual(len(groups), 2, text)
            self.assertIsNone(groups[1]["X-Injected"])  # type: ignore[index]
            self.assertTrue(str(groups[1]["Diagnostic-Code"]).isascii())  # type: ignore[index]

    def test_C138_the_address_is_the_senders_own_word_for_it(self) -> None:
        self.assertIn(b"rfc822; bob@b.test", report())

    def test_C150_messages_from_programs_get_a_report_too(self) -> None:
        original = b"Auto-Submitted: auto-generated\r\n" + ORIGINAL
        self.assertIn(b"Action: failed", report(original=original))

    def test_every_diagnosis_makes_a_report(self) -> None:
        for diagnosis in Diagnosis:
            text = str(parsed(report(verdict(diagnosis=diagnosis.value)))[1].get_payload())
            sentence = explain(diagnosis).sender.split()
            self.assertIn(sentence[0], text)
            self.assertNotIn(explain(diagnosis).remedy, text)


class FieldTests(SynchronousTestCase):
    def test_folding(self) -> None:
        self.assertEqual(field("A", "b c"), "A: b c\n")
        folded = field("Diagnostic-Code", "smtp; " + "word " * 60)
        self.assertTrue(all(len(line) <= 76 for line in folded.split("\n")))
        self.assertTrue(all(line.startswith(" ") for line in folded.split("\n")[1:-1]))
        self.assertTrue(all(len(line) <= 80 for line in field("A", "x" * 500).split("\n")))
