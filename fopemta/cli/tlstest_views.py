"""The output of `fopemta tlstest`, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import click

from fopemta.cli.table import escaped
from fopemta.routing.values import NextHop
from fopemta.trust.demand import Demand
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.grade import Grade, grade_of, worst
from fopemta.trust.levels import Level
from fopemta.trust.verdict import Tested

if TYPE_CHECKING:
    from fopemta.outbound.probing import Prober, Seen, Tried
    from fopemta.tls.client import ClientTls

_COLOURS = {Grade.A: "green", Grade.B: "green", Grade.C: "yellow", Grade.D: "yellow", Grade.E: "red", Grade.F: "red"}


@attrs.define
class Looked:
    """One address: what was `seen`, what rules would decide, and which families it accepts (None: not tested)."""

    seen: Seen
    tested: tuple[Tested, ...] = ()
    families: list[tuple[str, Diagnosis | None]] | None = None
    by_mx: bool = True

    @property
    def authenticated(self) -> bool:
        """Whether mail that requires an authenticated MX name would be sent; it is not if the host refuses TLS by that
        very name.
        """
        judgement = self.seen.judgement
        return judgement is not None and judgement.authenticated and self.seen.hello.named

    @property
    def grade(self) -> Grade:
        """The grade of this address."""
        return grade_of(self.seen.rung, self.authenticated, self.seen.reached)


@attrs.define
class Report:
    """`failure`: why there is nothing to test.  `domain` of the mail, "" for a host as such."""

    target: str
    hop: NextHop
    domain: str = ""
    failure: str | None = None
    demands: Sequence[Demand] = ()
    looked: list[Looked] = attrs.Factory(list)

    def add(self, seen: Seen, prober: Prober) -> None:
        """Add another address."""
        tested = prober.tested(seen, self.demands, self.domain)
        self.looked.append(Looked(seen, tested, by_mx=self.hop.route.by_mx))

    async def ask_families(self, prober: Prober, tls: ClientTls) -> None:
        """Test which families of versions and suites the newest address accepts, with a connection each."""
        from fopemta.trust.families import FAMILIES

        newest = self.looked[-1]
        if newest.seen.evidence is None:
            return
        newest.families = []
        for family in FAMILIES:
            why_not = await prober.accepts(newest.seen, tls.only(family.offer))
            newest.families.append((family.name, why_not))

    @property
    def grade(self) -> Grade:
        """The grade of all: mail may go to any host that answers."""
        return worst([each.grade for each in self.looked])

    @property
    def good(self) -> bool:
        """Whether every host that answers is authenticated."""
        return self.grade in (Grade.A, Grade.B)


# --- for people ------------------------------------------------------------------------------------------------------


def lines_of_report(report: Report) -> Iterator[str]:
    """Address by address; the last line has the overall grade."""
    if report.failure is not None:
        yield f"{escaped(report.target)}: {escaped(report.failure)}"
        return
    for looked in report.looked:
        yield from _lines_of(looked)
        yield ""
    yield click.style(f"{report.grade.value}  {escaped(report.target)}", fg=_COLOURS.get(report.grade), bold=True)


def _lines_of(looked: Looked) -> Iterator[str]:
    seen = looked.seen
    name = escaped(seen.host.name or "")
    yield click.style(f"{name} [{seen.address}]:{seen.host.port}".strip(), bold=True)
    for line in seen.dialogue:
        yield f"  {line}"
    for tried in seen.tried:
        if tried.diagnosis is not None and tried.diagnosis is not seen.diagnosis:
            yield f"  {tried.rung.value}, {tried.hello.value} hello: {tried.diagnosis.value}"
    if seen.evidence is not None:
        yield from _chain(seen)
        yield from _verdict(looked)
    elif seen.diagnosis is not None:
        yield from _trouble(seen.diagnosis, seen.text)
    for family, why_not in looked.families or ():
        yield f"  {'accepts' if why_not is None else 'refuses'}   {family}" + (f" ({why_not.value})" if why_not else "")
    yield from _levels(looked)
    yield "  " + click.style(_grade_line(looked), fg=_COLOURS.get(looked.grade), bold=True)


def _chain(seen: Seen) -> Iterator[str]:
    """As a tree: each certificate is below its issuer's."""
    assert seen.evidence is not None
    for depth, der in enumerate(seen.evidence.verified or seen.evidence.chain):
        branch = "   " * (depth - 1) + "└─ " if depth else ""
        yield f"  {'chain    ' if depth == 0 else '         '} {branch}{escaped(_certificate(der, depth == 0))}"


def _certificate(der: bytes, is_leaf: bool) -> str:
    from cryptography import x509

    from fopemta.trust.certificates import facts_of
    from fopemta.trust.names import presented

    facts = facts_of(der)
    words = [facts.subject or "(cannot be read)", f"until {facts.not_after[:10]}"]
    try:
        certificate = x509.load_der_x509_certificate(der)
        key: Any = certificate.public_key()
        words.append(f"{_KEYS.get(type(key).__name__, 'key')} {getattr(key, 'key_size', '')}".strip())
        if is_leaf:
            words.append(f"for {presented(certificate).words}")
    except Exception:  # noqa: BLE001  a stranger's certificate may be odd in any way
        words.append("the rest of it cannot be read")
    return ", ".join(words)


_KEYS = {"RSAPublicKey": "RSA", "EllipticCurvePublicKey": "ECDSA", "ECPublicKey": "ECDSA", "DSAPublicKey": "DSA"}


def _verdict(looked: Looked) -> Iterator[str]:
    judgement = looked.seen.judgement
    assert judgement is not None
    revocation = f", revocation {judgement.revocation}" if judgement.revocation is not None else ""
    yield f"  verdict   {escaped(judgement.text)}{escaped(revocation)}"
    if judgement.diagnosis is not None:
        yield from _trouble(judgement.diagnosis, "")
    if not looked.seen.hello.named:
        yield from _trouble(Diagnosis.SNI_REFUSED, "TLS without the name")


def _trouble(diagnosis: Diagnosis, text: str) -> Iterator[str]:
    row = explain(diagnosis)
    yield f"  diagnosis {diagnosis.value}" + (f": {escaped(text)}" if text else "")
    yield f"  cause     {row.cause}"
    yield f"  remedy    {row.remedy}"


def _levels(looked: Looked) -> Iterator[str]:
    """The result for mail at each level, and under each rule about the domain."""
    seen = looked.seen
    if not seen.reached:
        return
    authenticated = looked.authenticated
    encrypted = seen.rung is not None
    outcomes = {
        Level.OPPORTUNISTIC: "goes over TLS" if encrypted else "goes in plain text",
        Level.ENCRYPT: "goes" if encrypted else "waits",
        Level.AUTHENTICATED: "goes" if authenticated else "waits",
    }
    yield "  levels    " + "; ".join(f"{level.word}: {words}" for level, words in outcomes.items())
    for each in looked.tested:
        yield f"  rule      {escaped(each.rule)}: " + ("goes" if each.passed else f"waits ({each.diagnosis})")


def _grade_line(looked: Looked) -> str:
    """A  authenticated  TLSv1.3 TLS_AES_256_GCM_SHA384 256 bits X25519MLKEM768"""
    seen = looked.seen
    words = [looked.grade.value, _what(looked)]
    if seen.evidence is not None:
        group = f" {seen.evidence.group}" if seen.evidence.group else ""
        words.append(f"{seen.evidence.protocol} {seen.evidence.cipher} {seen.evidence.bits} bits{group}")
    return "  ".join(words)


def _what(looked: Looked) -> str:
    seen = looked.seen
    if looked.authenticated:
        # Found by DNS alone: anyone who can forge DNS chooses the host's name.
        return "authenticated (MX name unproven)" if looked.by_mx and not seen.host.proven_by else "authenticated"
    if seen.rung is not None:
        return "encrypted, not authenticated"
    return "no TLS" if seen.reached else "not reached"


# --- for programs ----------------------------------------------------------------------------------------------------


def report_json(report: Report) -> dict[str, Any]:
    """`target grade failure hosts[]`; a host has `host address port grade dialogue tried rung protocol cipher bits
    group chain names authenticated mx_proven_by revocation diagnosis text rules accepts`.
    """
    return {
        "target": report.target,
        "grade": report.grade.value,
        "failure": report.failure,
        "hosts": [_looked_json(each) for each in report.looked],
    }


def _looked_json(looked: Looked) -> dict[str, Any]:
    from fopemta.trust.read_certificate import chain_facts

    seen, evidence, judgement = looked.seen, looked.seen.evidence, looked.seen.judgement
    nameless = Diagnosis.SNI_REFUSED if evidence is not None and not seen.hello.named else None
    diagnosis = seen.diagnosis or nameless or (judgement.diagnosis if judgement else None)
    return {
        "host": seen.host.name,
        "address": seen.address,
        "port": seen.host.port,
        "grade": looked.grade.value,
        "dialogue": seen.dialogue,
        "tried": [_tried_json(each) for each in seen.tried],
        "rung": seen.rung.value if seen.rung else None,
        "protocol": evidence.protocol if evidence else None,
        "cipher": evidence.cipher if evidence else None,
        "bits": evidence.bits if evidence else None,
        "group": evidence.group if evidence else None,
        "chain": [attrs.asdict(each) for each in chain_facts(evidence.chain)] if evidence else [],
        "names": judgement.names if judgement else [],
        "authenticated": judgement.authenticated if judgement else None,
        "mx_proven_by": seen.host.proven_by,
        "revocation": judgement.revocation if judgement else None,
        "diagnosis": diagnosis.value if diagnosis else None,
        "text": seen.text or (judgement.text if judgement else ""),
        "rules": [attrs.asdict(each) for each in looked.tested],
        "accepts": None if looked.families is None else {name: why is None for name, why in looked.families},
    }


def _tried_json(tried: Tried) -> dict[str, Any]:
    diagnosis = None if tried.diagnosis is None else tried.diagnosis.value
    return {"rung": tried.rung.value, "hello": tried.hello.value, "diagnosis": diagnosis}
