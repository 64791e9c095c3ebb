"""Addresses in commands (`smtp.grammar`)."""

from __future__ import annotations

from benchmarks.families.family import Family, repeated, tolerant
from fopemta.address.grammar import NotInGrammar, canonical_domain, mailbox
from fopemta.smtp.grammar import host_name, parameters, split_path

# A command line is never longer; a larger input shows how the grammar itself behaves.
_LONGEST = 1 << 17


def _path(octets: bytes) -> object:
    # Not from the cache of `mailbox`: each input is read.
    mailbox.cache_clear()
    return mailbox(split_path(octets.decode("utf-8"))[0])


def _family(kind: str, unit: bytes, before: bytes = b"<", after: bytes = b"@example.org>") -> Family:
    return Family(f"addresses.{kind}", repeated(unit, before, after), tolerant(_path, NotInGrammar), _LONGEST)


FAMILIES = (
    _family("dots", b"a."),
    _family("quotes", b'\\"', b'<"', b'"@example.org>'),
    _family("open-quote", b"\\\\", b'<"'),
    _family("brackets", b'">', b'<"', b""),
    _family("source-route", b"@a,", b"<", b":a@example.org>"),
    _family("labels", b"a.", b"<a@", b"example>"),
    _family("literal", b":", b"<a@[IPv6:", b"]>"),
    _family("u-labels", "ü.".encode(), b"<a@", b"example>"),
    Family(
        "addresses.parameters", repeated(b"A=b "), tolerant(lambda o: parameters(o.decode()), NotInGrammar), _LONGEST
    ),
    Family(
        "addresses.repeated", repeated(b"=", b"A"), tolerant(lambda o: parameters(o.decode()), NotInGrammar), _LONGEST
    ),
    Family("addresses.host-name", repeated(b"a-."), tolerant(lambda o: host_name(o.decode()), NotInGrammar), _LONGEST),
    Family(
        "addresses.dashes",
        repeated(b"-", b"a"),
        tolerant(lambda o: canonical_domain(o.decode()), NotInGrammar),
        _LONGEST,
    ),
)
