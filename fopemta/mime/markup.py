"""The text of HTML that a reader shows (pure): one pass, as forgiving as browsers.

Style sheets and scripts are not interpreted: text hidden by them is read, text written by scripts is not.
"""

from __future__ import annotations

import re
from html.entities import html5

import attrs

from fopemta.mime.flaws import Flaw

# Elements that a reader separates from their neighbours; all others may occur within a word.
_APART = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "button", "caption", "center", "dd", "details",
    "dir", "div", "dl", "dt", "fieldset", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
    "head", "header", "hr", "html", "iframe", "img", "input", "legend", "li", "link", "main", "menu", "meta",
    "nav", "ol", "optgroup", "option", "p", "param", "pre", "section", "select", "summary", "table", "tbody",
    "td", "textarea", "tfoot", "th", "thead", "title", "tr", "ul",
})  # fmt: skip
# Elements whose content is not shown, each with the pattern of its end.
_UNSHOWN = {name: re.compile(f"</{name}", re.IGNORECASE | re.ASCII) for name in ("script", "style")}
# A comment, a declaration, or a tag; most tags have no attributes and end at group 2.
_MARKUP = re.compile(r"<(?:!--|[!?]|(/?[A-Za-z][A-Za-z0-9:-]*+)([^>=]*+>)?)")
# Within a tag: to its end, or to a value.
_STEP = re.compile(r"[^>=]*+")
_BLANKS = re.compile(r"[ \t\r\n\f]*+")
# HTML's own limits: no name is longer, no number larger.
_ENTITY = re.compile(r"&(?:#[xX]0*([0-9A-Fa-f]{1,6})|#0*([0-9]{1,7})|([A-Za-z][A-Za-z0-9]{1,31}));?")
_LARGEST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_HEAD = 4096
_UNENDED = Flaw("HTML has a tag or comment that does not end")


@attrs.frozen
class Shown:
    """The text of HTML."""

    text: str
    flaw: Flaw | None = None


def charset_in(octets: bytes) -> str:
    """The charset that the document declares; "" if none."""
    found = _CHARSET.search(octets[:_HEAD])
    return "" if found is None else found[1].decode("ascii")


def text_of_html(source: str) -> Shown:
    """The text shown for `source`."""
    return _Reader(source).read()


def unescaped(text: str) -> str:
    """Replace entities by their characters, even without a semicolon."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    if match[3] is None:
        code = int(match[1], 16) if match[1] is not None else int(match[2])
        return "\ufffd" if code > _LARGEST or code in _SURROGATES else chr(code)
    name = match[3]
    found = html5.get(f"{name};") or html5.get(name)
    if found is not None:
        return found
    # A few old names need no semicolon: "&ampx" is "&x".
    for length in range(len(name) - 1, 1, -1):
        if name[:length] in html5:
            return html5[name[:length]] + match[0][length + 1 :]
    return match[0]


class _Reader:
    """Reads the source in one pass: what is not found before the end is not searched for again."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._missing: set[str] = set()
        self._unended = False

    def read(self) -> Shown:
        source, shown, place = self._source, [], 0
        while (markup := _MARKUP.search(source, place)) is not None:
            shown.append(source[place : markup.start()])
            name, simple_end = markup.groups()
            word = "" if name is None else name.lower()
            if word.lstrip("/") in _APART:
                shown.append(" ")
            place = markup.end() if simple_end is not None else self._after(markup)
            if word in _UNSHOWN:
                place = self._after_unshown(word, place)
        shown.append(source[place:])
        return Shown(unescaped("".join(shown)), _UNENDED if self._unended else None)

    def _after(self, markup: re.Match[str]) -> int:
        """The place after the element that begins at `markup`."""
        if markup[0] == "<!--":
            # "<!-->" is a complete comment.
            return self._end("-->", markup.end() - len("--"))
        return self._end(">", markup.end()) if markup[1] is None else self._end_of_tag(markup.end())

    def _end(self, what: str, place: int) -> int:
        """The place after the next `what`; the end of the source if there is none."""
        found = -1 if what in self._missing else self._source.find(what, place)
        if found >= 0:
            return found + len(what)
        self._missing.add(what)
        self._unended = True
        return len(self._source)

    def _after_unshown(self, name: str, place: int) -> int:
        """The place after the hidden element; one without an end is shown."""
        found = None if name in self._missing else _UNSHOWN[name].search(self._source, place)
        if found is None:
            self._missing.add(name)
        return place if found is None else found.start()

    def _end_of_tag(self, place: int) -> int:
        """The end of the tag; a ">" within a quoted value does not count."""
        source = self._source
        while place < len(source):
            step = _STEP.match(source, place)
            place = place if step is None else step.end()
            if source[place : place + 1] == ">":
                return place + 1
            place = self._after_value(place + 1)
        self._unended = True
        return len(source)

    def _after_value(self, place: int) -> int:
        blanks = _BLANKS.match(self._source, place)
        place = place if blanks is None else blanks.end()
        quote = self._source[place : place + 1]
        return self._end(quote, place + 1) if quote in ("'", '"') and quote else place
