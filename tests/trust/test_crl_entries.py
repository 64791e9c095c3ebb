"""The entries of a list, found without reading it."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import rsa_key
from fopemta.testing.revoking import RevokingAuthority
from fopemta.trust.crl import SoundList, read_crl
from fopemta.trust.crl_entries import sequence, split

CA = RevokingAuthority(now=datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC))
NOW = CA.now.timestamp()
KEY = ec.generate_private_key(ec.SECP256R1())
DAY = datetime.timedelta(days=1)
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lists")])


def builder(*serials: int) -> x509.CertificateRevocationListBuilder:
    made = x509.CertificateRevocationListBuilder().issuer_name(NAME).last_update(CA.now).next_update(CA.now + DAY)
    for serial in serials:
        made = made.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(CA.now).build()
        )
    return made


def list_of(*serials: int) -> bytes:
    return builder(*serials).sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


class EntryTests(SynchronousTestCase):
    def test_each_is_found_wherever_it_is(self) -> None:
        serials = [1, 5, 127, 128, 255, 256, 32767, 32768, 2**63, 2**159 - 1, *range(1000, 1300)]
        parts = split(list_of(*serials))
        for serial in serials:
            entry = parts.entry_of(serial)
            assert entry is not None, serial
            [read] = x509.load_der_x509_crl(parts.with_entry(entry))
            self.assertEqual(read.serial_number, serial)
        for serial in (2, 126, 129, 254, 257, 2**62, 2**159 - 2, 999, 1300):
            self.assertIsNone(parts.entry_of(serial), serial)

    def test_octets_within_another_entry_are_none(self) -> None:
        # 02 01 05 is the number 5, and here a part of a larger one.
        parts = split(list_of(0x7F0201050F, 0x020105))
        self.assertIsNone(parts.entry_of(5))
        self.assertIsNotNone(split(list_of(0x7F0201050F, 5)).entry_of(5))

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(some.lists(some.integers(1, 2**16) | some.integers(1, 2**158), max_size=20), some.integers(1, 2**16))
    def test_as_the_library_finds_them(self, serials: list[int], other: int) -> None:
        der = list_of(*serials)
        whole, parts = x509.load_der_x509_crl(der), split(der)
        for serial in (*serials, other):
            expected = whole.get_revoked_certificate_by_serial_number(serial)
            self.assertEqual(parts.entry_of(serial) is None, expected is None)
        self.assertEqual(len(x509.load_der_x509_crl(parts.with_entry())), 0)
        self.assertEqual(whole.tbs_certlist_bytes, der[parts.signed : parts.signed_end])

    def test_far_behind_in_a_large_list(self) -> None:
        entry = split(list_of(2**100)).entry_of(2**100)
        last = split(list_of(77)).entry_of(77)
        assert entry is not None
        assert last is not None
        empty = split(list_of(2**100))
        at = empty.der.index(entry)
        for count in (20_000, 60_000):
            content = empty.der[empty.signed : empty.signed_end]
            offset = at - empty.signed
            entries = sequence(entry * count + last)
            # The SEQUENCE of the entries has a head of two octets in the small list, that of the whole has four.
            inner = content[4 if content[1] == 0x82 else 3 if content[1] == 0x81 else 2 : offset - 2]
            der = sequence(sequence(inner + entries + content[offset + len(entry) :]) + empty.der[empty.signed_end :])
            self.assertEqual(split(der).entry_of(77), last)
            self.assertIsNone(split(der).entry_of(78))


class SplitTests(SynchronousTestCase):
    def changed(self, serial: int, old: str, new: str) -> bytes:
        """A list with one entry, in which some octets of it are others; every length fits."""
        parts = split(list_of(serial))
        entry = parts.entry_of(serial)
        assert entry is not None
        octets = entry.hex()
        self.assertEqual(octets.count(old), 1)
        return parts.with_entry(bytes.fromhex(octets.replace(old, new)))

    def test_what_is_no_list(self) -> None:
        sound = list_of(1, 300)
        split(sound)
        odd = (b"\x31" + sound[1:], b"\x30\x80" + sound[4:], b"\x30\x03\x02\x01\x05")
        for der in (b"", b"\x30", sound + b"\0", sound[:-1], *odd):
            with self.assertRaises(ValueError, msg=der[:6].hex()):
                split(der)

    def test_lengths_with_needless_octets(self) -> None:
        small, large = list_of(), list_of(*range(1, 20))
        self.assertEqual((small[1], large[1]), (0x81, 0x82))
        split(small)
        split(large)
        for der in (b"\x30\x82\0" + small[2:], b"\x30\x83\0" + large[2:], b"\x30\x84\0\0" + large[2:]):
            with self.assertRaises(ValueError, msg=der[:5].hex()):
                split(der)

    def test_entries_that_are_none(self) -> None:
        head = split(list_of(300)).entry_of(300)
        assert head is not None
        size = f"30{len(head) - 2:02x}"
        table = {
            "no sequence": ("3013", "3113"),
            "no number": ("0202012c", "0402012c"),
            "a number with needless octets": ("0202012c", "0202002c"),
            "a negative one with such": ("0202012c", "0202ff80"),
            "a number of no octets": ("0202012c", "02000000"),
            "longer than its entry": ("0202012c", "0240012c"),
            "no DER": ("0202012c", "0281012c"),
            "without end": ("0202012c", "0280012c"),
            "a length of five octets": ("0202012c", "0285012c"),
        }
        self.assertEqual(size, "3013")
        for case, (old, new) in table.items():
            with self.assertRaises(ValueError, msg=case):
                split(self.changed(300, old, new))
        split(self.changed(300, "0202012c", "02020080"))  # 128, in its only form
        split(self.changed(300, "0202012c", "0202ff7f"))

    def test_list_without_entries(self) -> None:
        parts = split(list_of())
        self.assertEqual((parts.start, parts.end), (parts.start, parts.start))
        self.assertIsNone(parts.entry_of(1))
        self.assertEqual(parts.with_entry(), parts.der)


class SignatureTests(SynchronousTestCase):
    """The library's own check looks at the whole list; ours must come to the same."""

    def signed(self, key: object, **how: object) -> tuple[bytes, x509.Certificate]:
        digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA384()
        der = builder(7).sign(key, digest, **how).public_bytes(Encoding.DER)  # type: ignore[arg-type]
        certificate = (
            x509.CertificateBuilder().subject_name(NAME).issuer_name(NAME).serial_number(1).not_valid_before(CA.now)
            .not_valid_after(CA.now + DAY).public_key(key.public_key()).sign(KEY, hashes.SHA256())  # type: ignore[attr-defined]
        )  # fmt: skip
        return der, certificate

    def test_kinds_of_keys(self) -> None:
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=padding.PSS.DIGEST_LENGTH)
        kinds: tuple[tuple[object, dict[str, object]], ...] = (
            (KEY, {}), (ec.generate_private_key(ec.SECP384R1()), {}), (ed25519.Ed25519PrivateKey.generate(), {}),
            (rsa_key(2048), {}), (rsa_key(2048), {"rsa_padding": pss}),
        )  # fmt: skip
        for key, how in kinds:
            der, issuer = self.signed(key, **how)
            self.assertIsInstance(read_crl(der, issuer, NOW), SoundList, (key, how))
            # An entry that is another, and a signature that is.
            for at in (der.index(b"\x02\x01\x07") + 2, len(der) - 3):
                forged = bytearray(der)
                forged[at] ^= 1
                found = read_crl(bytes(forged), issuer, NOW)
                self.assertEqual(found, "the CRL is not signed by the issuer", (key, how, at))

    def test_key_of_another_kind(self) -> None:
        der, _ = self.signed(KEY)
        _, issuer = self.signed(rsa_key(2048))
        self.assertEqual(read_crl(der, issuer, NOW), "the CRL is not signed by the issuer")

    def test_two_algorithms(self) -> None:
        der, issuer = self.signed(KEY)
        algorithm = bytes.fromhex("300a06082a8648ce3d040303")
        self.assertEqual(der.count(algorithm), 2)
        at = der.rindex(algorithm) + len(algorithm) - 1
        for octet in (2, 4):
            other = der[:at] + bytes([octet]) + der[at + 1 :]
            self.assertIsInstance(read_crl(other, issuer, NOW), str)
