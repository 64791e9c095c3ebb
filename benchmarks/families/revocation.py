"""CRLs, OCSP responses and certificates (`trust`), with good signatures: the rest is not looked at otherwise."""

from __future__ import annotations

import functools
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from benchmarks.families.family import Family, repeated
from fopemta.testing.revoking import RevokingAuthority, lists_at, responders_at
from fopemta.trust.certificates import facts_of
from fopemta.trust.crl import judge_crl
from fopemta.trust.crl_entries import sequence, split
from fopemta.trust.names import matching
from fopemta.trust.ocsp import judge_ocsp
from fopemta.trust.read_certificate import ReadCertificate
from fopemta.trust.revocation_sources import sources_of

# Of an OCSP response that is read, and of the certificates that OpenSSL takes from a peer.
_LARGEST_RESPONSE = 65536
_LARGEST_CHAIN = 100 * 1024
_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_BASIC_RESPONSE = bytes.fromhex("06092b0601050507300101")


@functools.cache
def _authority() -> RevokingAuthority:
    return RevokingAuthority()


@functools.cache
def _certificates() -> tuple[x509.Certificate, x509.Certificate]:
    """The one that is asked about, and another."""
    return _authority().leaf("mx.test").chain[0], _authority().leaf("other.test").chain[0]


def _signed(content: bytes) -> bytes:
    """What is signed, the algorithm, and the signature of the issuing authority."""
    signer = _authority().issuing.key
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    signature = b"\0" + signer.sign(content, ec.ECDSA(hashes.SHA256()))
    return content + _WITH_SHA256 + _tagged(0x03, signature)


def _tagged(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + sequence(content)[1:]


# --- lists -----------------------------------------------------------------------------------------------------------


def _list(entry: Callable[[bytes], bytes]) -> Callable[[int], bytes]:
    """A list with as many entries as the size allows, made of a sound one."""

    def make(size: int) -> bytes:
        sound = split(_authority().crl((_certificates()[1], None)))
        one = entry(sound.der[sound.start : sound.end])
        unsigned = split(sound.with_entry(one * max(1, size // len(one))))
        return sequence(_signed(unsigned.der[unsigned.signed : unsigned.signed_end]))

    return make


def _nearly_ours(entry: bytes) -> bytes:
    """Our number as the end of a longer one."""
    serial = _certificates()[0].serial_number
    number = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    return sequence(_tagged(0x02, b"\x7f\x02" + bytes([len(number)]) + number) + entry[-15:])


def _judge_list(octets: bytes) -> object:
    authority = _authority()
    return judge_crl(octets, _certificates()[0], authority.intermediate, authority.now.timestamp())


# --- responses -------------------------------------------------------------------------------------------------------


def _response(basic: bytes) -> bytes:
    inner = sequence(_BASIC_RESPONSE + _tagged(0x04, basic))
    return sequence(b"\x0a\x01\x00" + _tagged(0xA0, inner))


def _values(der: bytes) -> list[bytes]:
    """What stands in a value, each whole."""
    found, rest = [], _content(der)
    while rest:
        size = len(rest) - len(_behind(rest))
        found.append(rest[:size])
        rest = rest[size:]
    return found


def _head(der: bytes) -> tuple[int, int]:
    """Octets before the content, and of it."""
    if der[1] < 0x80:
        return 2, der[1]
    begin = 2 + (der[1] & 0x7F)
    return begin, int.from_bytes(der[2:begin], "big")


def _content(der: bytes) -> bytes:
    begin, size = _head(der)
    return der[begin : begin + size]


def _behind(der: bytes) -> bytes:
    return der[sum(_head(der)) :]


def _about_many(size: int) -> bytes:
    sound = ocsp.load_der_ocsp_response(_authority().ocsp(_authority().leaf("other.test")))
    responder, made, responses, *_ = _values(sound.tbs_response_bytes)
    [one, *_] = _values(responses)
    return _response(sequence(_signed(sequence(responder + made + sequence(one * max(1, size // len(one)))))))


def _with_certificates(size: int) -> bytes:
    """Nobody of them has signed it."""
    sound = ocsp.load_der_ocsp_response(_authority().ocsp(_authority().leaf("mx.test")))
    der = _certificates()[1].public_bytes(Encoding.DER)
    certificates = _tagged(0xA0, sequence(der * max(1, size // len(der))))
    forged = _tagged(0x03, b"\0" + sound.signature[:-1] + bytes([sound.signature[-1] ^ 1]))
    return _response(sequence(sound.tbs_response_bytes + _WITH_SHA256 + forged + certificates))


def _judge_response(octets: bytes) -> object:
    authority = _authority()
    return judge_ocsp(octets, _certificates()[0], authority.intermediate, authority.now.timestamp())


# --- certificates ----------------------------------------------------------------------------------------------------


def _certificate(extension: Callable[[int], x509.ExtensionType], unit: int) -> Callable[[int], bytes]:
    def make(size: int) -> bytes:
        leaf = _authority().leaf("mx.test", says=[extension(max(1, size // unit))])
        return leaf.chain[0].public_bytes(Encoding.DER)

    return make


def _many_names(size: int) -> bytes:
    names = [f"{number:06d}.test" for number in range(max(1, size // 13))]
    return _authority().leaf(*names).chain[0].public_bytes(Encoding.DER)


def _judge_certificate(octets: bytes) -> object:
    read = ReadCertificate(octets)
    sources_of(read.certificate)
    return facts_of(octets), read.server_fault, matching(read.patterns, ("mx.other.test", "192.0.2.1"))


def _unreadable(octets: bytes) -> object:
    try:
        return ReadCertificate(octets)
    except ValueError:
        return None


FAMILIES = (
    Family("crl.entries", _list(lambda entry: entry), _judge_list, 1 << 22),
    Family("crl.nearly-ours", _list(_nearly_ours), _judge_list, 1 << 22),
    Family("crl.nested", repeated(b"\x30\x84\xff\xff\xff\xff"), _judge_list),
    Family("crl.zeros", repeated(b"\0", b"\x30\x84"), _judge_list),
    Family("ocsp.about-many", _about_many, _judge_response, _LARGEST_RESPONSE),
    Family("ocsp.certificates", _with_certificates, _judge_response, _LARGEST_RESPONSE),
    Family("ocsp.nested", repeated(b"\x30\x80"), _judge_response, _LARGEST_RESPONSE),
    Family("certificates.names", _many_names, _judge_certificate, _LARGEST_CHAIN),
    Family(
        "certificates.lists",
        _certificate(lambda count: lists_at(*[f"http://c{number}.test/" for number in range(count)]), 30),
        _judge_certificate,
        _LARGEST_CHAIN,
    ),
    Family(
        "certificates.responders",
        _certificate(lambda count: responders_at(*[f"http://o{number}.test/" for number in range(count)]), 30),
        _judge_certificate,
        _LARGEST_CHAIN,
    ),
    Family("certificates.nested", repeated(b"\x30\x80"), _unreadable, _LARGEST_CHAIN),
)
