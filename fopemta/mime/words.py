"""The value of a header field as mail readers show it (pure): RFC 2047 and its deviations."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

import attrs

from fopemta.mime.charsets import Text, codec, text_of
from fopemta.mime.flaws import Flaw
from fopemta.mime.transfer import base64_decoded

_FOLD = re.compile(rb"\n[ \t]*")
_START = re.compile(rb"=\?([^?\s]{1,80})\?([BbQq])\?")
# What other readers may take for one.
_LIKE_START = re.compile(rb"=\?[^?\s]{1,80}\?[^?\s]{0,80}\?")
# RFC 2047 2: the octets allowed in an encoded word.
_IN_WORD = re.compile(rb"[!->@-~]*")
_HALF_HEX = re.compile(rb"=(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_QUOTED_PAIR = re.compile(r"\\(.)|\"")
_COMMENT = re.compile(r"\([^()]*\)")

_NO_WORD = Flaw("an encoded word cannot be decoded")


@attrs.frozen
class _Word:
    """The octets of adjacent encoded words in one charset; `charset` None for plain text."""

    charset: str | None
    octets: bytes
    flawed: bool = False


def field_text(value: bytes) -> Text:
    """Decode the value of a field, in which a fold is LF and a blank or tab."""
    unfolded = _FOLD.sub(b" ", value)
    shown, others, flaw = _decoded(unfolded)
    others = [*others, *_otherwise(shown)]
    if b"=?" in value:
        others.append(text_of(unfolded).shown)
    if b"\n" in value:
        # Some readers also drop the blank of a fold.
        joined = _FOLD.sub(b"", value)
        others.append(_decoded(joined)[0])
    collapsed = " ".join(shown.split())
    if collapsed != shown.strip():
        others.append(shown)
    if flaw is None and _CONTROL.search(shown):
        flaw = Flaw("a field of the header holds control characters")
    return Text(collapsed, tuple(dict.fromkeys(each for each in map(str.strip, others) if each != collapsed)), flaw)


def _otherwise(shown: str) -> Iterator[str]:
    """As a structured field is shown: without quotes, without comments."""
    if '"' in shown or "\\" in shown:
        yield _QUOTED_PAIR.sub(r"\1", shown)
    if "(" in shown:
        yield _COMMENT.sub("", shown)


def _decoded(unfolded: bytes) -> tuple[str, list[str], Flaw | None]:
    if b"=?" not in unfolded:
        text = text_of(unfolded)
        return text.shown, list(text.otherwise), text.flaw
    shown: list[str] = []
    latin: list[str] = []
    flaw = None
    for word in _joined(_words(unfolded)):
        text = text_of(word.octets, word.charset or "")
        shown.append(text.shown)
        latin.append(text.otherwise[0] if text.otherwise else text.shown)
        if word.flawed or text.flaw is not None:
            flaw = text.flaw if word.charset is None and not word.flawed else _NO_WORD
    first, second = "".join(shown), "".join(latin)
    return first, [second] if second != first else [], flaw


def _joined(words: Iterator[_Word]) -> Iterator[_Word]:
    """Join adjacent words: RFC 2047 5 requires whole characters in each, but many senders split them."""
    before: _Word | None = None
    pieces: list[bytes] = []
    for word in words:
        if before is not None and before.charset == word.charset and word.charset is not None:
            pieces.append(word.octets)
            before = _Word(word.charset, b"", before.flawed or word.flawed)
            continue
        if before is not None:
            yield attrs.evolve(before, octets=b"".join(pieces))
        before, pieces = word, [word.octets]
    if before is not None:
        yield attrs.evolve(before, octets=b"".join(pieces))


def _words(value: bytes) -> Iterator[_Word]:
    """Each word and the text between words; blanks between two words are dropped (RFC 2047 6.2)."""
    done, after_word = 0, False
    start = _START.search(value)
    while start is not None:
        # The first "?=" after the question mark, which "=41" may follow.
        end = value.find(b"?=", start.end())
        if end < 0:
            break
        between = value[done : start.start()]
        if between.strip(b" \t") or (between and not after_word):
            yield _Word(None, between, _LIKE_START.search(between) is not None)
        yield _word(start, value[start.end() : end])
        done, after_word = end + 2, True
        start = _START.search(value, done)
    rest = value[done:]
    if rest:
        yield _Word(None, rest, _LIKE_START.search(rest) is not None)


def _word(start: re.Match[bytes], payload: bytes) -> _Word:
    charset = start[1].partition(b"*")[0].decode("latin-1")
    octets, flawed = _of_b(payload) if start[2] in b"Bb" else _of_q(payload)
    name = codec(charset)
    return _Word(charset if name is None else name, octets, flawed or not _IN_WORD.fullmatch(payload))


def _of_b(payload: bytes) -> tuple[bytes, bool]:
    decoded = base64_decoded(payload)
    return decoded.octets, decoded.flaw is not None


def _of_q(payload: bytes) -> tuple[bytes, bool]:
    return binascii.a2b_qp(payload, header=True), _HALF_HEX.search(payload) is not None
