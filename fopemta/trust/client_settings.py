"""The section [tls.client] (pure): TLS towards other servers where nothing more is demanded."""

from __future__ import annotations

from typing import ClassVar

import attrs

from fopemta.settings.key import About, key
from fopemta.settings.quantities import yes_or_no
from fopemta.settings.words import one_of, path, words_of
from fopemta.trust.demand import Revocation
from fopemta.trust.plan import Fallback
from fopemta.trust.rungs import Rung


@attrs.frozen(kw_only=True, cache_hash=True)  # key of the cache of plans
class TlsClient:
    """The section [tls.client].  `lowest_rung` is a word of `trust.rungs`; `revocation` applies where no rule
    sets it.
    """

    about: ClassVar[About] = About(later=frozenset({"certificate"}))

    roots: str = key(
        path("system"),
        "system",
        'The authorities to trust when a certificate must prove a name: `"system"`, a PEM file or a folder; changes of '
        "the files take effect within a minute.",
        decides=True,
    )
    lowest_rung: str = key(
        one_of({rung.value: rung.value for rung in Rung if rung not in (Rung.PLAIN, Rung.LENIENT)}),
        "compatible",
        'The weakest TLS that is used at all: `"strong256"`, `"strong128"`, `"compatible"` (with `lenient` where '
        'plain text is permitted); or `"legacy"`, TLS 1.0 and 1.1, where mail would otherwise go in plain text.',
        see="ladder.md",
    )
    fallback: Fallback = key(
        words_of(Fallback),
        "immediate",
        'When plain text may follow a failed handshake, where TLS is not demanded: `"immediate"`, `"after_deferral"` '
        'or `"never"`.',
    )
    revocation: Revocation = key(
        words_of(Revocation),
        "soft",
        'How strictly revocation is checked before a certificate proves a name: `"hard"`: an unknown status defers '
        'the mail; `"soft"`: only a known revocation counts; `"off"`: no check.',
        see="trust.md",
    )
    fetch_private: bool = key(
        yes_or_no,
        False,
        "Whether CRLs and OCSP responses may be fetched from addresses that are not public (an authority of your own).",
        start=True,
    )
