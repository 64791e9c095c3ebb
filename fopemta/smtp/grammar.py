"""The grammar of paths, parameters and names in SMTP commands (pure); addresses: `address.grammar`.

RFC 5321 4.1.2.  What is not in the grammar is refused; nothing is guessed.  We are laxer than the RFC only where the
text has just one reading: blanks after the colon and at the end of MAIL and RCPT lines, any printable word as the
client's name; and, for trusted clients, paths without angle brackets.
"""

from __future__ import annotations

import re

from fopemta.address.grammar import LONGEST_DOMAIN, NotInGrammar, canonical_literal, mailbox
from fopemta.address.mailbox import DOT_STRING, Mailbox

_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9._:\[\]-]")
_NEEDS_BRACKETS = re.compile(r'[<>"\\]')
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\U0010ffff]+))?")


def split_path(argument: str, lenient: bool = False) -> tuple[str, str]:
    """Split the argument "<path> parameters": the path without its brackets, the rest stripped.

    `lenient`: the brackets may be missing.  Raises NotInGrammar.
    """
    text = argument.strip(" ")
    if not text.startswith("<"):
        return _bare_path(text, lenient)
    end = _closing_bracket(text)
    rest = text[end + 1 :]
    if rest and not rest.startswith(" "):
        raise NotInGrammar("a blank must follow the address")
    return text[1:end], rest.strip(" ")


def _bare_path(text: str, lenient: bool) -> tuple[str, str]:
    path, _, rest = text.partition(" ")
    # Without brackets, a path that may hold a blank or a bracket has no certain end; and a word with an equals sign but
    # no @ is a parameter whose address is missing.
    if not lenient or not path or _NEEDS_BRACKETS.search(path) or ("=" in path and "@" not in path):
        raise NotInGrammar("the address must be in angle brackets")
    return path, rest.strip(" ")


def local_sender(path: str, domain: str) -> Mailbox:
    """An address without brackets; a missing domain becomes `domain`.  Raises NotInGrammar."""
    return mailbox(f"{path}@{domain}" if DOT_STRING.fullmatch(path) else path)


def host_name(text: str) -> str:
    """The argument of HELO or EHLO: usually a domain or address literal, but many programs give a machine name.

    Nothing relies on the name, so any word will do (RFC 5321 4.1.4); characters that are unsafe in a header or log
    become "?".  Raises NotInGrammar.
    """
    name = text.strip(" ")
    try:
        return canonical_literal(name)
    except NotInGrammar:
        pass
    if not name or " " in name or len(name) > LONGEST_DOMAIN:
        raise NotInGrammar("the name is not valid")
    return _NOT_OF_A_NAME.sub("?", name)


def parameters(text: str) -> dict[str, str | None]:
    """ESMTP parameters by upper-case keyword (RFC 5321 4.1.2).  Raises NotInGrammar, also for a repeated keyword."""
    found: dict[str, str | None] = {}
    for word in text.split(" "):
        if not word:
            continue
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise NotInGrammar("a parameter is not valid")
        keyword = match[1].upper()
        if keyword in found:
            raise NotInGrammar("a parameter is given twice")
        found[keyword] = match[2]
    return found


def _closing_bracket(text: str) -> int:
    """Where the path ends; a bracket inside quotes does not count."""
    end = text.find(">")
    if end >= 0 and '"' not in text[:end]:
        return end
    quoted = escaped = False
    for index, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == ">" and not quoted:
            return index
    raise NotInGrammar("the address has no closing bracket")
