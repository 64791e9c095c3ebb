"""Paths, names, addresses, networks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.settings.place import NotValid, Place
from fopemta.settings.words import (
    banner_of,
    certificate_identity_of,
    domain_of,
    fingerprint_of,
    http_url_of,
    mailbox_of,
    nameserver_of,
    network_of,
    path,
    pattern_of,
    proxy_of,
    route_domain_of,
    split_port,
)


class DomainTests(SynchronousTestCase):
    def test_canonical_form(self) -> None:
        """Lower case, A-labels (IDNA 2008: ß is a letter of its own), no final dot."""
        given = (
            "Example.ORG",
            "example.org.",
            "localhost",
            "BÜCHER.example",
            "straße.example",
            "xn--Bcher-kva.example",
        )
        expected = [
            "example.org", "example.org", "localhost", "xn--bcher-kva.example", "xn--strae-oqa.example",
            "xn--bcher-kva.example",
        ]  # fmt: skip
        self.assertEqual([domain_of(each) for each in given], expected)

    def test_no_domains(self) -> None:
        for value in (
            "",
            ".",
            "a..b",
            "-a.b",
            "a b",
            "a@b",
            "[192.0.2.1]",
            "192.0.2.1",
            "a\n",
            1,
            None,
            "é" * 300,
            "*.a",
        ):
            with self.assertRaises(NotValid, msg=repr(value)):
                domain_of(value)

    def test_patterns(self) -> None:
        self.assertEqual(pattern_of("*.Example.org"), "*.example.org")
        self.assertEqual(route_domain_of("*"), "*")
        for value in ("*", "*.", "a.*.b", "*.*.a", "*a.b"):
            with self.assertRaises(NotValid, msg=value):
                pattern_of(value)


class AddressTests(SynchronousTestCase):
    def test_mailbox(self) -> None:
        self.assertEqual(mailbox_of("Postmaster@Example.ORG"), Mailbox("Postmaster", "example.org"))
        self.assertEqual(mailbox_of("a@[IPv6:2001:DB8:0::1]"), Mailbox("a", "[IPv6:2001:db8::1]"))
        self.assertEqual(mailbox_of('"a b"@bücher.example'), Mailbox("a b", "xn--bcher-kva.example"))
        for value in ("postmaster", "@example.org", "a@", "a@b@c", "a b@c", "a@192.0.2.1", 7):
            with self.assertRaises(NotValid, msg=repr(value)):
                mailbox_of(value)

    def test_network(self) -> None:
        self.assertEqual(str(network_of("192.0.2.0/24")), "192.0.2.0/24")
        self.assertEqual(str(network_of("2001:db8::1")), "2001:db8::1/128")
        with self.assertRaisesRegex(NotValid, 'the network is "192.0.2.0/24"'):
            network_of("192.0.2.9/24")
        for value in ("", "192.0.2", "192.0.2.0/33", "example.org", 3):
            with self.assertRaises(NotValid, msg=repr(value)):
                network_of(value)

    def test_nameserver(self) -> None:
        given = ("127.0.0.1:53", "192.0.2.1", "::1", "[::1]", "[::1]:5353")
        expected = [("127.0.0.1", 53), ("192.0.2.1", 53), ("::1", 53), ("::1", 53), ("::1", 5353)]
        self.assertEqual([nameserver_of(each) for each in given], expected)

    def test_proxy(self) -> None:
        for good in ("off", "http://proxy.example.org:3128", "http://192.0.2.1:80", "http://[2001:db8::1]:3128"):
            self.assertEqual(proxy_of(good), good)
        self.assertEqual(proxy_of("http://p.test:3128/"), "http://p.test:3128")
        for bad in ("p.test:3128", "https://p.test:3128", "http://p.test", "http://u:p@p.test:3128", "http://:80", ""):
            self.assertRaises(NotValid, proxy_of, bad)

    def test_http_url(self) -> None:
        for good in (
            "off",
            "http://c.test/ca.crl",
            "http://c.test:8080",
            "http://[2001:db8::1]/x",
            "http://192.0.2.1/",
        ):
            self.assertEqual(http_url_of(good), good)
        for bad in (
            "c.test/ca.crl",
            "https://c.test/",
            "ldap://c.test/",
            "http://",
            "http:///x",
            "http://u@c.test/",
            "",
        ):
            self.assertRaises(NotValid, http_url_of, bad)

    def test_host_and_port(self) -> None:
        found = [split_port(each) for each in ("a", "a:25", "[::1]", "[::1]:25")]
        self.assertEqual(found, [("a", None), ("a", 25), ("::1", None), ("::1", 25)])
        for text in ("a:", "a:0", "a:65536", "a:x", "[::1", "[::1]25", "[a]:25", "::1", "a:25:25", "a:٢٥", "a:+25"):
            with self.assertRaises(NotValid, msg=text):
                split_port(text)


class PathTests(SynchronousTestCase):
    def test_counts_from_the_folder_unless_it_is_a_word(self) -> None:
        place = Place("log.text", "/etc/fopemta", [])
        found = [path("stdout")(each, place) for each in ("a.log", "../a.log", "/var/a.log", "./b/./a.log", "stdout")]
        self.assertEqual(found, ["/etc/fopemta/a.log", "/etc/a.log", "/var/a.log", "/etc/fopemta/b/a.log", "stdout"])
        self.assertEqual(place.errors, [])

    def test_nul_is_no_part_of_a_path(self) -> None:
        place = Place("log.text", "/etc/fopemta", [])
        path()("a\0b", place)
        self.assertEqual(len(place.errors), 1)

    def test_banner_stays_on_its_line(self) -> None:
        self.assertEqual(banner_of(""), "")
        for value in ("a\r\nb", "é", "x" * 201, 5):
            with self.assertRaises(NotValid, msg=repr(value)):
                banner_of(value)


class FingerprintTests(SynchronousTestCase):
    def test_forms(self) -> None:
        digits = "AB" * 32
        for value in (digits, f"sha256:{digits}", ":".join(["AB"] * 32), digits.lower()):
            self.assertEqual(fingerprint_of(value), digits.lower(), value)
            self.assertEqual(certificate_identity_of(value), digits.lower(), value)
        self.assertEqual(certificate_identity_of("MX.Example.org"), "mx.example.org")
        for value in (digits[:-1], 5, None, ""):
            self.assertRaises(NotValid, fingerprint_of, value)
            self.assertRaises(NotValid, certificate_identity_of, 5 if value == digits[:-1] else value)
