"""The trace header that we add to a message (pure).

RFC 5321 4.4, the protocol words of RFC 3848, and the TLS comment as FOPE wrote it:
`using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)`.
"""

from __future__ import annotations

import datetime
import functools
import re

from fopemta.mail.envelope import Arrival, Envelope, TlsSession

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# The longest line of a message is 998 (RFC 5322 2.1.1): a longer address is left out rather than written wrongly.
_LONGEST_FOR = 900
_UNSAFE = re.compile(r"[^A-Za-z0-9._:\[\]-]")
# No blank either: a subject must not go on with words of ours ("verified").
_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._:\[\]=,*@-]")


def protocol_word(extended: bool, tls: bool, login: bool = False, smtputf8: bool = False) -> str:
    """The word after "with": RFC 3848, RFC 6531 4.3.

    HELO knows no TLS of its own, though implicit TLS may lie beneath it.
    """
    if not extended:
        return "SMTP"
    return ("UTF8SMTP" if smtputf8 else "ESMTP") + ("S" if tls else "") + ("A" if login else "")


def received_header(
    envelope: Envelope, arrival: Arrival, hostname: str, message_id: str, now: float, tell_client: bool = True
) -> bytes:
    """The header with its CRLF.  `now` seconds since the epoch; the date is in UTC, its names English in any locale.

    Without `tell_client` neither the client's address nor its name is told: for people's own machines, whose addresses
    are nobody's business.
    """
    if tell_client:
        lines = [f"Received: from {_safe(arrival.helo)} (unknown {_literal(arrival.client_address)})"]
    else:
        lines = ["Received: from submission (client withheld)"]
    if arrival.tls is not None:
        bits = arrival.tls.bits
        lines.append(f"(using {arrival.tls.protocol} with cipher {arrival.tls.cipher} ({bits}/{bits} bits))")
        lines += _client_certificate(arrival.tls)
    lines.append(f"by {hostname} (fopemta) with {arrival.protocol} id {message_id}")
    recipient = str(envelope.recipients[0]) if len(envelope.recipients) == 1 else ""
    # One recipient only: "for" must not tell one blind copy of another (RFC 5321 7.2).
    if recipient and len(recipient.encode("utf-8")) < _LONGEST_FOR:
        lines.append(f"for <{recipient}>")
    text = "\r\n\t".join(lines) + f"; {date_time(now)}\r\n"
    # RFC 6532 3.2: UTF-8 may stand in the header of an internationalised message, and of no other.
    return text.encode("utf-8") if envelope.smtputf8 else text.encode("ascii", "replace")


def _client_certificate(tls: TlsSession) -> list[str]:
    """Whom the client has proven to be, where it was asked."""
    if not tls.client_asked:
        return []
    if tls.client is None:
        return ["(client certificate asked for and not shown)"]
    name = tls.client.names[0] if tls.client.names else tls.client.subject
    name = _UNSAFE_IN_NAME.sub("?", name)[:100] or "unknown"
    return [f"(client certificate of {name} {'verified' if tls.client.verified else 'NOT verified'})"]


def date_time(now: float) -> str:
    """RFC 5322 date-time in UTC."""
    return _date_time(int(now))


@functools.lru_cache(maxsize=16)  # hundreds of messages share a second
def _date_time(second: int) -> str:
    moment = datetime.datetime.fromtimestamp(second, datetime.UTC)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02d} {month} {moment.year:04d} {moment:%H:%M:%S} +0000"


def _literal(address: str) -> str:
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _safe(helo: str) -> str:
    # The grammar has let only safe characters pass; this holds even if it should change.
    return _UNSAFE.sub("?", helo)[:255] or "unknown"
