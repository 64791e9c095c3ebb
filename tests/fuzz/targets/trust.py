"""Certificates, and what is said of their revocation; the records of TLS."""

from __future__ import annotations

import functools
from collections.abc import Callable

from cryptography import x509
from cryptography.x509 import ocsp
from OpenSSL import SSL

from fopemta.tls.channel import TlsChannel
from fopemta.trust.certificates import UNREADABLE, facts_of, printable
from fopemta.trust.crl import judge_crl
from fopemta.trust.crl_entries import split
from fopemta.trust.names import matching
from fopemta.trust.ocsp import judge_ocsp
from fopemta.trust.read_certificate import ReadCertificate, path_fault
from fopemta.trust.revocation import Finding, Status
from fopemta.trust.revocation_sources import sources_of
from fopemta.trust.tls_records import Records
from tests.fuzz.authority import NOW, signed_list, signed_response, signing
from tests.fuzz.targets.target import Target, in_pieces

_NOW = NOW.timestamp()
_DECIDED = frozenset({Status.GOOD, Status.REVOKED})


# --- revocation ------------------------------------------------------------------------------------------------------


def _crl(octets: bytes) -> None:
    """As a whole, which nobody has signed; and as the content of a list that the issuer has signed."""
    authority = signing()
    assert judge_crl(octets, authority.leaf, authority.issuer, _NOW).status is Status.UNKNOWN
    try:
        split(octets)
    except ValueError:
        pass
    der = signed_list(octets)
    finding = judge_crl(der, authority.leaf, authority.issuer, _NOW)
    _check_finding(finding)
    if finding.status in _DECIDED:
        _check_list(der, finding.status)


def _check_list(der: bytes, status: Status) -> None:
    """Somebody else, who reads all of it at once, reads the same."""
    try:
        crl = x509.load_der_x509_crl(der)
        serials = [each.serial_number for each in crl]
    except ValueError:
        return  # an entry about another certificate is broken
    assert status is Status.GOOD or signing().leaf.serial_number in serials
    if status is Status.GOOD and signing().leaf.serial_number in serials:
        entries = [each for each in crl if each.serial_number == signing().leaf.serial_number]
        reason = entries[0].extensions.get_extension_for_class(x509.CRLReason).value.reason
        assert reason is x509.ReasonFlags.remove_from_crl


def _ocsp(octets: bytes) -> None:
    authority = signing()
    assert judge_ocsp(octets, authority.leaf, authority.issuer, _NOW).status is Status.UNKNOWN
    der = signed_response(octets)
    finding = judge_ocsp(der, authority.leaf, authority.issuer, _NOW)
    _check_finding(finding)
    if finding.status in _DECIDED:
        wanted = ocsp.OCSPCertStatus.GOOD if finding.status is Status.GOOD else ocsp.OCSPCertStatus.REVOKED
        assert any(
            (each.serial_number, each.certificate_status) == (authority.leaf.serial_number, wanted)
            for each in ocsp.load_der_ocsp_response(der).responses
        )


def _check_finding(finding: Finding) -> None:
    assert finding.text.isprintable()
    assert finding.status in (*_DECIDED, Status.UNKNOWN)
    assert finding.status not in _DECIDED or finding.until >= _NOW
    assert finding.status is Status.GOOD or finding.text


# --- certificates ----------------------------------------------------------------------------------------------------

_READINGS: tuple[Callable[[ReadCertificate], object], ...] = (
    lambda read: read.not_before,
    lambda read: read.not_after,
    lambda read: read.self_issued,
    lambda read: read.weakness,
    lambda read: read.server_fault,
    lambda read: read.authority_fault,
    lambda read: read.root_fault,
    lambda read: path_fault([read, read, read]),
)


def _certificate(octets: bytes) -> None:
    facts = facts_of(octets)
    for text in (facts.subject, facts.issuer, facts.serial, facts.not_after):
        assert printable(text) == text
    try:
        read = ReadCertificate(octets)
    except UNREADABLE:
        return
    for reading in _READINGS:
        _or_unreadable(lambda reading=reading: reading(read))  # type: ignore[misc]
    _or_unreadable(lambda: _check_names(read))
    _or_unreadable(lambda: _check_sources(read))


def _or_unreadable(reading: Callable[[], object]) -> None:
    try:
        reading()
    except UNREADABLE:
        pass


def _check_names(read: ReadCertificate) -> None:
    assert read.names.words.isprintable()
    # Of no certificate that has it not in its text.
    assert matching(read.patterns, ("nobody.has.this.name.example",)) is None or any(
        each.endswith("has.this.name.example") for each in read.names.dns
    )


def _check_sources(read: ReadCertificate) -> None:
    sources = sources_of(read.certificate)
    assert all(each.isprintable() for each in sources.passed_over)
    assert all(each[:7].lower() == "http://" for each in (*sources.lists, *sources.responders))
    assert len(sources.lists) <= 3
    assert len(sources.responders) <= 3


# --- records of TLS --------------------------------------------------------------------------------------------------


class _Nowhere:
    """A transport that keeps nothing."""

    def write(self, data: bytes) -> None:
        """Forget it."""

    def loseConnection(self, *_: object) -> None:
        """It is nowhere."""

    abortConnection = loseConnection


def _tls(octets: bytes) -> None:
    """What a client says from the first octet on; the first one is how it is cut."""
    how, stream = octets[:1], octets[1:]
    if not how:
        return
    channel = TlsChannel(SSL.Connection(_context(), None), True, _nothing, _nothing)
    channel.start(_Nowhere())
    records = Records()
    for segment in in_pieces(stream, how[0]):
        channel.take(segment)
        assert b"".join(records.portions(segment)) == segment


@functools.cache
def _context() -> SSL.Context:
    return SSL.Context(SSL.TLS_SERVER_METHOD)


def _nothing(*_: object) -> None:
    """Nobody listens."""


TARGETS = (
    Target("crl", _crl, ("crl",), 2048),
    Target("ocsp", _ocsp, ("ocsp",), 2048),
    Target("certificates", _certificate, ("certificates",), 2048),
    Target("tls", _tls, ("tls",), 2048),
)
