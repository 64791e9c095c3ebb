"""Read Received headers of any origin (pure): for each hop, whether it was encrypted, and how.

Each header was written by the server that took the message; a forger of the message may have forged all headers below
the first one of a trusted server.
"""

from __future__ import annotations

import datetime
import enum
import re
from collections.abc import Sequence
from email.utils import parsedate_to_datetime

import attrs

from fopemta.mail.received_forms import TlsForm, tls_form
from fopemta.mail.received_parts import ReceivedParts, parts_of

# A header longer than this is not read (RFC 5321 4.5.3.1.6 would have lines of 1,000 octets).
_LONGEST = 8192


class Encrypted(enum.StrEnum):
    """What a header says about encryption of its hop.  Absence of evidence is never "no"."""

    YES = "yes"
    NO = "no"
    # Not stated; or not SMTP (an API, a mail client's own protocol).
    UNKNOWN = "unknown"
    # It crossed no network.
    LOCAL = "local"


@attrs.frozen(kw_only=True)
class Hop:
    """One header.  `sender` and `receiver` are the names in it, "" if absent; `protocol` is the word after "with";
    `version`, `cipher` and `bits` as far as stated; `verified`: whether the peer's certificate was, None if not stated;
    `time` in seconds since the epoch.
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
        """What about its encryption is out of date, in words; None if nothing is known to be."""
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

# RFC 5322 3.3 and its variants: no weekday, no seconds, fractional seconds, ISO 8601.
_DATE = re.compile(
    r"(?P<day>\d{1,2} [A-Za-z]{3} \d{2,4} \d\d:\d\d(?::\d\d)?|(?P<iso>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d))"
    r"(?P<part>\.\d{1,9})? (?P<zone>[+-]\d{4}|[A-Z]{2,4})"
)
_NO_TLS_WORDS = frozenset({"SMTP", "ESMTP", "ESMTPA", "LMTP", "LMTPA", "UTF8SMTP", "UTF8SMTPA", "UTF8LMTP", "ASMTP"})
# RFC 3848, RFC 6531 and variants of their words.
_TLS_WORDS = frozenset(
    {"SMTPS", "ESMTPS", "ESMTPSA", "LMTPS", "LMTPSA", "UTF8SMTPS", "UTF8SMTPSA", "UTF8LMTPS", "HTTPS", "ASMTPS"}
    | {"ESMTP-TLS", "SMTP-TLS", "ESMTPA-TLS", "LMTP-TLS"}
)
_LOCAL_WORDS = frozenset({"LOCAL", "DSN", "MAPI", "STDIO"})
_LMTP_WORDS = frozenset({"LMTP", "LMTPA", "UTF8LMTP"})
# smail: with P:esmtp/R:inet_hosts/T:smtp
_SMAIL = re.compile(r"P:([A-Za-z0-9-]+)(?:/|$)")
# Marks of messages from this machine, or passed between parts of one program: qmail and relatives, Haraka; sendmail,
# Postfix, DragonFly's dma.
_LOCAL_HEADS = re.compile(r"\(([A-Za-z0-9/-]*qmail|indimail[a-z-]*) \d+ invoked |\(haraka outbound\)", re.IGNORECASE)
_LOCAL_MARKS = ("/submit)", ", from userid ", "(dragonfly mail agent")


def read_chain(headers: Sequence[str]) -> tuple[Hop, ...]:
    """The hops of a message, newest first, in the order of its Received headers (given without their name)."""
    return tuple(read_hop(each) for each in headers)


def read_hop(header: str) -> Hop:
    """Read one Received header.  Never raises; a very long one gives an unknown hop."""
    if len(header) > _LONGEST:
        return Hop()
    parts = parts_of(" ".join(header.split()))
    form = tls_form(parts.attested)
    return Hop(
        sender=parts.claimed,
        receiver=parts.receiver,
        protocol=parts.protocol,
        encrypted=_encrypted(parts, form),
        version=form.version if form else None,
        cipher=form.cipher if form else None,
        bits=form.bits if form else None,
        verified=_verified(parts.attested),
        time=_time(parts.date),
    )


def _time(text: str) -> float | None:
    """The last date in the text: without a semicolon, a client may have put one before it."""
    matches = list(_DATE.finditer(text))
    if not matches:
        return None
    match = matches[-1]
    day, zone, part = match["day"], match["zone"], float(match["part"] or 0)
    try:
        if match["iso"]:
            return datetime.datetime.strptime(f"{day} {zone}", "%Y-%m-%d %H:%M:%S %z").timestamp() + part
        return parsedate_to_datetime(f"{day} {zone}").timestamp() + part
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _encrypted(parts: ReceivedParts, form: TlsForm | None) -> Encrypted:
    if form is not None:
        return Encrypted.YES
    smail = _SMAIL.match(parts.protocol)
    word = (smail[1] if smail else parts.protocol).upper()
    if word in _TLS_WORDS:
        return Encrypted.YES
    if word in _LOCAL_WORDS or _is_local(parts, word):
        return Encrypted.LOCAL
    if (word in _NO_TLS_WORDS and parts.has_from) or "with Microsoft SMTP Server" in parts.attested:
        return Encrypted.NO
    # Without "from", or with another protocol: large services write this for hops between their own machines.
    return Encrypted.UNKNOWN


def _is_local(parts: ReceivedParts, word: str) -> bool:
    """Whether the message came from this machine, according to its own server, not to the client's name."""
    if parts.came_from is not None:
        address = getattr(parts.came_from, "ipv4_mapped", None) or parts.came_from
        return address.is_loopback or parts.came_from == parts.received_at
    lower = parts.attested.lower()
    if parts.same_host or any(mark in lower for mark in _LOCAL_MARKS):
        return True
    if not parts.has_from and _LOCAL_HEADS.match(lower):
        return True
    # A delivery agent on a Unix socket has no address.
    return word in _LMTP_WORDS and parts.claimed != "" and parts.claimed.lower() == parts.receiver.lower()


def _verified(words: str) -> bool | None:
    """Not standardised: Postfix "(verified OK)", sendmail and relatives "verify=OK"."""
    lower = words.lower()
    if "(verified ok)" in lower or "verify=ok" in lower or "client-certificate verified" in lower:
        return True
    if "(not verified)" in lower or "verify=fail" in lower or "verify=no" in lower:
        return False
    return None
