"""Header sections as rules read them (`policy.content`)."""

from __future__ import annotations

from benchmarks.families.family import Family, repeated
from fopemta.policy.content import content_facts

_END = b"\r\n\r\nhello\r\n"


def _read(octets: bytes) -> object:
    return content_facts(octets, True)


def _family(kind: str, unit: bytes, before: bytes = b"Subject: ", after: bytes = _END) -> Family:
    return Family(f"headers.{kind}", repeated(unit, before, after), _read)


FAMILIES = (
    _family("fields", b"A: b\r\n", b"", b"\r\n"),
    _family("folds", b"\r\n x"),
    _family("blanks", b" "),
    _family("malformed", b"x\r\n", b"", _END),
    _family("colons", b":\r\n", b"", _END),
    _family("bare-cr", b"\r"),
    _family("words", b"=?utf-8?q?a?= "),
    _family("open-words", b"=?utf-8?q?"),
    _family("half-words", b"=?"),
    _family("word-ends", b"?="),
    _family("charsets", b"=?x?b?YQ==?="),
    _family("broken-words", b"=?utf-8?b?w?=\r\n =?utf-8?q?=C3?=\r\n "),
    _family("long-word", b"=41", b"Subject: =?utf-8?q?", b"?=" + _END),
    _family("utf-7", b"+AH", b"Subject: =?utf-7?q?", b"?=" + _END),
    _family("punycode", b"a-", b"Subject: =?punycode?q?", b"?=" + _END),
    _family("8-bit", b"\xc3\xbc\xff"),
    _family("combining", "a\u0301\u0323".encode()),
    _family("marks", "\u0301\u0323".encode()),
    _family("no-end", b"A: b\r\n", b"", b""),
)
