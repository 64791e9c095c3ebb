"""Messages that rules look into while they come in: in another thread, and only as far as somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.rules import load_rules
from fopemta.mime.flaws import ContentBounds
from tests.inbound.inbound import ENVELOPE, Inbound, Talk
from tests.inbound.test_rules import CONTENT, rule

ADD = rule('action = "add_header", name = "X-Seen", value = "yes"', 'subject = ["secret"]')
REJECT = rule('action = "reject"', 'subject = ["secret"]')
BOUNDS = ContentBounds(looked_at=20_000, header=20_000, field=20_000, parts=10)
LINE = b"y" * 998 + b"\r\n"


class Threads:
    """Calls that a thread would run; each runs when the test says so."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def __call__(self, call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()

        def run() -> None:
            try:
                result = call(*arguments)
            except Exception:  # noqa: BLE001  as a thread hands it over
                answer.errback()
            else:
                answer.callback(result)

        self.calls.append(run)
        return answer

    def run(self) -> None:
        """The oldest of them."""
        self.calls.pop(0)()


class ReadingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.threads = Threads()

    def _inbound(self, rules: str, **limits: Any) -> Inbound:
        inbound = Inbound(content=BOUNDS, parts={"reading": self.threads}, **limits)
        inbound.factory.reconfigure(attrs.evolve(inbound.config, rulebook=load_rules(rules, "/etc")))
        return inbound

    def _begun(self, rules: str) -> tuple[Inbound, Talk]:
        inbound = self._inbound(rules)
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        return inbound, talk

    def test_a_client_waits_while_its_message_is_read(self) -> None:
        inbound, talk = self._begun(REJECT)
        self.assertEqual(talk.say(CONTENT), b"")
        self.assertEqual((len(self.threads.calls), inbound.kept()), (1, []))
        self.threads.run()
        talk.flush()
        self.assertEqual((talk.codes()[-1], inbound.kept()), (550, []))
        self.assertEqual(inbound.queue.messages, [])
        # The session goes on.
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say(b"Subject: weather\r\n\r\n.\r\n")
        self.threads.run()
        talk.flush()
        self.assertEqual((talk.codes()[-1], len(inbound.kept()), len(inbound.queue.messages)), (250, 1, 1))

    def test_where_no_rule_looks_into_it_nothing_is_read(self) -> None:
        inbound, talk = self._begun(rule('action = "add_header", name = "X-Seen", value = "yes"', "size_over = 10"))
        talk.say(CONTENT)
        self.assertEqual((self.threads.calls, talk.codes()[-1]), ([], 250))
        self.assertIn(b"X-Seen: yes\r\nSubject:", inbound.kept()[0])

    def _long(self, talk: Talk, subject: bytes = b"secret") -> None:
        talk.say(b"Subject: " + subject + b"\r\n\r\n")
        for _ in range(21):
            talk.say(LINE)

    def test_what_comes_while_a_long_message_is_looked_at_is_kept(self) -> None:
        inbound, talk = self._begun(ADD)
        self._long(talk)
        self.assertEqual(len(self.threads.calls), 1)
        session: Any = next(iter(inbound.factory.sessions.present))
        inspection = session._reception._inspection
        # As under TLS, where something may come after reading was stopped.
        session._reception.write(LINE)
        self.assertFalse(inspection.begun)
        self.threads.run()
        self.assertTrue(inspection.begun)
        self.assertEqual(inspection.beginning, b"")
        talk.say(LINE + b".\r\n")
        self.threads.run()
        talk.flush()
        self.assertEqual(talk.codes()[-1], 250)
        (kept,) = inbound.kept()
        self.assertIn(b"X-Seen: yes\r\nSubject: secret\r\n\r\n" + LINE * 23, kept)

    def test_the_end_of_a_message_waits_for_the_look_at_its_beginning(self) -> None:
        inbound, talk = self._begun(ADD)
        self._long(talk)
        talk.say(b".\r\n")
        session: Any = next(iter(inbound.factory.sessions.present))
        session._write_content(_Effect(b"more"))
        session._reception, reception = None, session._reception
        done = reception.commit(reception._envelope.body_type)
        self.assertEqual(len(self.threads.calls), 1)
        self.threads.run()
        self.threads.run()
        self.successResultOf(done)
        (kept,) = inbound.kept()
        self.assertIn(b"X-Seen: yes\r\nSubject: secret\r\n\r\n" + LINE * 21 + b"more", kept)

    def test_a_client_that_goes_meanwhile_leaves_nothing(self) -> None:
        inbound, talk = self._begun(ADD)
        self._long(talk)
        talk.go()
        self.threads.run()
        self.assertEqual((inbound.kept(), inbound.queue.messages, self.threads.calls), ([], [], []))

    def test_a_long_message_that_is_refused_is_not_held_in_memory(self) -> None:
        inbound, talk = self._begun(REJECT)
        self._long(talk)
        session: Any = next(iter(inbound.factory.sessions.present))
        self.threads.run()
        inspection = session._reception._inspection
        talk.say(LINE)
        self.assertEqual((inspection._held, inspection.size), ([], len(b"Subject: secret\r\n\r\n") + 22 * len(LINE)))
        talk.say(b".\r\n")
        self.threads.run()
        talk.flush()
        self.assertEqual((talk.codes()[-1], inbound.kept()), (550, []))

    def test_the_size_that_counts_is_that_of_all(self) -> None:
        big = rule('action = "reject"', 'subject = ["secret"], size_over = "22kB"')
        for lines, code in ((0, 250), (5, 550)):
            _, talk = self._begun(big)
            self._long(talk)
            self.threads.run()
            talk.say(LINE * lines + b".\r\n")
            self.threads.run()
            talk.flush()
            self.assertEqual(talk.codes()[-1], code, lines)

    def test_where_reading_fails_nothing_is_accepted(self) -> None:
        inbound, talk = self._begun(REJECT)
        session: Any = next(iter(inbound.factory.sessions.present))
        talk.say(b"Subject: weather\r\n\r\n")
        session._reception._inspection.read = None
        receptions = [session._reception]
        talk.say(b".\r\n")
        self.threads.run()
        talk.flush()
        self.assertEqual((talk.codes()[-1], inbound.kept(), inbound.queue.messages), (451, [], []))
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.assertEqual([each._aborted for each in receptions], [True])

    def test_what_is_not_accepted_leaves_the_spool(self) -> None:
        size = rule('action = "reject"', "size_over = 10")
        for rules, content, code in (
            (REJECT, CONTENT, 550),
            (size, CONTENT, 550),
            (REJECT, b"Subject: x\r\n\r\n.\r\n", 250),
        ):
            inbound, talk = self._begun(rules)
            session: Any = next(iter(inbound.factory.sessions.present))
            incoming, aborted = session._reception._incoming, []
            abort = incoming.abort
            session._reception._incoming.abort = lambda aborted=aborted, abort=abort: aborted.append(1) or abort()
            talk.say(content)
            if self.threads.calls:
                self.threads.run()
            talk.flush()
            self.assertEqual((talk.codes()[-1], len(aborted)), (code, int(code == 550)), rules)

    def test_what_is_beyond_a_bound_is_logged(self) -> None:
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        _, talk = self._begun(rule('action = "hold"', 'body = ["secret"]'))
        talk.say(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 11 + b"--b--\r\n.\r\n")
        self.threads.run()
        talk.flush()
        found = [each["bound"] for each in events if each.get("event") == "content_bound_exceeded"]
        self.assertEqual((found, talk.codes()[-1]), (["parts"], 250))


@attrs.frozen
class _Effect:
    data: bytes
