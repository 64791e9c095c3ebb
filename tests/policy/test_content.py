"""What is read of a message for rules."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.policy.content import content_facts
from fopemta.policy.facts import Attachment, ContentFacts

MIXED = b"""Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
 =?utf-8?q?_alle?=\r
X-Class: one\r
X-Class: two\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b\r
\r
--b\r
Content-Type: text/plain; charset=iso-8859-1\r
Content-Transfer-Encoding: quoted-printable\r
\r
f=FCr dich\r
--b\r
Content-Type: text/html\r
\r
<p>hello</p>\r
--b\r
Content-Type: application/pdf; name="=?utf-8?b?UGzDpG5lLnBkZg==?="\r
Content-Disposition: attachment; filename="plan.pdf"\r
Content-Transfer-Encoding: base64\r
\r
AAAA\r
--b\r
Content-Type: text/plain\r
Content-Disposition: attachment; filename*=utf-8''n%C3%B6te.txt\r
\r
note\r
--b--\r
"""


class ContentTests(SynchronousTestCase):
    def test_whole(self) -> None:
        facts = content_facts(MIXED, True)
        self.assertEqual(facts.headers[0], ("Subject", "Grüße alle"))
        self.assertEqual([value for name, value in facts.headers if name == "X-Class"], ["one", "two"])
        self.assertEqual([text.strip() for text in facts.texts], ["für dich", "<p>hello</p>"])
        self.assertEqual(
            facts.attachments, (Attachment("plan.pdf", "application/pdf"), Attachment("nöte.txt", "text/plain"))
        )
        self.assertEqual((facts.headers_gap, facts.texts_gap, facts.attachments_gap), (None, None, None))

    def test_what_cannot_be_known_is_named(self) -> None:
        head = b"Subject: x\r\nMIME-Version: 1.0\r\n"
        table: dict[bytes, tuple[bool, str]] = {
            b"Subject: " + b"x" * 100: (False, "header is larger"),
            head + b"\r\nhello": (False, "message is larger"),
            head + b"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n": (
                True,
                "encrypted",
            ),
            head + b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nAAAA\r\n": (
                True,
                "encrypted",
            ),
            head + b"Content-Type: text/plain; charset=x-unheard-of\r\n\r\nhi\r\n": (True, "cannot be decoded"),
            head + b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xff\xfe\r\n": (True, "cannot be decoded"),
        }
        for octets, (whole, words) in table.items():
            facts = content_facts(octets, whole)
            assert facts.texts_gap is not None, octets
            self.assertIn(words, facts.texts_gap.why)
            self.assertTrue(facts.texts_gap.for_good)
        signed = head + b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\nAAAA\r\n"
        self.assertIsNone(content_facts(signed, True).texts_gap)

    def test_too_many_parts(self) -> None:
        parts = b"--b\r\n\r\nx\r\n" * 300
        octets = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n"
        facts = content_facts(octets, True)
        assert facts.texts_gap is not None
        self.assertIn("parts", facts.texts_gap.why)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.binary(max_size=300), st.booleans(), st.integers(0, len(MIXED)), st.binary(max_size=4))
    def test_whatever_octets(self, octets: bytes, whole: bool, at: int, odd: bytes) -> None:
        self.assertIsInstance(content_facts(octets, whole), ContentFacts)
        self.assertIsInstance(content_facts(MIXED[:at] + odd + MIXED[at + 1 :], whole), ContentFacts)
