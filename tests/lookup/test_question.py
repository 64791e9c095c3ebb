"""What a DNS response says."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.answer import Absent, Found, Unavailable
from fopemta.lookup.exchange import _matching
from fopemta.lookup.question import Question, Response, read, truncated

MX = dns.rdatatype.MX


def response(*lines: str, authority: tuple[str, ...] = (), flags: int = 0, rcode: int = dns.rcode.NOERROR) -> Response:
    query = Question.of("d.test", MX).query()
    message = dns.message.make_response(query)
    for section, texts in ((message.answer, lines), (message.authority, authority)):
        for text in texts:
            name, ttl, rdtype, data = text.split(None, 3)
            section.append(dns.rrset.from_text(name + ".", int(ttl), "IN", rdtype, data))
    message.flags |= flags
    message.set_rcode(rcode)
    return read(dns.message.from_wire(message.to_wire()), "192.0.2.53:53")


SOA = "test 900 SOA ns.test. root.test. 1 2 3 4 300"


class ReadTests(SynchronousTestCase):
    def test_found_with_its_ttl(self) -> None:
        found = response("d.test 600 MX 10 a.test.", "d.test 600 MX 20 b.test.")
        assert isinstance(found.answer, Found)
        self.assertEqual(sorted(each.preference for each in found.answer.value), [10, 20])
        self.assertEqual(found.ttl, 600)

    def test_kinds_of_nothing(self) -> None:
        table = {
            "nodata": (response(authority=(SOA,)).answer, Absent()),
            "nxdomain": (response(authority=(SOA,), rcode=dns.rcode.NXDOMAIN).answer, Absent(name_exists=False)),
        }
        for case, (found, wanted) in table.items():
            self.assertEqual(found, wanted, case)

    def test_negative_answer_holds_as_long_as_the_soa_says(self) -> None:
        # RFC 2308 5
        self.assertEqual(response(authority=(SOA,)).ttl, 300)

    def test_C130_failures_are_never_no(self) -> None:
        for rcode in (dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.FORMERR, dns.rcode.NOTIMP):
            found = response(rcode=rcode).answer
            assert isinstance(found, Unavailable)
            self.assertEqual(found.reason, f"{dns.rcode.to_text(rcode)} from 192.0.2.53:53")

    def test_C125_cname_in_any_order_and_case(self) -> None:
        chain = ("d.test 600 CNAME E.test.", "e.TEST 60 MX 10 a.test.")
        for lines in (chain, chain[::-1]):
            found = response(*lines)
            self.assertIsInstance(found.answer, Found)
            self.assertEqual(found.ttl, 60)

    def test_C125_cname_alone_is_to_be_followed(self) -> None:
        found = response("d.test 600 CNAME e.test.")
        self.assertEqual(str(found.elsewhere), "e.test.")
        self.assertIsNone(response("d.test 600 CNAME e.test.", authority=(SOA,)).elsewhere)

    def test_C125_cname_loop_is_no_answer(self) -> None:
        found = response("d.test 600 CNAME e.test.", "e.test 600 CNAME d.test.")
        self.assertIsInstance(found.answer, Unavailable)

    def test_proof_is_kept(self) -> None:
        found = response("d.test 600 MX 10 a.test.", flags=dns.flags.AD).answer
        assert isinstance(found, Found)
        self.assertTrue(found.authenticated)

    def test_truncation_is_seen(self) -> None:
        message = dns.message.make_response(Question.of("d.test", MX).query())
        self.assertFalse(truncated(message))
        message.flags |= dns.flags.TC
        self.assertTrue(truncated(message))


class ForeignBytesTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.binary(max_size=200))
    def test_rubbish_is_no_response(self, data: bytes) -> None:
        self.assertIsNone(_matching(data, Question.of("d.test", MX).query()))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.integers(0, 60), st.binary(min_size=1, max_size=8))
    def test_damaged_response_never_raises(self, at: int, damage: bytes) -> None:
        query = Question.of("d.test", MX).query()
        wire = bytearray(dns.message.make_response(query).to_wire())
        wire[at : at + len(damage)] = damage
        message = _matching(bytes(wire), query)
        if message is not None:
            self.assertIsInstance(read(message, "s"), Response)

    def test_response_to_another_question_is_not_taken(self) -> None:
        query = Question.of("d.test", MX).query()
        other = Question.of("e.test", MX).query()
        other.id = query.id
        self.assertIsNone(_matching(dns.message.make_response(other).to_wire(), query))
        stranger = Question.of("d.test", MX).query()
        stranger.id = (query.id + 1) % 65536
        self.assertIsNone(_matching(dns.message.make_response(stranger).to_wire(), query))
        self.assertIsNotNone(_matching(dns.message.make_response(query).to_wire(), query))
