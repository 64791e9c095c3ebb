"""Patterns of rules."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.policy.patterns import AddressPattern, BadPattern, address_pattern, name_pattern, text_pattern

BOB = Mailbox("Bob", "example.org")
SUB = Mailbox("bob", "a.example.org")


class AddressPatternTests(SynchronousTestCase):
    def test_table(self) -> None:
        table: dict[str, tuple[bool, bool, bool]] = {  # bob@example.org, bob@a.example.org, <>
            "bob@example.org": (True, False, False),
            "BOB@EXAMPLE.ORG": (True, False, False),
            "example.org": (True, False, False),
            "*.example.org": (False, True, False),
            "*.org": (True, True, False),
            "*@example.org": (True, False, False),
            "b?b@*": (True, True, False),
            "*": (True, True, True),
            "<>": (False, False, True),
            "/^bob@/": (True, True, False),
            "/example/": (True, True, False),
            "ob@example.org": (False, False, False),
            "xample.org": (False, False, False),
            "example.or": (False, False, False),
            "example_org": (False, False, False),
        }
        found = {text: tuple(address_pattern(text).matches(each) for each in (BOB, SUB, None)) for text in table}
        self.assertEqual(found, table)

    def test_international_domains_in_one_form(self) -> None:
        there = Mailbox("a", "xn--bcher-kva.example")
        self.assertTrue(address_pattern("Bücher.example").matches(there))
        self.assertTrue(address_pattern("*.Bücher.example").matches(Mailbox("a", "x.xn--bcher-kva.example")))
        self.assertTrue(address_pattern("jürgen@bücher.example").matches(Mailbox("jürgen", "xn--bcher-kva.example")))
        self.assertRaises(BadPattern, address_pattern, "bü*.example")

    def test_what_is_no_expression(self) -> None:
        for text in ("/(/", "/a**/", r"/(a)\1/", "/(?=a)b/", "/" + "a" * 1001 + "/", "/(((a{1000}){1000}){1000})/"):
            self.assertRaises(BadPattern, address_pattern, text)
            self.assertRaises(BadPattern, text_pattern, text)

    def test_nothing_is_said_of_it_on_the_standard_error(self) -> None:
        path, standard = self.mktemp(), os.dup(2)
        with open(path, "w+b") as file:
            os.dup2(file.fileno(), 2)
            try:
                self.assertRaises(BadPattern, text_pattern, "/(never seen/")
            finally:
                os.dup2(standard, 2)
                os.close(standard)
            file.seek(0)
            self.assertEqual(file.read(), b"")

    def test_no_pattern_hangs(self) -> None:
        # With a backtracking engine these take longer than the universe has been there.
        for text in (r"/(a+)+$/", r"/(a|aa)+$/", r"/(.*a){20}$/", r"/^(([a-z])+.)+[A-Z]([a-z])+$/"):
            text_pattern(text).matches("a" * 50_000 + "!")

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.text(max_size=30), st.text(max_size=30))
    def test_any_text_is_a_pattern_or_is_refused(self, text: str, content: str) -> None:
        for make in (address_pattern, text_pattern, name_pattern):
            try:
                pattern = make(text)
            except BadPattern:
                continue
            if isinstance(pattern, AddressPattern):
                pattern.matches(Mailbox(content, "example.org"))
            else:
                pattern.matches(content)


class TextAndNamePatternTests(SynchronousTestCase):
    def test_texts(self) -> None:
        for text, wanted in (
            ("secret", True),
            ("SECRET", True),
            ("/sec.et/", True),
            ("sec.et", False),
            ("/^secret/", False),
        ):
            self.assertEqual(text_pattern(text).matches("top Secret stuff"), wanted, text)

    def test_names(self) -> None:
        for text, wanted in (("*.pdf", True), ("plan.pdf", True), ("pdf", False), ("plan", False), ("/pdf$/", True)):
            self.assertEqual(name_pattern(text).matches("Plan.PDF"), wanted, text)
