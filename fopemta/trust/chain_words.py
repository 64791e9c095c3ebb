"""Words for OpenSSL's chain verification errors: pyOpenSSL gives only the number."""

from __future__ import annotations

# X509_V_ERR numbers of openssl/x509_vfy.h that can occur without CRLs, policies and proxy certificates.
_WORDS = {
    2: "the issuer's certificate was not found",
    4: "the signature cannot be read",
    6: "the issuer's key cannot be read",
    7: "the signature is wrong",
    9: "certificate not yet valid",
    10: "certificate has expired",
    13: "the first day of validity cannot be read",
    14: "the last day of validity cannot be read",
    18: "self-signed certificate",
    19: "self-signed certificate in the chain, not among the roots",
    20: "the issuer is neither sent nor among the roots",
    21: "the first certificate cannot be verified",
    22: "chain too long",
    24: "the issuer's certificate has no key",
    25: "more authorities in a row than the issuer may have",
    26: "certificate not meant for TLS servers",
    27: "certificate not trusted for this",
    28: "certificate rejected by the store",
    29: "issuer's name and subject differ",
    30: "key identifiers of issuer and subject differ",
    32: "the issuer may not sign certificates",
    34: "an extension marked critical is not understood",
    37: "certificate of no authority marked as one",
    41: "an extension is invalid",
    47: "the issuer may not vouch for this name",
    48: "the issuer is excluded from this name",
    51: "a kind of name constraint is not supported",
    52: "a name constraint cannot be read",
    53: "a name cannot be read",
    66: "the server's key is too weak",
    67: "an authority's key is too weak",
    68: "an authority's digest is too weak",
    76: "the signature's algorithm is unknown",
    77: "the signature does not fit the issuer's kind of key",
    78: "the signature's algorithm is given in two ways",
    79: "the issuer is no authority",
    94: "the key has a curve of its own making",
}


def words_of(code: int) -> str:
    """A short description for the operator; for rarer errors, the number."""
    return _WORDS.get(code, f"X.509 verification error {code}")
