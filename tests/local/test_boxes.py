"""Letters that come together share what they can, and each is told what became of it alone."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fopemta.local import boxes
from fopemta.local.boxes import Boxes, Letter


class BoxesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.mktemp()
        self.works: list[tuple[Callable[..., Any], tuple[Any, ...], Deferred[Any]]] = []
        self.boxes = Boxes(self.in_thread)
        self.flushed: list[str] = []
        fsync = os.fsync
        self.patch(os, "fsync", lambda file: (self.flushed.append(self.name_of(file)), fsync(file)))

    def name_of(self, file: int) -> str:
        return os.path.relpath(os.readlink(f"/proc/self/fd/{file}"), os.path.abspath(self.folder))

    def in_thread(self, call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self.works.append((call, arguments, answer))
        return answer

    def work(self, count: int = 1000) -> None:
        """Do so much of what the threads have been asked."""
        while self.works and count:
            call, arguments, answer = self.works.pop(0)
            count -= 1
            try:
                result = call(*arguments)
            except Exception:  # noqa: BLE001
                answer.errback(Failure())
            else:
                answer.callback(result)

    def store(self, user: str, content: bytes) -> Deferred[None]:
        return self.boxes.store(Letter(os.path.join(self.folder, user), content))

    def contents(self, user: str) -> list[bytes]:
        new = os.path.join(self.folder, user, "new")
        return sorted(Path(new, name).read_bytes() for name in os.listdir(new))

    def test_letters_for_one_mailbox_share_the_flush_of_its_folder(self) -> None:
        first = self.store("bob", b"0")
        self.work()
        self.successResultOf(first)
        # All threads are at work, each with one; what comes now collects.
        busy = [self.store(f"user{number}", b"x") for number in range(8)]
        stored = [self.store("bob", b"%d" % number) for number in range(1, 6)]
        self.assertEqual(len(self.works), 8)
        del self.flushed[:]
        self.work()
        for each in (*busy, *stored):
            self.successResultOf(each)
        self.assertEqual(self.contents("bob"), [b"%d" % number for number in range(6)])
        self.assertEqual(self.flushed.count("bob/new"), 1)
        self.assertEqual(len([each for each in self.flushed if each.startswith("bob/tmp/")]), 5)
        # Each is whole before it has its name, and only then is the name durable.
        self.assertEqual(self.flushed[-1], "bob/new")

    def test_nobody_is_told_before_the_folder_is_flushed(self) -> None:
        told: list[str] = []
        flush = boxes._flush_folder

        def flush_folder(path: str) -> None:
            told.append(f"flushed {os.path.basename(path)}")
            flush(path)

        self.patch(boxes, "_flush_folder", flush_folder)
        self.store("bob", b"x").addCallback(lambda _: told.append("told"))
        self.work()
        self.assertEqual(told[-2:], ["flushed new", "told"])

    def test_many_for_one_mailbox_are_written_a_few_at_a_time(self) -> None:
        stored = [self.store("bob", b"%d" % number) for number in range(100)]
        most = 0
        while self.works:
            most = max(most, *(len(arguments[1]) for _, arguments, _ in self.works))
            self.assertLessEqual(len(self.works), 8)
            self.work(1)
        self.assertEqual(most, 8)
        for each in stored:
            self.successResultOf(each)
        self.assertEqual(len(self.contents("bob")), 100)

    def test_one_that_cannot_be_written_does_not_stop_the_others(self) -> None:
        write = os.write

        def failing(file: int, octets: bytes) -> int:
            if bytes(octets) == b"full":
                raise OSError(errno.ENOSPC, "no space")
            return write(file, octets[:1])  # as little as a write may take

        self.patch(os, "write", failing)
        busy = [self.store(f"user{number}", b"x") for number in range(8)]
        stored = [self.store("bob", each) for each in (b"one", b"full", b"three")]
        self.work()
        self.assertEqual(self.failureResultOf(stored[1], OSError).value.errno, errno.ENOSPC)
        for each in (*busy, stored[0], stored[2]):
            self.successResultOf(each)
        self.assertEqual(self.contents("bob"), [b"one", b"three"])
        self.assertEqual(os.listdir(os.path.join(self.folder, "bob", "tmp")), [])

    def test_a_folder_that_cannot_be_flushed_fails_all_of_them(self) -> None:
        def flush_folder(path: str) -> None:
            if path.endswith("new"):
                raise OSError(errno.EIO, "fault")

        self.patch(boxes, "_flush_folder", flush_folder)
        stored = [self.store("bob", each) for each in (b"one", b"two")]
        self.work()
        for each in stored:
            self.assertEqual(self.failureResultOf(each, OSError).value.errno, errno.EIO)

    def test_a_mailbox_that_is_taken_away_is_made_again(self) -> None:
        for _ in range(2):
            stored = self.store("bob", b"x")
            self.work()
            self.successResultOf(stored)
            self.assertEqual(self.contents("bob"), [b"x"])
            shutil.rmtree(os.path.join(self.folder, "bob"))

    def test_names_are_those_of_a_maildir(self) -> None:
        self.patch(boxes.socket, "gethostname", lambda: "a/b:c")
        self.store("bob", b"x")
        self.work()
        (name,) = os.listdir(os.path.join(self.folder, "bob", "new"))
        self.assertRegex(name, rf"^[0-9]+\.M[0-9]+P{os.getpid()}Q[0-9]+\.a\\057b\\072c$")
