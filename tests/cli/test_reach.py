"""`fopemta check-config`, where mail depends on revocation."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.processes import free_port
from tests.server.test_preflight import Folder

_PROJECT = Path(__file__).resolve().parents[2]
ROUTE = '\n[[route]]\ndomain = "d.test"\ntls = "authenticated"\n'


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


class ReachTests(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.server = HTTPServer(("127.0.0.1", 0), _Empty)
        self.server.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def check(self, probe: str, more: str = ROUTE, private: bool = True) -> tuple[int, str]:
        fetch = f'\n[fetch]\nprobe = "{probe}"\ntimeout = "5s"\n'
        self.write(f"{more}{fetch}[tls.client]\nfetch_private = {str(private).lower()}\n")
        command = [sys.executable, "-m", "fopemta.cli.main", "check-config", "--config", str(self.path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=_PROJECT)
        return done.returncode, done.stderr

    def test_said_when_nothing_can_be_fetched(self) -> None:
        url = f"http://127.0.0.1:{self.server.server_port}/ca.crl"
        self.assertEqual(self.check(url), (0, ""))
        self.assertEqual(self.server.asked, ["/ca.crl"])  # type: ignore[attr-defined]
        port = free_port()
        closed = f"caution: fetch.probe: CRLs cannot be fetched: 127.0.0.1:{port}: connection refused\n"
        self.assertEqual(self.check(f"http://127.0.0.1:{port}/"), (0, closed))
        status, words = self.check(url, private=False)
        self.assertEqual(status, 0)
        self.assertIn("not a public address", words)

    def test_nothing_is_fetched_where_no_mail_depends_on_it(self) -> None:
        self.assertEqual(self.check(f"http://127.0.0.1:{self.server.server_port}/", more=""), (0, ""))
        self.assertEqual(self.server.asked, [])  # type: ignore[attr-defined]
