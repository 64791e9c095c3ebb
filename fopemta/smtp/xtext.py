"""The encodings of arbitrary text in ESMTP parameters (pure): xtext of RFC 3461 4, and the internationalised addresses
of RFC 6533 3.
"""

from __future__ import annotations

import re

from fopemta.address.grammar import NotInGrammar

# The RFC's hex is upper-case; lower case is accepted too, since it has only one reading.
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-Fa-f]{2})*")
_HEX = re.compile(r"\+([0-9A-Fa-f]{2})")
# RFC 6533 3: EmbeddedUnicodeChar, in hex without leading zeros; "\x{5C}" is the backslash.
_EMBEDDED = re.compile(r"\\x\{([1-9A-Fa-f][0-9A-Fa-f]{1,5})\}")
_UNITEXT = re.compile(r"(?:[!-*,-<>-\[\]-~\u0080-\U0010ffff]|\\x\{[1-9A-Fa-f][0-9A-Fa-f]{1,5}\})*")


def decode_xtext(text: str) -> str:
    """Decode `text`.  Raises NotInGrammar, also if it decodes to control characters or non-ASCII."""
    if _XTEXT.fullmatch(text) is None:
        raise NotInGrammar("the value is not in xtext")
    decoded = _HEX.sub(lambda match: chr(int(match[1], 16)), text)
    if not (decoded.isascii() and decoded.isprintable()):
        raise NotInGrammar("the value holds characters that are not printable ASCII")
    return decoded


def encode_xtext(text: str) -> str:
    """Encode `text`, which must be ASCII, as xtext."""
    return "".join(letter if "!" <= letter <= "~" and letter not in "+=" else f"+{ord(letter):02X}" for letter in text)


def decode_unitext(text: str) -> str:
    """Decode a parameter of type utf-8 (RFC 6533 3): utf-8-addr-xtext or utf-8-addr-unitext.

    Raises NotInGrammar.
    """
    if _UNITEXT.fullmatch(text) is None:
        raise NotInGrammar("the value is not an encoded UTF-8 address")
    decoded = _EMBEDDED.sub(_embedded, text)
    if not decoded.isprintable():
        raise NotInGrammar("the value holds characters that are not printable")
    return decoded


def encode_unitext(text: str) -> str:
    """`text` as utf-8-addr-xtext: ASCII only, good for servers with and without SMTPUTF8."""
    return "".join(
        letter if "!" <= letter <= "~" and letter not in "+=\\" else f"\\x{{{ord(letter):X}}}" for letter in text
    )


def _embedded(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    # Surrogates and numbers beyond Unicode are no characters.
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise NotInGrammar("the value holds what is no character")
    return chr(number)
