"""[tls.client] as a value (pure): how we speak TLS to other servers where nobody demands more."""

from __future__ import annotations

import attrs

from fopemta.trust.demand import Revocation
from fopemta.trust.plan import Fallback


@attrs.frozen(kw_only=True, cache_hash=True)  # plans are found by it
class TlsClient:
    """[tls.client]  `roots` is "system" or the path of a PEM file; `lowest_rung` a word of `trust.rungs`.

    `revocation` where no rule says how much must be known; `fetch_private`: CRLs and OCSP responses may come from
    addresses that are not public.
    """

    roots: str = "system"
    lowest_rung: str = "compatible"
    fallback: Fallback = Fallback.IMMEDIATE
    revocation: Revocation = Revocation.SOFT
    fetch_private: bool = False
