"""Servers with other TLS than ours: Debian's Exim, which is built on GnuTLS, and stunnel before a server without TLS.

Each cell is a row of docs/ladder.md, by a real peer: what is used in the end, and why where it is not the best.
"""

from __future__ import annotations

import os
import smtplib
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority, rsa_key
from tests.processes import Fopemta, Process, answers, free_port, program, until

EXIM = """
primary_hostname = localhost
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/pid
smtp_accept_max = 20
queue_only = true
acl_smtp_rcpt = take
{tls}
begin acl
take:
  accept
"""
WITH_TLS = """
tls_advertise_hosts = *
tls_certificate = {chain}
tls_privatekey = {key}
"""
STUNNEL = """
foreground = yes
pid =
setuid = root
[smtp]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{backend}
protocol = smtp
cert = {chain}
key = {key}
{settings}
"""
TLS12 = "NORMAL:-VERS-ALL:+VERS-TLS1.2"

# Kind: Exim's TLS settings beside the certificate → (level, result, rung, protocol, diagnosis).
EXIM_KINDS: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "usual": ("", "authenticated", ("delivered", "strong256", "TLSv1.3", None)),
    "tls12": (f"tls_require_ciphers = {TLS12}", "authenticated", ("delivered", "strong256", "TLSv1.2", None)),
    "aes128": (
        "tls_require_ciphers = NORMAL:-CIPHER-ALL:+AES-128-GCM", "authenticated",
        ("delivered", "strong128", "TLSv1.3", None),
    ),
    "cbc": (
        f"tls_require_ciphers = {TLS12}:-CIPHER-ALL:+AES-256-CBC", "authenticated",
        ("delivered", "compatible", "TLSv1.2", None),
    ),
    "static": (
        f"tls_require_ciphers = {TLS12}:-KX-ALL:+RSA", "authenticated", ("delivered", "compatible", "TLSv1.2", None),
    ),
    "tls10": (
        "tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.0", "encrypt",
        ("deferred", "compatible", None, "no_common_protocol"),
    ),
    "tls10-plain": (
        "tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.0", "opportunistic",
        ("delivered", "plain", None, "no_common_protocol"),
    ),
    "wants-ours": ("tls_verify_hosts = *", "authenticated", ("deferred", None, None, "client_certificate_wanted")),
    "wants-ours-12": (
        f"tls_verify_hosts = *\ntls_require_ciphers = {TLS12}", "authenticated",
        ("deferred", None, None, "client_certificate_wanted"),
    ),
    "shown-ours": (
        "tls_verify_hosts = *\ntls_verify_certificates = ROOT", "authenticated",
        ("delivered", "strong256", "TLSv1.3", None),
    ),
    "shown-ours-12": (
        f"tls_verify_hosts = *\ntls_verify_certificates = ROOT\ntls_require_ciphers = {TLS12}", "authenticated",
        ("delivered", "strong256", "TLSv1.2", None),
    ),
    "expired": ("", "authenticated", ("deferred", "strong256", "TLSv1.3", "cert_expired")),
    "expired-encrypt": ("", "encrypt", ("delivered", "strong256", "TLSv1.3", "cert_expired")),
    "none": ("", "encrypt", ("deferred", "plain", None, "tls_not_offered")),
}  # fmt: skip
# The same for stunnel.
STUNNEL_KINDS: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "stunnel": ("", "authenticated", ("delivered", "strong256", "TLSv1.3", None)),
    "stunnel-12": ("sslVersionMax = TLSv1.2", "authenticated", ("delivered", "strong256", "TLSv1.2", None)),
    "stunnel-128": (
        "sslVersionMax = TLSv1.2\nciphers = ECDHE-RSA-AES128-GCM-SHA256", "authenticated",
        ("delivered", "strong128", "TLSv1.2", None),
    ),
    "stunnel-cbc": (
        "sslVersionMax = TLSv1.2\nciphers = ECDHE-RSA-AES256-SHA384", "authenticated",
        ("delivered", "compatible", "TLSv1.2", None),
    ),
}  # fmt: skip


class OtherTlsTests(SynchronousTestCase):
    maxDiff = None

    def setUp(self) -> None:
        # Exim's own user must be able to come in.
        temporary = tempfile.TemporaryDirectory(prefix="fopemta-peers-")
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.folder.chmod(0o777)
        authority = Authority()
        self.root = Path(authority.write_root(self.folder)).resolve()
        self.good = authority.leaf("localhost", key=rsa_key()).write(self.folder, "good")
        self.old = authority.leaf("localhost", key=rsa_key(), days=(-9, -2)).write(self.folder, "old")
        self.ours = authority.leaf("us.test", key=rsa_key(), usage=ExtendedKeyUsageOID.CLIENT_AUTH).write(
            self.folder.resolve(), "ours"
        )
        for path in (*self.good, *self.old):
            os.chmod(path, 0o644)

    def exim(self, kind: str, settings: str) -> int:
        """A daemon of its own, ready; gives its port."""
        folder, port = self.folder / kind, free_port()
        folder.mkdir()
        folder.chmod(0o777)
        chain, key = self.old if "expired" in kind else self.good
        tls = (
            "tls_advertise_hosts ="
            if kind == "none"
            else WITH_TLS.format(chain=chain, key=key) + settings.replace("ROOT", str(self.root))
        )
        config = folder / "exim.conf"
        config.write_text(EXIM.format(port=port, folder=folder, tls=tls))
        self.run_peer(port, program("exim4"), "-C", str(config), "-bdf", output=folder / "output")
        return port

    def stunnel(self, kind: str, settings: str, backend: int) -> int:
        port = free_port()
        config = self.folder / f"{kind}.conf"
        chain, key = self.good
        config.write_text(STUNNEL.format(port=port, backend=backend, chain=chain, key=key, settings=settings))
        self.run_peer(port, program("stunnel4"), str(config), output=self.folder / f"{kind}.output")
        return port

    def run_peer(self, port: int, *command: str, output: Path) -> None:
        peer = Process(*command, output=output)
        self.addCleanup(peer.stop)
        until(lambda: answers(port), f"{command[0]} does not greet: {output.read_text()}")

    def test_exim_is_built_on_another_library(self) -> None:
        config = self.folder / "version.conf"
        config.write_text("")
        command = [program("exim4"), "-C", str(config), "--version"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        self.assertIn("GnuTLS", said.stdout)

    def test_each_kind(self) -> None:
        kinds = {kind: self.exim(kind, settings) for kind, (settings, *_) in EXIM_KINDS.items()}
        plain = kinds["none"]
        kinds |= {kind: self.stunnel(kind, settings, plain) for kind, (settings, *_) in STUNNEL_KINDS.items()}
        rows, ours = EXIM_KINDS | STUNNEL_KINDS, self.ours
        routes = "".join(
            f'[[route]]\ndomain = "{kind}.test"\nvia = "smtp:localhost:{port}"\ntls = "{rows[kind][1]}"\n'
            + (f'certificate = {{ chain = "{ours[0]}", key = "{ours[1]}" }}\n' if kind.startswith("shown-ours") else "")
            for kind, port in kinds.items()
        )
        settings = f'[tls.client]\nroots = "{self.root}"\n{routes}'
        server = Fopemta(self.mktemp(), settings).start()
        self.addCleanup(server.stop)
        with smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=20) as client:
            client.sendmail("alice@us.test", [f"bob@{kind}.test" for kind in kinds], "Subject: x\r\n\r\nHello\r\n")
        until(lambda: len(server.events("attempt")) >= len(kinds), "not all were tried", 120)
        found = {}
        for event in server.events("attempt"):
            kind = event["recipient"].partition("@")[2].removesuffix(".test")
            rung = event["rung"] if event["diagnosis"] != "client_certificate_wanted" else None
            protocol = event["protocol"] if event["diagnosis"] != "client_certificate_wanted" else None
            found.setdefault(kind, (event["result"], rung, protocol, event["diagnosis"]))
        self.assertEqual(found, {kind: row[2] for kind, row in rows.items()})
