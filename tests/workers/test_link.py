"""One end of a pair: what is asked and told while it stands, and when it is lost."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.protocols.amp import UnhandledCommand, UnknownRemoteError
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.transport import connect
from fopemta.workers import commands
from fopemta.workers.link import GivenProtocol, Link


class Answering(Link):
    """Answers a flush with what it is told to, now or later."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.answers: dict[str, Any] = {}

    @commands.FlushAll.responder
    def _flush(self, domain: str) -> Any:
        self.heard.append(domain)
        answer = self.answers[domain]
        return answer if isinstance(answer, Deferred) else {"messages": answer}

    @commands.Tell.responder
    def _tell(self, news: Any) -> dict[str, Any]:
        self.heard.append(news)
        return {}


def told(asked: Deferred[Any]) -> Deferred[Any]:
    """Why it has failed: known before it does, or AMP takes it for a failure that nobody cares for."""
    found: Deferred[Any] = asked.addErrback(lambda failure: (failure.type, str(failure.value)))
    return found


class LinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.here, self.there = Link(), Answering()
        self.pump = connect(self.there, self.here, Clock())

    def ask(self, domain: str) -> Deferred[dict[str, Any]]:
        asked = self.here.ask(commands.FlushAll, domain=domain)
        self.pump.flush()
        return asked

    def test_a_question_is_answered_and_what_is_told_is_heard(self) -> None:
        self.there.answers["a.test"] = 3
        self.here.tell(commands.Tell, news=[1, 2])
        self.assertEqual(self.successResultOf(self.ask("a.test")), {"messages": 3})
        self.assertEqual(self.there.heard, [[1, 2], "a.test"])

    def test_answers_find_their_questions_in_any_order(self) -> None:
        first: Deferred[Any] = Deferred()
        self.there.answers |= {"slow.test": first, "fast.test": 2}
        slow, fast = self.ask("slow.test"), self.ask("fast.test")
        self.assertEqual(self.successResultOf(fast), {"messages": 2})
        self.assertNoResult(slow)
        first.callback({"messages": 1})
        self.pump.flush()
        self.assertEqual(self.successResultOf(slow), {"messages": 1})

    def test_its_coming_and_going_is_not_logged(self) -> None:
        self.assertEqual((self.here.standing, self.there.standing), (True, True))
        self.here.close()
        self.pump.flush()
        self.assertEqual((self.here.standing, self.there.standing), (False, False))
        self.assertEqual(self.events, [])

    def test_open_questions_fail_when_it_is_lost(self) -> None:
        self.there.answers |= {"a.test": Deferred(), "b.test": Deferred()}
        asked = [self.ask("a.test"), self.ask("b.test")]
        self.there.close()
        self.pump.flush()
        for each in asked:
            self.failureResultOf(each, ConnectionDone)
        self.assertEqual(self.events, [])

    def test_who_asks_anew_because_a_question_has_failed_is_refused(self) -> None:
        self.there.answers["a.test"] = Deferred()
        again = self.ask("a.test").addErrback(lambda _: self.here.ask(commands.FlushAll, domain="a.test"))
        self.there.close()
        self.pump.flush()
        self.failureResultOf(again, ConnectionLost)
        self.assertEqual(self.there.heard, ["a.test"])

    def test_an_answer_that_comes_after_the_end_is_dropped(self) -> None:
        late: Deferred[Any] = Deferred()
        self.there.answers["a.test"] = late
        asked = self.ask("a.test")
        self.here.close()
        self.pump.flush()
        self.failureResultOf(asked, ConnectionDone)
        late.callback({"messages": 1})
        self.pump.flush()
        self.assertEqual(self.events, [])

    def test_nobody_hears_what_is_said_before_it_stands_and_after_it_is_lost(self) -> None:
        never = Link()
        never.tell(commands.Tell, news=[])
        never.close()
        self.failureResultOf(never.ask(commands.FlushAll, domain="a.test"), ConnectionLost)
        self.here.close()
        self.pump.flush()
        self.here.tell(commands.Tell, news=[])
        self.here.close()
        self.failureResultOf(self.here.ask(commands.FlushAll, domain="a.test"), ConnectionLost)
        self.pump.flush()
        self.assertEqual((self.there.heard, self.events), ([], []))

    def test_a_bug_at_the_other_end_closes_it(self) -> None:
        """Who asks learns that there was one, and nothing else."""
        failed = told(self.here.ask(commands.FlushAll, domain="unknown.test"))
        self.pump.flush()
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(self.successResultOf(failed), (UnknownRemoteError, "Code<UNKNOWN>: Unknown Error"))
        self.assertEqual((self.here.standing, self.there.standing), (False, False))

    def test_a_bug_in_what_was_told_closes_it_too(self) -> None:
        self.there.heard = None  # type: ignore[assignment]
        self.here.tell(commands.Tell, news=[])
        self.pump.flush()
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertEqual((self.here.standing, self.there.standing), (False, False))

    def test_what_the_other_end_does_not_know_is_a_failure_of_the_question_alone(self) -> None:
        failed = told(self.here.ask(commands.FreedBy, config=None))
        self.pump.flush()
        self.assertIs(self.successResultOf(failed)[0], UnhandledCommand)
        self.assertEqual((self.here.standing, self.there.standing), (True, True))


class OnceTests(SynchronousTestCase):
    def test_gives_the_protocol_that_it_was_given(self) -> None:
        link = Link()
        self.assertIs(GivenProtocol(link).buildProtocol(None), link)
