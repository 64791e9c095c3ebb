"""Listeners as the mail test of internet.nl sees them: sslyze is its engine, the tables are in tests/trust.

sslyze is installed by tests/peers/requirements.txt into a place of its own, since it wants an older `cryptography`; its
program must be in the path.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Key, rsa_key
from fopemta.trust.listener_offer import PROFILES, ListenerOffer, ServerProfile
from tests.processes import Fopemta, free_port, program, temporary_authority
from tests.trust.test_listener_offer import rank

SCANS = (
    "--certinfo", "--tlsv1_3", "--tlsv1_2", "--tlsv1_1", "--tlsv1", "--sslv3", "--sslv2", "--reneg", "--compression",
    "--early_data", "--elliptic_curves", "--ems", "--fallback", "--robot", "--heartbleed", "--openssl_ccs",
)  # fmt: skip
OLD = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
# internet.nl passes these, of those that sslyze asks for.
CURVES = {"X25519", "X448", "secp256r1", "secp384r1", "secp521r1"}

KEYS: dict[str, list[Callable[[], Key]]] = {
    "ECDSA": [lambda: ec.generate_private_key(ec.SECP256R1())],
    "ECDSA, 384 bits": [lambda: ec.generate_private_key(ec.SECP384R1())],
    "RSA": [lambda: rsa_key(3072)],
    "both": [lambda: ec.generate_private_key(ec.SECP256R1()), lambda: rsa_key(3072)],
    "self-made": [],
}


def scanned(port: int, folder: Path) -> dict[str, Any]:
    """What sslyze finds, by its names; each of its scans must have come to its end."""
    report = folder / f"{port}.json"
    done = subprocess.run(
        [program("sslyze"), "--starttls=smtp", "--mozilla_config=disable", *SCANS, f"--json_out={report}",
         f"localhost:{port}"],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    [found] = json.loads(report.read_text("utf-8"))["server_scan_results"]
    assert found["scan_status"] == "COMPLETED", (found["connectivity_error_trace"], done.stderr)
    results = {name: each for name, each in found["scan_result"].items() if each["status"] != "NOT_SCHEDULED"}
    failed = {name: each["error_trace"] for name, each in results.items() if each["status"] != "COMPLETED"}
    assert not failed, failed
    return {name: each["result"] for name, each in results.items()}


def suites(found: dict[str, Any], version: str) -> set[str]:
    accepted = found[f"{version}_cipher_suites"]["accepted_cipher_suites"]
    return {each["cipher_suite"]["openssl_name"] for each in accepted}


class SslyzeTests(SynchronousTestCase):
    def test_each_kind_of_certificate_and_each_profile(self) -> None:
        program("sslyze")
        for kind, keys in KEYS.items():
            folder = Path(self.mktemp()).resolve()
            folder.mkdir()
            ports = dict.fromkeys(ServerProfile, 0)
            server = self.server(folder, [make() for make in keys], ports)
            for profile, port in ports.items():
                if profile is not ServerProfile.INTERNET_NL and kind != "both":
                    continue  # a scan takes seconds; what the other profiles add goes with either key
                with _Named(f"{kind}, {profile.value}"):
                    self.check(scanned(port, folder), PROFILES[profile], self.suited(kind, PROFILES[profile]), profile)
            server.stop()

    def server(self, folder: Path, keys: list[Key], ports: dict[ServerProfile, int]) -> Fopemta:
        authority, _ = temporary_authority(folder)
        files = [authority.leaf("mx.us.test", key=key).write(folder, f"own{index}") for index, key in enumerate(keys)]
        shown = ", ".join(f'{{ chain = "{chain}", key = "{key}" }}' for chain, key in files)
        settings = f"[tls.server]\ncertificates = [{shown}]\n"
        for profile in ports:
            if profile is not ServerProfile.INTERNET_NL:
                ports[profile] = free_port()
                settings += (
                    f'[[listener]]\nendpoint = "tcp:{ports[profile]}:interface=127.0.0.1"\n'
                    f'profile = "{profile.value}"\n'
                )
        server = Fopemta(folder / "us", settings)
        ports[ServerProfile.INTERNET_NL] = server.port
        self.addCleanup(server.stop)
        return server.start()

    def suited(self, kind: str, offer: ListenerOffer) -> set[str]:
        """Those of TLS 1.2 that go with the keys."""
        if kind.startswith("ECDSA"):
            return {each for each in offer.tls12 if "-ECDSA-" in each}
        if kind == "RSA":
            return {each for each in offer.tls12 if "-ECDSA-" not in each}
        return set(offer.tls12)

    def check(self, found: dict[str, Any], offer: ListenerOffer, suited: set[str], profile: ServerProfile) -> None:
        for version in OLD:
            self.assertEqual(suites(found, version), set(), version)
        self.assertEqual(suites(found, "tls_1_3"), set(offer.tls13))
        self.assertEqual(suites(found, "tls_1_2"), suited)
        if profile is not ServerProfile.MAIL:
            fails = {each for version in ("tls_1_2", "tls_1_3") for each in suites(found, version) if rank(each) == 2}
            self.assertEqual(fails, set())
        curves = {each["name"] for each in found["elliptic_curves"]["supported_curves"]}
        self.assertEqual(curves - CURVES, set())
        self.assertLessEqual({"secp256r1", "secp384r1"}, curves)
        self.assertFalse(found["tls_compression"]["supports_compression"])
        self.assertTrue(found["session_renegotiation"]["supports_secure_renegotiation"])
        self.assertEqual(found["session_renegotiation"]["client_renegotiations_success_count"], 0)
        self.assertFalse(found["tls_1_3_early_data"]["supports_early_data"])
        self.assertTrue(found["tls_extended_master_secret"]["supports_ems_extension"])
        self.assertTrue(found["tls_fallback_scsv"]["supports_fallback_scsv"])
        self.assertTrue(found["robot"]["robot_result"].startswith("NOT_VULNERABLE"), found["robot"])
        self.assertFalse(found["heartbleed"]["is_vulnerable_to_heartbleed"])
        self.assertFalse(found["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"])
        self.check_certificates(found["certificate_info"]["certificate_deployments"])

    def check_certificates(self, deployments: list[dict[str, Any]]) -> None:
        for each in deployments:
            leaf = each["received_certificate_chain"][0]
            key = leaf["public_key"]
            self.assertGreaterEqual(key["key_size"], 3072 if "rsa" in key["algorithm"].lower() else 256, key)
            self.assertIn(leaf["signature_hash_algorithm"]["name"], ("sha256", "sha384", "sha512"))


class _Named:
    """What a failure within is about stands beside it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None:
            error.add_note(self._name)
