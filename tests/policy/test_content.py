"""What is read of a message for rules."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mime.fields import HeaderSection, header_section
from fopemta.mime.flaws import BOUNDS, ContentBounds, Exceeded, Work
from fopemta.mime.parts import parts_of
from fopemta.policy import content
from fopemta.policy.content import content_facts
from fopemta.policy.facts import EVERYTHING, NOTHING_ASKED, Asked, Attachment, ContentFacts, Gap
from tests.policy.content_forms import ATTACHED, BODIES, SUBJECTS

MIXED = b"""Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r
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


def bound_of(gap: Gap | None) -> str:
    return "" if gap is None else gap.bound


def message(depth: int) -> bytes:
    """In each message another."""
    return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"\r\nx\r\n"


class ContentTests(SynchronousTestCase):
    def test_whole(self) -> None:
        facts = content_facts(MIXED, True)
        self.assertEqual(facts.headers[0], ("subject", "Grüße alle"))
        self.assertEqual([value for name, value in facts.headers if name == "x-class"], ["one", "two"])
        texts = ["für dich", "<p>hello</p>", "hello", "note"]
        self.assertEqual([text.strip() for text in facts.texts], texts)
        self.assertEqual(
            facts.attachments,
            (
                Attachment("plan.pdf", "application/pdf"),
                Attachment("Pläne.pdf", "application/pdf"),
                Attachment("nöte.txt", "text/plain"),
            ),
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
            head + b"Content-Type: text/plain; charset=x-unheard-of\r\n\r\nhi\r\n": (True, "unknown charset"),
            head + b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xff\xfe\r\n": (True, "cannot be decoded"),
        }
        for octets, (whole, words) in table.items():
            facts = content_facts(octets, whole)
            assert facts.texts_gap is not None, octets
            self.assertIn(words, facts.texts_gap.why)
            self.assertTrue(facts.texts_gap.for_good)

    def test_what_is_beyond_a_bound_names_it(self) -> None:
        mixed = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        plain = b"Content-Type: text/plain\r\n\r\nx\r\n"
        bounds = ContentBounds(looked_at=2000, header=1000, field=100, parameters=3, parts=5, depth=2)
        table: dict[bytes, tuple[str, str, str]] = {  # in the headers, of a field, in the text
            plain: ("", "", ""),
            b"A: b\r\n" * 166 + b"\r\nx": ("", "", ""),
            b"A: b\r\n" * 168 + b"\r\nx": ("header", "", "header"),
            b"A: " + b"b" * 97 + b"\r\n" + plain: ("", "", ""),
            b"A: " + b"b" * 98 + b"\r\n" + plain: ("field", "", "field"),
            plain + b"x" * (2000 - len(plain)): ("", "", ""),
            plain + b"x" * (2001 - len(plain)): ("", "", "looked_at"),
            plain + b"x" * 1980: ("", "", "looked_at"),
            b"Content-Type: text/plain" + b";a=b" * 3 + b"\r\n\r\n": ("", "", ""),
            b"Content-Type: text/plain" + b";a=b" * 4 + b"\r\n\r\n": ("", "", "parameters"),
            mixed + b"--b\r\n\r\nx\r\n" * 4 + b"--b--\r\n": ("", "", ""),
            mixed + b"--b\r\n\r\nx\r\n" * 5 + b"--b--\r\n": ("", "", "parts"),
            mixed + b"--bx\r\n" * 21 + b"--b--\r\n": ("", "", "parts"),
            message(2): ("", "", ""),
            message(3): ("", "", "depth"),
        }
        for octets, wanted in table.items():
            facts = content_facts(octets, True, bounds=bounds)
            fields = [gap.bound for _, gap in facts.header_gaps]
            found = (bound_of(facts.headers_gap), "".join(fields), bound_of(facts.texts_gap))
            self.assertEqual(found, wanted, octets[:80])
            self.assertEqual(bound_of(facts.attachments_gap), wanted[2], octets[:80])

    def test_work_is_in_proportion_to_the_size(self) -> None:
        # Counted, not timed: what each octet may cost is bounded whatever the octets are.
        for octets, _ in (*SUBJECTS.values(), *BODIES.values(), *ATTACHED.values()):
            work = Work(len(octets))
            before = work.left
            parts_of(octets, header_section(octets, 0, len(octets), BOUNDS), BOUNDS, work, True)
            self.assertLessEqual(before - work.left, (3 + BOUNDS.depth) * len(octets) + 1, octets[:80])

    def test_readings_of_readings_come_to_an_end(self) -> None:
        # Each message is coded with a flaw, so that both what it decodes to and what it is may be a message.
        coded = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\nX: =ZZ\r\n\r\n"
        for depth, bound in ((3, ""), (4, "work"), (40, "work")):
            facts = content_facts(coded * depth + b"\r\n=ZZ" + b"y" * 200_000, True)
            self.assertEqual(bound_of(facts.texts_gap), bound, depth)

    def test_where_reading_fails_nothing_can_be_told(self) -> None:
        def broken(*_: object) -> HeaderSection:
            raise ValueError

        self.patch(content, "header_section", broken)
        facts = content_facts(b"Subject: x\r\n\r\ny\r\n", True)
        self.assertEqual({each.for_good for each in facts.gaps}, {True})
        self.assertNotIn(None, (facts.headers_gap, facts.texts_gap, facts.attachments_gap))

    def test_types(self) -> None:
        def found(media_type: str, body: str = "word") -> ContentFacts:
            return content_facts(f"Content-Type: {media_type}\r\n\r\n{body}".encode(), True)

        for media_type in ("image/x", "audio/x", "video/x", "font/x", "model/x"):
            facts = found(media_type)
            self.assertEqual((facts.texts, facts.texts_otherwise, facts.texts_gap), ((), (), None), media_type)
        for media_type in ("application/octet-stream", "application/json", "x-a/b"):
            facts = found(media_type)
            self.assertEqual((facts.texts, facts.texts_otherwise, facts.texts_gap), ((), ("word",), None), media_type)
        for media_type in ("text/html", "application/xhtml+xml", "text/enriched", "text/richtext", "text/xml"):
            self.assertIn("word", found(media_type, "w<b>or</b>d").texts, media_type)
        for media_type in ("text/calendar", "text/vcard", "text/x-vcard", "text/directory", "text/x-vcalendar"):
            self.assertIn("word", found(media_type, "wo\r\n rd").texts, media_type)
        for media_type in (
            "multipart/encrypted; boundary=b", "application/pgp-encrypted", "application/pkcs7-mime",
            "application/x-pkcs7-mime", "application/ms-tnef", "application/vnd.ms-tnef", "application/mac-binhex40",
            "message/partial", "message/external-body", "text/rtf", "application/x; name=a.p7m",
            "application/x; name=winmail.dat", "application/x; name=WinMail1.Dat", "application/x; name=a.pgp",
            "application/x; name=a.gpg",
        ):  # fmt: skip
            facts = found(media_type, "--b\r\n\r\nx\r\n--b--\r\n")
            self.assertNotIn(None, (facts.texts_gap, facts.attachments_gap), media_type)

    def test_what_is_shown_of_a_message_in_the_message(self) -> None:
        for name in ("Subject", "From", "To", "Cc", "Sender", "Reply-To", "Comments", "Keywords", "X-Other"):
            octets = f"Content-Type: message/rfc822\r\n\r\n{name}: word\r\n\r\nx".encode()
            self.assertEqual("word" in content_facts(octets, True).texts, name != "X-Other", name)
        for number, bound in ((100, ""), (101, "fields")):
            octets = b"Content-Type: message/rfc822\r\n\r\n" + b"Subject: y\r\n" * number + b"\r\nx"
            self.assertEqual(bound_of(content_facts(octets, True).texts_gap), bound)

    def test_what_is_asked(self) -> None:
        some, others = Asked(headers=frozenset({"a"}), body=True), Asked(headers=frozenset({"b"}), attachments=True)
        self.assertEqual(some | others, Asked(headers=frozenset({"a", "b"}), body=True, attachments=True))
        self.assertEqual(others | some, some | others)
        self.assertEqual((EVERYTHING | some, some | EVERYTHING, some | NOTHING_ASKED), (EVERYTHING, EVERYTHING, some))
        self.assertEqual([bool(each) for each in (some, others, EVERYTHING, NOTHING_ASKED)], [True, True, True, False])

    def test_whoever_makes_too_much_work_is_not_read(self) -> None:
        work = Work(10)
        work.left = 5
        octets = b"Content-Type: text/plain\r\n\r\nlonger than that"
        found = parts_of(octets, header_section(octets, 0, len(octets), BOUNDS), BOUNDS, work, True)
        self.assertEqual([each.bound for each in found.flaws], ["work"])
        self.assertRaises(Exceeded, Work(0).spend, 1 << 21)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.binary(max_size=300), st.booleans(), st.integers(0, len(MIXED)), st.binary(max_size=4))
    def test_whatever_octets(self, octets: bytes, whole: bool, at: int, odd: bytes) -> None:
        self.assertIsInstance(content_facts(octets, whole), ContentFacts)
        self.assertIsInstance(content_facts(MIXED[:at] + odd + MIXED[at + 1 :], whole), ContentFacts)
