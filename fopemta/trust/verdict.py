"""The verdict record: one recipient, one attempt, everything that decided it (pure).

The log event `attempt`, the queue listing, the report to the sender and the metrics are views of this one value.
"""

from __future__ import annotations

import datetime
import enum
import operator
from collections.abc import Mapping
from typing import Any

import attrs

from fopemta.trust.demand import Demanded
from fopemta.trust.demand_json import demanded_from_plain, demanded_to_plain


class Result(enum.StrEnum):
    """The result of an attempt for a recipient."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    FAILED = "failed"


@attrs.frozen
class CertificateFacts:
    """One certificate of a chain, for operators.  `not_after` is RFC 3339 in UTC, `sha256` lower-case hex."""

    subject: str
    issuer: str
    serial: str
    not_after: str
    sha256: str


@attrs.frozen
class Tested:
    """What a rule in test mode would have done with this attempt: let it pass, or held the message, with the word of
    the diagnosis.
    """

    rule: str
    passed: bool
    diagnosis: str | None = None


@attrs.frozen(kw_only=True)
class VerdictRecord:
    """One structured record per recipient per attempt (the field names are a contract with users' programs).

    `time` and `next_try` are seconds since the epoch here and RFC 3339 in JSON.  `sender` is "" for the null path.
    `attempt` counts from 1.  `level` is the word of the level demanded, `rung` the word of the rung used ("plain"
    without TLS), both None for a local delivery.  `authenticated`: the peer's certificate was valid for one of `names`,
    whether or not that was demanded.  `downgraded`: TLS was tried or offered and plain text used.  `code` and
    `enhanced` are the peer's, or ours if no peer answered.  `diagnosis` is a word of
    `trust.diagnosis.Diagnosis` or None.  `text` is for operator and sender: the peer's words or our sentence.
    `carried_dsn`: the next hop has accepted the DSN options (RFC 3461) and sends the reports from now on; False if it
    offers no DSN, None if not applicable (a local delivery, a failure).  `warned`: a delay warning was sent, once for
    all attempts.  `held`: deferred until it is released.
    `tls_since` is the first TLS failure of the recipient and `tls_deadline` the time limit of forced TLS for it, both
    as `time`; `overridden` the reason why an operator has lifted the demands of rules for it.
    `tested`: what rules in test mode would have done, see Tested.  `demanded`: the demands stored from then on, if
    they differ from those of acceptance; `lowered` says who has lowered them and when.
    """

    time: float
    message: str
    sender: str
    recipient: str
    attempt: int
    level: str | None = None
    rules: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    host: str | None = None
    address: str | None = None
    port: int | None = None
    rung: str | None = None
    protocol: str | None = None
    cipher: str | None = None
    bits: int | None = None
    group: str | None = None
    chain: tuple[CertificateFacts, ...] = ()
    names: tuple[str, ...] = ()
    authenticated: bool | None = None
    authenticated_by: str | None = None
    mx_proven_by: str | None = None
    revocation: str | None = None
    resumed: bool | None = None
    downgraded: bool = False
    result: Result
    code: int
    enhanced: str
    diagnosis: str | None = None
    text: str
    next_try: float | None = None
    carried_dsn: bool | None = None
    warned: bool = False
    held: bool = False
    tls_since: float | None = None
    tls_deadline: float | None = None
    overridden: str | None = None
    tested: tuple[Tested, ...] = ()
    demanded: Demanded | None = None
    lowered: str | None = None

    @property
    def mx_unproven(self) -> bool:
        """Whether the certificate matches the name of the host, but only DNS says that this host is the right one: an
        attacker who can forge DNS has a host and a certificate, too.
        """
        by_authority = self.authenticated is True and self.authenticated_by == "pkix"
        return by_authority and self.mx_proven_by is None

    @property
    def proof_words(self) -> str:
        """How the server is authenticated, in words."""
        if not self.authenticated:
            return "not authenticated"
        return "authenticated (MX name unproven)" if self.mx_unproven else "authenticated"

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON under the contract's names, in its order; absent facts are None."""
        return _plain(dict(zip(_FIELD_NAMES, _facts_of(self), strict=True)))

    def to_brief_json(self) -> dict[str, Any]:
        """The same without absent facts: reading restores their defaults."""
        facts = zip(_FIELD_NAMES, _facts_of(self), strict=True)
        return _plain({name: fact for name, fact in facts if fact is not None and fact != ()})

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> VerdictRecord:
        """Read a record from `to_json` or `to_brief_json`; unknown fields of a newer version are ignored.

        Raises KeyError, TypeError or ValueError if it is no record.
        """
        known = {name: fact for name, fact in plain.items() if name in _FIELD_NAMES}
        known["time"] = from_rfc3339(known["time"])
        for name in _MOMENTS:
            if known.get(name) is not None:
                known[name] = from_rfc3339(known[name])
        if "tested" in known:
            known["tested"] = tuple(Tested(**each) for each in known["tested"])
        if known.get("demanded") is not None:
            known["demanded"] = demanded_from_plain(known["demanded"])
        known["result"] = Result(known["result"])
        known["chain"] = tuple([CertificateFacts(**each) for each in known.get("chain", ())])
        for name in ("rules", "sources", "names"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


# Times beside `time`; they may be absent.
_MOMENTS = ("next_try", "tls_since", "tls_deadline")
_FIELD_NAMES = {field.name: None for field in attrs.fields(VerdictRecord)}
# All at once: `attrs.asdict` takes ten times as long, and this is done for every delivery.
_facts_of = operator.attrgetter(*_FIELD_NAMES)
_CERTIFICATE_FACTS = tuple(field.name for field in attrs.fields(CertificateFacts))
_facts_of_certificate = operator.attrgetter(*_CERTIFICATE_FACTS)
# The JSON values of absent facts, in the contract's order; None also for required facts.
ABSENT_FACTS: dict[str, Any] = {
    field.name: None if field.default is attrs.NOTHING else field.default for field in attrs.fields(VerdictRecord)
}


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    """The present `facts` of a record, with their values converted for JSON."""
    facts["time"] = rfc3339(facts["time"])
    facts["result"] = facts["result"].value
    for name in _MOMENTS:
        if facts.get(name) is not None:
            facts[name] = rfc3339(facts[name])
    if facts.get("chain"):
        facts["chain"] = tuple(
            [dict(zip(_CERTIFICATE_FACTS, _facts_of_certificate(each), strict=True)) for each in facts["chain"]]
        )
    if facts.get("demanded") is not None:
        facts["demanded"] = demanded_to_plain(facts["demanded"])
    if facts.get("tested"):
        facts["tested"] = tuple([attrs.asdict(each) for each in facts["tested"]])
    return facts


def rfc3339(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC with milliseconds: 2026-11-25T05:09:45.120Z."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> float:
    """Seconds since the epoch.  Raises ValueError if `text` is no such time."""
    return datetime.datetime.fromisoformat(text).timestamp()
