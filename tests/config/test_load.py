"""From text to configuration, or every error at once."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.load import load
from fopemta.config.model import Configuration, Control, Listener, ListenerKind, ListenerTls, Node
from fopemta.routing.route import Route, Via
from fopemta.settings.errors import ConfigurationErrors
from fopemta.trust.levels import Level
from fopemta.trust.plan import CertificateFiles, Fallback

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "config"

SMALLEST = """
[node]
hostname = "mx.example.org"
postmaster = "postmaster@example.org"
[[listener]]
endpoint = "tcp:25"
[[route]]
domain = "example.org"
via = "maildir:/mail/{local_part}"
"""


def errors_of(text: str) -> list[str]:
    """Every error of a text that must have one."""
    try:
        load(text, "/etc/fopemta")
    except ConfigurationErrors as found:
        return [str(error) for error in found.errors]
    raise AssertionError("the text was accepted")


class GoodTests(SynchronousTestCase):
    def test_smallest_file_has_every_default_and_its_paths_resolved(self) -> None:
        expected = Configuration(
            node=Node(
                hostname="mx.example.org",
                postmaster=Mailbox("postmaster", "example.org"),
                spool="/etc/var/spool",
                state="/etc/var/state",
            ),
            listeners=(Listener(endpoint="tcp:25"),),
            routes=(Route(domain="example.org", via=Via.MAILDIR, maildir="/mail/{local_part}"),),
            control=Control(socket="/etc/var/control.sock"),
        )
        self.assertEqual(load(SMALLEST, "/etc/fopemta"), expected)

    def test_values_of_every_kind(self) -> None:
        found = load(
            SMALLEST
            + """
tls = "authenticated"
[[listener]]
endpoint = "tcp6:587"
kind = "submission"
tls = "required"
[tls.server]
certificates = [{ chain = "chain.pem", key = "/keys/key.pem" }]
[tls.client]
fallback = "never"
roots = "roots.pem"
[dns]
nameservers = ["127.0.0.1:5353", "::1"]
timeout = "3s"
[relay]
networks = ["192.0.2.0/24", "2001:db8::1"]
domains = ["*.Example.NET", "bücher.example"]
[retry]
factor = 3
[limits]
message_size = "10MB"
[log]
json = "log.json"
""",
            "/etc/fopemta",
        )
        self.assertEqual(found.routes[0].tls, Level.AUTHENTICATED)
        self.assertEqual(
            found.listeners[1], Listener(endpoint="tcp6:587", kind=ListenerKind.SUBMISSION, tls=ListenerTls.REQUIRED)
        )
        self.assertEqual(found.tls_server.certificates, (CertificateFiles("/etc/fopemta/chain.pem", "/keys/key.pem"),))
        self.assertEqual(
            (found.tls_client.fallback, found.tls_client.roots), (Fallback.NEVER, "/etc/fopemta/roots.pem")
        )
        self.assertEqual(found.dns.nameservers, (("127.0.0.1", 5353), ("::1", 53)))
        self.assertEqual(found.dns.timeout, 3.0)
        self.assertEqual(
            found.relay.networks, (ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::1/128"))
        )
        self.assertEqual(found.relay.domains, ("*.example.net", "xn--bcher-kva.example"))
        self.assertEqual(found.retry.factor, 3.0)
        self.assertEqual(found.limits.message_size, 10_000_000)
        self.assertEqual(found.log.json, "/etc/fopemta/log.json")


class ErrorTests(SynchronousTestCase):
    def test_golden_list_of_errors(self) -> None:
        """`FOPEMTA_REFRESH=1` writes the list anew; review the difference."""
        found = "\n".join(errors_of((GOLDEN / "errors.toml").read_text(encoding="utf-8"))) + "\n"
        golden = GOLDEN / "errors.txt"
        if os.environ.get("FOPEMTA_REFRESH"):
            golden.write_text(found, encoding="utf-8")
        self.assertEqual(found, golden.read_text(encoding="utf-8"))

    def test_what_must_be_there(self) -> None:
        self.assertEqual(errors_of(""), ["node: is missing", "listener: is missing"])

    def test_syntax_error_tells_line_and_column(self) -> None:
        self.assertEqual(
            errors_of("[node]\nhostname == 1\n"), ["not TOML: line 2, column 11: Invalid value: hostname == 1"]
        )

    def test_empty_file_lacks_what_is_required(self) -> None:
        self.assertEqual(errors_of(""), ["node: is missing", "listener: is missing"])

    def test_missing_listener(self) -> None:
        text = SMALLEST.replace('[[listener]]\nendpoint = "tcp:25"', "")
        self.assertEqual(errors_of("listener = []\n" + text), ["listener: at least one [[listener]] is needed"])

    def test_one_bracket_too_few(self) -> None:
        self.assertEqual(
            errors_of(SMALLEST.replace("[[route]]", "[route]")), ["route: must be written with two brackets, [[route]]"]
        )

    def test_postmaster_must_be_local(self) -> None:
        """Ruling 24."""
        [error] = errors_of(SMALLEST.replace("postmaster@example.org", "postmaster@example.net"))
        self.assertEqual(
            error,
            "node.postmaster: must be delivered on this machine: "
            '"example.net" needs a [[route]] with via = "maildir:..."',
        )

    def test_depth_and_length_that_break_a_parser_are_errors_too(self) -> None:
        self.assertEqual(errors_of("a = " + "[" * 100_000), ["not TOML: brackets are nested too deeply"])
        self.assertIn("not TOML: ", errors_of("a = " + "9" * 10_000)[0])

    def test_error_quotes_no_control_characters(self) -> None:
        [error] = errors_of(SMALLEST.replace('"tcp:25"', r'"tcp:25\u0007\u001b[31m"'))
        self.assertTrue(error.isprintable(), error)


_WORDS = st.sampled_from(
    ["node", "listener", "tls", "server", "client", "route", "via", "domain", "endpoint", "hostname", "limits", "dns"]
)
_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from(["mx", "smtp:[::1]:25", "maildir:{", "tcp:25", "a@b", "*.é", "5m", "1e999d", "[::1", "xn--a"]),
)  # fmt: skip
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(_WORDS, st.text(max_size=4)), inner)
    ),
    max_leaves=12,
)


def _toml(value: object) -> str:
    """A value as TOML, near enough: some of it is no TOML, and that must be an error too."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(str(name))} = {_toml(entry)}" for name, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


class AnythingTests(SynchronousTestCase):
    """Whatever the text is, the answer is a configuration or a list of errors."""

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(st.text())
    def test_any_text(self, text: str) -> None:
        try:
            load(text, "/etc")
        except ConfigurationErrors as found:
            self.assertTrue(found.errors)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.dictionaries(_WORDS, _VALUES, max_size=6))
    def test_any_table(self, table: dict[str, object]) -> None:
        text = "".join(f"{name} = {_toml(value)}\n" for name, value in table.items())
        try:
            load(text, "/etc")
        except ConfigurationErrors as found:
            self.assertTrue(all(str(error).isprintable() for error in found.errors), found.errors)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.sampled_from(["endpoint", "kind", "tls", "domain", "via"]), _LEAVES)
    def test_any_value_of_a_key(self, key: str, value: object) -> None:
        try:
            load(f"[[route]]\n{key} = {_toml(value)}\n[[listener]]\n{key} = {_toml(value)}\n", "/etc")
        except ConfigurationErrors as found:
            self.assertTrue(found.errors)
