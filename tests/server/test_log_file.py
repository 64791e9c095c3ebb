"""Lines on their way to a file."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fopemta.server.log_file import AppendedFile, LineFile, Output, whole_lines


class Remembering:
    """An Output that can fail."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        self.failing = False

    def write(self, data: bytes) -> None:
        if self.failing:
            raise OSError("disk full")
        self.writes.append(data.decode("utf-8"))

    def reopen(self) -> None:
        self.writes.append("(reopened)")


class Turns:
    """A reactor's calls from its own thread and others, turn by turn."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], Any]] = []
        self.woken = 0

    def callLater(self, delay: float, call: Callable[[], Any]) -> None:
        self.calls.append(call)

    def callFromThread(self, call: Callable[[], Any]) -> None:
        self.calls.append(call)
        self.woken += 1

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class WholeLinesTests(SynchronousTestCase):
    def pieces(self, *sizes: int) -> list[int]:
        """Of lines that long, with their ends."""
        data = b"".join(b"x" * (size - 1) + b"\n" for size in sizes)
        found = list(whole_lines(data, 10))
        self.assertEqual(b"".join(found), data)
        self.assertTrue(all(each.endswith(b"\n") for each in found))
        return [len(each) for each in found]

    def test_as_many_lines_as_have_room(self) -> None:
        table = {(): [], (4,): [4], (4, 6): [10], (4, 6, 1): [10, 1], (10, 10): [10, 10], (5, 5, 5): [10, 5]}
        self.assertEqual({sizes: self.pieces(*sizes) for sizes in table}, table)

    def test_a_longer_line_is_not_cut(self) -> None:
        table = {(11,): [11], (3, 30, 3): [3, 30, 3], (11, 2, 3): [11, 5]}
        self.assertEqual({sizes: self.pieces(*sizes) for sizes in table}, table)

    def test_what_has_no_end_is_written_all_the_same(self) -> None:
        self.assertEqual(list(whole_lines(b"x" * 25, 10)), [b"x" * 25])


class LineFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.output = Remembering()
        self.file = LineFile(self.output, "{count} lost")
        self.reactor = Turns()

    def test_before_the_reactor_runs_each_line_is_written(self) -> None:
        self.file.write("one")
        self.file.write("two")
        self.assertEqual(self.output.writes, ["one\n", "two\n"])

    def test_one_write_per_turn(self) -> None:
        self.file.begin(self.reactor)  # type: ignore[arg-type]
        for line in ("one", "two", "three"):
            self.file.write(line)
        self.assertEqual(self.output.writes, [])
        self.assertEqual(len(self.reactor.calls), 1)
        self.reactor.turn()
        self.assertEqual(self.output.writes, ["one\ntwo\nthree\n"])
        self.file.write("four")
        self.reactor.turn()
        self.assertEqual(self.output.writes[1:], ["four\n"])

    def test_urgent_line_takes_those_before_it_along(self) -> None:
        self.file.begin(self.reactor)  # type: ignore[arg-type]
        self.file.write("one")
        self.file.write("fire", urgent=True)
        self.assertEqual(self.output.writes, ["one\nfire\n"])

    def test_end_writes_what_is_there_and_then_each_line(self) -> None:
        self.file.begin(self.reactor)  # type: ignore[arg-type]
        self.file.write("one")
        self.file.end()
        self.file.write("two")
        self.assertEqual(self.output.writes, ["one\n", "two\n"])

    def test_lost_lines_are_counted_and_told(self) -> None:
        self.output.failing = True
        self.file.write("one")
        self.file.write("two")
        self.output.failing = False
        self.file.write("three")
        self.file.write("four")
        self.assertEqual(self.output.writes, ["2 lost\nthree\n", "four\n"])

    def test_another_thread_wakes_the_reactor(self) -> None:
        self.file.begin(self.reactor)  # type: ignore[arg-type]
        self.file.write("one")
        self.reactor.turn()
        self.assertEqual(self.reactor.woken, 0)
        thread = threading.Thread(target=self.file.write, args=("two",))
        thread.start()
        thread.join()
        self.assertEqual(self.reactor.woken, 1)
        self.reactor.turn()
        self.assertEqual(self.output.writes, ["one\n", "two\n"])

    def test_threads_lose_nothing(self) -> None:
        self.file.begin(self.reactor)  # type: ignore[arg-type]
        threads = [threading.Thread(target=self._many, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.file.end()
        lines = "".join(self.output.writes).split("\n")[:-1]
        self.assertEqual(sorted(lines), sorted(f"{name}{index}" for name in "abcd" for index in range(200)))

    def _many(self, name: str) -> None:
        for index in range(200):
            self.file.write(f"{name}{index}", urgent=index % 10 == 0)


class AppendedFileTests(SynchronousTestCase):
    def test_a_line_that_had_no_room_is_not_joined_with_the_next(self) -> None:
        path = self.mktemp()
        file = AppendedFile(path)
        file.write(b"one\n")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        # As on a full disk: a part is written, then nothing.
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        try:
            for _ in range(2):
                self.assertRaises(OSError, file.write, b"two three\n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        file.write(b"four\n")
        file.write(b"five\n")
        with open(path, "rb") as written:
            self.assertEqual(written.read(), b"one\ntwo th\nfour\nfive\n")

    def test_appends_and_follows_a_rotation(self) -> None:
        path = self.mktemp()
        self._write(AppendedFile(path), "one\n")
        file = AppendedFile(path)
        self._write(file, "two\n")
        os.rename(path, f"{path}.1")
        self._write(file, "three\n")
        file.reopen()
        self._write(file, "four\n")
        self.assertEqual([self._read(f"{path}.1"), self._read(path)], ["one\ntwo\nthree\n", "four\n"])

    def test_failed_reopening_keeps_the_old_file(self) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        file = AppendedFile(f"{folder}/log")
        os.rename(folder, f"{folder}.gone")
        self.assertRaises(OSError, file.reopen)
        self._write(file, "still\n")
        self.assertEqual(self._read(f"{folder}.gone/log"), "still\n")

    def test_is_not_for_everyone_to_read(self) -> None:
        path = self.mktemp()
        AppendedFile(path)
        self.assertEqual(os.stat(path).st_mode & 0o007, 0)

    def _write(self, file: Output, text: str) -> None:
        file.write(text.encode())

    def _read(self, path: str) -> str:
        with open(path, encoding="utf-8") as file:
            return file.read()
