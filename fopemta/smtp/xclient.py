"""XCLIENT (pure): a trusted proxy names the client.  https://www.postfix.org/XCLIENT_README.html"""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs

from fopemta.address.grammar import NotInGrammar
from fopemta.address.ip import canonical_ip_address, is_ip_address
from fopemta.smtp.xtext import decode_xtext

# The address of an unidentified client: in no network, so without privileges.
UNKNOWN = "unknown"
ATTRIBUTES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")
_NOT_KNOWN = ("[UNAVAILABLE]", "[TEMPUNAVAIL]")
_PORT = re.compile(r"[0-9]{1,5}")
_LOGIN = re.compile(r"[!-~]{1,255}")


@attrs.frozen
class OtherClient:
    """The client that the proxy names.

    `address` is an IP address in canonical form, UNKNOWN if the proxy does not know it, None if it was not given;
    `login` None if there is none.  The other attributes are ignored: the client's EHLO follows, and we do not look up
    client names.
    """

    address: str | None = None
    login: str | None = None


def other_client(text: str) -> OtherClient:
    """Parse the attributes.  Raises NotInGrammar."""
    found: dict[str, str | None] = {}
    words = text.split()
    if not words:
        raise NotInGrammar("no attributes")
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name.upper() not in ATTRIBUTES or name.upper() in found:
            raise NotInGrammar("an attribute is not known, or given twice")
        decoded = decode_xtext(value)
        found[name.upper()] = None if decoded.upper() in _NOT_KNOWN else decoded
    for name, check in _CHECKS.items():
        if (said := found.get(name)) is not None:
            check(said)
    if "ADDR" not in found:
        return OtherClient(None, found.get("LOGIN"))
    address = found["ADDR"]
    return OtherClient(UNKNOWN if address is None else _address(address), found.get("LOGIN"))


def _address(text: str) -> str:
    bare = text[5:] if text[:5].upper() == "IPV6:" else text
    # A zone can hold any text, and would be copied into our Received header.
    if "%" in bare or not is_ip_address(bare):
        raise NotInGrammar("an address is none")
    return canonical_ip_address(bare)


def _check_login(text: str) -> None:
    if _LOGIN.fullmatch(text) is None:
        raise NotInGrammar("LOGIN is no name")


def _check_port(text: str) -> None:
    if _PORT.fullmatch(text) is None or int(text) > 65535:
        raise NotInGrammar("a port is none")


def _check_protocol(text: str) -> None:
    if text.upper() not in ("SMTP", "ESMTP"):
        raise NotInGrammar("PROTO is neither SMTP nor ESMTP")


# NAME and HELO may be anything: the proxy passes on what strangers chose.
_CHECKS: dict[str, Callable[[str], object]] = {
    "ADDR": _address,
    "DESTADDR": _address,
    "PORT": _check_port,
    "DESTPORT": _check_port,
    "PROTO": _check_protocol,
    "LOGIN": _check_login,
}
