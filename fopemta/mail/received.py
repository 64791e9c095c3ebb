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

# RFC 5322 2.1.1 limits a line to 998: a longer address is left out rather than cut.
_LONGEST_FOR = 900
_UNSAFE = re.compile(r"[^A-Za-z0-9._:\[\]-]")
# No blank either: a certificate subject must not continue with our own words ("verified").
_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._:\[\]=,*@-]")


def protocol_word(extended: bool, tls: bool, login: bool = False, smtputf8: bool = False) -> str:
    """The word after "with": RFC 3848, RFC 6531 4.3.

    A HELO session has no STARTTLS, but may run over implicit TLS.
    """
    if not extended:
        return "SMTP"
    return ("UTF8SMTP" if smtputf8 else "ESMTP") + ("S" if tls else "") + ("A" if login else "")


def received_header(
    envelope: Envelope, arrival: Arrival, hostname: str, message_id: str, now: float, tell_client: bool = True
) -> bytes:
    """The Received header with its CRLF.  `now` in seconds since the epoch; the date is in UTC, in English whatever the
    locale.

    `tell_client` false leaves out the client's address and name, to protect the privacy of users' machines.
    """
    if arrival.uid is not None:
        return _folded(
            envelope, [f"Received: by {hostname} (fopemta, from userid {arrival.uid})", f"id {message_id}"], now
        )
    if tell_client:
        lines = [f"Received: from {_safe(arrival.helo)} (unknown {_literal(arrival.client_address)})"]
    else:
        lines = ["Received: from submission (client withheld)"]
    if arrival.tls is not None:
        bits = arrival.tls.bits
        lines.append(f"(using {arrival.tls.protocol} with cipher {arrival.tls.cipher} ({bits}/{bits} bits))")
        lines += _client_certificate(arrival.tls)
    lines.append(f"by {hostname} (fopemta) with {arrival.protocol} id {message_id}")
    return _folded(envelope, lines, now)


def _folded(envelope: Envelope, lines: list[str], now: float) -> bytes:
    """The header of these lines, for whom, and when."""
    recipient = str(envelope.recipients[0]) if len(envelope.recipients) == 1 else ""
    # One recipient only: "for" must not reveal one blind copy to another (RFC 5321 7.2).
    if recipient and len(recipient.encode("utf-8")) < _LONGEST_FOR:
        lines.append(f"for <{recipient}>")
    text = "\r\n\t".join(lines) + f"; {date_time(now)}\r\n"
    # RFC 6532 3.2: only the header of an internationalised message may contain UTF-8.
    return text.encode("utf-8") if envelope.smtputf8 else text.encode("ascii", "replace")


def _client_certificate(tls: TlsSession) -> list[str]:
    """The identity that the client has authenticated, if it was asked for a certificate."""
    if not tls.client_asked:
        return []
    if tls.client is None:
        return ["(client certificate asked for and not shown)"]
    name = tls.client.names[0] if tls.client.names else tls.client.subject
    name = _UNSAFE_IN_NAME.sub("?", name)[:100] or "unknown"
    return [f"(client certificate of {name} {'verified' if tls.client.verified else 'NOT verified'})"]


def date_time(now: float) -> str:
    """The date-time of RFC 5322, in UTC."""
    return _date_time(int(now))


@functools.lru_cache(maxsize=16)  # hundreds of messages share a second
def _date_time(second: int) -> str:
    moment = datetime.datetime.fromtimestamp(second, datetime.UTC)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02d} {month} {moment.year:04d} {moment:%H:%M:%S} +0000"


def _literal(address: str) -> str:
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _safe(helo: str) -> str:
    # The grammar allows only safe characters; this holds even if it changes.
    return _UNSAFE.sub("?", helo)[:255] or "unknown"
