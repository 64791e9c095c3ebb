"""XCLIENT (pure): a trusted proxy tells who the client is.  https://www.postfix.org/XCLIENT_README.html"""

from __future__ import annotations

import ipaddress
import re

import attrs

from fopemta.smtp.grammar import NotInGrammar, host_name
from fopemta.smtp.xtext import decode_xtext

ATTRIBUTES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")
_UNKNOWN = ("[UNAVAILABLE]", "[TEMPUNAVAIL]")
_LOGIN = re.compile(r"[!-~]{1,255}")


@attrs.frozen
class OtherClient:
    """Who the client is said to be; None where the proxy says nothing of it, or does not know."""

    address: str | None = None
    helo: str | None = None
    login: str | None = None


def other_client(text: str) -> OtherClient:
    """What the attributes say.  Raises NotInGrammar."""
    found: dict[str, str | None] = {}
    words = text.split()
    if not words:
        raise NotInGrammar("no attributes")
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name.upper() not in ATTRIBUTES or name.upper() in found:
            raise NotInGrammar("an attribute is not known, or given twice")
        decoded = decode_xtext(value)
        found[name.upper()] = None if decoded.upper() in _UNKNOWN else decoded
    return OtherClient(_address(found.get("ADDR")), _helo(found.get("HELO")), _login(found.get("LOGIN")))


def _address(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(ipaddress.ip_address(text[5:] if text[:5].upper() == "IPV6:" else text))
    except ValueError as error:
        raise NotInGrammar("ADDR is no address") from error


def _helo(text: str | None) -> str | None:
    return None if text is None else host_name(text)


def _login(text: str | None) -> str | None:
    if text is not None and _LOGIN.fullmatch(text) is None:
        raise NotInGrammar("LOGIN is no name")
    return text
