"""`fopemta tlstest` against a real Postfix, as an administrator types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority
from tests.processes import ROOT, Postfix, free_port


class TlsTestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.authority = Authority()
        self.authority.write_root(self.folder)

    def tlstest(self, *words: str) -> subprocess.CompletedProcess[str]:
        config = self.folder / "f.toml"
        config.write_text(
            '[node]\nhostname = "us.test"\npostmaster = "p@us.test"\n[[listener]]\nendpoint = "tcp:2"\n'
            '[[route]]\ndomain = "us.test"\nvia = "maildir:m"\n[tls.client]\nroots = "root.pem"\n'
        )
        command = [sys.executable, "-m", "fopemta.cli.main", "tlstest", *words, "--config", str(config)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)

    def test_good_and_with_every_family(self) -> None:
        postfix = Postfix(self.folder, self.authority, smtpd_tls_protocols=">=TLSv1.2").start()
        self.addCleanup(postfix.stop)
        done = self.tlstest(f"localhost:{postfix.port}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("  A  authenticated  TLSv1.3 TLS_AES_256_GCM_SHA384 256 bits", done.stdout)
        self.assertNotIn("\x1b", done.stdout)
        found = json.loads(self.tlstest(f"127.0.0.1:{postfix.port}", "--all", "--json").stdout)
        [host] = found["hosts"]
        self.assertEqual((found["grade"], host["diagnosis"]), ("C", "name_mismatch"))
        self.assertTrue(host["accepts"]["TLSv1.3 AES-256-GCM"])
        self.assertFalse(host["accepts"]["TLSv1.0"])

    def test_without_tls_and_nobody_there(self) -> None:
        postfix = Postfix(self.folder, self.authority, smtpd_tls_security_level="none").start()
        self.addCleanup(postfix.stop)
        done = self.tlstest(f"127.0.0.1:{postfix.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("  diagnosis tls_not_offered", done.stdout)
        self.assertTrue(done.stdout.endswith(f"F  127.0.0.1:{postfix.port}\n"))
        done = self.tlstest(f"127.0.0.1:{free_port()}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("connection_refused", done.stdout)

    def test_usage(self) -> None:
        for words in ((), ("a b",), ("host:port",), ("x.test:99999",)):
            self.assertEqual(self.tlstest(*words).returncode, 2, words)
