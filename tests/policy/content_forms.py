"""Forms in which a message may say something, and what must follow: a table that other tests go through.

`SAID`: what most readers show has the word, so any rule acts.  `CANNOT_TELL`: some readers may show it; a demand of TLS
applies, an exception and every other action do not.  `NOT_SAID`: no reader shows it; no rule acts.
"""
# ruff: noqa: E501  one form a line

from __future__ import annotations

import base64
import unicodedata

from fopemta.policy.matchers import Answer

SAID, CANNOT_TELL, NOT_SAID = Answer.YES, Answer.NOT_FOR_GOOD, Answer.NO

# What is looked for: in the subject, in the body.
WORDS = ("secret", "Prüfbericht", "top plan", "Straße")
FILES = ("*.exe", "Prüf*.pdf", "application/x-bad")

UTF8 = "Prüfbericht".encode()
LATIN = "Prüfbericht".encode("latin-1")
NFD = unicodedata.normalize("NFD", "Prüfbericht").encode()


def b64(octets: bytes) -> bytes:
    return base64.b64encode(octets)


def h(*lines: bytes) -> bytes:
    """A header of these lines, before a body that says nothing."""
    return b"From: a@c.test\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\nHello\r\n"


def subject(value: bytes) -> bytes:
    return h(b"Subject: " + value)


def b(body: bytes, *lines: bytes) -> bytes:
    """A body under a header with these lines."""
    return b"Subject: weather\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def plain(body: bytes, parameters: bytes = b"", encoding: bytes = b"") -> bytes:
    lines = [b"Content-Type: text/plain" + parameters] + (
        [b"Content-Transfer-Encoding: " + encoding] if encoding else []
    )
    return b(body + b"\r\n", *lines)


def html(source: bytes) -> bytes:
    return b(source + b"\r\n", b"Content-Type: text/html; charset=utf-8")


def mixed(
    *parts: bytes, before: bytes = b"", after: bytes = b"", kind: bytes = b"multipart/mixed; boundary=b"
) -> bytes:
    inner = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return b(before + inner + b"--b--\r\n" + after, b"Content-Type: " + kind)


def part(body: bytes, content_type: bytes = b"text/plain", *lines: bytes) -> bytes:
    return b"\r\n".join((b"Content-Type: " + content_type, *lines, b"", body))


def nested(levels: int, inmost: bytes) -> bytes:
    message = part(inmost)
    for level in range(levels):
        message = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n%s\r\n--b%d--\r\n" % (
            level, level, message, level
        )  # fmt: skip
    return b"Subject: weather\r\n" + message


CODED = b"Content-Transfer-Encoding: base64"
PDF = b64(b"%PDF-1.4 \xff\xfe\x00 binary")

SUBJECTS: dict[str, tuple[bytes, Answer]] = {
    "plain": (subject(b"the secret"), SAID),
    "capitals": (subject(b"THE SECRET"), SAID),
    "another letter case of the name": (h(b"SUBJECT: secret"), SAID),
    "an encoded word in Q": (subject(b"=?utf-8?q?Pr=C3=BCfbericht?="), SAID),
    "an encoded word in B": (subject(b"=?utf-8?b?" + b64(UTF8) + b"?="), SAID),
    "an encoded word in latin-1": (subject(b"=?iso-8859-1?Q?Pr=FCfbericht?="), SAID),
    "an encoded word with a language": (subject(b"=?utf-8*de?q?Pr=C3=BCfbericht?="), SAID),
    "an encoded word in UTF-16": (subject(b"=?utf-16?b?" + b64("secret".encode("utf-16")) + b"?="), SAID),
    "an encoded word in UTF-7": (subject(b"=?utf-7?q?+AHM-ecret?="), SAID),
    "an encoded word with lower-case digits": (subject(b"=?utf-8?q?Pr=c3=bcfbericht?="), SAID),
    "a word in two encoded words": (subject(b"=?utf-8?q?sec?=\r\n =?utf-8?q?ret?="), SAID),
    "an encoded word within a word": (subject(b"x=?utf-8?q?sec?=ret"), SAID),
    "cut within a letter": (subject(b"=?utf-8?q?Pr=C3?= =?utf-8?q?=BCfbericht?="), SAID),
    "cut within a letter, B and Q": (subject(b"=?utf-8?b?UHLD?=\r\n =?utf-8?q?=BCfbericht?="), SAID),
    "raw UTF-8": (subject(UTF8), SAID),
    "raw latin-1": (subject(LATIN), CANNOT_TELL),
    "raw octets of another charset": (subject("Отчёт".encode("koi8-r")), CANNOT_TELL),
    "decomposed letters": (subject(NFD), SAID),
    "decomposed letters in an encoded word": (subject(b"=?utf-8?b?" + b64(NFD) + b"?="), SAID),
    "letters that fold to two": (subject(b"STRASSE"), SAID),
    "a capital sharp s": (subject("STRAẞE".encode()), SAID),
    "zero-width characters": (subject("sec\u200bret".encode()), SAID),
    "a soft hyphen": (subject(b"=?utf-8?q?sec=C2=ADret?="), SAID),
    "a blank before the colon": (h(b"Subject : secret"), SAID),
    "a tab before the colon": (h(b"Subject\t: secret"), SAID),
    "folded between words": (subject(b"top\r\n plan"), SAID),
    "folded with a tab": (subject(b"top\r\n\tplan"), SAID),
    "folded within a word": (subject(b"sec\r\n ret"), CANNOT_TELL),
    "on a line of its own": (subject(b"\r\n secret"), SAID),
    "the second of two": (h(b"Subject: weather", b"Subject: secret"), SAID),
    "behind a line that is no field": (h(b"nonsense", b"Subject: secret"), SAID),
    "behind a name with other octets": (h("Bäh: x".encode(), b"Subject: secret"), SAID),
    "behind a name with a blank": (h(b"X Y: x", b"Subject: secret"), SAID),
    "behind a line of a mailbox": (h(b"From a@c.test Mon Nov 30 18:00:00 2026", b"Subject: secret"), SAID),
    "behind a blank line that is none": (h(b"X: y", b"  ", b"Subject: secret"), SAID),
    "a line that is no field": (h(b"nonsense", b"Subject: weather"), CANNOT_TELL),
    "a name with other octets": (h("Sübject: secret".encode()), CANNOT_TELL),
    "an unknown charset": (subject(b"=?x-none?b?" + b64(b"secret") + b"?="), CANNOT_TELL),
    "an unknown encoding": (subject(b"=?utf-8?x?" + b64(b"secret") + b"?="), CANNOT_TELL),
    "octets that are not in the charset": (subject(b"=?utf-8?q?=FF=FE?="), CANNOT_TELL),
    "no padding": (subject(b"=?utf-8?b?" + b64(b"secret!").rstrip(b"=") + b"?="), CANNOT_TELL),
    "junk in base64": (subject(b"=?utf-8?b?c2Vj*cmV0?="), CANNOT_TELL),
    "blanks in an encoded word": (subject(b"=?utf-8?q?the secret?="), CANNOT_TELL),
    "an encoded word without end": (subject(b"=?utf-8?q?secret"), CANNOT_TELL),
    "half an escape": (subject(b"=?utf-8?q?weather=4?="), CANNOT_TELL),
    "punycode": (subject(b"=?punycode?q?secret?="), CANNOT_TELL),
    "NUL": (subject(b"sec\0ret"), CANNOT_TELL),
    "escape sequences": (subject(b"\x1b$B\x1b(Bsecret"), CANNOT_TELL),
    "in quotes with backslashes": (subject(b'"se\\cret"'), CANNOT_TELL),
    "with a comment": (subject(b"sec(x)ret"), CANNOT_TELL),
    "behind an empty line": (b"From: a@c.test\r\n\r\nSubject: secret\r\n\r\nx\r\n", CANNOT_TELL),
    "of a message that is a message": (
        b(b"Subject: secret\r\n\r\nx\r\n", b"Content-Type: message/rfc822"),
        CANNOT_TELL,
    ),
    "more marks than a letter has": (subject(("a" + "\u0301" * 40).encode()), CANNOT_TELL),
    "beyond the longest field": (subject(b"x" * (129 << 10) + b"\r\n secret"), CANNOT_TELL),
    "beyond the most fields": (h(*[b"X: y"] * 10_001, b"Subject: secret"), CANNOT_TELL),
    "beyond the longest header": (h(*[b"X: " + b"y" * 60_000] * 18, b"Subject: secret"), CANNOT_TELL),
    "nothing": (subject(b"weather"), NOT_SAID),
    "nothing, encoded": (subject(b"=?utf-8?q?Wetter?= =?iso-8859-1?q?f=FCr?= =?utf-8?b?bW9yZ2Vu?="), NOT_SAID),
    "nothing, in UTF-8": (subject("Grüße ☀".encode()), NOT_SAID),
    "nothing, with signs": (subject(b'1 =? 2, "x" (y)'), NOT_SAID),
    "nothing, and a text without a header": (b"\r\nHello\r\n", NOT_SAID),
}

BODIES: dict[str, tuple[bytes, Answer]] = {
    "plain": (b(b"the secret\r\n"), SAID),
    "quoted-printable": (plain(b"Pr=C3=BCfbericht", b";charset=utf-8", b"quoted-printable"), SAID),
    "a soft line break": (plain(b"sec=\r\nret", b"", b"quoted-printable"), SAID),
    "a soft line break with a blank": (plain(b"sec= \r\nret", b"", b"quoted-printable"), SAID),
    "base64": (plain(b64(b"the secret"), b"", b"base64"), SAID),
    "base64 and a blank": (plain(b64(b"the secret"), b"", b"base64 "), SAID),
    "base64 and a semicolon": (plain(b64(b"the secret"), b"", b"base64;"), SAID),
    "base64 and a comment": (plain(b64(b"the secret"), b"", b"(x) Base64 (y)"), SAID),
    "base64 in quotes": (plain(b64(b"the secret"), b"", b'"base64"'), SAID),
    "base64, folded": (plain(b64(b"the secret"), b"", b"\r\n base64"), SAID),
    "base64 with a blank before the colon": (b(b64(b"secret"), b"Content-Transfer-Encoding : base64"), SAID),
    "two encodings": (plain(b64(b"the secret"), b"", b"7bit\r\nContent-Transfer-Encoding: base64"), CANNOT_TELL),
    "an unknown encoding": (plain(b64(b"the secret"), b"", b"x-base-64"), CANNOT_TELL),
    "an encoding without a name": (plain(b64(b"the secret"), b"", b"=?"), CANNOT_TELL),
    "base64 with junk": (plain(b"c2Vj*cmV0", b"", b"base64"), CANNOT_TELL),
    "base64 with padding within": (plain(b"c2U=" + b64(b"cret"), b"", b"base64"), CANNOT_TELL),
    "base64 and text behind it": (plain(b64(b"weather") + b"\r\n\r\n--\r\nsecret!", b"", b"base64"), CANNOT_TELL),
    "base64 that is none": (plain(b"the secret is out!", b"", b"base64"), CANNOT_TELL),
    "wrong escapes": (plain(b"weather=ZZ", b"", b"quoted-printable"), CANNOT_TELL),
    "a text with a name": (plain(b64(b"secret"), b"; name=a.txt", b"base64"), SAID),
    "a text that is attached": (mixed(part(b"secret", b"text/plain", b"Content-Disposition: attachment; filename=a.txt")), SAID),
    "an unknown kind of text": (b(b"secret\r\n", b"Content-Type: text/x-unheard-of"), SAID),
    "a file of text": (b(b64(b"secret"), b"Content-Type: application/octet-stream", CODED), CANNOT_TELL),
    "UTF-8 that is not declared": (b(UTF8 + b"\r\n"), SAID),
    "UTF-8 declared as ASCII": (plain(UTF8, b"; charset=us-ascii"), SAID),
    "UTF-8 declared as latin-1": (plain(UTF8, b"; charset=iso-8859-1"), CANNOT_TELL),
    "latin-1": (plain(LATIN, b"; charset=ISO-8859-1"), SAID),
    "latin-1 declared as UTF-8": (plain(LATIN, b"; charset=utf-8"), CANNOT_TELL),
    "latin-1 declared as ASCII": (plain(LATIN, b"; charset=us-ascii"), CANNOT_TELL),
    "windows-1252 in quotes": (plain(LATIN, b'; charset="windows-1252"'), SAID),
    "an unknown charset": (plain(b"secret", b"; charset=x-none"), CANNOT_TELL),
    "two charsets": (plain(UTF8, b"; charset=iso-8859-2; charset=utf-8"), CANNOT_TELL),
    "UTF-16": (plain(b64("secret".encode("utf-16")), b"; charset=utf-16", b"base64"), SAID),
    "UTF-16 that is not declared": (plain(b64("secret".encode("utf-16")), b"", b"base64"), CANNOT_TELL),
    "UTF-7": (plain(b"+AHM-ecret", b"; charset=utf-7"), SAID),
    "ISO-2022-JP": (plain("秘密 secret".encode("iso-2022-jp"), b"; charset=iso-2022-jp"), SAID),
    "a byte order mark": (plain(b"\xef\xbb\xbf" + UTF8, b"; charset=utf-8"), SAID),
    "NUL": (plain(b64(b"s\0e\0c\0ret"), b"", b"base64"), CANNOT_TELL),
    "zero-width characters": (plain("s\u200be\u2060c\u200dret".encode(), b"; charset=utf-8"), SAID),
    "a soft hyphen": (plain("sec\u00adret".encode(), b"; charset=utf-8"), SAID),
    "decomposed letters": (plain(NFD, b"; charset=utf-8"), SAID),
    "a flowed line": (plain(b"top \r\nplan", b"; format=flowed"), SAID),
    "a flowed line whose blank goes": (plain(b"sec \r\nret", b"; format=flowed; delsp=yes"), SAID),
    "a broken line": (plain(b"top\r\nplan"), CANNOT_TELL),
    "HTML entities": (html(b"<p>&#115;&#x65;cret"), SAID),
    "HTML entities with a name": (html(b"Pr&uuml;fbericht"), SAID),
    "HTML within a word": (html(b"<p>se<b>cr</b>et</p>"), SAID),
    "HTML comments within a word": (html(b"se<!-- x -->cret"), SAID),
    "HTML with a bracket in a value": (html(b"sec<a title='>'>ret</a>"), SAID),
    "HTML with a soft hyphen": (html(b"sec&shy;ret"), SAID),
    "HTML over two lines": (html(b"top<br>\r\nplan"), SAID),
    "a drawing in SVG": (
        b(b"<svg><text>se<tspan>cr</tspan>et</text></svg>", b"Content-Type: image/svg+xml"), SAID
    ),
    "HTML source": (html(b"<a href='secret'>x</a>"), SAID),
    "HTML entities in a value": (html(b"<img alt='&#115;ecret'>"), CANNOT_TELL),
    "HTML with a tag that does not end": (html(b"<p>weather<a href='"), CANNOT_TELL),
    "HTML with a comment that does not end": (html(b"weather<!-- x"), CANNOT_TELL),
    "HTML as plain text": (plain(b"<html><p>se<b>cr</b>et"), CANNOT_TELL),
    "HTML in another charset than it says": (html(b"<meta charset=iso-2022-jp>sec\x1b(Bret"), CANNOT_TELL),
    "enriched text": (b(b"se<bold>cret</bold>", b"Content-Type: text/enriched"), SAID),
    "RTF": (b(rb"{\rtf1 se\b cret}", b"Content-Type: text/rtf"), CANNOT_TELL),
    "a calendar, folded": (b(b"SUMMARY:sec\r\n ret\r\n", b"Content-Type: text/calendar"), SAID),
    "a part": (mixed(part(b"weather"), part(b"secret")), SAID),
    "a multipart without MIME-Version": (mixed(part(b"secret")), SAID),
    "parts in parts": (nested(5, b64(b"x") + b" secret"), SAID),
    "a boundary in pieces": (b(b"--ab\r\n\r\nsecret\r\n--ab--\r\n", b"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b"), SAID),
    "a boundary in quotes, folded": (b(b"--a b;\"\r\n\r\nsecret\r\n--a b;\"--\r\n", b'Content-Type: multipart/mixed;\r\n boundary="a b;\\""'), SAID),
    "blanks behind the boundary": (b(b"--b \t\r\n\r\nsecret\r\n--b--\r\n", b"Content-Type: multipart/mixed; boundary=b"), SAID),
    "no boundary": (b(b"--b\r\n" + CODED + b"\r\n\r\n" + b64(b"secret") + b"\r\n--b--\r\n", b"Content-Type: multipart/mixed"), CANNOT_TELL),
    "a boundary that does not occur": (b(CODED + b"\r\n\r\n" + b64(b"secret"), b"Content-Type: multipart/mixed; boundary=b"), CANNOT_TELL),
    "two boundaries": (mixed(part(b64(b"secret")), kind=b"multipart/mixed; boundary=a; boundary=b"), CANNOT_TELL),
    "a boundary that is almost one": (mixed(part(b"weather\r\n--bx\r\n" + CODED + b"\r\n\r\n" + b64(b"secret"))), CANNOT_TELL),
    "boundaries of which one begins with another": (mixed(part(b"--bb\r\n\r\nsecret\r\n--bb--", b"multipart/mixed; boundary=bb")), SAID),
    "a multipart that does not end": (b(b"--b\r\n\r\nweather\r\n", b"Content-Type: multipart/mixed; boundary=b"), CANNOT_TELL),
    "a part behind the end": (mixed(part(b"weather"), after=b"--b\r\n\r\nx\r\n--b--\r\n"), CANNOT_TELL),
    "a text before the parts": (mixed(part(b"weather"), before=b"secret\r\n"), CANNOT_TELL),
    "a text behind the parts": (mixed(part(b"weather"), after=b"secret\r\n"), CANNOT_TELL),
    "a part without an empty line": (b(b"--b\r\nsecret\r\n--b--\r\n", b"Content-Type: multipart/mixed; boundary=b"), CANNOT_TELL),
    "a multipart in base64": (b(b64(b"--b\r\n\r\nsecret\r\n--b--\r\n"), b"Content-Type: multipart/mixed; boundary=b", CODED), SAID),
    "a message": (mixed(part(b"Subject: x\r\n\r\nsecret", b"message/rfc822")), SAID),
    "the subject of a message": (mixed(part(b"Subject: =?utf-8?q?se=63ret?=\r\n\r\nx", b"message/rfc822")), SAID),
    "a message in base64": (mixed(part(b64(b"Subject: x\r\n\r\nsecret"), b"message/rfc822", CODED)), SAID),
    "a coded part of a coded message": (
        mixed(part(b64(b"Subject: x\r\n" + CODED + b"\r\n\r\n" + b64(b"secret")), b"message/rfc822", CODED)), SAID,
    ),
    "a digest": (mixed(b"\r\nSubject: secret\r\n\r\nx", kind=b"multipart/digest; boundary=b"), SAID),
    "a report": (mixed(part(b"Diagnostic-Code: secret", b"message/delivery-status")), SAID),
    "a fragment": (b(b"x\r\n", b"Content-Type: message/partial; id=1; number=2"), CANNOT_TELL),
    "a text elsewhere": (b(b"Content-ID: <x>\r\n\r\n", b"Content-Type: message/external-body; access-type=url"), CANNOT_TELL),
    "two content types": (b(b64(b"secret"), b"Content-Type: text/plain", b"Content-Type: image/png", CODED), CANNOT_TELL),
    "a content type that is none": (b(b"weather", b"Content-Type: ???"), CANNOT_TELL),
    "a quote that does not end": (plain(b"weather", b'; name="a'), CANNOT_TELL),
    "too many parameters": (plain(b"weather", b"; a=b" * 101), CANNOT_TELL),
    "escapes without end": (plain(b"weather", b';a="' + b'\\";' * 40_000), CANNOT_TELL),
    "too many parts": (mixed(*[part(b"x")] * 1001), CANNOT_TELL),
    "too many levels": (nested(51, b"secret"), CANNOT_TELL),
    "a message that is too large": (b(b"x" * 998 + b"\r\n" + (b"y" * 998 + b"\r\n") * 1060 + b"secret\r\n"), CANNOT_TELL),
    "a malformed header": (h(b"nonsense"), CANNOT_TELL),
    "S/MIME, encrypted": (b(PDF, b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data", CODED), CANNOT_TELL),
    "S/MIME, signed and packed": (b(PDF, b"Content-Type: application/x-pkcs7-mime; smime-type=signed-data", CODED), CANNOT_TELL),
    "S/MIME by its name": (b(PDF, b"Content-Type: application/octet-stream; name=smime.p7m", CODED), CANNOT_TELL),
    "PGP": (mixed(part(b"Version: 1", b"application/pgp-encrypted"), kind=b"multipart/encrypted; boundary=b"), CANNOT_TELL),
    "PGP in the text": (b(b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEM\r\n-----END PGP MESSAGE-----\r\n"), CANNOT_TELL),
    "a file of Outlook": (mixed(part(PDF, b"application/ms-tnef; name=winmail.dat", CODED)), CANNOT_TELL),
    "a file of Outlook by its name": (mixed(part(PDF, b"application/octet-stream; name=WINMAIL.DAT", CODED)), CANNOT_TELL),
    "uuencode": (b(b"begin 644 a.txt\r\n&<V5C<F5T\r\n`\r\nend\r\n"), CANNOT_TELL),
    "yEnc": (b(b"=ybegin line=128 size=6 name=a.txt\r\nx\r\n=yend size=6\r\n"), CANNOT_TELL),
    "nothing": (b(b"Hello\r\n"), NOT_SAID),
    "nothing, in parts": (
        mixed(part(b"hello"), part(PDF, b"application/pdf; name=a.pdf", CODED), part(b"\x89PNG", b"image/png"),
              before=b"This is a multi-part message in MIME format.\r\n"), NOT_SAID,
    ),
    "nothing, signed": (
        mixed(part(b"hello"), part(PDF, b"application/pkcs7-signature; name=smime.p7s", CODED),
              kind=b'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b'), NOT_SAID,
    ),
    "nothing, as HTML": (
        html(b"<!DOCTYPE html><html><head><style>p { color: red }</style></head><body><p>Gr&uuml;&szlig;e<br>1 &lt; 2"
             b"<img src=\"cid:x\"><script>if (a<b) {}</script></body></html>"), NOT_SAID,
    ),
    "nothing, as text and HTML": (
        mixed(part(b"Gr=C3=BC=C3=9Fe", b"text/plain; charset=utf-8", b"Content-Transfer-Encoding: quoted-printable"),
              part(b64("<p>Grüße</p>".encode()), b"text/html; charset=utf-8", CODED),
              kind=b"multipart/alternative;\r\n boundary=\"b\""), NOT_SAID,
    ),
    "nothing, in a message": (mixed(part(b"Subject: hello\r\n\r\nhello", b"message/rfc822")), NOT_SAID),
    "nothing at all": (b(b""), NOT_SAID),
}  # fmt: skip

ATTACHED: dict[str, tuple[bytes, Answer]] = {
    "a name": (mixed(part(PDF, b"application/octet-stream; name=a.exe", CODED)), SAID),
    "a file name": (mixed(part(PDF, b"application/octet-stream", CODED, b'Content-Disposition: attachment; filename="A.EXE"')), SAID),
    "two names": (mixed(part(PDF, b"application/octet-stream; name=a.exe", CODED, b"Content-Disposition: attachment; filename=a.txt")), SAID),
    "a name with blanks": (mixed(part(PDF, b"application/octet-stream; name=my file.exe", CODED)), SAID),
    "a name as RFC 2231 has it": (mixed(part(PDF, b"application/pdf; name*=utf-8''Pr%C3%BCf.pdf", CODED)), SAID),
    "a name in pieces": (mixed(part(PDF, b"application/pdf; name*0*=utf-8''Pr%C3; name*1*=%BCf; name*2=.pdf", CODED)), SAID),
    "a name in pieces of which one is missing": (mixed(part(PDF, b"application/pdf; name*0=a; name*2=b", CODED)), CANNOT_TELL),
    "a name in encoded words": (mixed(part(PDF, b'application/pdf; name="=?utf-8?q?Pr=C3=BCf.pdf?="', CODED)), SAID),
    "a name in UTF-8": (mixed(part(PDF, "application/pdf; name=Prüf.pdf".encode(), CODED)), SAID),
    "a name of decomposed letters": (mixed(part(PDF, unicodedata.normalize("NFD", "application/pdf; name=Prüf.pdf").encode(), CODED)), SAID),
    "a name in latin-1": (mixed(part(PDF, "application/pdf; name=Prüf.pdf".encode("latin-1"), CODED)), CANNOT_TELL),
    "a name in an unknown charset": (mixed(part(PDF, b"application/pdf; name*=x-none''a.exe", CODED)), CANNOT_TELL),
    "a path": (mixed(part(PDF, b'application/pdf; name="../Pr\xc3\xbcf.pdf"', CODED)), CANNOT_TELL),
    "a name and a dot": (mixed(part(PDF, b'application/pdf; name="a.exe."', CODED)), CANNOT_TELL),
    "a media type": (mixed(part(PDF, b"Application/X-Bad", CODED)), SAID),
    "a file of Outlook": (mixed(part(PDF, b"application/ms-tnef", CODED)), CANNOT_TELL),
    "uuencode": (b(b"begin 644 a.exe\r\n&<V5C<F5T\r\n`\r\nend\r\n"), CANNOT_TELL),
    "in a message": (mixed(part(mixed(part(PDF, b"application/pdf; name=a.exe")), b"message/rfc822")), SAID),
    "nothing": (mixed(part(b"hello"), part(PDF, b"application/pdf; name=a.pdf", CODED)), NOT_SAID),
    "no attachment": (b(b"Hello a.exe\r\n"), NOT_SAID),
}  # fmt: skip
