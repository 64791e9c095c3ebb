"""openssl s_client asks for the OCSP response of our certificate."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from fopemta.testing.revocation_server import RevocationServer
from tests.processes import Fopemta, program

NONE, GOOD = "OCSP response: no response sent", "Cert Status: good"


class StaplingTests(TestCase):
    timeout = 90

    def setUp(self) -> None:
        self.openssl = program("openssl")
        self.server = RevocationServer(reactor, 1_000_000)
        folder = Path(self.mktemp())
        folder.mkdir()
        chain, key = (Path(each).resolve() for each in self.server.leaf("us.test").write(folder, "us"))
        self.roots = Path(self.server.authority.write_root(folder)).resolve()
        self.fopemta = Fopemta(
            folder / "fopemta",
            f"""
[tls.server]
certificates = [{{ chain = "{chain}", key = "{key}" }}]
[tls.client]
fetch_private = true
""",
        )

    def tearDown(self) -> Deferred[Any]:
        self.fopemta.stop()
        return self.server.stop()

    def shown(self) -> str:
        found = subprocess.run(
            [self.openssl, "s_client", "-starttls", "smtp", "-status", "-verify_return_error", "-CAfile",
             str(self.roots), "-connect", f"127.0.0.1:{self.fopemta.port}"],
            input=b"QUIT\r\n", capture_output=True, timeout=20, check=False,
        )  # fmt: skip
        return found.stdout.decode("ascii", "replace")

    async def test_the_response_is_stapled_once_it_is_there(self) -> None:
        await deferToThread(self.fopemta.start)
        for _ in range(100):
            text = await deferToThread(self.shown)
            if NONE not in text:
                break
            await deferLater(reactor, 0.1)  # type: ignore[arg-type]
        self.assertIn(GOOD, text)
        self.assertIn("OCSP Response Status: successful", text)
        self.assertIn("Verify return code: 0 (ok)", text)
        self.assertEqual(self.fopemta.events("staple_unavailable"), [])
