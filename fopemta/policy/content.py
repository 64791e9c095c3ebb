"""Reading a message for rules (pure): headers, text parts, attachments, with the standard library's parser.

Whatever the content is, this gives an answer; what could not be read is named in the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

from fopemta.policy.facts import Attachment, ContentFacts, Gap

# So much of a message is looked at.  What is beyond is unknown for good (RULINGS 5).
MOST_READ = 1 << 19
_MOST_PARTS = 200
_MOST_TEXT = 1 << 20

_ENCRYPTED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})


def content_facts(octets: bytes, whole: bool) -> ContentFacts:
    """The facts of the message that begins with `octets`; `whole` when nothing follows these."""
    end = octets.find(b"\r\n\r\n")
    if end < 0 and not whole:
        gap = Gap("the header is larger than what is looked at", for_good=True)
        return ContentFacts(headers_gap=gap, texts_gap=gap, attachments_gap=gap)
    try:
        message = BytesParser(policy=compat32).parsebytes(octets)
        headers = tuple((name, _decoded(str(value))) for name, value in message.items())
        return _of_parts(message, headers, whole)
    except Exception:  # noqa: BLE001  strangers' bytes in a large parser: what it cannot read is unknown, not harmless
        gap = Gap("the message cannot be parsed", for_good=True)
        return ContentFacts(headers_gap=gap, texts_gap=gap, attachments_gap=gap)


def _of_parts(message: Message, headers: tuple[tuple[str, str], ...], whole: bool) -> ContentFacts:
    gap = None if whole else Gap("the message is larger than what is looked at", for_good=True)
    texts: list[str] = []
    attachments: list[Attachment] = []
    for number, part in enumerate(message.walk()):
        if number >= _MOST_PARTS:
            gap = Gap(f"the message has more than {_MOST_PARTS} parts", for_good=True)
            break
        media_type = part.get_content_type()
        if media_type in _ENCRYPTED and part.get_param("smime-type") != "signed-data":
            gap = gap or Gap("the message is encrypted", for_good=True)
        if part.is_multipart():
            continue
        name = _decoded(part.get_filename() or "")
        if name or part.get_content_disposition() == "attachment" or part.get_content_maintype() != "text":
            attachments.append(Attachment(name, media_type))
        else:
            text = _text(part)
            texts.append(text or "")
            gap = gap or (Gap("a text part cannot be decoded", for_good=True) if text is None else None)
    return ContentFacts(
        headers=headers, texts=tuple(texts), texts_gap=gap, attachments=tuple(attachments), attachments_gap=gap
    )


def _text(part: Message) -> str | None:
    """The text of a part, None where it cannot be decoded."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return None
    charset = part.get_content_charset("us-ascii")
    try:
        return payload[:_MOST_TEXT].decode("utf-8" if charset == "us-ascii" else charset)
    except (LookupError, UnicodeDecodeError):
        return None


def _decoded(value: str) -> str:
    """A header's text: unfolded, encoded words of RFC 2047 decoded; what cannot be stays as it is."""
    unfolded = " ".join(value.split())
    try:
        pieces = decode_header(unfolded)
    except (HeaderParseError, ValueError):
        return unfolded
    return "".join(_pieces(pieces))


def _pieces(pieces: list[tuple[str | bytes, str | None]]) -> Iterator[str]:
    for octets, charset in pieces:
        if isinstance(octets, str):
            yield octets
            continue
        try:
            yield octets.decode(charset or "utf-8", "replace")
        except LookupError:
            yield octets.decode("latin-1")
