"""Lists of unwanted clients: names to ask, and what answers mean."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.answer import Absent, Found, Unavailable
from fopemta.policy.blocklist import Blocklist, BlocklistAnswer, listing, query_name


class BlocklistTests(SynchronousTestCase):
    def test_names(self) -> None:
        self.assertEqual(query_name("192.0.2.99", "bl.test"), "99.2.0.192.bl.test")
        nibbles = ".".join(reversed("20010db8000000000000000000000001"))
        self.assertEqual(query_name("2001:db8::1", "bl.test"), f"{nibbles}.bl.test")
        self.assertIsNone(query_name("unknown", "bl.test"))

    def test_answers(self) -> None:
        usual, chosen = Blocklist("bl.test"), Blocklist("bl.test", ("127.0.0.9", "127.0.1.1"))
        table = {
            ("127.0.0.2",): (BlocklistAnswer.LISTED, BlocklistAnswer.UNAVAILABLE),
            ("127.0.0.255",): (BlocklistAnswer.LISTED, BlocklistAnswer.UNAVAILABLE),
            ("127.0.0.9",): (BlocklistAnswer.LISTED, BlocklistAnswer.LISTED),
            ("127.0.0.2", "127.0.1.1"): (BlocklistAnswer.LISTED, BlocklistAnswer.LISTED),
            ("127.0.1.1",): (BlocklistAnswer.UNAVAILABLE, BlocklistAnswer.LISTED),
            ("127.0.0.1",): (BlocklistAnswer.UNAVAILABLE, BlocklistAnswer.UNAVAILABLE),
            # A list whose domain has been given up answers for everybody; one that is asked too often says so.
            ("192.0.2.1",): (BlocklistAnswer.UNAVAILABLE, BlocklistAnswer.UNAVAILABLE),
            ("127.255.255.254",): (BlocklistAnswer.UNAVAILABLE, BlocklistAnswer.UNAVAILABLE),
            ("::1",): (BlocklistAnswer.UNAVAILABLE, BlocklistAnswer.UNAVAILABLE),
            ("nonsense",): (BlocklistAnswer.UNAVAILABLE, BlocklistAnswer.UNAVAILABLE),
        }
        found = {codes: tuple(listing(each, Found(codes)) for each in (usual, chosen)) for codes in table}
        self.assertEqual(found, table)
        self.assertIs(listing(usual, Absent()), BlocklistAnswer.NOT_LISTED)
        self.assertIs(listing(usual, Unavailable("SERVFAIL")), BlocklistAnswer.UNAVAILABLE)

    def test_codes_that_say_refused_never_count(self) -> None:
        self.assertIs(
            listing(Blocklist("x", ("127.255.255.1",)), Found(("127.255.255.1",))), BlocklistAnswer.UNAVAILABLE
        )
