"""What is shown of HTML."""
# ruff: noqa: E501  a case a line

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mime.markup import charset_in, text_of_html, unescaped


class HtmlTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {
            "": "", "x": "x", "a<b>b</b>c": "abc", "a<BR>b<br/>c": "a b c", "<p>a</p><div>b</div>": " a  b ",
            "a<wbr>b": "ab", "a<b class=x>b": "ab", "a<b class='>'>b": "ab", 'a<b class=">" id=\'>\'>b': "ab",
            "a<b class = '>' >b": "ab", "a<b =>c": "ac", "a<b=c>d": "ad", "a<i b=<i>c<p>": "ac ", "a<b b'>c": "ac",
            "1 < 2 <3 <>": "1 < 2 <3 <>", "a</ b>c": "a</ b>c", "a<!-- x --!> y -->b": "ab", "a<!-->b": "ab", "a<!--->b": "ab",
            "a<!DOCTYPE html>b": "ab", "a<?xml x?>b": "ab", "a<![CDATA[x]]>b": "ab",
            "a<script>x<b></script>b": "ab", "a<SCRIPT t='>'>x</Script >b": "ab", "a<style>x</style>b": "ab",
            "a<script>b": "ab", "a<script>b<script>c": "abc", "a</script>b": "ab", "a<scripts>b": "ab", "a<x:y-z>b": "ab",
        }  # fmt: skip
        self.assertEqual({source: text_of_html(source).text for source in table}, table)
        self.assertEqual([source for source in table if text_of_html(source).flaw is not None], [])

    def test_what_stands_apart(self) -> None:
        for name in (
            "address", "article", "aside", "blockquote", "body", "br", "button", "caption", "center", "dd", "details",
            "dir", "div", "dl", "dt", "fieldset", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head",
            "header", "hr", "html", "iframe", "img", "input", "legend", "li", "link", "main", "menu", "meta", "nav",
            "ol", "optgroup", "option", "p", "param", "pre", "section", "select", "summary", "table", "tbody", "td",
            "textarea", "tfoot", "th", "thead", "title", "tr", "ul",
        ):  # fmt: skip
            self.assertEqual(text_of_html(f"a<{name}>b</{name}>c").text, "a b c", name)
        for name in (
            "a",
            "abbr",
            "b",
            "big",
            "cite",
            "code",
            "del",
            "em",
            "font",
            "i",
            "ins",
            "s",
            "small",
            "span",
            "u",
            "wbr",
        ):
            self.assertEqual(text_of_html(f"a<{name}>b</{name}>c").text, "abc", name)

    def test_what_does_not_end(self) -> None:
        for source in (
            "a<b",
            "a<b ",
            "a<b c='",
            "a<b c=",
            "a<!--",
            "a<!-- -",
            "a<!x",
            "a<?x",
            "a<b c='x'",
            "a<b c=\"'>",
        ):
            found = text_of_html(source)
            self.assertEqual((found.text, found.flaw is None), ("a", False), source)
        self.assertEqual(text_of_html("a<b c='<b>d").text, "a")

    def test_entities(self) -> None:
        table = {
            "&lt;b&gt;": "<b>", "&amp;lt;": "&lt;", "&#65;&#x42;&#X43": "ABC", "&#0065;": "A", "&#00000000000000065;": "A",
            "&eacute;&Eacute": "éÉ", "&ampx": "&x", "&ltb": "<b", "&notin;": "∉", "&notx": "¬x", "&nosuch;": "&nosuch;",
            "&;&#;&#x;": "&;&#;&#x;", "& &&": "& &&", "&#xd800;": "\ufffd", "&#xdfff;": "\ufffd", "&#xd7ff;&#xe000;": "\ud7ff\ue000", "&#x110000;": "\ufffd", "&#x10FFFF;": "\U0010ffff",
            "&#1114112;": "\ufffd", "&shy;": "\u00ad", "&nbsp;x": "\u00a0x", "a": "a",
        }  # fmt: skip
        self.assertEqual({text: unescaped(text) for text in table}, table)
        self.assertEqual(text_of_html("&lt;<b>&gt;").text, "<>")

    def test_charset(self) -> None:
        table = {
            b"<meta charset=utf-8>": "utf-8", b'<META Charset = "ISO-8859-2">': "ISO-8859-2", b"<p>charset=x": "",
            b"<meta http-equiv=x content='text/html; charset=koi8-r'>": "koi8-r", b"": "", b" " * 4096 + b"<meta charset=x>": "",
        }  # fmt: skip
        self.assertEqual({octets: charset_in(octets) for octets in table}, table)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.text("<>!-/?ab =\"'&#;x", max_size=60))
    def test_whatever(self, source: str) -> None:
        self.assertIsInstance(text_of_html(source).text, str)
