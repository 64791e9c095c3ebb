"""Roots that change count without a restart, and nobody is trusted where they cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority
from fopemta.tls.root_certificates import look_at
from fopemta.tls.root_watch import INTERVAL, RootsWatch
from fopemta.tls.roots import SYSTEM, RootsError

ONE, TWO = (Authority(name).root.public_bytes(Encoding.PEM) for name in ("one", "two"))


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.file = self.folder / "roots.pem"
        self.places = [str(self.file)]
        self.moment = 1
        self.put(ONE)
        self.clock = Clock()
        self.read = 0
        self.error: RootsError | None = None
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.used: dict[str, object] = {}
        self.watch = RootsWatch(self.clock, lambda: self.places, self.note, lambda: self.used)
        self.watch.start()

    def note(self) -> None:
        self.read += 1
        if self.error is not None:
            raise self.error

    def put(self, content: bytes, path: Path | None = None) -> None:
        """Write over it; time goes on by a second for each."""
        path = path or self.file
        path.write_bytes(content)
        self.moment += 1
        os.utime(path, (self.moment, self.moment))

    def looks(self, count: int) -> int:
        for _ in range(count):
            self.clock.advance(INTERVAL)
        return self.read

    def told(self) -> list[tuple[object, object]]:
        events = [each for each in self.events if each.get("event") in ("reloaded", "roots_refused")]
        return [(each["event"], each.get("what") or each.get("why")) for each in events]

    def test_nothing_changes(self) -> None:
        self.assertEqual(self.looks(5), 0)

    def test_a_change_is_read_once_it_stands_still(self) -> None:
        self.put(TWO)
        self.assertEqual(self.looks(1), 0)
        self.put(ONE + TWO)
        self.assertEqual(self.looks(1), 0)
        self.assertEqual(self.looks(1), 1)
        self.assertEqual(self.looks(3), 1)
        self.assertEqual(self.told(), [("reloaded", "roots")])

    def test_what_cannot_be_read_is_told_and_tried_when_it_changes_again(self) -> None:
        self.file.unlink()
        self.error = RootsError("/r.pem: gone")
        self.assertEqual(self.looks(4), 1)
        self.assertEqual(self.told(), [("roots_refused", "/r.pem: gone")])
        self.error = None
        self.put(ONE)
        self.assertEqual(self.looks(2), 2)
        self.assertEqual(self.told()[1:], [("reloaded", "roots")])

    def test_what_is_configured_now_counts(self) -> None:
        other = self.folder / "other.pem"
        self.put(TWO, other)
        self.places.append(str(other))
        self.assertEqual(self.looks(2), 1)
        self.put(ONE, other)
        self.assertEqual(self.looks(2), 2)

    def test_roots_that_are_used_without_being_configured(self) -> None:
        """Compared with how they looked when they were read: a change before the first look counts, too."""
        other = self.folder / "stored.pem"
        self.put(TWO, other)
        self.used[str(other)] = look_at(str(other))
        self.assertEqual(self.looks(3), 0)
        self.put(ONE, other)
        self.assertEqual(self.looks(2), 1)
        # They have been read anew, or are used no more.
        self.used[str(other)] = look_at(str(other))
        self.assertEqual(self.looks(3), 1)
        self.used.clear()
        self.assertEqual(self.looks(3), 1)
        early = self.folder / "early.pem"
        self.put(ONE, early)
        self.used[str(early)] = look_at(str(early))
        self.put(TWO, early)
        self.assertEqual(self.looks(2), 2)

    def test_all_is_looked_at_in_a_thread_and_once_at_a_time(self) -> None:
        waiting: list[tuple[Deferred[Any], Any, Any]] = []

        def in_thread(call: Any, *arguments: Any) -> Deferred[Any]:
            waiting.append((Deferred(), call, arguments))
            return waiting[-1][0]

        self.watch.stop()
        self.watch = RootsWatch(self.clock, lambda: self.places, self.note, in_thread=in_thread)
        self.watch.start()
        self.put(TWO)
        self.looks(3)
        self.assertEqual(len(waiting), 1)
        for _ in range(2):
            done, call, arguments = waiting.pop()
            done.callback(call(*arguments))
            self.looks(1)
        self.assertEqual(self.read, 1)
        # One that ends after the end changes nothing, and begins nothing.
        self.put(ONE)
        self.watch.stop()
        done, call, arguments = waiting.pop()
        done.callback(call(*arguments))
        self.assertEqual((self.read, self.clock.getDelayedCalls()), (1, []))

    def test_it_stops(self) -> None:
        self.watch.stop()
        self.watch.stop()
        self.put(TWO)
        self.assertEqual(self.looks(3), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        RootsWatch(self.clock, list, self.note).stop()


class LookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.hashed = self.folder / f"{crypto.load_certificate(crypto.FILETYPE_PEM, ONE).subject_name_hash():08x}.0"

    def differs(self, place: str, change: Callable[[], object]) -> bool:
        before = look_at(place)
        self.assertEqual(before, look_at(place))
        change()
        return look_at(place) != before

    def test_a_file_in_a_folder(self) -> None:
        self.hashed.write_bytes(ONE)
        folder = str(self.folder)
        self.assertTrue(self.differs(folder, lambda: os.utime(self.hashed, (5, 5))))
        # Written over in place: the folder itself stays as it is.
        self.assertTrue(self.differs(folder, lambda: self.hashed.write_bytes(ONE + TWO)))
        self.assertTrue(self.differs(folder, self.hashed.unlink))

    def test_what_openssl_passes_over_does_not_count(self) -> None:
        other = self.folder / "readme"
        other.write_bytes(b"x")
        self.assertFalse(self.differs(str(self.folder), lambda: other.write_bytes(b"longer")))

    def test_a_link_counts_by_what_it_leads_to(self) -> None:
        target, link = self.folder / "a.pem", self.folder / "b.pem"
        target.write_bytes(ONE)
        link.symlink_to("a.pem")
        self.assertTrue(self.differs(str(link), lambda: target.write_bytes(ONE + TWO)))

    def test_the_system_s(self) -> None:
        file, folder = self.folder / "s.pem", self.folder / "s"
        folder.mkdir()
        file.write_bytes(ONE)
        for name, value in (("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder)):
            self.patch(os, "environ", {**os.environ, name: str(value)})
        self.assertTrue(self.differs(SYSTEM, lambda: file.write_bytes(ONE + TWO)))
        self.assertTrue(self.differs(SYSTEM, lambda: (folder / self.hashed.name).write_bytes(ONE)))
