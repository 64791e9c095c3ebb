"""The parameters of MAIL and RCPT (pure): the allowed values of each, and the attribute each becomes.

`smtp.extensions` names one of these readers for each parameter.  Every reader raises NotInGrammar with a text that is
safe to show to the client.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs

from fopemta.address.grammar import NotInGrammar, mailbox
from fopemta.mail.envelope import BodyType, Notify, OriginalRecipient, Returned
from fopemta.smtp.xtext import decode_unitext, decode_xtext

# RFC 3461 4.2 and 4.4: the longest values, in characters before decoding.
_LONGEST_ENVID = 100
_LONGEST_ORCPT = 500
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")


@attrs.frozen
class MailOptions:
    """The parameters of MAIL; see `mail.envelope.Envelope`.  `size` in octets, 0 if not declared."""

    size: int = 0
    body: BodyType = BodyType.SEVEN_BIT
    smtputf8: bool = False
    require_tls: bool = False
    returned: Returned | None = None
    envelope_id: str | None = None


@attrs.frozen
class Parameter:
    """One parameter: its `keyword`, and the reader `read` for the value of `attribute` (None: check and ignore the
    value).
    """

    keyword: str
    read: Callable[[str | None], Any]
    attribute: str | None


def size(value: str | None) -> int:
    """SIZE: up to twenty digits (RFC 1870 3)."""
    if value is None or not (value.isascii() and value.isdigit()) or len(value) > 20:
        raise NotInGrammar("SIZE must be a number")
    return int(value)


def body(value: str | None) -> BodyType:
    """BODY: 7BIT or 8BITMIME (RFC 6152 2)."""
    if value is None or value.upper() not in ("7BIT", "8BITMIME"):
        raise NotInGrammar("BODY must be 7BIT or 8BITMIME")
    return BodyType(value.upper())


def body_with_binary(value: str | None) -> BodyType:
    """BODY, with BINARYMIME as well (RFC 3030 3)."""
    if value is None or value.upper() not in ("7BIT", "8BITMIME", "BINARYMIME"):
        raise NotInGrammar("BODY must be 7BIT, 8BITMIME or BINARYMIME")
    return BodyType(value.upper())


def flag(value: str | None) -> bool:
    """A parameter that has no value: SMTPUTF8 (RFC 6531 3.4), REQUIRETLS (RFC 8689 2)."""
    if value is not None:
        raise NotInGrammar("this parameter takes no value")
    return True


def returned(value: str | None) -> Returned:
    """RET (RFC 3461 4.3)."""
    if value is None or value.upper() not in ("FULL", "HDRS"):
        raise NotInGrammar("RET must be FULL or HDRS")
    return Returned(value.upper())


def envelope_id(value: str | None) -> str:
    """ENVID, decoded (RFC 3461 4.4)."""
    if not value or len(value) > _LONGEST_ENVID:
        raise NotInGrammar("ENVID needs a value of at most 100 characters")
    return decode_xtext(value)


def notify(value: str | None) -> frozenset[Notify]:
    """NOTIFY: NEVER, or any of the others, each once (RFC 3461 4.1)."""
    words = (value or "").upper().split(",")
    try:
        wanted = [Notify(word) for word in words]
    except ValueError as error:
        raise NotInGrammar("NOTIFY must be NEVER, or a list of SUCCESS, FAILURE and DELAY") from error
    if len(set(wanted)) != len(wanted) or (Notify.NEVER in wanted and len(wanted) > 1):
        raise NotInGrammar("NOTIFY contradicts itself")
    return frozenset(wanted)


def original_recipient(value: str | None) -> OriginalRecipient:
    """ORCPT (RFC 3461 4.2; RFC 6533 3 for the type utf-8)."""
    kind, found, address = (value or "").partition(";")
    if not found or _ATOM.fullmatch(kind) is None or not address or len(value or "") > _LONGEST_ORCPT:
        raise NotInGrammar("ORCPT must be TYPE;ADDRESS, of at most 500 characters")
    decode = decode_unitext if kind.lower() == "utf-8" else decode_xtext
    return OriginalRecipient(kind.lower(), decode(address))


def authenticated_sender(value: str | None) -> None:
    """AUTH of MAIL (RFC 4954 5).  The value cannot be verified, so it is checked for syntax and dropped."""
    if not value:
        raise NotInGrammar("AUTH needs an address or <>")
    if value != "<>":
        mailbox(decode_xtext(value))
