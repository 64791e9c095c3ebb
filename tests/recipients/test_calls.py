"""Callouts: one for an address at a time, not too many at once, remembered."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from fopemta.address.mailbox import Mailbox
from fopemta.interfaces import ICallout
from fopemta.policy.recipients import Remembered, Said
from fopemta.recipients.calls import MOST_AT_ONCE, MOST_WAITING, Calls
from fopemta.recipients.memory import CalloutMemory

NOW = 1_000_000_000.0
DAY = 86400.0
BOB = Mailbox("bob", "d.test")


@implementer(ICallout)
class ScriptedCallout:
    """Answers when the test says so, or at once with `says`."""

    def __init__(self, says: Said | Exception | None = None) -> None:
        self.says = says
        self.asked: list[Mailbox] = []
        self.pending: list[Deferred[Said]] = []

    def ask(self, recipient: Mailbox) -> Deferred[Said]:
        self.asked.append(recipient)
        answer: Deferred[Said] = Deferred()
        if self.says is None:
            self.pending.append(answer)
        elif isinstance(self.says, Exception):
            answer.errback(self.says)
        else:
            answer.callback(self.says)
        return answer


class CallsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "recipients.sqlite"
        self.callout = ScriptedCallout()
        self.now = NOW
        self.clock = Clock()
        self.calls = self.made()

    def made(self) -> Calls:
        return Calls(self.callout, CalloutMemory(str(self.path)), self.clock, execute, lambda: self.now)

    def known(self, recipient: Mailbox, calls: Calls | None = None) -> Deferred[Remembered]:
        found = (calls or self.calls).known(recipient)
        self.clock.advance(0)
        return found

    def test_double_is_one(self) -> None:
        verifyObject(ICallout, self.callout)

    def test_all_wait_for_one_answer(self) -> None:
        waiting = [self.known(BOB) for _ in range(3)]
        waiting[1].addErrback(lambda _: None)
        waiting[1].cancel()
        self.assertEqual(self.callout.asked, [BOB])
        self.callout.pending[0].callback(Said.GOOD)
        for each in (waiting[0], waiting[2]):
            self.assertEqual(self.successResultOf(each), Remembered(Said.GOOD, NOW, NOW))

    def test_is_asked_again_when_the_answer_is_too_old(self) -> None:
        """Whether or not there was a restart meanwhile."""
        story: list[tuple[float, Said, bool]] = [
            (0, Said.GOOD, True),
            (6 * DAY, Said.BAD, False),
            (7 * DAY, Said.UNKNOWN, True),
            (7 * DAY + 59, Said.BAD, False),
            (7 * DAY + 60, Said.BAD, True),
            (7 * DAY + 3600, Said.GOOD, False),
            (7 * DAY + 7260, Said.GOOD, True),
        ]
        for seconds, says, asked in story:
            self.now, self.callout.says = NOW + seconds, says
            self.callout.asked.clear()
            self.successResultOf(self.known(BOB, self.made()))
            self.assertEqual(bool(self.callout.asked), asked, seconds)

    def test_no_answer_does_not_wipe_out_a_good_one(self) -> None:
        self.callout.says = Said.GOOD
        self.successResultOf(self.known(BOB))
        self.now, self.callout.says = NOW + 30 * DAY, Said.UNKNOWN
        known = self.successResultOf(self.known(BOB))
        self.assertEqual(known, Remembered(Said.UNKNOWN, self.now, NOW))

    def test_not_too_many_at_once(self) -> None:
        total = MOST_AT_ONCE + MOST_WAITING
        waiting = [self.known(Mailbox(f"u{number}", "d.test")) for number in range(total)]
        self.assertEqual(len(self.callout.asked), MOST_AT_ONCE)
        refused = self.successResultOf(self.known(BOB))
        self.assertEqual(refused, Remembered(Said.UNKNOWN, NOW))
        self.callout.says = Said.GOOD
        self.callout.pending[0].callback(Said.GOOD)
        self.clock.advance(0)
        # The place of the first goes from one to the next of those that waited.
        self.assertEqual(sum(each.called for each in waiting), 1 + MOST_WAITING)
        self.assertNotIn(BOB, self.callout.asked)
        self.successResultOf(self.known(BOB))
        self.assertIn(BOB, self.callout.asked, "that it was put off was not written down")

    def test_a_bug_is_no_answer(self) -> None:
        self.callout.says = ValueError("bug")
        self.assertEqual(self.successResultOf(self.known(BOB)), Remembered(Said.UNKNOWN, NOW))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.callout.says = Said.GOOD
        self.assertEqual(self.successResultOf(self.known(BOB)).said, Said.GOOD)
