"""Files of recipients: read when they have changed, and never half."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.policy.recipient_list import RecipientList, parse
from fopemta.recipients.files import PATIENCE, FileUnsound, WatchedFile, read
from tests.users.accounts import caught


class WatchedFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.reads = 0

    def in_thread(self, call: Any, *arguments: Any) -> Deferred[Any]:
        self.reads += 1
        return execute(call, *arguments)

    def write(self, text: str) -> None:
        # By a rename, so that it is another file whatever the clock says.
        beside = Path(f"{self.path}.new")
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, self.path)

    def test_is_read_when_it_has_changed_and_not_otherwise(self) -> None:
        file = WatchedFile(str(self.path), parse, self.in_thread)
        found = []
        for text in ("anna\n", None, "bob\n", "no such thing\n", None, "carol\n"):
            if text is not None:
                self.write(text)
            content = self.successResultOf(Deferred.fromCoroutine(file.current()))
            assert content is not None
            found.append(sorted(content.everywhere))
        self.assertEqual(found, [["anna"], ["anna"], ["bob"], ["bob"], ["bob"], ["carol"]])
        self.assertEqual(self.reads, 4)

    def test_a_file_that_is_missing_says_nothing(self) -> None:
        file = WatchedFile(str(self.path), parse, self.in_thread)
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(file.current())))
        self.write("anna\n")
        self.assertEqual(len(self.successResultOf(Deferred.fromCoroutine(file.current())) or ()), 1)

    def test_what_it_said_before_serves_while_it_is_read_anew(self) -> None:
        reading: list[Deferred[Any]] = []

        def in_thread(call: Any, *arguments: Any) -> Deferred[Any]:
            reading.append(Deferred())
            return reading[-1]

        def now() -> list[str] | None:
            content = self.successResultOf(Deferred.fromCoroutine(file.current()))
            return None if content is None else sorted(content.everywhere)

        self.write("anna\n")
        file = WatchedFile(str(self.path), parse, in_thread)
        first = Deferred.fromCoroutine(file.current())
        self.assertNoResult(first)
        reading[0].callback(RecipientList(frozenset({"anna"})))
        self.successResultOf(first)
        self.write("bob\n")
        self.assertEqual([now(), now()], [["anna"], ["anna"]])
        self.assertEqual(len(reading), 2, "once, however many ask")
        # It changes once more while it is read: that is seen afterwards.
        self.write("carol\n")
        self.assertEqual((now(), len(reading)), (["anna"], 2))
        reading[1].callback(RecipientList(frozenset({"bob"})))
        self.assertEqual((now(), len(reading)), (["bob"], 3))
        events = caught(lambda: reading[2].errback(FileUnsound("no")))
        self.assertEqual([(each["event"], each["errors"]) for each in events], [("recipients_refused", ("no",))])
        self.assertEqual((now(), len(reading)), (["bob"], 3))

    def test_those_who_ask_at_once_wait_for_one_reading(self) -> None:
        self.write("anna\n")
        reading: Deferred[Any] = Deferred()
        calls = []

        def in_thread(call: Any, *arguments: Any) -> Deferred[Any]:
            calls.append(call)
            return reading

        file = WatchedFile(str(self.path), parse, in_thread)
        waiting = [Deferred.fromCoroutine(file.current()) for _ in range(3)]
        for each in waiting:
            self.assertNoResult(each)
        reading.callback(RecipientList(frozenset({"anna"})))
        self.assertEqual([len(self.successResultOf(each) or ()) for each in waiting], [1, 1, 1])
        self.assertEqual(len(calls), 1)

    def test_nobody_waits_for_long_for_a_file_that_was_never_read(self) -> None:
        self.write("anna\n")
        clock, reading = Clock(), Deferred[Any]()
        file = WatchedFile(str(self.path), parse, lambda *_: reading, clock)
        early = Deferred.fromCoroutine(file.current())
        clock.advance(PATIENCE - 1)
        late = Deferred.fromCoroutine(file.current())
        self.assertNoResult(early)
        clock.advance(1)
        self.assertIsNone(self.successResultOf(early))
        self.assertNoResult(late)
        reading.callback(RecipientList(frozenset({"anna"})))
        self.assertEqual(len(self.successResultOf(late) or ()), 1)
        self.assertEqual(clock.getDelayedCalls(), [])
        self.assertEqual(len(self.successResultOf(Deferred.fromCoroutine(file.current())) or ()), 1)


class ReadTests(SynchronousTestCase):
    def test_says_what_is_wrong(self) -> None:
        path = Path(self.mktemp())
        error = self.assertRaises(FileUnsound, read, str(path), parse)
        self.assertEqual(error.reasons, (f"{path}: No such file or directory",))
        path.write_bytes(b"anna\n\xff\n")
        self.assertIn("not UTF-8", str(self.assertRaises(FileUnsound, read, str(path), parse)))
        path.write_text("x y\n@\n", encoding="utf-8")
        self.assertEqual(len(self.assertRaises(FileUnsound, read, str(path), parse).reasons), 2)
