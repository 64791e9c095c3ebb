"""The addresses in a line of text."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.sendmail.address_list import addresses

LISTS: dict[str, tuple[str, ...]] = {
    "": (),
    " , ,": (),
    "a@us.test": ("a@us.test",),
    "root": ("root",),
    "a@us.test, root ,b@peer.test": ("a@us.test", "root", "b@peer.test"),
    "a@us.test\n\t, b@us.test\n": ("a@us.test", "b@us.test"),
    "Anna <a@us.test>": ("a@us.test",),
    '"Last, First" <a@us.test>, b@us.test': ("a@us.test", "b@us.test"),
    '"quote \\" and <c@us.test>, comma" <a@us.test>': ("a@us.test",),
    "a@us.test (Anna, of us)": ("a@us.test",),
    'a@us.test (it"s (nested) \\) so), b@us.test': ("a@us.test", "b@us.test"),
    "team: a@us.test, b@us.test;, c@us.test": ("a@us.test", "b@us.test", "c@us.test"),
    "undisclosed-recipients:;": (),
    "<@one.test,@two.test:a@us.test>, b@us.test": ("@one.test,@two.test:a@us.test", "b@us.test"),
    '"odd one"@us.test': ('"odd one"@us.test',),
    "a . b @ us . test": ("a.b@us.test",),
    "<>": (),
    "<a@us.test": ("a@us.test",),
    "<a@us.test> and more, b@us.test": ("a@us.test", "b@us.test"),
    "a@[192.0.2.1], b@[IPv6:2001:db8::1]": ("a@[192.0.2.1]", "b@[IPv6:2001:db8::1]"),
    "(unfinished a@us.test": (),
    '"unfinished a@us.test, b@us.test': ('"unfinished a@us.test, b@us.test',),
    "two words": ("two words",),
    "ü@us.test": ("ü@us.test",),
    ")a@us.test": (")a@us.test",),
}


class AddressListTests(SynchronousTestCase):
    def test_lists(self) -> None:
        self.assertEqual({text: addresses(text) for text in LISTS}, LISTS)
