"""Decode octets by their declared charset and by those that mail readers guess (pure).

Only charsets of mail are known: `codecs` finds more, among them some with a quadratic decoder (punycode), and caches
every name that a stranger invents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from encodings.aliases import aliases

import attrs

from fopemta.mime.flaws import Flaw

# By Python's names.
_KNOWN = frozenset({
    "ascii", "utf_8", "utf_7", "utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le", "latin_1",
    *(f"iso8859_{number}" for number in range(2, 17) if number != 12),
    *(f"cp{number}" for number in (437, 737, 775, 850, 852, 855, 857, 858, *range(860, 867), 869, 874)),
    *(f"cp125{number}" for number in range(9)), "cp932", "cp949", "cp950", "koi8_r", "koi8_u", "koi8_t", "kz1048",
    "ptcp154", "mac_roman", "mac_cyrillic", "mac_greek", "mac_latin2", "mac_turkish", "mac_iceland", "tis_620",
    "gb2312", "gbk", "gb18030", "hz", "big5", "big5hkscs", "shift_jis", "shift_jisx0213", "shift_jis_2004", "euc_jp",
    "euc_jisx0213", "euc_jis_2004", "euc_kr", "johab", "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_3",
    "iso2022_jp_2004", "iso2022_jp_ext", "iso2022_kr",
})  # fmt: skip
# Names that Python lacks; and the larger set that every mail reader assumes for a declared one.
_ALSO = {
    "unknown_8bit": "ascii", "utf8mb4": "utf_8", "x_sjis": "cp932", "x_gbk": "gbk", "x_euc_jp": "euc_jp",
    "x_mac_roman": "mac_roman", "windows_31j": "cp932", "windows_874": "cp874", "ks_c_5601_1987": "cp949",
    "ksc5601": "cp949", "cp1252": "cp1252", "unicode_1_1_utf_7": "utf_7", "iso_8859_8_i": "iso8859_8",
    "iso_8859_6_i": "iso8859_6", "ansi_x3.110_1983": "latin_1",
}  # fmt: skip
_NAMES = {
    **{each: each for each in _KNOWN},
    **{alias: name for alias, name in aliases.items() if name in _KNOWN},
    **{f"windows_125{number}": f"cp125{number}" for number in range(9)},
    **_ALSO,
}
_PUNCTUATION = re.compile(r"[^a-z0-9.]+")
_LONGEST_NAME = 40
# Only text declared as one of these is read as UTF-8 if it is valid UTF-8.
_ASCII = frozenset({"ascii"})
_SINGLE = frozenset({"latin_1", "cp1252", "iso8859_15"})
_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf_8", b"\xff\xfe\0\0": "utf_32", b"\0\0\xfe\xff": "utf_32", b"\xff\xfe": "utf_16",
    b"\xfe\xff": "utf_16",
}  # fmt: skip
_ESCAPE = b"\x1b"


@attrs.frozen
class Text:
    """The text that a reader shows; `otherwise` what other readers may show; `flaw` if that is uncertain."""

    shown: str
    otherwise: tuple[str, ...] = ()
    flaw: Flaw | None = None


def codec(charset: str) -> str | None:
    """Python's name of a charset of mail, None if unknown."""
    if len(charset) > _LONGEST_NAME:
        return None
    name = _PUNCTUATION.sub("_", charset.lower()).strip("_")
    return _NAMES.get(name) or _NAMES.get(name.replace("_", "")) or _NAMES.get(name.removeprefix("x_"))


def text_of(octets: bytes, charset: str = "") -> Text:
    """Decode `octets` in `charset`, "" if none is declared."""
    name = codec(charset) if charset else "ascii"
    guesses = _guesses(octets, name or "ascii")
    if name is None:
        return _unknown(octets, guesses, Flaw("an unknown charset"))
    shown = _strictly(octets, "utf_8" if name in _ASCII else name)
    if shown is None:
        return _unknown(octets, guesses, Flaw("a text cannot be decoded"))
    shown = shown.removeprefix("\ufeff")
    return Text(shown, _others(shown, octets, guesses), Flaw("a text holds NUL") if "\0" in shown else None)


def _unknown(octets: bytes, guesses: Sequence[str], flaw: Flaw) -> Text:
    shown = octets.decode("utf-8", "replace")
    return Text(shown, _others(shown, octets, guesses, octets.decode("cp1252", "replace")), flaw)


def _others(shown: str, octets: bytes, guesses: Sequence[str], *more: str) -> tuple[str, ...]:
    """What some readers show instead."""
    found = [text.removeprefix("\ufeff") for text in (_strictly(octets, each) for each in guesses) if text is not None]
    # Some drop NUL.
    found += [*more, shown.replace("\0", "")]
    return tuple(dict.fromkeys(each for each in found if each != shown))


def _guesses(octets: bytes, name: str) -> list[str]:
    """The charsets that a reader may guess if it distrusts the declaration."""
    found = [codec_ for mark, codec_ in _BYTE_ORDER_MARKS.items() if octets.startswith(mark)]
    if name in _SINGLE:
        found.append("utf_8")
    if _ESCAPE in octets:
        found.append("iso2022_jp_ext")
    if b"\0" in octets and not name.startswith(("utf_16", "utf_32")):
        found += ["utf_16_le", "utf_16_be"]
    return [each for each in found if each != name]


def _strictly(octets: bytes, name: str) -> str | None:
    try:
        text = octets.decode(name)
        # UTF-7 can encode lone surrogates, which are no characters.
        text.encode("utf-8")
    except UnicodeError:
        return None
    return text
