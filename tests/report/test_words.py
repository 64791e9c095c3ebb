"""The part for people."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.envelope import Notify, RecipientOptions
from fopemta.report.enclosure import Back, Enclosed
from fopemta.report.kinds import Kind
from fopemta.report.notices import Notice
from fopemta.report.wording import clean
from fopemta.report.words import text_part
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.verdict import VerdictRecord
from tests.report.samples import ALICE, BOB, FACTS, MESSAGE, deferred, delivered, in_mailbox, message_with, verdict


def text(*verdicts: VerdictRecord, kind: Kind = Kind.FAILURE, message: object = MESSAGE) -> str:
    part = text_part(FACTS, Notice(kind, ALICE, verdicts), message, Back(Enclosed.WHOLE), utf8=True)  # type: ignore[arg-type]
    return part.body.decode()


def sentences(*verdicts: VerdictRecord, kind: Kind = Kind.FAILURE, message: object = MESSAGE) -> str:
    return " ".join(text(*verdicts, kind=kind, message=message).split())


class WordsTests(SynchronousTestCase):
    def test_what_why_and_what_now_of_each_kind(self) -> None:
        for kind, example, said in (
            (Kind.FAILURE, verdict(), ("could not be delivered", "refused the message", "Please correct the address")),
            (Kind.DELAY, deferred(), ("has not reached", "come again later", "You need not do anything")),
            (Kind.SUCCESS, in_mailbox(), ("has been delivered", "asked for this notice", "You need not do anything")),
            (Kind.RELAYED, delivered(), ("passed on", "does not notify senders", "You need not do anything")),
            (Kind.DOUBLE_BOUNCE, verdict(), ("could not deliver that notice", "refused", "somebody may be sending")),
        ):
            found = sentences(example, kind=kind)
            places = [found.find(each) for each in said]
            self.assertNotIn(-1, places, kind)
            self.assertEqual(places, sorted(places), kind)

    def test_mailbox_on_this_machine_is_no_server(self) -> None:
        nobody = {"host": None, "address": None, "port": None, "rung": None, "protocol": None}
        for said in (
            sentences(verdict(text="No such mailbox here", **nobody)),
            sentences(verdict(text="No such mailbox here", **nobody), kind=Kind.DOUBLE_BOUNCE),
        ):
            self.assertIn("This mail server could not put the message into the mailbox.", said)
            self.assertIn("In technical words: 550 5.1.1 No such mailbox here", said)
            self.assertNotIn("The receiving mail server", said)
        self.assertIn("Please correct the address", sentences(verdict(text="No such mailbox here", **nobody)))

    def test_what_this_server_refuses_of_its_own_programs_is_not_refused_by_another(self) -> None:
        nowhere = {"host": None, "address": None, "port": None, "rung": None, "protocol": None}
        for where, who in ((nowhere, "This mail server"), ({}, "The receiving mail server")):
            said = sentences(verdict(text="No such mailbox here", diagnosis=None, **where))
            self.assertIn(f"{who} refused the message.", said)
            self.assertIn("Please correct the address", said)

    def test_no_delay_speaks_of_an_end(self) -> None:
        for diagnosis in Diagnosis:
            said = sentences(deferred(diagnosis=diagnosis.value), kind=Kind.DELAY).partition("<bob@b.test>")[2]
            if diagnosis is not Diagnosis.QUEUE_LIFETIME_OVER:
                self.assertIsNone(
                    re.search("too many times|could not be delivered|No further attempts", said), diagnosis
                )

    def test_who_wants_no_failure_is_promised_none(self) -> None:
        promise = "if delivery finally fails, you will be notified"
        self.assertIn(promise, sentences(deferred(), kind=Kind.DELAY))
        message = message_with(options=((BOB, RecipientOptions(frozenset({Notify.DELAY}))),))
        self.assertNotIn(promise, sentences(deferred(), kind=Kind.DELAY, message=message))

    def test_how_often_it_was_tried(self) -> None:
        for attempt, said in ((0, None), (1, "attempted once since"), (36, "attempted 36 times since")):
            found = sentences(verdict(code=451, attempt=attempt))
            self.assertEqual(said is not None, "Delivery was attempted" in found)
            self.assertIn(said or "", found)
        self.assertNotIn("Delivery was attempted", sentences(verdict(attempt=3)))

    def test_several_recipients_are_counted_and_named(self) -> None:
        found = sentences(verdict(), verdict("eve@b.test"))
        self.assertIn("to the following 2 recipients", found)
        self.assertIn("<eve@b.test>", found)
        found = sentences(in_mailbox(), in_mailbox("eve@b.test"), kind=Kind.SUCCESS)
        self.assertIn("to the mailboxes of 2 recipients", found)

    def test_lines_are_short_save_for_addresses(self) -> None:
        for kind in Kind:
            for line in text(verdict(text="word " * 500, host="h" * 60), kind=kind).split("\r\n"):
                self.assertLessEqual(len(line), 72)

    def test_C143_servers_words_are_shown_as_such_and_cannot_end_their_quotes(self) -> None:
        found = sentences(verdict(text='He said "no"\r\nDear customer, pay here'))
        self.assertIn("\"550 5.1.1 He said 'no' Dear customer, pay here\"", found)

    def test_only_what_was_said_is_quoted(self) -> None:
        greylisted = {"code": 451, "diagnosis": "deferred_by_peer", "text": "4.7.1 Greylisted", "attempt": 9}
        for example, said in (
            (verdict(), 'The server mx1.b.test said: "550 5.1.1 No such user here"'),
            (verdict(enhanced="5.0.0"), 'The server mx1.b.test said: "550 No such user here"'),
            (verdict(enhanced="5.4.7", **greylisted), 'The server mx1.b.test said: "451 4.7.1 Greylisted"'),
            (verdict(enhanced="5.4.7", level=None, **greylisted), "In technical words: 451 5.4.7 4.7.1 Greylisted"),
        ):
            self.assertIn(said, sentences(example))

    def test_a_refusal_that_was_put_off_has_its_codes_once(self) -> None:
        """In the text, where the record's are ours; older records have the server's own."""
        for code, text, said in (
            (451, "500 5.5.1 What?", "500 5.5.1 What?"), (500, "What?", "500 5.5.1 What?"), (554, "No", "554 5.5.1 No"),
        ):  # fmt: skip
            enhanced = "4.5.1" if code == 451 else "5.5.1"
            example = deferred(code=code, enhanced=enhanced, diagnosis="refused_by_peer", text=text)
            self.assertIn(f'The server mx1.b.test said: "{said}"', sentences(example, kind=Kind.DELAY))
        over = verdict(code=554, enhanced="5.4.7", diagnosis="deferred_by_peer", text="451 4.7.1 Greylisted")
        self.assertIn('The server mx1.b.test said: "451 4.7.1 Greylisted"', sentences(over))

    def test_forced_tls_names_the_server_as_far_as_it_is_known(self) -> None:
        for known, named in (
            ({}, "mx1.b.test"),
            ({"host": None, "address": "192.0.2.9"}, "192.0.2.9"),
            ({"host": None, "address": None}, "the receiving mail server"),
        ):
            waits = {"diagnosis": "tls_not_offered", "tls_since": 1_795_583_385.0, "level": "authenticated"}
            example = deferred(**{**waits, **known})  # type: ignore[arg-type]
            said = sentences(example, kind=Kind.DELAY)
            self.assertIn(f"There has been no such connection to {named} since", said)


class CleanTests(SynchronousTestCase):
    def test_one_line_of_what_can_be_seen(self) -> None:
        self.assertEqual(clean(" a\r\n\tb\x00c\x1b[31m  d\u2028e\u202ef\x85g\udc80h "), "a b c [31m d e f g h")
        self.assertEqual(clean("é🦊"), "é🦊")
        self.assertEqual(clean("é🦊", ascii_only=True), "??")

    def test_cut(self) -> None:
        self.assertEqual(clean("x" * 2000), "x" * 2000)
        self.assertEqual(clean("x" * 2001), "x" * 1997 + "...")
        self.assertEqual(len(clean("\x00" * 5000 + "x")), 3)
