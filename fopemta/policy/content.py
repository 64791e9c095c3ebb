"""Read a message for rules (pure): what lenient mail readers would show, in several readings.

What most readers show is a fact; what only some would show is in `otherwise`, so that a match there makes a demand
apply and nothing else.  What cannot be determined is a gap, for good.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

import attrs

from fopemta.mime.charsets import Text, text_of
from fopemta.mime.fields import Field, HeaderSection, fields_of_body, header_section
from fopemta.mime.flaws import BOUNDS, ContentBounds, Exceeded, Flaw, Work, beyond, told
from fopemta.mime.forms import forms, has_too_many_marks, without_lines
from fopemta.mime.markup import charset_in, text_of_html, unescaped
from fopemta.mime.parameters import Value
from fopemta.mime.parts import LeafPart, parts_of
from fopemta.mime.plain import packed, packed_names, unflowed, unfolded
from fopemta.mime.words import field_text
from fopemta.policy.facts import EVERYTHING, Asked, Attachment, ContentFacts, Gap

_T = TypeVar("_T")

# Unreadable without a key; the last two pack even content that is only signed.
_ENCRYPTED = frozenset({
    "multipart/encrypted", "application/pgp-encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime",
})  # fmt: skip
# Forms that some readers unpack, assemble, or fetch.
_PACKED = {
    "application/ms-tnef": "a part is packed by Outlook",
    "application/vnd.ms-tnef": "a part is packed by Outlook",
    "application/mac-binhex40": "a part is packed in BinHex",
    "message/partial": "the message is a fragment of another",
    "message/external-body": "a part is somewhere else",
    "text/rtf": "a text is in RTF",
}
_PACKED_FILES = re.compile(r"(?i).*\.p7m|winmail.*\.dat|.*\.(?:pgp|gpg)")
# A drawing in SVG is a text with markup, whatever its type begins with: readers show it and its words.
_HTML = frozenset({
    "text/html", "application/xhtml+xml", "text/enriched", "text/richtext", "text/xml", "image/svg+xml", "image/svg",
})  # fmt: skip
_FOLDED = frozenset({"text/calendar", "text/vcard", "text/x-vcard", "text/directory", "text/x-vcalendar"})
_NEVER_TEXT = ("image/", "audio/", "video/", "font/", "model/")
_LOOKS_LIKE_HTML = re.compile(r"(?i)<(?:html|head|body|div|span|table|p|br|b|i|a|font|img)[\s/>]")
# The fields that a reader shows of a nested message.
_SHOWN_FIELDS = frozenset({"subject", "from", "to", "cc", "sender", "reply-to", "comments", "keywords"})
_MOST_SHOWN = 100


def content_facts(
    octets: bytes, whole: bool, asked: Asked = EVERYTHING, bounds: ContentBounds = BOUNDS
) -> ContentFacts:
    """The facts of the message that begins with `octets`, as far as they are `asked`; `whole`: these are all of it."""
    if len(octets) > bounds.looked_at:
        octets, whole = octets[: bounds.looked_at], False
    try:
        return _Reading(octets, whole, asked, bounds).facts()
    except Exception:  # noqa: BLE001  strangers' bytes: what cannot be read is unknown, not harmless
        gap = Gap("the message cannot be read", for_good=True)
        return ContentFacts(headers_gap=gap, texts_gap=gap, attachments_gap=gap)


@attrs.define
class _Found:
    """Things of one kind: those most readers show, those some do, and gaps."""

    shown: list[str] = attrs.Factory(list)
    otherwise: list[str] = attrs.Factory(list)
    flaws: list[Flaw] = attrs.Factory(list)


class _Reading:
    """The reading of one message."""

    def __init__(self, octets: bytes, whole: bool, asked: Asked, bounds: ContentBounds) -> None:
        self._octets = octets
        self._whole = whole
        self._asked = asked
        self._bounds = bounds
        self._work = Work(len(octets))
        self._header = header_section(octets, 0, len(octets), bounds, whole)
        self._texts = _Found()
        self._attachments: list[Attachment] = []
        self._attachments_otherwise: list[Attachment] = []
        self._name_flaws: list[Flaw] = []

    def facts(self) -> ContentFacts:
        found = self._headers() if self._asked.headers != frozenset() else ContentFacts()
        if not (self._asked.body or self._asked.attachments):
            return found
        flaws = list(self._header.flaws)
        if not self._whole:
            flaws.append(beyond("looked_at", "the message is larger than what is looked at"))
        try:
            flaws += self._parts()
        except Exceeded as exceeded:
            flaws.append(exceeded.flaw)
        return attrs.evolve(
            found,
            texts=_different(self._texts.shown),
            texts_otherwise=_different(self._texts.otherwise, self._texts.shown),
            texts_gap=_gap([*flaws, *self._texts.flaws]),
            attachments=_different(self._attachments),
            attachments_otherwise=_different(self._attachments_otherwise, self._attachments),
            attachments_gap=_gap([*flaws, *self._name_flaws]),
        )

    # --- the header ------------------------------------------------------------------------------------------------

    def _headers(self) -> ContentFacts:
        shown: list[tuple[str, str]] = []
        otherwise: list[tuple[str, str]] = []
        flaws = list(self._header.flaws)
        gaps: dict[str, list[Flaw]] = {}
        try:
            for field in self._asked_of(self._header.fields):
                text = field_text(field.value)
                shown += [(field.name, each) for one in _sure(text) for each in self._forms(one)]
                otherwise += [(field.name, each) for one in _unsure(text) for each in self._forms(one)]
                gaps.setdefault(field.name, []).extend(_text_flaws(text))
            for field in self._asked_of(self._fields_behind()):
                text = field_text(field.value)
                otherwise += [(field.name, each) for one in _all_of(text) for each in self._forms(one)]
        except Exceeded as exceeded:
            flaws.append(exceeded.flaw)
        return ContentFacts(
            headers=_different(shown),
            headers_otherwise=_different(otherwise, shown),
            headers_gap=_gap(flaws),
            header_gaps=tuple((name, gap) for name, its in gaps.items() if (gap := _gap(its)) is not None),
        )

    def _asked_of(self, fields: Iterable[Field]) -> Iterable[Field]:
        names = self._asked.headers
        return (each for each in fields if names is None or each.name in names)

    def _fields_behind(self) -> tuple[Field, ...]:
        body = self._header.body
        return () if body is None else fields_of_body(self._octets, body, len(self._octets), self._bounds)

    # --- the body --------------------------------------------------------------------------------------------------

    def _parts(self) -> list[Flaw]:
        parts = parts_of(self._octets, self._header, self._bounds, self._work, self._whole)
        flaws = list(parts.flaws)
        flaws += [Flaw("the message is encrypted") for each in parts.kinds if each.kind in _ENCRYPTED]
        flaws += [Flaw(_PACKED[each.kind]) for each in parts.kinds if each.kind in _PACKED]
        for leaf in parts.leaves:
            self._leaf(leaf)
        for header in parts.nested:
            self._nested(header)
        for octets in parts.asides:
            text = text_of(octets)
            self._texts.flaws += _text_flaws(text)
            for each in _all_of(text):
                self._add_other(each)
        return flaws

    def _leaf(self, leaf: LeafPart) -> None:
        names = self._names(leaf)
        is_text = leaf.media_type.startswith(("text/", "message/")) or leaf.media_type in _HTML
        if names or leaf.disposition.kind == "attachment" or not leaf.media_type.startswith("text/"):
            self._attachments += [Attachment(name, leaf.media_type) for name in names or [""]]
        if is_text:
            # Also if only files are asked for, since a text may contain some.
            self._text(leaf)
        elif self._asked.body and not leaf.media_type.startswith(_NEVER_TEXT):
            self._maybe_text(leaf.content.octets)

    def _names(self, leaf: LeafPart) -> list[str]:
        """Every name that a part is given."""
        values: list[Value] = []
        for field in (leaf.disposition, leaf.content_type):
            values += [*field.of("filename"), *field.of("name")]
        texts = [each.text for each in values]
        names = list(dict.fromkeys(name for each in texts for name in _sure(each) if name))
        others = [name for each in texts for name in _unsure(each)]
        others += [name.replace("\\", "/").rpartition("/")[2] for name in names]
        others += [name.rstrip(". ") for name in names]
        self._name_flaws += [flaw for each in texts for flaw in _text_flaws(each)]
        if any(_PACKED_FILES.fullmatch(each) for each in names):
            flaw = Flaw("a part is packed or encrypted")
            self._name_flaws.append(flaw)
            self._texts.flaws.append(flaw)
        for other in others:
            self._attachments_otherwise += [Attachment(each, leaf.media_type) for each in self._forms(other)]
        return [each for name in names for each in self._forms(name)]

    def _text(self, leaf: LeafPart) -> None:
        content = leaf.content
        self._texts.flaws += [] if content.flaw is None else [content.flaw]
        charsets = list(dict.fromkeys(each.octets.decode("latin-1") for each in leaf.content_type.of("charset")))
        if leaf.media_type in _HTML and (own := charset_in(content.octets)):
            charsets = list(dict.fromkeys([*charsets, own]))
        for number, octets in enumerate((content.octets, *content.otherwise)):
            for place, charset in enumerate(charsets or [""]):
                text = text_of(octets, charset)
                self._texts.flaws += _text_flaws(text)
                if number == place == 0 and leaf.sure and content.flaw is None and text.flaw is None:
                    self._add_readings(leaf, text.shown)
                for each in _all_of(text):
                    self._add_other(each)

    def _add_readings(self, leaf: LeafPart, text: str) -> None:
        """Add the readings of the text that most readers show."""
        self._add(text)
        if leaf.media_type in _HTML:
            shown = text_of_html(text)
            self._texts.flaws += [] if shown.flaw is None else [shown.flaw]
            self._add(without_lines(shown.text))
            self._add_other(unescaped(text))
        if leaf.content_type.word("format") == "flowed":
            self._add(unflowed(text, leaf.content_type.word("delsp") == "yes"))
        if leaf.media_type in _FOLDED:
            self._add(unfolded(text))
        if (flaw := packed(text)) is not None:
            self._texts.flaws.append(flaw)
            self._name_flaws.append(flaw)
        for name in packed_names(text):
            self._attachments_otherwise += [Attachment(each, "application/octet-stream") for each in self._forms(name)]

    def _maybe_text(self, octets: bytes) -> None:
        """Readers show a text file, whatever its name."""
        text = text_of(octets)
        if text.flaw is None and octets:
            self._add_other(text.shown)

    def _nested(self, header: HeaderSection) -> None:
        """The header of a nested message is part of the text."""
        fields = [each for each in header.fields if each.name in _SHOWN_FIELDS]
        if len(fields) > _MOST_SHOWN:
            self._texts.flaws.append(Flaw("a message in the message has too many fields", "fields"))
        for field in fields[:_MOST_SHOWN]:
            text = field_text(field.value)
            self._texts.flaws += _text_flaws(text)
            for each in _sure(text):
                self._add(each)
            for each in _unsure(text):
                self._add_other(each)

    def _add(self, text: str) -> None:
        self._texts.shown += self._forms(text)

    def _add_other(self, text: str) -> None:
        """Add it as it is; as a reader of HTML shows it, if it may be HTML; and with lines joined."""
        self._texts.otherwise += self._forms(text)
        self._texts.otherwise += self._forms(without_lines(text))
        if _LOOKS_LIKE_HTML.search(text):
            self._texts.otherwise += self._forms(without_lines(text_of_html(text).text))

    def _forms(self, text: str) -> list[str]:
        self._work.spend(len(text))
        return list(forms(text))


def _different(found: list[_T], known: Iterable[_T] = ()) -> tuple[_T, ...]:
    """Each once, without those known anyway: every rule goes through all of them."""
    others = frozenset(known)
    return tuple(each for each in dict.fromkeys(found) if each not in others)


def _sure(text: Text) -> tuple[str, ...]:
    """What most readers show, if that is certain."""
    return (text.shown,) if text.flaw is None else ()


def _unsure(text: Text) -> tuple[str, ...]:
    return text.otherwise if text.flaw is None else _all_of(text)


def _all_of(text: Text) -> tuple[str, ...]:
    return (text.shown, *text.otherwise)


def _text_flaws(text: Text) -> list[Flaw]:
    found = [] if text.flaw is None else [text.flaw]
    if has_too_many_marks(text.shown):
        found.append(Flaw("a text has more marks in a row than a reader shows"))
    return found


def _gap(flaws: Iterable[Flaw]) -> Gap | None:
    flaw = told(flaws)
    return None if flaw is None else Gap(flaw.why, for_good=True, bound=flaw.bound)
