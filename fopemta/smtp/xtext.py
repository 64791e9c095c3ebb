"""The encodings in which ESMTP parameters carry any text (pure): xtext of RFC 3461 4, and the forms of an
internationalised address of RFC 6533 3.
"""

from __future__ import annotations

import re

from fopemta.address.grammar import NotInGrammar

# Hex is in upper case there; some write it in lower case, which nobody can take for anything else.
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-Fa-f]{2})*")
_HEX = re.compile(r"\+([0-9A-Fa-f]{2})")
# RFC 6533 3: EmbeddedUnicodeChar, in hex without leading zeros; "\x{5C}" is the backslash.
_EMBEDDED = re.compile(r"\\x\{([1-9A-Fa-f][0-9A-Fa-f]{1,5})\}")
_UNITEXT = re.compile(r"(?:[!-*,-<>-\[\]-~\u0080-\U0010ffff]|\\x\{[1-9A-Fa-f][0-9A-Fa-f]{1,5}\})*")


def decode_xtext(text: str) -> str:
    """The text that `text` stands for.  Raises NotInGrammar, also for a control character or non-ASCII in it."""
    if _XTEXT.fullmatch(text) is None:
        raise NotInGrammar("the value is not in xtext")
    decoded = _HEX.sub(lambda match: chr(int(match[1], 16)), text)
    if not (decoded.isascii() and decoded.isprintable()):
        raise NotInGrammar("the value holds characters that are not printable ASCII")
    return decoded


def encode_xtext(text: str) -> str:
    """`text`, which is ASCII, in xtext."""
    return "".join(letter if "!" <= letter <= "~" and letter not in "+=" else f"+{ord(letter):02X}" for letter in text)


def decode_unitext(text: str) -> str:
    """The address in a parameter of type utf-8 (RFC 6533 3): utf-8-addr-xtext or utf-8-addr-unitext.

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
    # Surrogates and what is beyond Unicode stand for nothing.
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise NotInGrammar("the value holds what is no character")
    return chr(number)
