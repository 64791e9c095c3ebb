"""Renewed certificates are taken up, bad ones are not."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta import maillog
from fopemta.testing.authority import Leaf
from fopemta.tls.credentials import Credentials, load
from fopemta.tls.watch import INTERVAL, CertificateWatch
from fopemta.trust.plan import CertificateFiles
from tests.tls.handshakes import AUTHORITY


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.clock = Clock()
        self.clock.advance(AUTHORITY.now.timestamp())
        self.files = CertificateFiles(str(self.folder / "chain.pem"), str(self.folder / "key.pem"))
        self.served: list[Any] = []
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def begin(self, leaf: Leaf) -> None:
        self.put(leaf)
        watch = CertificateWatch(
            self.clock, self.clock.seconds, "mx.test", lambda: [self.files], self.read, self.served.append
        )
        watch.start()
        self.addCleanup(watch.stop)

    def read(self) -> list[Credentials]:
        return [load(self.files)]

    def test_names_matter_only_for_a_server(self) -> None:
        self.put(AUTHORITY.leaf("mx.test"))
        told: list[object] = []
        self.patch(maillog, "caution", lambda key, words: told.append((key, words)))
        for hostname, wanted in ((None, 0), ("other.test", 1)):
            told.clear()
            watch = CertificateWatch(
                self.clock, self.clock.seconds, hostname, lambda: [self.files], self.read, self.served.append, "here"
            )
            watch.start()
            watch.stop()
            self.assertEqual([key for key, words in told if "not for" in words], ["here"] * wanted)

    def put(self, leaf: Leaf, *, chain: bool = True, key: bool = True) -> None:
        """As lego does it: over the old files."""
        made_chain, made_key = leaf.write(self.folder, "new")
        if chain:
            shutil.copyfile(made_chain, self.files.chain)
        if key:
            shutil.copyfile(made_key, self.files.key)

    def wait(self, looks: int = 2) -> None:
        for _ in range(looks):
            self.clock.advance(INTERVAL)

    def logged(self, name: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each.get("event") == name]

    def serials(self) -> list[int]:
        return [served[0].chain[0].serial_number for served in self.served]

    def test_C008_a_renewed_pair_is_served_once_it_has_settled(self) -> None:
        self.begin(AUTHORITY.leaf("mx.test"))
        self.wait()
        self.assertEqual(self.served, [])
        new = AUTHORITY.leaf("mx.test")
        self.put(new)
        self.wait(1)
        self.assertEqual(self.served, [])
        self.wait(3)
        self.assertEqual(self.serials(), [new.chain[0].serial_number])
        self.assertEqual(len(self.logged("reloaded")), 1)

    def test_certbot_changes_links(self) -> None:
        old, new = AUTHORITY.leaf("mx.test"), AUTHORITY.leaf("mx.test")
        for number, leaf in ((1, old), (2, new)):
            chain, key = leaf.write(self.folder, f"archive{number}")
            os.rename(chain, self.folder / f"fullchain{number}.pem")
            os.rename(key, self.folder / f"privkey{number}.pem")
        for number in (1, 2):
            for link, name in ((self.files.chain, "fullchain"), (self.files.key, "privkey")):
                if os.path.lexists(link):
                    os.unlink(link)
                os.symlink(f"{name}{number}.pem", link)
            if number == 1:
                watch = CertificateWatch(
                    self.clock, self.clock.seconds, "mx.test", lambda: [self.files], self.read, self.served.append
                )
                watch.start()
                self.addCleanup(watch.stop)
        self.wait(2)
        self.assertEqual(self.serials(), [new.chain[0].serial_number])

    def test_a_chain_whose_key_has_not_come_yet_waits(self) -> None:
        self.begin(AUTHORITY.leaf("mx.test"))
        new = AUTHORITY.leaf("mx.test")
        self.put(new, key=False)
        self.wait(5)
        self.assertEqual(self.served, [])
        self.assertEqual(len(self.logged("certificate_refused")), 1)
        self.put(new)
        self.wait(2)
        self.assertEqual(self.serials(), [new.chain[0].serial_number])

    def test_a_file_that_goes_keeps_the_old(self) -> None:
        self.begin(AUTHORITY.leaf("mx.test"))
        os.unlink(self.files.chain)
        self.wait(4)
        self.assertEqual(self.served, [])
        (refused,) = self.logged("certificate_refused")
        self.assertIn("No such file", refused["why"])

    def test_warnings_once_a_day(self) -> None:
        self.begin(AUTHORITY.leaf("other.test", days=(-1, 5)))
        words = [each["what"] for each in self.logged("caution")]
        self.assertEqual(len(words), 2)
        self.assertIn("expires at", words[0])
        self.assertIn("is not for mx.test but for other.test", words[1])
        self.wait(3)
        self.assertEqual(len(self.logged("caution")), 2)
        self.clock.advance(86_400.0)
        self.assertEqual(len(self.logged("caution")), 4)

    def test_what_cannot_be_read_is_warned_of_elsewhere(self) -> None:
        self.begin(AUTHORITY.leaf("other.test"))
        self.assertEqual(len(self.logged("caution")), 1)
        os.unlink(self.files.chain)
        self.clock.advance(86_400.0)
        self.assertEqual(len(self.logged("caution")), 1)

    def test_a_renewed_one_is_warned_of_at_the_next_look(self) -> None:
        self.begin(AUTHORITY.leaf("mx.test"))
        self.put(AUTHORITY.leaf("other.test"))
        self.wait(2)
        self.assertEqual((len(self.served), len(self.logged("caution"))), (1, 0))
        self.wait(1)
        self.assertEqual([each["key"] for each in self.logged("caution")], ["tls.server.certificates"])

    def test_it_looks_no_more_once_it_is_stopped(self) -> None:
        watch = CertificateWatch(
            self.clock, self.clock.seconds, "mx.test", lambda: [self.files], self.read, self.served.append
        )
        watch.stop()
        self.put(AUTHORITY.leaf("mx.test"))
        watch.start()
        self.assertEqual([each.getTime() - self.clock.seconds() for each in self.clock.getDelayedCalls()], [INTERVAL])
        watch.stop()
        watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_back_as_it_was_is_not_taken_up(self) -> None:
        self.begin(AUTHORITY.leaf("mx.test"))
        before = {path: (os.stat(path), Path(path).read_bytes()) for path in (self.files.chain, self.files.key)}
        self.put(AUTHORITY.leaf("mx.test"))
        self.wait(1)
        for path, (stat, content) in before.items():
            Path(path).write_bytes(content)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        self.wait(3)
        self.assertEqual(self.served, [])

    def test_what_was_refused_is_told_again_when_it_changes(self) -> None:
        self.begin(AUTHORITY.leaf("mx.test"))
        for _ in range(2):
            self.put(AUTHORITY.leaf("mx.test"), key=False)
            self.wait(3)
        self.assertEqual(len(self.logged("certificate_refused")), 2)
