"""`fopemta headers`."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from fopemta.cli.main import main

MESSAGE = b"""Received: from b.test ([192.0.2.2]) by mx.us.test (fopemta) with ESMTPS
\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)); Wed, 25 Nov 2026 10:00:05 +0100
Received: from \x1b[2Ja.test ([192.0.2.1]) by b.test with %s; Wed, 25 Nov 2026 10:00:09 +0100
Subject: x

Received: from nowhere by body with ESMTP
"""


class HeadersTests(SynchronousTestCase):
    def headers(self, word: bytes, *words: str) -> Result:
        return CliRunner().invoke(main, ["headers", "-", *words], input=MESSAGE % word)

    def test_for_people(self) -> None:
        done = self.headers(b"ESMTP")
        self.assertEqual(done.exit_code, 1)
        self.assertEqual(
            done.stdout.splitlines(),
            [
                r" 1  plain      \x1b[2Ja.test → b.test",
                "-- below: written by servers that you trust; headers above may be forged",
                " 2  encrypted  b.test → mx.us.test",
                "               TLSv1.3, TLS_AES_256_GCM_SHA384, 256 bits",
                "               4s before it was sent: one of the two clocks is wrong",
                "",
                "At least one hop was not encrypted.",
            ],
        )

    def test_status_and_json(self) -> None:
        self.assertEqual(self.headers(b"ESMTPS").exit_code, 0)
        done = self.headers(b"HTTP", "--json", "--trusted", "*.test")
        found = json.loads(done.stdout)
        self.assertEqual((done.exit_code, found["conclusion"]), (1, "unknown"))
        self.assertEqual(
            [(each["encrypted"], each["trusted"]) for each in found["hops"]], [("unknown", True), ("yes", True)]
        )

    def test_header_section_without_end(self) -> None:
        large = b"X: y\n" * 300_000
        done = CliRunner().invoke(main, ["headers", "-"], input=MESSAGE[: MESSAGE.index(b"Subject")] + large)
        self.assertEqual((done.exit_code, done.stdout), (2, ""))
        done = CliRunner().invoke(main, ["headers", "-"], input=MESSAGE % b"ESMTPS" + large)
        self.assertEqual(done.exit_code, 0)

    def test_no_headers_and_no_file(self) -> None:
        done = CliRunner().invoke(main, ["headers", "-"], input=b"\xff\x00")
        self.assertEqual((done.exit_code, done.stdout), (1, "\nThere are no received headers.\n"))
        self.assertEqual(CliRunner().invoke(main, ["headers", "/nowhere"]).exit_code, 2)
