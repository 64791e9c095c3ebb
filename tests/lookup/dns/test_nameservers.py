"""resolv.conf."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.lookup.dns.nameservers import system_nameservers


class NameserverTests(SynchronousTestCase):
    def read(self, text: str) -> tuple[tuple[str, int], ...]:
        path = self.mktemp()
        with open(path, "w") as file:
            file.write(text)
        return system_nameservers(path)

    def test_named_ones_in_order(self) -> None:
        text = "# x\nsearch a.test\nnameserver 192.0.2.1\nnameserver  2001:db8::1 \nnameserver rubbish\nnameserver\n"
        self.assertEqual(self.read(text), (("192.0.2.1", 53), ("2001:db8::1", 53)))

    def test_none_means_the_local_machine(self) -> None:
        self.assertEqual(self.read(""), (("127.0.0.1", 53),))
        self.assertEqual(system_nameservers("/nonexistent/resolv.conf"), (("127.0.0.1", 53),))
