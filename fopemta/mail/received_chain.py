"""Reading Received headers of any origin (pure): hop by hop, whether it was encrypted, and with what (R32).

Every header was written by the server that took the message; who forged a message may have forged all that stand below
the first one of a server that one trusts.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from email.utils import parsedate_to_datetime

import attrs

from fopemta.mail.received_forms import TlsForm, tls_form

# More than this of one header, or of a message's hops, is not looked at.
_LONGEST = 8192
_MOST_HOPS = 200


class Encrypted(enum.StrEnum):
    """What a header says of its hop.  It is never "no" because nothing was found."""

    YES = "yes"
    NO = "no"
    # It does not say; or it was no SMTP (an API, a mail client's own protocol).
    UNKNOWN = "unknown"
    # It crossed no network.
    LOCAL = "local"


@attrs.frozen(kw_only=True)
class Hop:
    """One header.  `sender` and `receiver` are the names that it gives, "" where it gives none; `protocol` the word
    after "with" as it stands there; `version`, `cipher` and `bits` as far as they are said; `verified` whether the
    other side's certificate was, None where nothing is said; `time` in seconds since the epoch.
    """

    sender: str = ""
    receiver: str = ""
    protocol: str = ""
    encrypted: Encrypted = Encrypted.UNKNOWN
    version: str | None = None
    cipher: str | None = None
    bits: int | None = None
    verified: bool | None = None
    time: float | None = None

    @property
    def weak(self) -> str | None:
        """What of its encryption is out of date, in words; None where nothing is known to be."""
        version = (self.version or "").upper().replace("_", ".").replace("-", ".")
        if "SSLV" in version and "TLS" not in version:
            return f"{self.version} is broken"
        if _OLD_VERSION.fullmatch(version):
            return f"{self.version} is out of date"
        cipher = (self.cipher or "").upper()
        broken = next((mark for mark in _WEAK_CIPHERS if mark in cipher), None)
        return f"{self.cipher} is weak" if broken else None


_OLD_VERSION = re.compile(r"TLS\.?V?\.?1(\.[01])?(/SSLV3)?")
_WEAK_CIPHERS = ("RC4", "DES", "ADH-", "AECDH", "NULL", "EXP")

_DATE = re.compile(r"(?:\w{3}, )?\d{1,2} \w{3} \d{4} \d\d:\d\d(?::\d\d)? [+-]\d{4}")
_WITH = re.compile(r"\bwh?ith\s+(?:\S+ encrypted )?([A-Za-z0-9_/.-]+)")
_FROM = re.compile(r"^\s*(?:from\s+)?(\S+)", re.IGNORECASE)
_BY = re.compile(r"\bby\s+(\S+)", re.IGNORECASE)
_NO_TLS_WORDS = frozenset({"SMTP", "ESMTP", "ESMTPA", "LMTP", "LMTPA", "UTF8SMTP", "UTF8SMTPA", "UTF8LMTP", "ASMTP"})
# RFC 3848, RFC 6531 and what others have made of them.
_TLS_WORDS = frozenset(
    {"SMTPS", "ESMTPS", "ESMTPSA", "LMTPS", "LMTPSA", "UTF8SMTPS", "UTF8SMTPSA", "UTF8LMTPS", "HTTPS", "ASMTPS"}
)
_LOCAL_WORDS = frozenset({"LOCAL", "DSN", "MAPI"})
_LOOPBACK = re.compile(r"(?<![\w:.])(?:IPv6:)?(?:::ffff:)?(?:127\.\d+\.\d+\.\d+|::1)(?![\w:.])", re.IGNORECASE)


def read_chain(headers: Sequence[str]) -> tuple[Hop, ...]:
    """The hops of a message, newest first, as its Received headers stand in it (without their name)."""
    return tuple(read_hop(each) for each in headers[:_MOST_HOPS])


def read_hop(header: str) -> Hop:
    """What one Received header says.  Never raises."""
    text = " ".join(header[:_LONGEST].split())
    words, time = _dated(text)
    form = tls_form(words)
    bare = _without_comments(words)
    by = _BY.search(bare)
    sender = _sender(bare, by.start() if by else None)
    protocol = _WITH.search(bare)
    word = protocol[1] if protocol else ""
    return Hop(
        sender=sender,
        receiver=by[1].rstrip(";") if by else "",
        protocol=word,
        encrypted=_encrypted(words, word, sender, form),
        version=form.version if form else None,
        cipher=form.cipher if form else None,
        bits=form.bits if form else None,
        verified=_verified(words),
        time=time,
    )


def _dated(text: str) -> tuple[str, float | None]:
    """The header without its date, and that as a time."""
    head, semicolon, tail = text.rpartition(";")
    if not semicolon:
        # Some leave it out.
        match = _DATE.search(text)
        head, tail = (text[: match.start()], match[0]) if match else (text, "")
    try:
        return head, parsedate_to_datetime(tail.strip()).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return head, None


def _without_comments(text: str) -> str:
    """RFC 5322 3.2.2: what stands in parentheses is for people, and may hold any word."""
    depth, kept = 0, []
    for letter in text:
        depth += letter == "("
        if depth == 0:
            kept.append(letter)
        depth -= letter == ")" and depth > 0
    return " ".join("".join(kept).split())


def _sender(bare: str, by: int | None) -> str:
    """The name after "from"; a header that begins with "by" has none."""
    before = bare if by is None else bare[:by]
    match = _FROM.match(before)
    if match is None or not before.lower().startswith("from"):
        return ""
    return match[1]


def _encrypted(words: str, protocol: str, sender: str, form: TlsForm | None) -> Encrypted:
    if form is not None:
        return Encrypted.YES
    word = protocol.upper()
    if word in _TLS_WORDS:
        return Encrypted.YES
    if word in _LOCAL_WORDS or _is_local(words, sender):
        return Encrypted.LOCAL
    if (word in _NO_TLS_WORDS and sender) or "with Microsoft SMTP Server " in words:
        return Encrypted.NO
    # Without "from", or with another protocol: large services write so of what goes on among their own machines.
    return Encrypted.UNKNOWN


def _is_local(words: str, sender: str) -> bool:
    """From this machine, or from a program on it."""
    if _LOOPBACK.search(words.partition(" by ")[0]) or sender.lower() == "localhost":
        return True
    lower = words.lower()
    return any(mark in lower for mark in ("(qmail ", "from userid", "invoked by uid", "invoked from network"))


def _verified(words: str) -> bool | None:
    """RFC-less words: Postfix "(verified OK)", sendmail and its kin "verify=OK"."""
    lower = words.lower()
    if "(verified ok)" in lower or "verify=ok" in lower or "client-certificate verified" in lower:
        return True
    if "(not verified)" in lower or "verify=fail" in lower or "verify=no" in lower:
        return False
    return None
