"""OpenSSL's numbers for what is wrong with a chain, in words."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.chain_words import words_of


class WordsTests(SynchronousTestCase):
    def test_words_of_openssl_s_numbers(self) -> None:
        self.assertEqual(words_of(999), "X.509 verification error 999")
        words = {code: words_of(code) for code in range(1, 100)}
        told = {code for code, each in words.items() if "verification error" not in each}
        self.assertEqual(
            told,
            {
                2, 4, 6, 7, 9, 10, 13, 14, 18, 19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 32, 34, 37, 41, 47, 48, 51,
                52, 53, 66, 67, 68, 76, 77, 78, 79, 94,
            },
        )  # fmt: skip
        self.assertEqual(len({words[code] for code in told}), len(told))
        # Those that people meet.
        self.assertEqual(
            [words[code] for code in (7, 9, 10, 18, 26, 66)],
            [
                "the signature is wrong", "certificate not yet valid", "certificate has expired",
                "self-signed certificate", "certificate not meant for TLS servers", "the server's key is too weak",
            ],
        )  # fmt: skip
