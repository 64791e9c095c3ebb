"""Whose words a verdict holds, and which codes belong to them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.report.quotation import quoted_codes, refusal_in, said_by_server
from tests.report.samples import deferred, verdict


class RefusalTests(SynchronousTestCase):
    def test_a_permanent_reply_that_was_put_off(self) -> None:
        """Its codes begin the text; in older records they are the record's own."""
        for code, enhanced, text, wanted in (
            (451, "4.5.1", "500 5.5.1 What?", (500, "5.5.1", "What?")),
            (451, "4.5.1", "554 No", (554, "5.5.1", "No")),
            (451, "4.5.1", "554", (554, "5.5.1", "")),
            (451, "4.5.1", "Come later", None),
            (500, "4.5.1", "What?", (500, "5.5.1", "What?")),
            (554, "5.5.1", "No", (554, "5.5.1", "No")),
        ):
            example = deferred(code=code, enhanced=enhanced, diagnosis="refused_by_peer", text=text)
            self.assertEqual(refusal_in(example), wanted, (code, text))

    def test_none_where_it_was_final_or_another_reason_decided(self) -> None:
        self.assertIsNone(refusal_in(verdict(code=554, diagnosis="refused_by_peer", text="554 No")))
        self.assertIsNone(refusal_in(deferred(code=451, diagnosis="deferred_by_peer", text="554 No")))


class QuotedTests(SynchronousTestCase):
    def test_which_codes_are_the_server_s(self) -> None:
        for example, wanted in (
            (verdict(), ("550", "5.1.1")),
            (verdict(enhanced="5.0.0"), ("550",)),
            (verdict(enhanced="4.1.1"), ("550",)),
            (deferred(code=451, enhanced="4.5.1", diagnosis="refused_by_peer", text="554 No"), ()),
            (verdict(code=554, enhanced="5.4.7", diagnosis="deferred_by_peer", text="451 4.7.1 Later"), ()),
            (deferred(code=451, enhanced="4.7.1", diagnosis="deferred_by_peer", text="Later"), ("451", "4.7.1")),
        ):
            self.assertEqual(quoted_codes(example), wanted, example)

    def test_whether_a_server_spoke(self) -> None:
        for example, wanted in (
            (verdict(), True),
            (verdict(host=None), True),
            (verdict(host=None, address=None), False),
            (verdict(level=None), False),
            (verdict(diagnosis="cert_expired"), False),
            (verdict(diagnosis=None), True),
        ):
            self.assertIs(said_by_server(example), wanted, example)
