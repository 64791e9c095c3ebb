"""How much a peer may send that says nothing: records are counted by their headers, however the wire is cut."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.tls_records import Records

# What may bring nothing, and a portion more: it is looked at when it has been read.
FREE, PORTION = 64, 32


class OldVersionTests(SynchronousTestCase):
    def test_old_senders_may_put_an_empty_record_before_each(self) -> None:
        records = Records()
        for _ in range(5000):
            [portion] = records.portions(b"\x17\x03\x01\x00\x01x" * 2)
            self.assertFalse(records.too_little_said(1, costly=False))
        self.assertEqual(portion, b"\x17\x03\x01\x00\x01x" * 2)

    def test_so_many_may_bring_nothing(self) -> None:
        # Alerts, and hellos that would begin anew: each is cheap there.
        for costly, wanted in ((False, 8 * FREE), (True, FREE)):
            records, count = Records(), 0
            while True:
                list(records.portions(b"\x15\x03\x03\x00\x02xx"))
                if records.too_little_said(0, costly):
                    break
                count += 1
            self.assertEqual(count, wanted)


class ShakingTests(SynchronousTestCase):
    def test_to_the_record_and_the_octet(self) -> None:
        records = Records()
        said = [
            records.too_much_to_shake(each) for _ in range(1001) for each in records.portions(b"\x16\x03\x01\x00\x01x")
        ]
        self.assertEqual(said, [False] * 1000 + [True])
        records = Records()
        said = [
            records.too_much_to_shake(each)
            for _ in range(31)
            for each in records.portions(b"\x16\x03\x01\x27\x0b" + b"x" * 9995)
        ]
        self.assertEqual(said, [False] * 30 + [True])

    def test_the_bound_is_ours_where_openssl_waits(self) -> None:
        records = Records()
        said = [records.too_much_to_shake(each) for each in records.portions(b"\x16\x03\x01\x00\x01x" * 1100)]
        self.assertEqual(said, [False] * 31 + [True] * 4)
        records = Records()
        said = [
            records.too_much_to_shake(each)
            for _ in range(31)
            for each in records.portions(b"\x16\x03\x01\x27\x0b" + b"x" * 9995)
        ]
        self.assertEqual(said, [False] * 30 + [True])


class RecordsTests(SynchronousTestCase):
    """Records are found by their headers, however the wire is cut."""

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(st.integers(0, 300), min_size=1, max_size=120), st.integers(1, 400))
    def test_cut_anyhow(self, sizes: list[int], step: int) -> None:
        wire = b"".join(b"\x17\x03\x03" + size.to_bytes(2, "big") + b"x" * size for size in sizes)
        records, begun, out = Records(), 0, b""
        for at in range(0, len(wire), step):
            for portion in records.portions(wire[at : at + step]):
                out += portion
                begun += records._begun
                self.assertLessEqual(records._begun, PORTION)
        self.assertEqual((out, begun), (wire, len(sizes)))
        self.assertEqual((records._to_come, records._header), (0, b""))

    def test_one_portion_is_not_copied(self) -> None:
        wire = b"\x17\x03\x03\x00\x04xxxx" * PORTION
        [portion] = Records().portions(wire)
        self.assertIs(portion, wire)
        self.assertEqual([len(each) for each in Records().portions(wire + wire)], [len(wire)] * 2)
        self.assertEqual(list(Records().portions(b"")), [])
