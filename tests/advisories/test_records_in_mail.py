"""A mailed body that holds whole records of the intake log, behind a damaged header, is never taken for mail.

Whoever could send records inside a message would write into the queue: any sender, any recipient, past every policy.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.formats.record import SEGMENT_HEADER_SIZE, Damage, Draft, Record, RecordKind, pack, scan, segment_header

TAG = b"sixteen octets.."
OUTER = b'{"id":"000000001"}'
FORGED = Draft(RecordKind.MESSAGE, "000000666", b'{"id":"000000666"}', b"Subject: forged\r\n\r\n")
FOLLOWING = Draft(RecordKind.MESSAGE, "000000002", b'{"id":"000000002"}', b"Subject: good\r\n\r\n")


class RecordsInMailTests(SynchronousTestCase):
    def found(self, content: bytes, spoil_at: int) -> list[bytes]:
        data = segment_header(TAG)
        data += pack(Draft(RecordKind.MESSAGE, "000000001", OUTER, content), TAG, len(data), SEGMENT_HEADER_SIZE)
        data += pack(FOLLOWING, TAG, len(data), SEGMENT_HEADER_SIZE)
        spoilt = bytearray(data)
        spoilt[SEGMENT_HEADER_SIZE + spoil_at] ^= 0xFF
        findings = scan(bytes(spoilt), TAG)
        self.assertIsInstance(findings[0], Damage)
        return [each.meta for each in findings if isinstance(each, Record)]

    def test_records_of_another_segment(self) -> None:
        """What a stranger can make: he does not know the tag, whatever offset he guesses."""
        guesses = b"".join(pack(FORGED, bytes(16), offset, 64) for offset in range(64, 1600))
        self.assertEqual(self.found(guesses, spoil_at=0), [FOLLOWING.meta])

    def test_records_of_this_segment_at_another_place(self) -> None:
        """What a stranger would need a leak for: even with the right tag a copied record is none."""
        copied = pack(FORGED, TAG, 4096, 64) * 3
        self.assertEqual(self.found(copied, spoil_at=0), [FOLLOWING.meta])

    def test_a_body_full_of_magic_words(self) -> None:
        self.assertEqual(self.found(b"\xf6\x0dFR" * 65536, spoil_at=2), [FOLLOWING.meta])

    def test_the_check_can_fail(self) -> None:
        """With tag and offset both right, a record inside a damaged one would count."""
        inside_at = SEGMENT_HEADER_SIZE + Draft(RecordKind.MESSAGE, "000000001", OUTER).size
        genuine = pack(FORGED, TAG, inside_at, SEGMENT_HEADER_SIZE)
        self.assertEqual(self.found(genuine, spoil_at=0), [FORGED.meta, FOLLOWING.meta])
