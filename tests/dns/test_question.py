"""What a DNS response says."""

from __future__ import annotations

from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.answer import Absent, Found, Unavailable
from fopemta.dns.question import (
    EXCHANGER,
    IPV4,
    IPV6,
    LONGEST_TTL,
    UDP_PAYLOAD,
    Question,
    Response,
    read,
)
from fopemta.dns.response import Message, Query, response_in

SERVER = "192.0.2.53:53"
SOA = "test 900 SOA ns.test. root.test. 1 2 3 4 300"


def query(name: str = "d.test") -> Query:
    return Question.of(name, EXCHANGER).query()


def sent(asked: Query) -> dns.message.Message:
    """What a name server reads."""
    return dns.message.from_wire(asked.wire)


def understood(message: dns.message.Message, asked: Query) -> Message:
    found = response_in(message.to_wire(), asked)
    assert found is not None
    return found


def response(
    *lines: str,
    authority: tuple[str, ...] = (),
    flags: int = 0,
    rcode: int = dns.rcode.NOERROR,
    validated: bool = False,
) -> Response[Any]:
    asked = query()
    message = dns.message.make_response(sent(asked))
    for section, texts in ((message.answer, lines), (message.authority, authority)):
        for text in texts:
            name, ttl, rdtype, data = text.split(None, 3)
            section.append(dns.rrset.from_text(name + ".", int(ttl), "IN", rdtype, data))
    message.flags |= flags
    message.set_rcode(rcode)
    return read(understood(message, asked), EXCHANGER, SERVER, validated)


class QueryTests(SynchronousTestCase):
    def test_form(self) -> None:
        message = sent(query("A_b.Test"))
        self.assertEqual(message.question[0].to_text(), "A_b.Test. IN MX")
        self.assertEqual((message.edns, message.payload), (0, UDP_PAYLOAD))
        self.assertEqual(message.flags, dns.flags.RD)

    def test_proof_is_asked_for_only_where_it_may_be_believed(self) -> None:
        message = sent(Question.of("d.test", EXCHANGER).query(validated=True))
        self.assertEqual(message.flags, dns.flags.RD | dns.flags.AD)

    def test_id_differs_from_query_to_query(self) -> None:
        self.assertGreater(len({query().id for _ in range(20)}), 15)


class ReadTests(SynchronousTestCase):
    def test_found_with_its_ttl(self) -> None:
        found = response("d.test 600 MX 20 B.test.", "d.test 600 MX 10 a.test.", "d.test 600 MX 0 .")
        assert isinstance(found.answer, Found)
        self.assertEqual(sorted(found.answer.value), [(0, ""), (10, "a.test"), (20, "b.test")])
        self.assertEqual(found.ttl, 600)

    def test_addresses(self) -> None:
        for kind, address in ((IPV4, "192.0.2.1"), (IPV6, "2001:db8::1")):
            asked = Question.of("a.test", kind).query()
            message = dns.message.make_response(sent(asked))
            message.answer.append(dns.rrset.from_text("a.test.", 60, "IN", kind.rdtype, address))
            self.assertEqual(read(understood(message, asked), kind, SERVER).answer, Found((address,)))

    def test_kinds_of_nothing(self) -> None:
        ns = "test 900 NS ns.test."
        table = {
            "nodata with SOA": (response(authority=(SOA,)), Absent()),
            "nodata with SOA and NS": (response(authority=(SOA, ns)), Absent()),
            "nodata, bare": (response(), Absent()),
            "nxdomain": (response(authority=(SOA,), rcode=dns.rcode.NXDOMAIN), Absent(name_exists=False)),
            "nxdomain, bare": (response(rcode=dns.rcode.NXDOMAIN), Absent(name_exists=False)),
            "end of a chain is missing": (
                response("d.test 60 CNAME e.test.", authority=(SOA,), rcode=dns.rcode.NXDOMAIN),
                Absent(name_exists=False),
            ),
        }
        for case, (found, wanted) in table.items():
            self.assertEqual(found.answer, wanted, case)
            self.assertIsNone(found.elsewhere, case)

    def test_C130_referral_is_no_denial(self) -> None:
        # A server that does not recurse: read as "no MX, no address" it would return good mail.
        found = response(authority=("test 900 NS ns.test.",)).answer
        assert isinstance(found, Unavailable)
        self.assertIn("referral", found.reason)

    def test_how_long_an_answer_holds(self) -> None:
        table = {
            "negative: the SOA says (RFC 2308 5)": (response(authority=(SOA,)), 300),
            "negative: the SOA's own TTL is shorter": (response(authority=(SOA.replace("900", "9"),)), 9),
            "negative without SOA": (response(), 60),
            "very long": (response("d.test 2000000 MX 10 a.test."), LONGEST_TTL),
            "negative, very long": (
                response(authority=("test 999999 SOA ns.test. root.test. 1 2 3 4 999999",)),
                LONGEST_TTL,
            ),
            "zero": (response("d.test 0 MX 10 a.test."), 0),
        }
        self.assertEqual({case: found.ttl for case, (found, _) in table.items()}, {k: v for k, (_, v) in table.items()})

    def test_C130_failures_are_never_no(self) -> None:
        for rcode in (dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.FORMERR, dns.rcode.NOTIMP, 11):
            found = response(rcode=rcode).answer
            assert isinstance(found, Unavailable)
            self.assertEqual(found.reason, f"{dns.rcode.to_text(dns.rcode.Rcode(rcode))} from {SERVER}")

    def test_C125_cname_in_any_order_and_case(self) -> None:
        chain = ("d.test 600 CNAME E.test.", "e.TEST 60 MX 10 a.test.")
        for lines in (chain, chain[::-1]):
            found = response(*lines)
            self.assertEqual(found.answer, Found(((10, "a.test"),)))
            self.assertEqual(found.ttl, 60)

    def test_C125_cname_alone_is_to_be_followed(self) -> None:
        found = response("d.test 600 CNAME e.test.")
        self.assertEqual(str(found.elsewhere), "e.test.")
        self.assertIsNone(response("d.test 600 CNAME e.test.", authority=(SOA,)).elsewhere)

    def test_C125_cname_loop_is_no_answer(self) -> None:
        found = response("d.test 600 CNAME e.test.", "e.test 600 CNAME d.test.")
        self.assertIsInstance(found.answer, Unavailable)

    def test_proof_counts_only_where_it_may_be_believed(self) -> None:
        found = {
            (flags, validated): response("d.test 600 MX 10 a.test.", flags=flags, validated=validated).answer
            for flags in (0, dns.flags.AD)
            for validated in (False, True)
        }
        proven = [key for key, answer in found.items() if isinstance(answer, Found) and answer.authenticated]
        self.assertEqual(proven, [(dns.flags.AD, True)])
        denial = response(authority=(SOA,), flags=dns.flags.AD, validated=True).answer
        self.assertEqual(denial, Absent(authenticated=True))


class TruncationTests(SynchronousTestCase):
    def test_flag(self) -> None:
        asked = query()
        message = dns.message.make_response(sent(asked))
        self.assertFalse(understood(message, asked).truncated)
        message.flags |= dns.flags.TC
        self.assertTrue(understood(message, asked).truncated)

    def test_C128_response_cut_in_the_midst_of_a_record_counts(self) -> None:
        asked = query()
        message = dns.message.make_response(sent(asked))
        message.answer.append(dns.rrset.from_text("d.test.", 60, "IN", "MX", "10 a.test.", "20 b.test."))
        message.flags |= dns.flags.TC
        wire = message.to_wire()
        question_end = 12 + len(b"\x01d\x04test\x00") + 4
        for length in range(question_end, len(wire)):
            found = response_in(wire[:length], asked)
            assert found is not None, length
            self.assertTrue(found.truncated, length)
        self.assertIsNone(response_in(wire[: question_end - 1], asked))
        self.assertIsNone(response_in(wire[: len(wire) - 1], query("other.test")))


class ForeignBytesTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.binary(max_size=200))
    def test_rubbish_is_no_response(self, data: bytes) -> None:
        asked = query()
        self.assertIsNone(response_in(data, asked))
        self.assertIsNone(response_in(asked.id.to_bytes(2, "big") + b"\x81\x80" + data, asked))

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(st.integers(0, 120), st.binary(min_size=1, max_size=8), st.integers(0, 40))
    def test_damaged_response_never_raises(self, at: int, damage: bytes, cut: int) -> None:
        asked = query()
        message = dns.message.make_response(sent(asked))
        message.answer.append(dns.rrset.from_text("d.test.", 60, "IN", "CNAME", "e.test."))
        message.answer.append(dns.rrset.from_text("e.test.", 60, "IN", "MX", "10 a.test."))
        message.authority.append(dns.rrset.from_text("test.", 60, "IN", "SOA", "ns.test. root.test. 1 2 3 4 5"))
        wire = bytearray(message.to_wire())
        wire[at : at + len(damage)] = damage
        found = response_in(bytes(wire[: len(wire) - cut]), asked)
        if found is not None:
            self.assertIsInstance(read(found, EXCHANGER, SERVER), Response)

    def test_response_to_another_question_is_not_taken(self) -> None:
        asked, other, stranger = query(), query("e.test"), query()
        for each, ident in ((other, asked.id), (stranger, (asked.id + 1) % 65536)):
            message = dns.message.make_response(sent(each))
            message.id = ident
            self.assertIsNone(response_in(message.to_wire(), asked))
        self.assertIsNone(response_in(asked.wire, asked))  # an echo is no response
        self.assertIsNotNone(response_in(dns.message.make_response(sent(asked)).to_wire(), asked))
