"""What `fopemta tlstest` is pointed at, however it is written."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.cli.tlstest import _hop, _NoTarget
from fopemta.config.load import load
from tests.config.test_load import SMALLEST


class TargetTests(SynchronousTestCase):
    def test_spellings(self) -> None:
        configuration = load(SMALLEST, "/etc")
        for text, word, domain in (
            ("example.net", "example.net", "example.net"),
            ("Example.NET.", "example.net", "example.net"),
            ("BÜCHER.example", "xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("Mx.Example.Net.:2525", "smtp:mx.example.net:2525", ""),
            ("192.0.2.1", "smtp:192.0.2.1", ""),
            ("[2001:db8::1]:25", "smtp:2001:db8::1:25", ""),
        ):
            hop, found = _hop(configuration, text)
            self.assertEqual((hop.word, found), (word, domain), text)

    def test_no_target(self) -> None:
        configuration = load(SMALLEST, "/etc")
        for text, meant in ((".example.net", ""), ("a b", ""), ("u@example.net", 'did you mean "example.net"')):
            error = self.assertRaises(_NoTarget, _hop, configuration, text)
            self.assertIn(meant, str(error))
