"""CRLs: where they come from, how long they are kept."""

from __future__ import annotations

import os
from typing import Any

from cryptography import x509
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.answer import Unavailable
from fopemta.lookup.revocation.list_shelf import ListShelf
from fopemta.lookup.revocation.lists import RevocationLists
from fopemta.testing.fetch import ScriptedFetcher
from fopemta.testing.revoking import RevokingAuthority
from fopemta.trust.crl import SoundList

CA = RevokingAuthority()
URL, OTHER = "http://c.test/list", "http://c.test/other"
HOUR, LARGEST = 3600.0, 100_000


class ListsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.path.join(self.mktemp(), "revocation")
        self.now = CA.now.timestamp()
        self.fetcher = ScriptedFetcher({URL: CA.crl()})
        self.lists = self.another()

    def another(self) -> RevocationLists:
        """As after a restart."""
        return RevocationLists(self.fetcher, ListShelf(self.folder), LARGEST, lambda: self.now, maybeDeferred)

    def at(self, url: str = URL, issuer: x509.Certificate = CA.intermediate, lists: Any = None) -> SoundList | str:
        found: SoundList | str = self.successResultOf((lists or self.lists).at(url, issuer))
        return found

    def files(self) -> list[str]:
        return sorted(os.listdir(self.folder)) if os.path.isdir(self.folder) else []

    def test_fetched_once_until_its_next_update(self) -> None:
        for _ in range(3):
            self.assertIsInstance(self.at(), SoundList)
        self.assertEqual(self.fetcher.asked, [URL])
        self.now += 25 * HOUR
        self.assertRegex(str(self.at()), "^the CRL was good until")
        self.assertEqual(self.fetcher.asked, [URL, URL])

    def test_one_fetch_at_a_time(self) -> None:
        waiting: Deferred[Any] = Deferred()
        self.fetcher.answers[URL] = waiting
        found = [self.lists.at(URL, CA.intermediate) for _ in range(3)]
        self.assertEqual(self.fetcher.asked, [URL])
        waiting.callback(Unavailable("SERVFAIL"))
        self.assertEqual([self.successResultOf(each) for each in found], ["SERVFAIL"] * 3)

    def test_kept_on_disk_over_a_restart(self) -> None:
        self.at()
        self.assertEqual(len(self.files()), 1)
        self.assertIsInstance(self.at(lists=self.another()), SoundList)
        self.assertEqual(self.fetcher.asked, [URL])

    def test_unsound_file_is_dropped(self) -> None:
        self.at()
        (name,) = self.files()
        path = os.path.join(self.folder, name)
        whole = CA.crl()
        for damaged in (b"", b"rubbish", whole[:-1], RevokingAuthority("other").crl(), b"x" * (LARGEST + 1)):
            with open(path, "wb") as file:
                file.write(damaged)
            self.fetcher.asked.clear()
            self.assertIsInstance(self.at(lists=self.another()), SoundList)
            self.assertEqual(self.fetcher.asked, [URL], damaged[:10])
        self.fetcher.answers[URL] = Unavailable("down")
        with open(path, "wb") as file:
            file.write(b"rubbish")
        self.assertEqual(self.at(lists=self.another()), "down")
        self.assertEqual(self.files(), [])

    def test_what_could_not_be_had_is_not_asked_for_at_once_again(self) -> None:
        table = {
            Unavailable("SERVFAIL"): "SERVFAIL",
            b"rubbish": "the CRL could not be read (ValueError)",
            RevokingAuthority("other").crl(): "the CRL is another issuer's",
        }
        for number, (answer, why) in enumerate(table.items()):
            url = f"http://c.test/{number}"
            self.fetcher.answers[url] = answer
            self.fetcher.asked.clear()
            self.assertEqual([self.at(url), self.at(url)], [why, why])
            self.assertEqual(self.fetcher.asked, [url])
            self.now += 61
            self.at(url)
            self.assertEqual(self.fetcher.asked, [url, url])
        self.assertEqual(self.at(OTHER), "there is no CRL at its place")

    def test_is_fetched_anew_ahead_of_its_end(self) -> None:
        self.at()
        self.now += 17 * HOUR
        self.successResultOf(Deferred.fromCoroutine(self.lists.refresh()))
        self.assertEqual(self.fetcher.asked, [URL])
        self.now += 2 * HOUR
        later = RevokingAuthority.crl(CA, hours=(18, 48))
        self.fetcher.answers[URL] = later
        self.successResultOf(Deferred.fromCoroutine(self.lists.refresh()))
        self.assertEqual(self.fetcher.asked, [URL, URL])
        self.now += 12 * HOUR
        self.fetcher.answers[URL] = Unavailable("down")
        self.assertIsInstance(self.at(), SoundList)

    def test_refresh_that_fails_keeps_what_is_good(self) -> None:
        self.at()
        self.now += 20 * HOUR
        self.fetcher.answers[URL] = Unavailable("down")
        self.successResultOf(Deferred.fromCoroutine(self.lists.refresh()))
        self.assertIsInstance(self.at(), SoundList)

    def test_older_list_does_not_replace_a_newer(self) -> None:
        self.fetcher.answers[URL] = CA.crl((CA.leaf("mx.test").chain[0], None), hours=(-1, 24))
        first = self.at()
        self.fetcher.answers[URL] = CA.crl(hours=(-9, 30))
        self.now += 20 * HOUR
        self.successResultOf(Deferred.fromCoroutine(self.lists.refresh()))
        self.assertEqual(self.fetcher.asked, [URL, URL])
        self.assertIs(self.at(), first)

    def test_what_nobody_uses_is_let_go(self) -> None:
        self.fetcher.answers[URL] = CA.crl(hours=(-1, 24 * 20))
        self.at()
        self.assertEqual(self.lists.urls(), (URL,))
        self.now += 15 * 24 * HOUR
        self.successResultOf(Deferred.fromCoroutine(self.lists.refresh()))
        self.assertEqual((self.lists.urls(), self.fetcher.asked), ((), [URL]))

    def test_sweep_forgets_what_is_over_and_what_is_half_written(self) -> None:
        self.at()
        with open(os.path.join(self.folder, "x.part"), "wb"), open(os.path.join(self.folder, "foreign"), "wb"):
            pass
        self.assertEqual(len(self.files()), 3)
        self.successResultOf(Deferred.fromCoroutine(self.lists.refresh()))
        self.assertEqual(len(self.files()), 2)
        self.now += 25 * HOUR
        self.successResultOf(Deferred.fromCoroutine(self.lists.refresh()))
        self.assertEqual(self.files(), ["foreign"])

    def test_disk_that_takes_nothing_hinders_nobody(self) -> None:
        os.makedirs(os.path.dirname(self.folder))
        with open(self.folder, "wb"):
            pass
        self.assertIsInstance(self.at(), SoundList)
        self.assertIsInstance(self.at(), SoundList)

    def test_issuers_do_not_share_a_list(self) -> None:
        self.fetcher.answers[URL] = CA.crl()
        self.assertIsInstance(self.at(), SoundList)
        self.assertEqual(self.at(issuer=CA.root), "the CRL is another issuer's")
