"""Whole reports: against golden files, and read back by the standard library.

`FOPEMTA_REFRESH_GOLDEN=1 python -m twisted.trial tests.report` writes the golden files anew; look at the difference.
"""

from __future__ import annotations

import os
from email.message import Message
from itertools import product
from pathlib import Path

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Arrival, BodyType, Notify, OriginalRecipient, RecipientOptions, Returned
from fopemta.mail.lines import are_legal
from fopemta.mail.queued import QueuedMessage
from fopemta.report.enclosure import LARGEST_ENCLOSED, Enclosed
from fopemta.report.kinds import Kind
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import VerdictRecord
from tests.report.samples import (
    ALICE,
    BOB,
    FACTS,
    MESSAGE,
    ORIGINAL,
    POSTMASTER,
    deferred,
    delivered,
    groups,
    in_mailbox,
    message_with,
    parsed,
    report,
    verdict,
)

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
JOSÉ = Mailbox("josé", "b.test")
FRANÇOIS = Mailbox("françois", "us.test")
# One of each kind: its verdicts, and whom it goes to.
EXAMPLES: dict[Kind, VerdictRecord] = {
    Kind.FAILURE: verdict(),
    Kind.DELAY: deferred(),
    Kind.SUCCESS: in_mailbox(),
    Kind.RELAYED: delivered(),
    Kind.DOUBLE_BOUNCE: verdict(),
}


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

    def test_with_everything_that_dsn_can_ask_for(self) -> None:
        options = RecipientOptions(
            frozenset({Notify.SUCCESS, Notify.FAILURE, Notify.DELAY}), OriginalRecipient("rfc822", "Robert+list@b.test")
        )
        message = message_with(returned=Returned.HEADERS, envelope_id="QQ+314159", options=((BOB, options),))
        self.compare("failure_dsn.eml", report(message=message))

    def test_delayed(self) -> None:
        self.compare("delay.eml", report(deferred(), kind=Kind.DELAY))

    def test_delivered(self) -> None:
        self.compare("success.eml", report(in_mailbox(), kind=Kind.SUCCESS))

    def test_relayed(self) -> None:
        self.compare("relayed.eml", report(delivered(), kind=Kind.RELAYED))

    def test_double_bounce(self) -> None:
        failed = report(facts=attrs.evolve(FACTS, report_id="MSG1"))
        message = attrs.evolve(message_with(sender=None, arrival=None), size=len(failed))
        self.compare(
            "double_bounce.eml", report(kind=Kind.DOUBLE_BOUNCE, to=POSTMASTER, message=message, original=failed)
        )

    def test_to_an_internationalised_sender(self) -> None:
        message = message_with(sender=FRANÇOIS, recipients=(JOSÉ,), smtputf8=True)
        original = (
            "From: François <françois@us.test>\r\nTo: josé@b.test\r\nSubject: Déjeuner\r\n\r\nÀ midi ?\r\n".encode()
        )
        failed = verdict(str(JOSÉ), text="josé n'est pas ici")
        self.compare("failure_utf8.eml", report(failed, to=FRANÇOIS, message=message, original=original))

    def test_of_an_internationalised_message_to_an_ascii_sender(self) -> None:
        message = message_with(recipients=(JOSÉ,), smtputf8=True)
        original = "From: alice@us.test\r\nTo: josé@b.test\r\nSubject: Déjeuner\r\n\r\nÀ midi ?\r\n".encode()
        failed = verdict(
            str(JOSÉ), code=554, enhanced="5.6.7", diagnosis="smtputf8_not_offered", text="no SMTPUTF8 here"
        )
        self.compare("failure_utf8_in_ascii.eml", report(failed, message=message, original=original))


class FormTests(SynchronousTestCase):
    def well_formed(self, content: bytes) -> tuple[Message, ...]:
        """What holds of every report (C151)."""
        self.assertEqual(content.count(b"\n"), content.count(b"\r\n"))
        self.assertEqual(content.count(b"\r"), content.count(b"\r\n"))
        self.assertLessEqual(max(map(len, content.split(b"\r\n"))), 998)
        parts = parsed(content)
        whole, text, status = parts[:3]
        self.assertEqual([each.defects for each in parts], [[]] * len(parts))
        self.assertEqual(whole.get_content_type(), "multipart/report")
        self.assertEqual(whole.get_param("report-type"), "delivery-status")
        self.assertEqual(whole["Auto-Submitted"], "auto-replied")
        for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
            self.assertEqual(len(whole.get_all(name, [])), 1, name)
        self.assertEqual(text.get_content_type(), "text/plain")
        self.assertIn(status.get_content_type(), ("message/delivery-status", "message/global-delivery-status"))
        return parts

    def test_parsed_back(self) -> None:
        whole, text, status, original = self.well_formed(report())
        self.assertEqual((whole["To"], whole["Message-ID"]), ("alice@us.test", "<RPRT1@mx.us.test>"))
        self.assertEqual(whole["From"], "Mail Delivery System <postmaster@us.test>")
        self.assertEqual(text.get_content_type(), "text/plain")
        per_message, per_recipient = groups(status)
        self.assertEqual(
            (per_message["Reporting-MTA"], per_message["Received-From-MTA"]),
            ("dns; mx.us.test", "dns; client.us.test ([192.0.2.7])"),
        )
        self.assertEqual(
            (per_recipient["Final-Recipient"], per_recipient["Action"], per_recipient["Status"]),
            ("rfc822; bob@b.test", "failed", "5.1.1"),
        )
        self.assertEqual(per_recipient["Remote-MTA"], "dns; mx1.b.test")
        self.assertEqual(per_recipient["Diagnostic-Code"], "smtp; 550 5.1.1 No such user here")
        self.assertEqual(original.get_payload(0)["Subject"], "Lunch")  # type: ignore[union-attr]

    def test_C151_every_kind_is_well_formed(self) -> None:
        for kind, example in EXAMPLES.items():
            whole, _, status, original = self.well_formed(report(example, kind=kind))
            self.assertEqual(whole["Subject"], kind.subject)
            fields = groups(status)[1]
            self.assertEqual((fields["Action"], fields["Status"][0]), (kind.action, kind.status_class))
            self.assertEqual(
                original.get_content_type(),
                "message/rfc822" if kind in (Kind.FAILURE, Kind.DOUBLE_BOUNCE) else "text/rfc822-headers",
                kind,
            )

    def test_envelope_id_and_original_recipient_only_where_given(self) -> None:
        per_message, per_recipient = groups(parsed(report())[2])
        self.assertEqual((per_message["Original-Envelope-Id"], per_recipient["Original-Recipient"]), (None, None))
        options = ((BOB, RecipientOptions(original=OriginalRecipient("rfc822", "Bob@List.test"))),)
        message = message_with(envelope_id="QQ314159", options=options)
        per_message, *others = groups(parsed(report(verdict(), verdict("eve@b.test"), message=message))[2])
        self.assertEqual(per_message["Original-Envelope-Id"], "QQ314159")
        self.assertEqual([each["Original-Recipient"] for each in others], ["rfc822; Bob@List.test", None])

    def test_C138_the_address_is_the_senders_own_word_for_it(self) -> None:
        sales, info = Mailbox("sales", "b.test"), Mailbox("info", "b.test")
        secret = Mailbox("secret", "inside.test")
        message = message_with(recipients=(secret,), options=((secret, RecipientOptions(stands_for=(sales, info))),))
        content = report(verdict(str(secret), text="<Secret@inside.test> unknown"), message=message)
        self.assertNotIn(b"secret@", content.lower())
        _, text, status, _ = self.well_formed(content)
        self.assertIn("to the following 2 recipients", str(text.get_payload()))
        self.assertEqual(
            [(each["Final-Recipient"], each["Diagnostic-Code"]) for each in groups(status)[1:]],
            [
                ("rfc822; sales@b.test", "smtp; 550 5.1.1 <sales@b.test> unknown"),
                ("rfc822; info@b.test", "smtp; 550 5.1.1 <info@b.test> unknown"),
            ],
        )

    def test_C150_messages_from_programs_get_a_report_too(self) -> None:
        original = b"Auto-Submitted: auto-generated\r\nPrecedence: bulk\r\n" + ORIGINAL
        self.assertIn(b"Action: failed", report(original=original))

    def test_boundary_is_none_that_the_original_holds(self) -> None:
        original = ORIGINAL + b"--RPRT1-0\r\n\r\n--RPRT1-1--\r\n"
        content = report(original=original)
        self.assertEqual(len(self.well_formed(content)), 4)
        self.assertIn(original, content)

    def test_message_that_cannot_be_read_has_no_third_part(self) -> None:
        self.assertEqual(len(self.well_formed(report(original=b""))), 3)

    def test_every_diagnosis_makes_a_report_of_a_failure_and_of_a_delay(self) -> None:
        for diagnosis in Diagnosis:
            for kind in (Kind.FAILURE, Kind.DELAY):
                parts = self.well_formed(report(verdict(diagnosis=diagnosis.value), kind=kind))
                text = " ".join(str(parts[1].get_payload()).split())
                self.assertNotIn(explain(diagnosis).remedy, text)
                if kind is Kind.FAILURE:
                    self.assertIn(explain(diagnosis).sender, text)


class BodyTests(SynchronousTestCase):
    """What comes back, whatever the sender asked for."""

    def test_headers_only_overrules_ret_full(self) -> None:
        message = message_with(returned=Returned.FULL)
        self.assertIn(b"At noon?", report(message=message))
        for kind, example in EXAMPLES.items():
            self.assertNotIn(b"noon", report(example, kind=kind, message=message, most=Enclosed.HEADERS), kind)

    def test_large_message_comes_back_as_its_headers_and_the_text_says_so(self) -> None:
        original = ORIGINAL + b"x" * LARGEST_ENCLOSED
        large = attrs.evolve(message_with(returned=Returned.FULL), size=len(original))
        _, text, _, part = parsed(report(original=original[:LARGEST_ENCLOSED], message=large))
        self.assertEqual(part.get_content_type(), "text/rfc822-headers")
        self.assertIn("Subject: Lunch", str(part.get_payload()))
        self.assertNotIn("noon", str(part.get_payload()))
        self.assertIn("too large to come back whole", str(text.get_payload()))

    def test_eight_bit_original_comes_back_as_it_was(self) -> None:
        original = ORIGINAL + "Grüße\r\n".encode()
        content = report(original=original)
        self.assertIn(original, content)
        self.assertEqual(parsed(content)[3]["Content-Transfer-Encoding"], "8bit")


class Utf8Tests(SynchronousTestCase):
    ORIGINAL = "From: a@us.test\r\nTo: josé@b.test\r\nSubject: Déjeuner\r\n\r\nÀ midi ?\r\n".encode()

    def test_to_an_ascii_sender_all_is_ascii(self) -> None:
        message = message_with(recipients=(JOSÉ,), smtputf8=True, envelope_id="7")
        for kind, example in EXAMPLES.items():
            about = attrs.evolve(example, recipient=str(JOSÉ), text="pas d'été")
            content = report(about, kind=kind, message=message, original=self.ORIGINAL)
            self.assertTrue(content.isascii(), kind)
            _, text, status, part = parsed(content)
            self.assertEqual(groups(status)[1]["Final-Recipient"], "utf-8; jos\\x{E9}@b.test")
            self.assertIn("<josé@b.test>", text.get_content())  # type: ignore[attr-defined]
            self.assertEqual(part["Content-Transfer-Encoding"], "quoted-printable")

    def test_to_a_sender_with_utf8_all_may_be(self) -> None:
        message = message_with(sender=FRANÇOIS, recipients=(JOSÉ,), smtputf8=True)
        content = report(verdict(str(JOSÉ)), to=FRANÇOIS, message=message, original=self.ORIGINAL)
        whole, _, status, part = parsed(content)
        self.assertIn("To: <françois@us.test>\r\n".encode(), content)
        self.assertEqual(status.get_content_type(), "message/global-delivery-status")
        self.assertIn("Final-Recipient: utf-8; josé@b.test\r\n".encode(), content)
        self.assertEqual(part.get_content_type(), "message/global")
        self.assertIn(self.ORIGINAL, content)
        self.assertEqual(whole.defects, [])

    def test_headers_with_utf8_alone(self) -> None:
        message = message_with(recipients=(JOSÉ,), smtputf8=True, returned=Returned.HEADERS)
        _, _, _, part = parsed(report(verdict(str(JOSÉ)), message=message, original=self.ORIGINAL))
        self.assertEqual(part.get_content_type(), "message/global-headers")


class StrangersTests(SynchronousTestCase):
    """Remote texts can do nothing but be shown."""

    def check(self, **changes: str) -> None:
        for kind, utf8 in ((Kind.FAILURE, False), (Kind.DELAY, False), (Kind.RELAYED, False), (Kind.FAILURE, True)):
            to = FRANÇOIS if utf8 else ALICE
            content = report(attrs.evolve(EXAMPLES[kind], **changes), kind=kind, to=to)  # type: ignore[arg-type]
            parts = FormTests("well_formed").well_formed(content)
            fields = groups(parts[2])
            self.assertEqual(len(fields), 2, content)
            self.assertEqual([each.defects for each in fields], [[], []])
            self.assertEqual((fields[1].get_all("Status"), fields[1].get_all("Action"))[1], [kind.action])
            self.assertEqual(fields[1]["Status"][0], kind.status_class)
            self.assertTrue(utf8 or content.isascii())
            self.assertIsNone(fields[1]["X-Injected"])

    def test_C143_long_and_strange_remote_texts(self) -> None:
        lines = " ".join("x" * 500 for _ in range(30))
        for text in (
            "x" * 3000, "a b " * 900, "line\r\nX-Injected: yes", "nö\x00\x1b[31m", "", lines, "\r\n\r\nStatus: 2.0.0",
            "Status: 2.0.0", "\u2028\u202eevil\x85", "\udc80\udcff", "--RPRT1-0", "🦊" * 3000, ".\r\n",
        ):  # fmt: skip
            self.check(text=text)

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(st.text(max_size=300), st.text(max_size=40), st.text(max_size=12))
    def test_any_text(self, text: str, host: str, enhanced: str) -> None:
        self.check(text=text, host=host, enhanced=enhanced)

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(st.binary(max_size=400))
    def test_any_original(self, original: bytes) -> None:
        for message in (MESSAGE, message_with(smtputf8=True)):
            content = report(original=original, message=attrs.evolve(message, size=len(original)))
            _, text, status, *_ = parsed(content)
            self.assertEqual(groups(status)[1]["Action"], "failed")
            self.assertEqual(text.defects, [])
            self.assertTrue(are_legal(content))

    def test_nothing_that_is_quoted_makes_a_line_that_servers_refuse(self) -> None:
        odd = "x" * 3500 + "\r\n.\r\0" + "é" * 1200
        local = Mailbox("é" * 900, "b.test")
        said = RecipientOptions(original=OriginalRecipient("utf-8", odd))
        envelope = attrs.evolve(
            MESSAGE.envelope, recipients=(BOB, local), envelope_id=odd, smtputf8=True, options=((BOB, said),),
            arrival=Arrival("192.0.2.7", odd, "ESMTPS"), body_type=BodyType.BINARY_MIME,
        )  # fmt: skip
        message = QueuedMessage.fresh("MSG1", MESSAGE.arrived, 100, envelope)
        original = f"Subject: {odd}\r\nX-{'y' * 3000}: z\r\n\r\n".encode()
        about = [verdict(str(each), text=odd, host=odd, enhanced=odd) for each in envelope.recipients]
        for kind, to, size in product(Kind, (ALICE, FRANÇOIS), (100, LARGEST_ENCLOSED + 1)):
            content = report(
                *about, kind=kind, to=to, message=attrs.evolve(message, size=size), original=original,
                facts=attrs.evolve(FACTS, rules={str(BOB): (odd,)}),
            )  # fmt: skip
            self.assertTrue(are_legal(content), kind)
