"""A DNS response read within bounds."""

from __future__ import annotations

import struct

import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rrset
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.answer import Absent, Found, Unavailable
from fopemta.dns.question import EXCHANGER, IPV4, IPV6, Question, Response, read
from fopemta.dns.response import (
    CNAME,
    MOST_POINTERS,
    NS,
    SOA,
    BoundExceeded,
    Malformed,
    Message,
    Query,
    name_at,
    response_in,
)

MX, TXT, IN = 15, 16, 1
QUESTION = b"\xc0\x0c"  # the name asked for, by a pointer
ASKED = Question.of("d.test", EXCHANGER).query(most=300)


def record(owner: bytes, rdtype: int, data: bytes, rdclass: int = IN, ttl: int = 60) -> bytes:
    return owner + struct.pack("!HHIH", rdtype, rdclass, ttl, len(data)) + data


def wire(
    answer: list[bytes],
    authority: list[bytes] | None = None,
    additional: list[bytes] | None = None,
    asked: Query = ASKED,
    flags: int = 0x8180,
) -> bytes:
    sections = (answer, authority or [], additional or [])
    head = struct.pack("!6H", asked.id, flags, 1, *(len(each) for each in sections))
    return head + asked.wire[12:24] + b"".join(b"".join(each) for each in sections)


def understood(data: bytes, asked: Query = ASKED) -> Message:
    found = response_in(data, asked)
    assert found is not None
    return found


def name(*labels: str) -> bytes:
    return b"".join(bytes([len(each)]) + each.encode() for each in labels) + b"\0"


class NameTests(SynchronousTestCase):
    def test_labels_in_lower_case_and_where_the_name_ends(self) -> None:
        data = b"\x04TeSt\0" + b"\x01D\xc0\x00" + b"\0"
        self.assertEqual(name_at(data, 0), ((b"test",), 6))
        self.assertEqual(name_at(data, 6), ((b"d", b"test"), 10))
        self.assertEqual(name_at(data, 10), ((), 11))

    def test_what_is_none(self) -> None:
        table = {
            "a pointer to itself": b"\xc0\x00",
            "a pointer forward": b"\xc0\x02\x01a\0",
            "a kind of label that does not exist": b"\x40a\0",
            "another one": b"\x80a\0",
            "cut off in a label": b"\x05abc",
            "cut off before the root": b"\x03abc",
        }
        for case, data in table.items():
            with self.assertRaises(Malformed, msg=case):
                name_at(data, 0)
        for cut in (b"", b"\xc0"):
            with self.assertRaises(IndexError):
                name_at(cut, 0)

    def test_two_pointers_that_point_at_each_other(self) -> None:
        with self.assertRaises(Malformed):
            name_at(b"\xc0\x02\xc0\x00", 2)

    def test_longest(self) -> None:
        # RFC 1035 2.3.4: 255 octets with all length octets and the root's.
        longest = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"a" * 61 + b"\0"
        self.assertEqual(len(longest), 255)
        self.assertEqual(name_at(longest, 0)[1], 255)
        for longer in (
            (b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\0",
            (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"a" * 61 + b"\x01a\0",
        ):
            with self.assertRaises(Malformed):
                name_at(longer, 0)

    def test_pointers_are_bounded(self) -> None:
        def chain(hops: int) -> bytes:
            return b"\x01a\0" + b"\xc0\x00" + b"".join(struct.pack("!H", 0xC000 | 3 + 2 * n) for n in range(hops - 1))

        longest = chain(MOST_POINTERS)
        self.assertEqual(name_at(longest, len(longest) - 2), ((b"a",), len(longest)))
        longer = chain(MOST_POINTERS + 1)
        with self.assertRaises(BoundExceeded) as raised:
            name_at(longer, len(longer) - 2)
        self.assertIn(f"more than {MOST_POINTERS} compression pointers", str(raised.exception))

    def test_pointer_reaches_all_14_bits(self) -> None:
        for offset in (0x1234, 0x3FFC, 0x2DB7):
            data = b"\0" * offset + b"\x01b\0" + struct.pack("!H", 0xC000 | offset)
            self.assertEqual(name_at(data, len(data) - 2), ((b"b",), len(data)), hex(offset))


class BoundTests(SynchronousTestCase):
    def exchangers(self, count: int) -> list[bytes]:
        return [record(QUESTION, MX, struct.pack("!H", n) + b"\x05%05d" % n + QUESTION) for n in range(count)]

    def test_records_of_all_sections_are_counted_before_any_is_read(self) -> None:
        rows = self.exchangers(300)
        self.assertEqual(understood(wire(rows)).excess, "")
        found = read(understood(wire(rows)), EXCHANGER, "ns")
        assert isinstance(found.answer, Found)
        self.assertEqual(len(found.answer.value), 300)
        odd = record(name("x"), TXT, b"")
        for data in (wire([*rows, b"rubbish"]), wire(rows, [odd]), wire(rows, None, [odd])):
            message = understood(data)
            self.assertEqual(message.excess, "301 records, of which at most 300 are read")
            self.assertEqual((message.answer, message.authority), ((), ()))
            refused: Response[tuple[int, str]] = read(message, EXCHANGER, "ns")
            wanted = Unavailable("the answer from ns has 301 records, of which at most 300 are read")
            self.assertEqual((refused.answer, refused.excess), (wanted, message.excess))

    def test_pointers_in_owners_and_in_data(self) -> None:
        start = 24 + 12
        pointers = b"".join(struct.pack("!H", 0xC000 | (start + 2 * n - 2 if n else 12)) for n in range(100))
        carrier = record(QUESTION, TXT, pointers)
        last = struct.pack("!H", 0xC000 | start + 198)
        in_owner = read(understood(wire([carrier, record(last, MX, b"\0\0\0")])), EXCHANGER, "ns")
        in_data = read(understood(wire([carrier, record(QUESTION, MX, b"\0\0" + last)])), EXCHANGER, "ns")
        for found in (in_owner, in_data):
            self.assertIn("compression pointers", found.excess)
            self.assertIsInstance(found.answer, Unavailable)

    def test_aliases_are_bounded_in_one_answer(self) -> None:
        def chain(length: int) -> list[bytes]:
            names = ["d", *(f"c{n}" for n in range(length))]
            aliases = [record(name(names[n], "test"), CNAME, name(names[n + 1], "test")) for n in range(length)]
            return [*aliases, record(name(names[length], "test"), MX, b"\0\0" + name("mx", "test"))]

        self.assertEqual(read(understood(wire(chain(16))), EXCHANGER, "ns").answer, Found(((0, "mx.test"),)))
        longer = read(understood(wire(chain(17))), EXCHANGER, "ns")
        self.assertEqual(longer.excess, "a chain of more than 16 CNAMEs")

    def test_what_nobody_asked_for_is_not_decoded(self) -> None:
        # dnspython looks a module up for each class and type, and remembers all of them.
        known = len(dns.rdata._rdata_classes)
        odd = [record(QUESTION, 1000 + n, b"", rdclass=2000 + n) for n in range(100)]
        real = record(QUESTION, MX, b"\0\x07" + name("mx", "test"))
        found = read(understood(wire([*odd, real, *odd])), EXCHANGER, "ns")
        self.assertEqual(found.answer, Found(((7, "mx.test"),)))
        self.assertEqual(len(dns.rdata._rdata_classes), known)


class SectionTests(SynchronousTestCase):
    def test_records_of_another_class_or_owner_do_not_count(self) -> None:
        strange = [
            record(QUESTION, MX, b"\0\0" + name("evil", "test"), rdclass=3),
            record(name("other", "test"), MX, b"\0\0" + name("evil", "test")),
        ]
        found = read(understood(wire(strange)), EXCHANGER, "ns")
        self.assertEqual(found.answer, Absent())

    def test_record_in_another_section_is_no_answer(self) -> None:
        row = record(QUESTION, MX, b"\0\0" + name("evil", "test"))
        self.assertEqual(read(understood(wire([], [row], [row])), EXCHANGER, "ns").answer, Absent())

    def test_same_record_twice_counts_once(self) -> None:
        row = record(QUESTION, MX, b"\0\0" + name("mx", "test"))
        self.assertEqual(read(understood(wire([row, row])), EXCHANGER, "ns").answer, Found(((0, "mx.test"),)))

    def test_ttl_is_the_shortest(self) -> None:
        rows = [record(QUESTION, MX, bytes([0, n]) + name("mx", "test"), ttl=ttl) for n, ttl in enumerate((90, 30, 60))]
        self.assertEqual(read(understood(wire(rows)), EXCHANGER, "ns").ttl, 30)

    def test_ttl_with_the_highest_bit_is_zero(self) -> None:
        for ttl, wanted in ((0x80000000, 0), (0x7FFFFFFF, 3600)):
            row = record(QUESTION, MX, b"\0\0" + name("mx", "test"), ttl=ttl)
            self.assertEqual(read(understood(wire([row])), EXCHANGER, "ns").ttl, wanted)

    def test_upper_bits_of_the_code(self) -> None:
        # BADVERS is 16: without the OPT record it would read NOERROR.
        option = record(b"\0", 41, b"", rdclass=1232, ttl=1 << 24)
        found = read(understood(wire([], None, [option])), EXCHANGER, "ns")
        self.assertEqual(found.answer, Unavailable("BADVERS from ns"))

    def test_record_longer_than_the_message(self) -> None:
        whole = wire([record(QUESTION, MX, b"\0\0" + name("mx", "test"))])
        self.assertIsNotNone(response_in(whole, ASKED))
        for end in range(len(whole)):
            self.assertIsNone(response_in(whole[:end], ASKED), end)

    def test_data_that_are_none_of_their_type(self) -> None:
        table = {
            "exchanger longer than its record": (EXCHANGER, b"\0\0" + name("mx", "test")[:-3]),
            "exchanger shorter": (EXCHANGER, b"\0\0" + name("mx") + b"x"),
            "no exchanger": (EXCHANGER, b"\0"),
            "IPv4 of three": (IPV4, b"\1\2\3"),
            "IPv4 of five": (IPV4, b"\1\2\3\4\5"),
            "IPv6 of fifteen": (IPV6, b"\1" * 15),
        }
        for case, (kind, data) in table.items():
            asked = Question.of("d.test", kind).query()
            found = read(understood(wire([record(QUESTION, kind.rdtype, data)], asked=asked), asked), kind, "ns")
            self.assertEqual(found.answer, Unavailable("unusable answer from ns"), case)

    def test_alias_that_does_not_fill_its_record(self) -> None:
        found = read(understood(wire([record(QUESTION, CNAME, name("e", "test") + b"x")])), EXCHANGER, "ns")
        self.assertEqual(found.answer, Unavailable("unusable answer from ns"))

    def test_records_of_a_name_that_does_not_exist(self) -> None:
        row = record(QUESTION, MX, b"\0\0" + name("mx", "test"))
        found = read(understood(wire([row], flags=0x8183)), EXCHANGER, "ns")
        self.assertIsInstance(found.answer, Unavailable)

    def test_denial_too_short_for_a_ttl(self) -> None:
        row = record(name("test"), SOA, b"\0\0\0", ttl=900)
        self.assertEqual(read(understood(wire([], [row])), EXCHANGER, "ns").ttl, 60)

    def test_referral_beneath_an_alias_is_followed(self) -> None:
        rows = [record(QUESTION, CNAME, name("e", "test"))]
        found = read(understood(wire(rows, [record(name("test"), NS, name("ns", "test"))])), EXCHANGER, "ns")
        self.assertEqual(str(found.elsewhere), "e.test.")


class HeaderTests(SynchronousTestCase):
    def test_what_is_no_response_to_the_question(self) -> None:
        good = wire([])
        table = {
            "a query": good[:2] + b"\x01\x80" + good[4:],
            "another operation": good[:2] + b"\xa9\x80" + good[4:],
            "two questions": good[:4] + b"\0\2" + good[6:],
            "no question": good[:4] + b"\0\0" + good[6:12],
            "another class": good[:-1] + b"\3",
            "another type": good[:-3] + b"\x10" + good[-2:],
        }
        self.assertIsNotNone(response_in(good, ASKED))
        self.assertEqual([case for case, data in table.items() if response_in(data, ASKED) is not None], [])

    def test_question_may_be_missing_where_the_server_gives_up(self) -> None:
        for rcode in range(11):
            head = struct.pack("!6H", ASKED.id, 0x8180 | rcode, 0, 0, 0, 0)
            found = response_in(head, ASKED)
            self.assertEqual(found is not None, rcode in (1, 2, 4, 5), rcode)

    def test_question_of_too_many_pointers_is_not_ours(self) -> None:
        head = struct.pack("!6H", ASKED.id, 0x8180, 1, 0, 0, 0)
        self.assertIsNone(response_in(head + b"\xc0\x0c", ASKED))


LABEL = st.sampled_from(["a", "b", "c-d", "x_y", "EXAMPLE", "a" * 40])
NAME = st.lists(LABEL, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "test."]))


class AgainstDnspythonTests(SynchronousTestCase):
    """What an implementation that decodes everything makes of the same sound message."""

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(st.tuples(st.integers(0, 65535), NAME), max_size=6), st.lists(NAME, max_size=3), st.integers(0, 99))
    def test_same_answer(self, rows: list[tuple[int, str]], aliases: list[str], ttl: int) -> None:
        asked = Question.of("d.test", EXCHANGER).query()
        message = dns.message.make_response(dns.message.from_wire(asked.wire))
        at = "d.test."
        for target in dict.fromkeys(each.lower() for each in aliases):
            message.answer.append(dns.rrset.from_text(at, 60, "IN", "CNAME", target))
            at = target
        if rows:
            texts = [f"{preference} {exchange}" for preference, exchange in rows]
            message.answer.append(dns.rrset.from_text(at, ttl, "IN", "MX", *texts))
        again = dns.message.from_wire(message.to_wire())
        assert isinstance(again, dns.message.QueryMessage)
        chain = again.resolve_chaining()
        found = read(understood(message.to_wire(), asked), EXCHANGER, "ns")
        if chain.answer is None:
            self.assertIsInstance(found.answer, Absent)
            self.assertEqual(found.elsewhere, chain.canonical_name if aliases else None)
        else:
            wanted = {(each.preference, str(each.exchange)[:-1].lower()) for each in chain.answer}
            assert isinstance(found.answer, Found)
            self.assertEqual((set(found.answer.value), found.ttl), (wanted, chain.minimum_ttl))
