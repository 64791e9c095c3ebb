"""Split a Received header (pure) into what its server attests and what it repeats from a stranger.

The name after "from", the words after HELO or an envelope address, a certificate's name and a recipient are chosen by
the sender, and may be any words.  They are separated before anything is searched for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import TypeAlias

import attrs

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@attrs.frozen(kw_only=True)
class ReceivedParts:
    """The parts of a header.

    `claimed` is the name after "from"; `came_from` the address that the receiving server saw, None if absent;
    `same_host`: it states that no network was crossed.  `receiver` and `received_at` are its own name and address,
    `protocol` the word after "with".  `attested` are its other words, without repeated ones; `date` is the text after
    the last semicolon, without comments, or all of it if there is no semicolon.
    """

    claimed: str
    has_from: bool
    came_from: Address | None
    same_host: bool
    receiver: str
    received_at: Address | None
    protocol: str
    attested: str
    date: str


@attrs.frozen
class _Word:
    text: str
    is_comment: bool = False


# A comment with this beginning repeats what the other side, or a user, has said.
_REPEATED = re.compile(
    r"(?:helo|ehlo|lhlo|envelope|sender|authenticated|auth|account|ident|from|may be forged|named)\b", re.IGNORECASE
)
# Exim writes the address, then the client's name, into one comment.
_TOLD = re.compile(r"\b(?:helo|ehlo|ident)[= ]", re.IGNORECASE)
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,60}")
_WITH = frozenset({"with", "whith"})
_ENCRYPTED = "encrypted"


def parts_of(text: str) -> ReceivedParts:
    """The parts of a header in one line.  Never raises; linear time."""
    words, date = _words(text)
    by = _index_of_by(words)
    if by is None:
        before, after = words, []
    else:
        before, after = words[:by], words[by + 1 :]
    identity = _identity(before)
    came_from = None if identity is None else _address_in(before[identity].text)
    has_from = bool(before) and not before[0].is_comment and before[0].text.lower() == "from"
    claimed = _first_text(before[1:]) if has_from else ""
    own = [*_behind(before, identity, claimed if has_from else None), *after]
    return ReceivedParts(
        claimed=claimed,
        has_from=has_from,
        came_from=came_from,
        same_host=identity is not None and "[local]" in before[identity].text.lower(),
        receiver=_first_text(after).rstrip(";"),
        received_at=next((_address_in(each.text) for each in after[1:2] if each.is_comment), None),
        protocol=_protocol(after if by is not None else before),
        attested=" ".join(_attested(own)),
        date=date,
    )


# --- words -----------------------------------------------------------------------------------------------------------


def _words(text: str) -> tuple[list[_Word], str]:
    """Words and comments.  The date after the last semicolon of the outermost level is taken out, but not comments
    after it.  Only the delimiters of quoted text and of text in angle brackets are kept: RFC 5322 3.2.4, RFC 5321
    4.1.2.
    """
    found: list[_Word] = []
    semicolon = 0
    date_at = None
    for word, end in _split(text):
        if not word.is_comment and word.text.endswith(";"):
            date_at, semicolon = end, len(found) + 1
            word = _Word(word.text[:-1])
        found.append(word)
    if date_at is None:
        return [each for each in found if each.text], text
    comments = [each for each in found[semicolon:] if each.is_comment]
    return [each for each in (*found[:semicolon], *comments) if each.text], text[date_at:].partition("(")[0]


def _split(text: str) -> Iterator[tuple[_Word, int]]:
    """Each word or comment, and its end.  A semicolon ends a word, and is its last letter."""
    kept: list[str] = []
    depth, quoted, angled, escaped = 0, False, False, False
    for at, letter in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = letter == "\\", letter != '"'
        elif letter == '"':
            quoted = True
            kept.append('""')
        elif angled:
            angled = letter != ">"
        elif letter == "<":
            angled = True
            kept.append("<>")
        elif letter == "(":
            if depth == 0:
                yield _Word("".join(kept)), at
                kept.clear()
            else:
                kept.append(letter)
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
            if depth == 0:
                yield _Word("".join(kept), is_comment=True), at + 1
                kept.clear()
            else:
                kept.append(letter)
        elif depth == 0 and letter in " ;":
            yield _Word("".join(kept) + letter.strip()), at + 1
            kept.clear()
        else:
            kept.append(letter)
    yield _Word("".join(kept), is_comment=depth > 0), len(text)


def _first_text(words: list[_Word]) -> str:
    return words[0].text if words and not words[0].is_comment else ""


# --- who is who ------------------------------------------------------------------------------------------------------


def _index_of_by(words: list[_Word]) -> int | None:
    """The last "by": an earlier one may be part of the client's chosen name."""
    found = None
    for index, word in enumerate(words):
        if word.is_comment or word.text.lower() != "by":
            continue
        following = words[index + 1] if index + 1 < len(words) else None
        if following is not None and not following.is_comment and following.text.lower() != "uid":
            found = index
    return found


def _identity(words: list[_Word]) -> int | None:
    """The last comment with an address before "by": servers put the observed client there."""
    found = None
    for index, word in enumerate(words):
        if word.is_comment and (_address_in(word.text) is not None or "[local]" in word.text.lower()):
            found = index
    return found


def _address_in(comment: str) -> Address | None:
    """The last address in a comment that is not repeated from the other side."""
    if _REPEATED.match(comment):
        return None
    told = _TOLD.search(comment)
    own = comment[: told.start()] if told else comment
    candidates = _ADDRESS.findall(re.sub("ipv6:", " ", own, flags=re.IGNORECASE))
    return next((found for each in reversed(candidates) if (found := _address(each)) is not None), None)


def _address(text: str) -> Address | None:
    """The address, with or (for IPv4) without a port."""
    if text.count(".") != 3 and text.count(":") < 2:
        return None
    for each in (text, text.partition(":")[0]):
        try:
            return ipaddress.ip_address(each)
        except ValueError:
            continue
    return None


# --- what the server says --------------------------------------------------------------------------------------------


def _behind(words: list[_Word], identity: int | None, claimed: str | None) -> list[_Word]:
    """The server's own words among those before "by": all if no sender is named, else those after the observed
    address.
    """
    if claimed is None:
        return words
    if identity is not None:
        return words[identity + 1 :]
    # Some write only the address, in the place of the name.
    return [each for each in words if each.is_comment] if claimed.startswith("[") else []


def _attested(words: list[_Word]) -> Iterator[str]:
    after_for = False
    for word in words:
        if after_for:
            after_for = False  # the recipient
        elif not word.is_comment:
            yield word.text
            after_for = word.text.lower() == "for"
        elif not _REPEATED.match(word.text):
            yield f"({word.text})"


def _protocol(words: list[_Word]) -> str:
    """The word after "with"; qmail puts the cipher between: "with ECDHE-RSA-AES256-GCM-SHA384 encrypted SMTP"."""
    texts = [each.text for each in words if not each.is_comment]
    at = next((index for index, text in enumerate(texts) if text.lower() in _WITH), None)
    if at is None:
        return ""
    following = texts[at + 1 :]
    if len(following) > 2 and following[1].lower() == _ENCRYPTED:
        return following[2]
    return following[0] if following else ""
