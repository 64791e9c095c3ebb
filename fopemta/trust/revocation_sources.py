"""The sources of revocation information for a chain (pure), as named in its certificates."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable
from itertools import pairwise

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from fopemta.trust.certificates import printable

# CA/Browser Forum: certificates valid no longer than this need not name a source.
_SHORT_LIFE = datetime.timedelta(days=10)
_MOST_OF_A_KIND = 3
_LONGEST_URL = 2000


@attrs.frozen(kw_only=True)
class Sources:
    """`lists` and `responders` are plain HTTP URLs, since what is fetched is signed.  `named`: the certificate names
    any source, usable or not; `passed_over` are the unusable ones, in words.  `short_lived`: valid for ten days or
    less.
    """

    lists: tuple[str, ...] = ()
    responders: tuple[str, ...] = ()
    named: bool = False
    passed_over: tuple[str, ...] = ()
    must_staple: bool = False
    short_lived: bool = False


@attrs.frozen
class CertificateQuestion:
    """One certificate of a chain and its issuer.  `key` identifies the pair."""

    certificate: x509.Certificate
    issuer: x509.Certificate
    sources: Sources
    key: str


def questions(path: tuple[bytes, ...]) -> tuple[CertificateQuestion, ...]:
    """The certificates of a verified chain to be checked (DER, leaf first, root last): all but the root, which is
    trusted as it is.  Raises UNREADABLE.
    """
    chain = [x509.load_der_x509_certificate(der) for der in path]
    return tuple(
        CertificateQuestion(certificate, issuer, sources_of(certificate), _key(certificate, issuer))
        for certificate, issuer in pairwise(chain)
    )


def _key(certificate: x509.Certificate, issuer: x509.Certificate) -> str:
    both = certificate.public_bytes(Encoding.DER) + issuer.public_bytes(Encoding.DER)
    return hashlib.sha256(both).hexdigest()


def sources_of(certificate: x509.Certificate) -> Sources:
    """The sources named by `certificate`.  Raises UNREADABLE if its extensions cannot be read."""
    lists, passed_over = _lists(_points(certificate))
    responders = _responders(certificate)
    usable, other = _over_http(responders)
    return Sources(
        lists=lists,
        responders=usable,
        named=bool(lists or passed_over or responders),
        passed_over=(*passed_over, *other),
        must_staple=_must_staple(certificate),
        short_lived=certificate.not_valid_after_utc - certificate.not_valid_before_utc <= _SHORT_LIFE,
    )


def _points(certificate: x509.Certificate) -> Iterable[x509.DistributionPoint]:
    try:
        return certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ()


def _lists(points: Iterable[x509.DistributionPoint]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The URLs, and what is skipped."""
    urls: list[str] = []
    passed_over: list[str] = []
    for point in points:
        if point.crl_issuer:
            passed_over.append("an indirect CRL")
        elif point.reasons:
            passed_over.append("a CRL for some reasons only")
        elif point.full_name is None:
            passed_over.append("a CRL named relative to its issuer")
        else:
            urls += [each.value for each in point.full_name if isinstance(each, x509.UniformResourceIdentifier)]
    usable, other = _over_http(urls)
    return usable, (*dict.fromkeys(passed_over), *other)


def _responders(certificate: x509.Certificate) -> list[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    return [
        each.access_location.value
        for each in access
        if each.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(each.access_location, x509.UniformResourceIdentifier)
    ]


def _over_http(urls: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The HTTP URLs, and a description of the others."""
    usable = dict.fromkeys(each for each in urls if _is_usable(each))
    other = [each for each in urls if not _is_usable(each)][:_MOST_OF_A_KIND]
    words = tuple(f"{printable(each)[:60]} (only http is fetched)" for each in other)
    return tuple(usable)[:_MOST_OF_A_KIND], words


def _is_usable(url: str) -> bool:
    return len(url) <= _LONGEST_URL and url[:7].lower() == "http://"


def _must_staple(certificate: x509.Certificate) -> bool:
    try:
        features = certificate.extensions.get_extension_for_class(x509.TLSFeature).value
    except x509.ExtensionNotFound:
        return False
    return x509.TLSFeatureType.status_request in features
