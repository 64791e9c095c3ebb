"""Work whose result several wait for."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.lookup.dns.inquiry import Inquiry


class InquiryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.work: Deferred[str] = Deferred()
        self.ended: list[str] = []
        self.inquiry: Inquiry[str] = Inquiry("testing", "otherwise", lambda: self.ended.append("over"))

    def test_all_get_the_result(self) -> None:
        one = self.inquiry.join()
        self.inquiry.begin(self.work)
        other = self.inquiry.join()
        self.work.callback("result")
        self.assertEqual([self.successResultOf(each) for each in (one, other)], ["result"] * 2)
        self.assertEqual(self.ended, ["over"])

    def test_result_that_is_there_at_once(self) -> None:
        one = self.inquiry.join()
        self.work.callback("result")
        self.inquiry.begin(self.work)
        self.assertEqual(self.successResultOf(one), "result")

    def test_bug_in_the_work_is_logged_and_nobody_waits_for_ever(self) -> None:
        one = self.inquiry.join()
        self.inquiry.begin(self.work)
        self.work.errback(ZeroDivisionError())
        self.assertEqual(self.successResultOf(one), "otherwise")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_last_to_leave_cancels_the_work(self) -> None:
        cancelled: list[object] = []
        self.work = Deferred(cancelled.append)
        one = self.inquiry.join()
        self.inquiry.begin(self.work)
        other = self.inquiry.join()
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.assertEqual(cancelled, [])
        other.cancel()
        self.failureResultOf(other, CancelledError)
        self.assertEqual((len(cancelled), self.ended), (1, ["over"]))

    def test_one_who_cancels_another_while_the_result_is_handed_out(self) -> None:
        one = self.inquiry.join()
        self.inquiry.begin(self.work)
        other = self.inquiry.join()
        one.addCallback(lambda _: other.cancel())
        self.work.callback("result")
        self.failureResultOf(other, CancelledError)
