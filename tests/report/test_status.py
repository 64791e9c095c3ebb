"""The part for machines, field by field."""

from __future__ import annotations

from email import message_from_string

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import OriginalRecipient, RecipientOptions
from fopemta.report.kinds import Kind
from fopemta.report.notices import Notice
from fopemta.report.status import field, status_part
from fopemta.trust.verdict import Result, VerdictRecord
from tests.report.samples import ALICE, BOB, FACTS, MESSAGE, NOW, deferred, delivered, in_mailbox, message_with, verdict


def lines(
    *verdicts: VerdictRecord, kind: Kind = Kind.FAILURE, message: object = MESSAGE, utf8: bool = False
) -> list[str]:
    part = status_part(FACTS, Notice(kind, ALICE, verdicts), message, utf8=utf8)  # type: ignore[arg-type]
    return part.body.decode().split("\r\n")


class OrderTests(SynchronousTestCase):
    def names(self, *args: VerdictRecord, **kwargs: object) -> str:
        found = lines(*args, **kwargs)  # type: ignore[arg-type]
        return " ".join(line.partition(":")[0] if line else "|" for line in found)

    def test_fields_of_each_kind(self) -> None:
        message = "Reporting-MTA Received-From-MTA Arrival-Date X-Fopemta-Queue-ID |"
        tls = "X-Fopemta-TLS |"
        found = {kind: self.names(example, kind=kind) for kind, example in {
            Kind.FAILURE: verdict(), Kind.DELAY: deferred(), Kind.SUCCESS: in_mailbox(), Kind.RELAYED: delivered(),
        }.items()}  # fmt: skip
        self.assertEqual(
            found,
            {
                Kind.FAILURE: f"{message} Final-Recipient Action Status Remote-MTA Diagnostic-Code Last-Attempt-Date"
                f" X-Fopemta-Diagnosis {tls}",
                Kind.DELAY: f"{message} Final-Recipient Action Status Remote-MTA Diagnostic-Code Last-Attempt-Date"
                f" Will-Retry-Until X-Fopemta-Diagnosis {tls}",
                Kind.SUCCESS: f"{message} Final-Recipient Action Status Last-Attempt-Date |",
                Kind.RELAYED: f"{message} Final-Recipient Action Status Remote-MTA Diagnostic-Code Last-Attempt-Date"
                f" {tls}",
            },
        )

    def test_message_made_here_came_from_nobody(self) -> None:
        self.assertNotIn("Received-From-MTA", self.names(verdict(), message=message_with(arrival=None)))


class StatusTests(SynchronousTestCase):
    def one(self, name: str, *args: VerdictRecord, **kwargs: object) -> str:
        [value] = [line for line in lines(*args, **kwargs) if line.startswith(f"{name}:")]  # type: ignore[arg-type]
        return value.partition(": ")[2]

    def test_class_fits_the_action_whatever_was_said(self) -> None:
        said = ("5.1.1", "4.2.2", "2.0.0", "", "5.1", "5.1.1.1", "5.1.1234", "9.9.9", "٥.1.1", "5.1.1\r\nX: y")
        self.assertEqual(
            {
                kind.value: " ".join(self.one("Status", verdict(enhanced=each), kind=kind) for each in said)
                for kind in (Kind.FAILURE, Kind.DELAY, Kind.RELAYED)
            },
            {
                "failure": "5.1.1 5.2.2 5.0.0 5.0.0 5.0.0 5.0.0 5.0.0 5.0.0 5.0.0 5.0.0",
                "delay": "4.1.1 4.2.2 4.0.0 4.0.0 4.0.0 4.0.0 4.0.0 4.0.0 4.0.0 4.0.0",
                "relayed": "2.1.1 2.2.2 2.0.0 2.0.0 2.0.0 2.0.0 2.0.0 2.0.0 2.0.0 2.0.0",
            },
        )

    def test_diagnostic_code_tells_a_servers_words_from_ours(self) -> None:
        for changes, wanted in (
            ({}, "smtp; 550 5.1.1 No such user here"),
            ({"diagnosis": None}, "smtp; 550 5.1.1 No such user here"),
            ({"diagnosis": "connection_timeout"}, "X-Fopemta; 550 5.1.1 No such user here"),
            ({"host": None, "address": None}, "X-Fopemta; 550 5.1.1 No such user here"),
            # Given up after many of these: the enhanced code is ours.
            ({"code": 451, "enhanced": "5.4.7", "diagnosis": "deferred_by_peer"}, "smtp; 451 No such user here"),
            # Nothing was said of this message.
            ({"level": None, "text": "Not tried"}, "X-Fopemta; 550 5.1.1 Not tried"),
            ({"text": ""}, "smtp; 550 5.1.1"),
            ({"result": Result.DELIVERED, "diagnosis": "tls_not_offered"}, "smtp; 550 5.1.1 No such user here"),
        ):
            self.assertEqual(self.one("Diagnostic-Code", verdict(**changes)), wanted)  # type: ignore[arg-type]

    def test_remote_mta(self) -> None:
        self.assertEqual(self.one("Remote-MTA", verdict(host=None)), "dns; [192.0.2.1]")
        self.assertEqual(self.one("Remote-MTA", verdict(host="mx\r\nX: y.test")), "dns; mx X: y.test")

    def test_retried_until_the_end_of_the_queues_patience(self) -> None:
        until = self.one("Will-Retry-Until", deferred(), kind=Kind.DELAY)
        self.assertEqual(until, "Mon, 30 Nov 2026 05:08:05 +0000")
        self.assertEqual(MESSAGE.arrived, NOW - 100)


class AddressTests(SynchronousTestCase):
    def addresses(self, recipient: Mailbox, original: OriginalRecipient | None, utf8: bool = False) -> list[str]:
        options = ((recipient, RecipientOptions(original=original)),) if original else ()
        message = message_with(recipients=(recipient,), options=options)
        found = lines(verdict(str(recipient)), message=message, utf8=utf8)
        return [line for line in found if "-Recipient:" in line]

    def test_C145_every_form(self) -> None:
        jose = Mailbox("josé", "b.test")
        for recipient, original, utf8, wanted in (
            (BOB, None, False, ["Final-Recipient: rfc822; bob@b.test"]),
            (Mailbox("a  b", "b.test"), None, False, ['Final-Recipient: rfc822; "a  b"@b.test']),
            (jose, None, False, ["Final-Recipient: utf-8; jos\\x{E9}@b.test"]),
            (jose, None, True, ["Final-Recipient: utf-8; josé@b.test"]),
            (BOB, ("rfc822", "Bob+x@b.test"), False, ["Original-Recipient: rfc822; Bob+x@b.test"]),
            (BOB, ("rfc822", "a\r\nX: y"), False, ["Original-Recipient: rfc822; a+0D+0AX:+20y"]),
            (BOB, ("rfc822", "é"), True, ["Original-Recipient: rfc822; +C3+A9"]),
            (BOB, ("utf-8", "é+1@b.test"), False, ["Original-Recipient: utf-8; \\x{E9}\\x{2B}1@b.test"]),
            (BOB, ("utf-8", "é\u202e@b.test"), True, ["Original-Recipient: utf-8; \\x{E9}\\x{202E}@b.test"]),
            (BOB, ("x400", "/S=Bob/O=B/"), False, ["Original-Recipient: x400; /S=Bob/O=B/"]),
        ):
            given_original = OriginalRecipient(*original) if original else None
            found = self.addresses(recipient, given_original, utf8)
            self.assertEqual(found[:1], wanted, recipient)
            self.assertEqual(len(found), 2 if original else 1)

    def test_long_address_stays_whole(self) -> None:
        long = Mailbox("x" * 180, "y" * 60 + ".test")
        self.assertIn(f"Final-Recipient: rfc822;|{long}|", "|".join(each.strip() for each in lines(
            verdict(str(long)), message=message_with(recipients=(long,)))))  # fmt: skip

    def test_type_tells_whether_there_is_utf8(self) -> None:
        for utf8, wanted in ((False, "message/delivery-status"), (True, "message/global-delivery-status")):
            jose = Mailbox("josé", "b.test")
            notice = Notice(Kind.FAILURE, ALICE, (verdict(str(jose)),))
            part = status_part(FACTS, notice, message_with(recipients=(jose,)), utf8=utf8)
            self.assertEqual(part.content_type, wanted)


class FieldTests(SynchronousTestCase):
    def test_folded_between_words(self) -> None:
        self.assertEqual(field("A", "b", "c"), "A: b c\n")
        folded = field("Diagnostic-Code", "smtp;", *["word"] * 60)
        self.assertTrue(all(len(line) <= 76 for line in folded.split("\n")))
        self.assertTrue(all(line.startswith(" ") for line in folded.split("\n")[1:-1]))

    def test_word_is_cut_only_where_no_line_can_hold_it(self) -> None:
        self.assertEqual(field("A", "x" * 900), f"A: {'x' * 900}\n")
        self.assertTrue(all(len(line.encode()) <= 998 for line in field("A", "🦊" * 3000).split("\n")))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=8))
    def test_any_words_make_one_field(self, words: list[str]) -> None:
        written = field("Name", *words)
        self.assertTrue(written.endswith("\n"))
        read = message_from_string(f"{written}Next: here\n\n")
        self.assertEqual((read.keys(), read.defects), (["Name", "Next"], []))
        self.assertEqual("".join(read["Name"].split()), "".join("".join(
            each if each.isprintable() else " " for each in word) for word in words).replace(" ", ""))  # fmt: skip
