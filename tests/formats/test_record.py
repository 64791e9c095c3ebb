"""The records of the intake log."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.formats.record import (
    HEADER_SIZE,
    SEGMENT_HEADER_SIZE,
    Damage,
    Draft,
    Record,
    RecordKind,
    pack,
    scan,
    segment_header,
)

TAG = bytes(range(16))
OTHER_TAG = bytes(16)


def segment(drafts: list[Draft], flushed: int = SEGMENT_HEADER_SIZE) -> tuple[bytes, list[int]]:
    """A segment's octets and where its records begin; every header tells of `flushed`."""
    data, offsets = segment_header(TAG), []
    for draft in drafts:
        offsets.append(len(data))
        data += pack(draft, TAG, len(data), flushed)
    return data, offsets


def message(number: int, content: bytes = b"content\r\n") -> Draft:
    return Draft(RecordKind.MESSAGE, f"00000000{number}", b'{"id":"00000000%d"}' % number, content)


def metas(findings: list[Record | Damage]) -> list[bytes]:
    return [each.meta for each in findings if isinstance(each, Record)]


class RecordTests(SynchronousTestCase):
    """Packing and scanning."""

    def test_what_is_packed_is_found(self) -> None:
        drafts = [message(1), Draft(RecordKind.OUTCOME, "000000001", b"{}"), message(2, b"")]
        data, offsets = segment(drafts)
        records = scan(data, TAG)
        self.assertEqual([each.kind for each in records], [each.kind for each in drafts])
        self.assertEqual([each.offset for each in records], offsets)
        for record, draft in zip(records, drafts, strict=True):
            self.assertEqual(record.meta, draft.meta)
            end = record.content_offset + record.content_size
            self.assertEqual(data[record.content_offset : end], draft.content)

    def test_content_of_every_size_is_found(self) -> None:
        """It is digested in pieces, or, where it is large, at once."""
        for size in (0, 1, 2046, 2047, 2048, 4096, 32 * 1024, 32 * 1024 + 1, 256 * 1024):
            (record,) = scan(segment([message(1, b"x" * size)])[0], TAG)
            assert isinstance(record, Record)
            self.assertEqual(record.content_size, size)

    def test_size_is_told_before_packing(self) -> None:
        self.assertEqual(len(pack(message(1), TAG, 64, 64)), message(1).size)

    def test_room_that_was_never_written_is_no_damage(self) -> None:
        data, _ = segment([message(1)])
        self.assertEqual(len(scan(data + bytes(100_000), TAG)), 1)
        self.assertEqual(scan(segment_header(TAG), TAG), [])
        self.assertEqual(scan(b"", TAG), [])

    def test_a_record_of_another_segment_or_place_is_none(self) -> None:
        data, offsets = segment([message(1)])
        self.assertEqual(metas(scan(data, OTHER_TAG)), [])
        self.assertEqual(metas(scan(data[: offsets[0]] + b"x" + data[offsets[0] :], TAG)), [])

    def test_damage_of_any_one_octet_hides_only_its_record(self) -> None:
        drafts = [message(1), message(2), message(3)]
        data, offsets = segment(drafts)
        for position in range(offsets[1], offsets[2]):
            spoilt = bytearray(data)
            spoilt[position] ^= 0x10
            findings = scan(bytes(spoilt), TAG)
            self.assertEqual(metas(findings), [drafts[0].meta, drafts[2].meta])
            self.assertEqual([each.offset for each in findings], offsets)
            self.assertEqual(findings[1].end, offsets[2])

    def test_a_cut_at_any_place_leaves_what_is_before_it(self) -> None:
        data, offsets = segment([message(1), message(2)])
        for end in range(offsets[1] + 1, len(data)):
            findings = scan(data[:end], TAG)
            self.assertEqual(metas(findings), [message(1).meta])
            self.assertIsInstance(findings[1], Damage)

    def test_damage_before_what_is_known_to_be_flushed_was_promised(self) -> None:
        data, offsets = segment([message(1), message(2)])
        spoilt = bytearray(data)
        spoilt[offsets[0] + HEADER_SIZE] ^= 1
        self.assertFalse(scan(bytes(spoilt), TAG)[0].acknowledged)
        spoilt[offsets[1] :] = pack(message(2), TAG, offsets[1], flushed=offsets[1])
        self.assertTrue(scan(bytes(spoilt), TAG)[0].acknowledged)

    def test_a_record_of_a_later_version_is_put_aside(self) -> None:
        data, offsets = segment([message(1), message(2)])
        later = bytearray(data)
        later[offsets[0] + 4] = 2
        fields = bytes(later[offsets[0] : offsets[0] + HEADER_SIZE - 8])
        checksum = hashlib.blake2b(fields, digest_size=8, key=TAG).digest()
        later[offsets[0] + HEADER_SIZE - 8 : offsets[0] + HEADER_SIZE] = checksum
        findings = scan(bytes(later), TAG)
        self.assertIn("version 2", findings[0].why)
        self.assertEqual(metas(findings), [message(2).meta])

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(st.binary(max_size=300), max_size=6), st.binary(max_size=60), st.data())
    def test_fuzz_any_damage_loses_only_what_it_touches(
        self, contents: list[bytes], junk: bytes, choice: st.DataObject
    ) -> None:
        drafts = [message(number, content) for number, content in enumerate(contents)]
        data, offsets = segment(drafts)
        where = choice.draw(st.integers(SEGMENT_HEADER_SIZE, len(data)))
        spoilt = data[:where] + junk + data[where + len(junk) :]
        touched = range(where, where + len(junk))
        ends = [*offsets[1:], len(data)]
        whole = [
            draft.meta
            for draft, start, end in zip(drafts, offsets, ends, strict=False)
            if touched.start >= end or touched.stop <= start
        ]
        found = metas(scan(spoilt, TAG))
        self.assertTrue(set(whole) <= set(found))
        for finding in scan(spoilt, TAG):
            if isinstance(finding, Record):
                self.assertIn(finding.meta, [draft.meta for draft in drafts])

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.binary(max_size=500))
    def test_fuzz_nothing_is_a_record(self, data: bytes) -> None:
        self.assertEqual(metas(scan(data, TAG)), [])
        self.assertEqual(metas(scan(b"\xf6\x0dFR" * 20 + data, TAG)), [])
