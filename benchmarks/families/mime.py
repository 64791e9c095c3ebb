"""Bodies as rules read them (`policy.content`), and as they are put into seven bits (`mail.seven_bit`)."""

from __future__ import annotations

from benchmarks.families.family import Family, repeated, tolerant
from fopemta.mail.seven_bit import CannotConvert, seven_bit
from fopemta.policy.content import content_facts

_TYPE = b"Content-Type: "
_MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
_PLAIN = b"Content-Type: text/plain\r\n"
_END = b"\r\n\r\nhello\r\n"


def _read(octets: bytes) -> object:
    return content_facts(octets, True)


def _family(kind: str, unit: bytes, before: bytes = _MIXED, after: bytes = b"") -> Family:
    return Family(f"mime.{kind}", repeated(unit, before, after), _read)


def _seven(kind: str, unit: bytes, before: bytes = _MIXED, after: bytes = b"\r\n\r\n\xfc\r\n") -> Family:
    return Family(f"seven-bit.{kind}", repeated(unit, before, after), tolerant(seven_bit, CannotConvert))


def _nested(size: int) -> bytes:
    """Each multipart in the one before it, each with a boundary of its own."""
    levels = max(1, size // 80)
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels))


def _coded_messages(size: int) -> bytes:
    return (b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n") * max(1, size // 80)


def _flawed_messages(size: int) -> bytes:
    """Each coded with a flaw, so that it may be read in two ways."""
    coded = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return coded * 40 + b"\r\n=ZZ" + b"y" * size


_PARAMETERS = {
    "parameters": (b";a=b", b"text/plain"),
    "quoted": (b'\\";', b'text/plain;a="'),
    "open-quotes": (b';a="', b"text/plain"),
    "semicolons": (b";", b"text/plain"),
    "comments": (b"(", b"text/plain;"),
    "blanks": (b" ", b"text/plain;a=b"),
    "same-name": (b";name=x", b"text/plain"),
    "continued": (b";name*1=x", b"text/plain"),
    "continued-in-order": (b";n*%d=x", b"text/plain"),
    "percent": (b"%41", b"text/plain;name*=utf-8''"),
}
_BODIES = {
    "parts": (b"--b\r\n\r\nx\r\n", _MIXED),
    "delimiters": (b"--b\r\n", _MIXED),
    "ends": (b"--b--\r\n", _MIXED),
    "almost-delimiters": (b"--b", _MIXED),
    "prefixes": (b"--bb\r\n", _MIXED),
    "blanks-after": (b" ", _MIXED + b"--b"),
    "line-ends": (b"\r\n", _MIXED),
    "files": (b"--b\r\nContent-Disposition: attachment; filename=x\r\n\r\nx\r\n", _MIXED),
    "headers-of-parts": (b"--b\r\nA: b\r\nC: d\r\n", _MIXED),
    "same-boundary": (b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", _MIXED),
    "messages": (b"Content-Type: message/rfc822\r\n\r\n", b""),
    "base64": (b"QUFB\r\n", _PLAIN + b"Content-Transfer-Encoding: base64\r\n\r\n"),
    "padding": (b"QQ==", _PLAIN + b"Content-Transfer-Encoding: base64\r\n\r\n"),
    "junk": (b"=", _PLAIN + b"Content-Transfer-Encoding: base64\r\n\r\n"),
    "quoted-printable": (b"=3D", _PLAIN + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"),
    "soft-breaks": (b"= \r\n", _PLAIN + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"),
    "blanks-before-end": (b" ", _PLAIN + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"),
    "flowed": (b"> \r\n", b"Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\n"),
    "utf-7": (b"+AH", b"Content-Type: text/plain; charset=utf-7\r\n\r\n"),
    "hz": (b"~{<:Ky2;V0_", b"Content-Type: text/plain; charset=hz\r\n\r\n"),
    "iso-2022-jp": (b"\x1b$B\x1b(B", b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n"),
    "utf-16": (b"\xff\xfe", b"Content-Type: text/plain; charset=utf-16\r\n\r\n"),
    "uuencode": (b"begin 644 a\r\n", _PLAIN + b"\r\n"),
}
_HTML = {
    "tags": b"<b>",
    "open-tags": b"<",
    "open-quotes": b"<a b='",
    "both-quotes": b"<a b='\"",
    "comments": b"<!--",
    "comment-ends": b"-->",
    "closed-comments": b"<!---->",
    "declarations": b"<!x",
    "instructions": b"<?",
    "cdata": b"<![CDATA[",
    "scripts": b"<script>",
    "styles": b"<style></style",
    "ends": b"</",
    "entities": b"&#65;",
    "ampersands": b"&",
    "digits": b"&#000",
    "names": b"&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "attributes": b" a=b",
    "equals": b"<a =",
    "breaks": b"<br>\r\n",
}

FAMILIES = (
    *(_family(kind, unit, _TYPE + before, _END) for kind, (unit, before) in _PARAMETERS.items()),
    *(_family(kind, unit, before) for kind, (unit, before) in _BODIES.items()),
    *(
        Family(f"html.{kind}", repeated(unit, b"Content-Type: text/html\r\n\r\n"), _read)
        for kind, unit in _HTML.items()
    ),
    Family("html.one-digits", repeated(b"9", b"Content-Type: text/html\r\n\r\n&#"), _read),
    Family("html.one-attribute", repeated(b" a=b", b"Content-Type: text/html\r\n\r\n<a"), _read),
    Family("mime.nested", _nested, _read),
    Family("mime.coded-messages", _coded_messages, _read),
    Family("mime.flawed-messages", _flawed_messages, _read),
    *(
        _seven(kind, unit, _TYPE + before.replace(b"text/plain", b"multipart/mixed"))
        for kind, (unit, before) in _PARAMETERS.items()
    ),
    *(_seven(kind, unit, before) for kind, (unit, before) in _BODIES.items()),
    Family("seven-bit.nested", lambda size: _nested(size) + b"\xfc", tolerant(seven_bit, CannotConvert)),
    Family("seven-bit.bare-cr", repeated(b"\r", b"A: b\r\n\r\n\xfc"), tolerant(seven_bit, CannotConvert)),
    Family(
        "seven-bit.encodings",
        repeated(b"Content-Transfer-Encoding: 8bit\r\n", b"", b"\r\n\xfc"),
        tolerant(seven_bit, CannotConvert),
    ),
)
