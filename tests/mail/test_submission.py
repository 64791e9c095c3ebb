"""Date and Message-ID where they are missing, and nothing else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.submission import LONGEST_HEADER, HeaderReader, SubmittedContent, submission_fields

DATE, MESSAGE_ID = b"Date: Wed, 25 Nov 2026 05:29:45 +0000\r\n", b"Message-ID: <ID1@mx.us.test>\r\n"
FIELDS = {b"date": DATE, b"message-id": MESSAGE_ID}
BOTH = DATE + MESSAGE_ID
HELLO = b"From: a@us.test\r\nSubject: hi\r\n\r\nHello\r\n"
LONG = b"X-Long: " + b"x" * 990 + b"\r\n"


def mended(content: bytes, size: int | None = None) -> bytes:
    """What comes out of `content` fed in pieces of `size` octets."""
    submitted = SubmittedContent(FIELDS)
    size = size or max(1, len(content))
    pieces = [submitted.feed(content[place : place + size]) for place in range(0, len(content), size)]
    return b"".join([*pieces, submitted.finish()])


class FieldsTests(SynchronousTestCase):
    def test_lines(self) -> None:
        self.assertEqual(submission_fields(1795584585.12, "ID1", "mx.us.test"), FIELDS)


class MendingTests(SynchronousTestCase):
    # What is put in front of each message.
    TABLE = {
        HELLO: BOTH,
        b"Date: x\r\n" + HELLO: MESSAGE_ID,
        b"MESSAGE-ID: <x@y>\r\n" + HELLO: DATE,
        b"date:\r\nmessage-id:\r\n" + HELLO: b"",
        b"Date : old\r\nMessage-ID\t: old\r\n" + HELLO: b"",
        b"Resent-Date: x\r\nResent-Message-ID: x\r\n" + HELLO: BOTH,
        b"X: a\r\n Date: folded\r\n\tMessage-ID: folded\r\n" + HELLO: BOTH,
        b"X: a\n\nDate: behind a bare line end\r\n" + HELLO: BOTH,
        HELLO + b"Date: in the body\r\n": BOTH,
        b"\r\nDate: in the body\r\n": BOTH,
        b"no header at all: is this\r\nDate: x\r\n": BOTH,
        b"From alice Wed Nov 25 05:29:45 2026\r\nDate: x\r\n\r\n": BOTH,
        # It would become part of a line of ours.
        b" begins with a blank\r\n\r\n": b"",
        b"": BOTH,
        b"Subject: cut off": BOTH,
        b"Date: cut off": MESSAGE_ID,
        b"Subject: \xff\xfe\r\n\r\n": BOTH,
        # Not found within the bound: nothing is added, since it may stand behind it.
        LONG * 70 + HELLO: b"",
        b"Date: x\r\n" + LONG * 70 + HELLO: b"",
        b"Date: x\r\nMessage-ID: x\r\n" + LONG * 70 + HELLO: b"",
        LONG * 60 + HELLO: BOTH,
    }

    def test_table(self) -> None:
        for content, added in self.TABLE.items():
            for size in (None, 1, 7, 1000):
                if size != 1 or len(content) < 1000:
                    self.assertEqual(mended(content, size), added + content, (content[:60], size))

    def test_holds_back_no_longer_than_it_must(self) -> None:
        submitted = SubmittedContent(FIELDS)
        self.assertEqual(submitted.feed(b"Subject: hi\r\nDate: x\r\nMessage-ID: x"), b"")
        self.assertEqual(submitted.feed(b"\r\n"), b"Subject: hi\r\nDate: x\r\nMessage-ID: x\r\n")
        self.assertEqual(submitted.feed(b"To"), b"To")
        submitted = SubmittedContent(FIELDS)
        held = b"x: " + b"y" * (LONGEST_HEADER - 4)
        self.assertEqual(submitted.feed(held), b"")
        self.assertEqual(submitted.feed(b"z"), held + b"z")
        self.assertEqual(submitted.finish(), b"")

    def test_large_message_in_one_piece(self) -> None:
        content = HELLO + b"x" * 1_000_000
        self.assertEqual(SubmittedContent(FIELDS).feed(content), BOTH + content)

    @settings(deadline=None, derandomize=True, max_examples=400)
    @given(
        st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"Date:", b"Message-ID:", b"x", b": ", b"\xff", b"\0"])),
        st.data(),
    )
    def test_is_the_same_however_it_is_cut_and_alters_nothing(self, parts: list[bytes], data: st.DataObject) -> None:
        content = b"".join(parts)
        whole = mended(content)
        self.assertEqual(whole[len(whole) - len(content) :], content)
        self.assertIn(whole[: len(whole) - len(content)], (b"", DATE, MESSAGE_ID, BOTH))
        self.assertEqual(mended(content, data.draw(st.integers(1, 9))), whole)


class AutomaticTests(SynchronousTestCase):
    def test_table(self) -> None:
        for header, automatic in {
            b"Content-Type: multipart/report; report-type=disposition-notification; boundary=x": True,
            b"content-type:MULTIPART/REPORT": True,
            b"Content-Type:\r\n multipart/report;\r\n report-type=delivery-status": True,
            b"Auto-Submitted: auto-replied": True,
            b"Auto-Submitted: auto-generated; owner-email=a@us.test": True,
            b"Auto-Submitted: no": False,
            b"Auto-Submitted: No ; x=y": False,
            b"Auto-Submitted:": False,
            b"Auto-Submitted: no\r\nAuto-Submitted: auto-replied": False,
            b"Content-Type: text/plain\r\nContent-Type: multipart/report": False,
            b"Content-Type: text/plain; name=multipart/report": False,
            b"Content-Type: multipart/reported": False,
            b"Subject: multipart/report": False,
            b"Subject: x\r\n\r\nContent-Type: multipart/report": False,
            b"": False,
        }.items():
            reader = HeaderReader()
            reader.feed(header + b"\r\n\r\n")
            reader.finish()
            self.assertEqual(reader.automatic, automatic, header)
