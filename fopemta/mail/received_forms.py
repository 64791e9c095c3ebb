"""The forms in which servers write about TLS in Received headers (pure): one row for each."""

from __future__ import annotations

import re

import attrs


@attrs.frozen
class TlsForm:
    """The TLS facts found; None for what the form does not state."""

    version: str | None = None
    cipher: str | None = None
    bits: int | None = None


# Tried in this order, on a header in one line; groups "version", "cipher", "bits".  No pattern has nested repetitions,
# so a stranger's header costs linear time.
_FORMS = tuple(
    re.compile(pattern)
    for pattern in (
        # Postfix and relatives, fopemta, Kerio: (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))
        r"using (?P<version>[A-Za-z0-9./_-]+) with cipher (?P<cipher>[A-Za-z0-9_-]+)"
        r"(?: \((?P<bits>\d{1,4})(?:/\d+)? bits\))?",
        # sendmail, Gmail, Exchange: (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128)
        r"version=(?P<version>[A-Za-z0-9._/-]+),? cipher=(?P<cipher>[A-Za-z0-9_-]+)(?: bits=(?P<bits>\d{1,4}))?",
        # Exim 4.94 and newer: (TLS1.2) tls TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
        r"\((?P<version>TLS[A-Za-z0-9.]+)\) tls (?P<cipher>[A-Za-z0-9_-]+)",
        # Exim, OpenSMTPD, KumoMTA: (TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384:256), (Cipher TLSv1:DES-CBC3-SHA:168)
        r"\((?:Cipher |tls_cipher )?(?P<version>(?:TLS|SSL)[A-Za-z0-9._-]*):(?P<cipher>[A-Za-z0-9_+-]+)"
        r"(?::(?P<bits>\d{1,4}))?",
        # Exim with GnuTLS: (TLS1.2:RSA_AES_128_CBC_SHA1:128) has the form above; Courier, McAfee: (TLS:
        # TLSv1/SSLv3,256bits,DHE-RSA-AES256-SHA)
        r"\(TLS: (?P<version>[A-Za-z0-9./]+), ?(?P<bits>\d{1,4})bits, ?(?P<cipher>[A-Za-z0-9_-]+)\)",
        # chasquid: tls TLS_ECDHE_... (over submission+TLS, TLS-1.2, ...)
        r"tls (?P<cipher>[A-Z0-9_]{8,}) \(over [A-Za-z+]+, (?P<version>TLS-[0-9.]+)",
        # Stalwart: (using TLSv1.3 with cipher ...) has a form above; Haraka: tls TLS_AES_256_GCM_SHA384
        r"\btls (?P<cipher>[A-Z0-9_-]{8,})",
        # Cisco: with ESMTP/TLS/ECDHE-RSA-AES128-GCM-SHA256
        r"with E?SMTP/TLS/(?P<cipher>[A-Za-z0-9_-]+)",
        # qmail with TLS: with ECDHE-RSA-AES256-GCM-SHA384 encrypted SMTP
        r"with (?:\((?P<version>TLSv?[0-9.]+) )?(?P<cipher>[A-Z0-9_-]{6,}) encrypted\)? E?SMTP",
        # indimail: with ESMTPS (TLS_AES_256_GCM_SHA384 encrypted)
        r"\((?:(?P<version>TLSv?[0-9.]+) )?(?P<cipher>[A-Z0-9_-]{6,}) encrypted\)",
        # Ecelerity: (cipher=TLS_AES_256_GCM_SHA384 subject=...)
        r"\(cipher=(?P<cipher>[A-Za-z0-9_-]+)",
        # Exchange, Microsoft's SMTP service, James: only that TLS was used.
        r"with Microsoft SMTP Server \(TLS\)",
        r"over TLS secured channel",
        r"with E?SMTP via SSL",
    )
)


def tls_form(words: str) -> TlsForm | None:
    """What a header says about TLS beside its protocol word; None if nothing."""
    for form in _FORMS:
        match = form.search(words)
        if match is not None:
            said = match.groupdict()
            bits = said.get("bits")
            return TlsForm(said.get("version"), said.get("cipher"), int(bits) if bits else None)
    return None
