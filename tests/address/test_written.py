"""One grammar for addresses and domains: what is written where, what it comes to, what is refused in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.grammar import mailbox
from fopemta.address.mailbox import Mailbox
from fopemta.address.written import (
    NotWritten,
    address_or_domains,
    address_pattern_text,
    domain_pattern,
    names_of,
    written_address,
    written_domain,
    written_local_part,
)
from fopemta.mail.login import LoggedIn
from fopemta.policy.admission import names_domain
from fopemta.policy.patterns import address_pattern
from fopemta.routing.route import Route
from fopemta.routing.routes import route_for
from fopemta.scheduling.roster import is_of

U, DOMAIN, BELOW, BOTH = "u@bank.example", "bank.example", "*.bank.example", "@bank.example"
A_LABELS = "xn--bcher-kva.example"
SIX = "[IPv6:2001:db8::1]"


class _No:
    """It is refused there; `meant` is what the error suggests, None for nothing."""

    def __init__(self, meant: str | None = None) -> None:
        self.meant = meant

    def __repr__(self) -> str:
        return f"No({self.meant})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _No) and other.meant == self.meant


NO = _No()

# Written | as a rule, or a filter of the queue, has it | as a domain pattern (routes, relay.domains, flush) | as an
# address (redirect, bcc, postmaster, aliases, arguments) | as the sender of a user.
SPELLINGS: dict[str, tuple[object, object, object, object]] = {
    "u@bank.example": (U, _No(DOMAIN), U, U),
    "U@Bank.Example": (U, _No("Bank.Example"), "U@bank.example", U),
    '"u"@bank.example': (U, _No(DOMAIN), U, U),
    '"U"@BANK.EXAMPLE.': (U, _No("BANK.EXAMPLE."), "U@bank.example", U),
    r'"\u"@bank.example': (U, _No(DOMAIN), U, U),
    "<u@bank.example>": (U, _No(DOMAIN), U, U),
    "u@bank.example.": (U, _No("bank.example."), U, U),
    '"first last"@bank.example': ('"first last"@bank.example', _No(DOMAIN)) + ('"first last"@bank.example',) * 2,
    '"a@b"@bank.example': ('"a@b"@bank.example', _No(DOMAIN), '"a@b"@bank.example', '"a@b"@bank.example'),
    "ü@bank.example": ("ü@bank.example", _No(DOMAIN), "ü@bank.example", "ü@bank.example"),
    "U\u0308@bank.example": ("ü@bank.example", _No(DOMAIN), "U\u0308@bank.example", "ü@bank.example"),
    "u@bücher.example": (f"u@{A_LABELS}", _No("bücher.example"), f"u@{A_LABELS}", f"u@{A_LABELS}"),
    "u@BU\u0308CHER.example": (f"u@{A_LABELS}", _No("BU\u0308CHER.example"), f"u@{A_LABELS}", f"u@{A_LABELS}"),
    "u@XN--BCHER-kva.example": (f"u@{A_LABELS}", _No("XN--BCHER-kva.example"), f"u@{A_LABELS}", f"u@{A_LABELS}"),
    "u@[192.0.2.1]": ("u@[192.0.2.1]", NO, "u@[192.0.2.1]", "u@[192.0.2.1]"),
    "u@[IPv6:2001:DB8:0::1]": (f"u@{SIX}", NO, f"u@{SIX}", f"u@{SIX}"),
    "u@[ipv6:2001:0db8::0001]": (f"u@{SIX}", NO, f"u@{SIX}", f"u@{SIX}"),
    "u@[IPv6:::ffff:192.0.2.1]": ("u@[192.0.2.1]", NO, "u@[192.0.2.1]", "u@[192.0.2.1]"),
    "u@192.0.2.1": (_No("u@[192.0.2.1]"), NO, _No("u@[192.0.2.1]"), _No("u@[192.0.2.1]")),
    "u@2001:db8::1": (_No(f"u@{SIX}"), NO, _No(f"u@{SIX}"), _No(f"u@{SIX}")),
    "u@bank.example:25": (_No(U), _No(DOMAIN), _No(U), _No(U)),
    "mailto:u@bank.example": (_No(U), _No(DOMAIN), _No(U), _No(U)),
    "'u@bank.example'": (_No(U), _No(DOMAIN), _No(U), _No(U)),
    "<u@bank.example": (_No(U), _No(DOMAIN), _No(U), _No(U)),
    "u v@bank.example": (_No("uv@bank.example"), _No(DOMAIN), _No("uv@bank.example"), _No("uv@bank.example")),
    "u@@bank.example": (NO, _No(DOMAIN), NO, NO),
    "u@v@bank.example": (NO, _No(DOMAIN), NO, NO),
    "@one.example:u@bank.example": (NO, _No(DOMAIN), NO, NO),
    "u@": (NO, NO, NO, NO),
    "@": (NO, NO, NO, NO),
    "": (NO, NO, NO, NO),
    "bank.example": (DOMAIN, DOMAIN, NO, DOMAIN),
    "BANK.Example.": (DOMAIN, DOMAIN, NO, DOMAIN),
    "<bank.example>": (DOMAIN, _No(DOMAIN), NO, _No(DOMAIN)),
    "bücher.example": (A_LABELS, A_LABELS, NO, A_LABELS),
    "BÜCHER.example.": (A_LABELS, A_LABELS, NO, A_LABELS),
    "xn--BCHER-KVA.example": (A_LABELS, A_LABELS, NO, A_LABELS),
    "ｂａｎｋ.example": (DOMAIN, DOMAIN, NO, DOMAIN),
    "bank。example": (DOMAIN, DOMAIN, NO, DOMAIN),
    "localhost": ("localhost", "localhost", NO, NO),
    "*.bank.example": (BELOW, BELOW, NO, BELOW),
    "*.Bank.EXAMPLE.": (BELOW, BELOW, NO, BELOW),
    "*.bücher.example": (f"*.{A_LABELS}", f"*.{A_LABELS}", NO, f"*.{A_LABELS}"),
    "@bank.example": (BOTH, BOTH, NO, BOTH),
    "@Bank.Example.": (BOTH, BOTH, NO, BOTH),
    "@bücher.example": (f"@{A_LABELS}", f"@{A_LABELS}", NO, f"@{A_LABELS}"),
    "@*.bank.example": (BELOW, _No(BELOW), NO, _No(BELOW)),
    "*.gov": ("*.gov", "*.gov", NO, "*.gov"),
    "[192.0.2.1]": ("[192.0.2.1]", "[192.0.2.1]", NO, "[192.0.2.1]"),
    "[IPv6:2001:DB8:0::1]": (SIX, SIX, NO, SIX),
    "[IPv6:::FFFF:192.0.2.1]": ("[192.0.2.1]", "[192.0.2.1]", NO, "[192.0.2.1]"),
    "@[192.0.2.1]": (NO, NO, NO, NO),
    ".gov": (_No("*.gov"), _No("*.gov"), NO, _No("*.gov")),
    ".bank.example": (_No(BELOW), _No(BELOW), NO, _No(BELOW)),
    "@.bank.example": (_No(BELOW), _No(BELOW), NO, _No(BELOW)),
    "*@.gov": (_No("*.gov"), _No("*.gov"), NO, _No("*.gov")),
    " bank.example": (_No(DOMAIN), _No(DOMAIN), NO, _No(DOMAIN)),
    "bank.example\t": (_No(DOMAIN), _No(DOMAIN), NO, _No(DOMAIN)),
    '"bank.example"': (_No(DOMAIN), _No(DOMAIN), NO, _No(DOMAIN)),
    "exam ple.com": (_No("example.com"), _No("example.com"), NO, _No("example.com")),
    "[smtp.example.com]:587": (_No("smtp.example.com"), _No("smtp.example.com"), NO, _No("smtp.example.com")),
    "smtp.example.com:587": (_No("smtp.example.com"), _No("smtp.example.com"), NO, _No("smtp.example.com")),
    "[192.0.2.1]:25": (_No("[192.0.2.1]"), _No("[192.0.2.1]"), NO, _No("[192.0.2.1]")),
    "192.0.2.1": (_No("[192.0.2.1]"), _No("[192.0.2.1]"), NO, _No("[192.0.2.1]")),
    "2001:db8::1": (_No(SIX), _No(SIX), NO, _No(SIX)),
    "[bank.example]": (_No(DOMAIN), _No(DOMAIN), NO, _No(DOMAIN)),
    "https://bank.example/": (_No(DOMAIN), _No(DOMAIN), NO, _No(DOMAIN)),
    "bank..example": (NO, NO, NO, NO),
    "-bank.example": (NO, NO, NO, NO),
    "☃.example": (NO, NO, NO, NO),
    "a" * 64 + ".example": (NO, NO, NO, NO),
    "*.": (NO, NO, NO, NO),
    "*.[192.0.2.1]": (NO, NO, NO, NO),
    "bü*.example": (NO, NO, NO, NO),
    "<>": ("<>", NO, NO, NO),
    "*": ("*", NO, NO, NO),
    "@*": (_No("*"), NO, NO, NO),
    "@ba*.example": (_No("ba*.example"), NO, NO, NO),
    "*@bank.example": ("*@bank.example", _No(DOMAIN), NO, _No(DOMAIN)),
    "U*@Bank.example": ("u*@bank.example", _No("Bank.example"), NO, NO),
    '"first *"@bank.example': ('"first *"@bank.example', _No(DOMAIN)) + ('"first *"@bank.example',) * 2,
    "u@*.bank.example": ("u@*.bank.example", _No(BELOW), NO, NO),
    "Ba*.example.": ("ba*.example", NO, NO, NO),
    "[192.0.2.?]": ("[192.0.2.?]", NO, NO, NO),
}  # fmt: skip
# More words than one are several entries.
SEVERAL = {
    "bank.example other.example": '"bank.example" and "other.example", one by one',
    "a.example, b.example;c.example": '"a.example" and "b.example" and "c.example", one by one',
    "u@a.example v@b.example": '"u@a.example" and "v@b.example", one by one',
}
PLACES: tuple[Callable[[str], object], ...] = (
    address_pattern_text, domain_pattern, written_address, address_or_domains
)  # fmt: skip


def read(place: Callable[[str], object], text: str) -> object:
    try:
        return str(place(text))
    except NotWritten as error:
        return _No(error.meant.strip('"') or None)


class SpellingTests(SynchronousTestCase):
    def test_table(self) -> None:
        wrong = {}
        for text, expected in SPELLINGS.items():
            found = tuple(read(place, text) for place in PLACES)
            if found != expected:
                wrong[text] = (found, expected)
        self.assertEqual(wrong, {})
        self.assertGreater(len(SPELLINGS), 60)

    def test_a_suggestion_is_good_where_it_is_made(self) -> None:
        for text, expected in SPELLINGS.items():
            for place, wanted in zip(PLACES, expected, strict=True):
                if isinstance(wanted, _No) and wanted.meant is not None:
                    self.assertFalse(isinstance(read(place, wanted.meant), _No), (text, wanted))

    def test_several_are_several_entries(self) -> None:
        for text, words in SEVERAL.items():
            with self.assertRaises(NotWritten) as caught:
                address_pattern_text(text)
            self.assertEqual(caught.exception.meant, words)

    def test_very_many_at_once_are_not_told_one_by_one(self) -> None:
        for count in (1, 2, 4, 5):
            with self.assertRaises(NotWritten) as caught:
                address_pattern_text(" ".join(f"d{number}.test" for number in range(count)) + " ")
            told = caught.exception.meant.count('"') // 2
            self.assertEqual(told, count if count < 5 else 0)

    def test_words_of_an_error(self) -> None:
        with self.assertRaisesRegex(NotWritten, r'^must be a domain .+, or "\*.*" .+; did you mean "\*\.gov"\?$'):
            domain_pattern(".gov")
        with self.assertRaisesRegex(NotWritten, "^must be a domain such as example.org$"):
            written_domain("a..b")

    def test_a_domain_alone(self) -> None:
        for text, expected in {
            "Bank.Example.": DOMAIN, "BÜCHER.example": A_LABELS, "*.bank.example": None, "@bank.example": None,
            "[192.0.2.1]": None, "192.0.2.1": None, "*": None,
        }.items():  # fmt: skip
            found = read(written_domain, text)
            self.assertEqual(None if isinstance(found, _No) else found, expected, text)

    def test_a_local_part_alone(self) -> None:
        for text, expected in {
            "anna": "anna", '"anna"': "anna", '"first last"': "first last", "o'neil": "o'neil", "ü": "ü",
            "": None, "@": None, "a@b": None, "a@": None, "@a": None, "@a.b:c": None, "first last": None, '"a': None,
        }.items():  # fmt: skip
            found = read(written_local_part, text)
            self.assertEqual(None if isinstance(found, _No) else found, expected, text)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.text(alphabet='ab.@*?[]<>"\\: -1:üÜ/\u0308\u200b', max_size=24))
    def test_the_canonical_form_is_its_own(self, text: str) -> None:
        for place in PLACES:
            found = read(place, text)
            if not isinstance(found, _No):
                self.assertEqual(read(place, str(found)), found)


# Whom each names: u@bank.example, u@x.bank.example, u@x.y.bank.example, u@notbank.example, v@bank.example
EXAMPLES = tuple(
    Mailbox(*each.split("@"))
    for each in ("u@bank.example", "u@x.bank.example", "u@x.y.bank.example", "u@notbank.example", "v@bank.example")
)
NAMED = {
    DOMAIN: (True, False, False, False, True),
    BELOW: (False, True, True, False, False),
    BOTH: (True, True, True, False, True),
    "@example": (True, True, True, True, True),
    "*.example": (True, True, True, True, True),
    "example": (False, False, False, False, False),
    U: (True, False, False, False, False),
}


class MeaningTests(SynchronousTestCase):
    """A pattern names the same addresses wherever it is written."""

    def places(self, pattern: str) -> Iterator[Callable[[Mailbox], Any]]:
        yield address_pattern(pattern).matches
        yield LoggedIn("u", frozenset({pattern})).may_write_as
        if "@" not in pattern[1:]:
            yield lambda each: names_domain((pattern,), each.domain)
            yield lambda each: is_of(pattern, each.domain)
            yield lambda each: pattern in names_of(each.domain)
            yield lambda each: route_for(each.domain, (Route(domain=pattern, tls=None, port=7),)).port == 7

    def test_everywhere(self) -> None:
        for pattern, expected in NAMED.items():
            for place in self.places(pattern):
                self.assertEqual(tuple(bool(place(each)) for each in EXAMPLES), expected, pattern)

    def test_a_literal_has_nothing_below_it(self) -> None:
        self.assertEqual(address_pattern("[192.0.2.1]").matches(Mailbox("u", "[192.0.2.1]")), True)
        self.assertEqual(address_pattern("@2.1").matches(Mailbox("u", "[192.0.2.1]")), False)
        self.assertEqual(next(names_of("[192.0.2.1]")), "[192.0.2.1]")

    def test_the_narrowest_route_counts(self) -> None:
        written = ("*", "@example", "*.example", "@bank.example", "*.bank.example", "bank.example", "x.bank.example")
        routes = tuple(Route(domain=each) for each in written)
        for domain, expected in {
            "x.bank.example": "x.bank.example", "y.bank.example": "*.bank.example", "bank.example": "bank.example",
            "y.example": "*.example", "example": "@example", "other": "*", "[192.0.2.1]": "*",
        }.items():  # fmt: skip
            self.assertEqual(route_for(domain, routes).domain, expected)
        self.assertEqual(route_for("bank.example", routes[:4]).domain, "@bank.example")
        self.assertEqual(route_for("y.z.bank.example", routes[:4]).domain, "@bank.example")


# Paths as a client may write them, each the same mailbox as that of the pattern.
CLIENTS = {
    U: ("u@bank.example", "U@BANK.EXAMPLE", '"u"@bank.example', r'"\u"@bank.example', "u@bank.example.",
        "@relay.example:u@bank.example", "u@ｂａｎｋ.example", "u@bank。example"),
    f"u@{A_LABELS}": ("u@bücher.example", "u@BÜCHER.EXAMPLE.", "u@bu\u0308cher.example", "u@XN--BCHER-KVA.example"),
    "ü@bank.example": ("ü@bank.example", "u\u0308@bank.example", "Ü@bank.example", '"u\u0308"@bank.example'),
    f"u@{SIX}": ("u@[IPv6:2001:db8::1]", "u@[IPV6:2001:DB8:0:0::1]", '"u"@[ipv6:2001:db8:0:0:0:0:0:1]'),
    "u@[192.0.2.1]": ("u@[192.0.2.1]", "u@[IPv6:::ffff:192.0.2.1]", "u@[IPv6:::FFFF:C000:201]"),
    '"first last"@bank.example': (
        '"first last"@bank.example', r'"first\ last"@bank.example', '"FIRST last"@bank.example',
    ),
    '"a@b"@bank.example': ('"a@b"@bank.example', r'"a\@b"@bank.example'),
}  # fmt: skip


class ClientTests(SynchronousTestCase):
    """However a client writes a recipient, it meets the rule that is meant."""

    def test_every_spelling_meets_the_address_its_domain_and_a_wildcard(self) -> None:
        for written, paths in CLIENTS.items():
            domain = written.rpartition("@")[2]
            forms = [written, domain, f"*@{domain}"]
            if not domain.startswith("["):
                forms += [f"@{domain}", f"*.{domain.partition('.')[2]}"]
            for path in paths:
                recipient = mailbox(path)
                self.assertTrue(LoggedIn("u", frozenset({address_or_domains(written)})).may_write_as(recipient), path)
                for form in forms:
                    self.assertTrue(address_pattern(form).matches(recipient), (form, path))

    def test_expressions_know_an_address_in_each_of_its_forms(self) -> None:
        for expression, path in (
            ("/@bücher\\.example$/", "u@xn--bcher-kva.example"),
            ("/@xn--bcher-kva\\.example$/", "u@BÜCHER.example"),
            ("/^first last@/", '"first last"@bank.example'),
            ('/^"first last"@/', '"first last"@bank.example'),
            ("/^ü@/", "u\u0308@bank.example"),
        ):
            self.assertTrue(address_pattern(expression).matches(mailbox(path)), expression)

    def test_a_domain_within_quotes_is_none(self) -> None:
        for pattern in ("bank.example", "@bank.example", "*.example", "u@bank.example", "u@*", "*@bank.example", "ba*"):
            self.assertFalse(address_pattern(pattern).matches(mailbox('"u@bank.example"@evil.test')), pattern)
