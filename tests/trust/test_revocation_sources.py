"""What certificates say of where to ask."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.revoking import MUST_STAPLE, RevokingAuthority, lists_at, responders_at
from fopemta.trust.revocation_sources import Sources, questions, sources_of

CA = RevokingAuthority()


def of(*says: x509.ExtensionType, days: tuple[int, int] = (-1, 30)) -> Sources:
    return sources_of(CA.leaf("mx.test", says=says, days=days).chain[0])


def point(*names: x509.GeneralName, **more: object) -> x509.CRLDistributionPoints:
    facts = {"full_name": list(names) or None, "relative_name": None, "reasons": None, "crl_issuer": None} | more
    return x509.CRLDistributionPoints([x509.DistributionPoint(**facts)])


class SourcesTests(SynchronousTestCase):
    def test_nothing_named(self) -> None:
        self.assertEqual(of(), Sources())

    def test_lists_and_responders(self) -> None:
        found = of(lists_at("http://c.test/a", "http://c.test/b"), responders_at("http://o.test"))
        expected = Sources(lists=("http://c.test/a", "http://c.test/b"), responders=("http://o.test",), named=True)
        self.assertEqual(found, expected)

    def test_each_kind_alone_is_a_source(self) -> None:
        for says in (
            lists_at("http://c.test/a"),
            responders_at("http://o.test"),
            lists_at("ldap://c.test/a"),
            responders_at("ldap://o.test"),
        ):
            self.assertTrue(of(says).named, says)
        self.assertEqual(of(responders_at("ldap://o.test")).passed_over, ("ldap://o.test (only http is fetched)",))

    def test_what_is_said_of_a_responder_only_counts(self) -> None:
        other = x509.AccessDescription(
            x509.oid.AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://i.test")
        )
        by_name = x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.OCSP, x509.DNSName("o.test"))
        self.assertEqual(of(x509.AuthorityInformationAccess([other, by_name])), Sources())

    def test_each_once_and_bounded(self) -> None:
        self.assertEqual(of(lists_at("http://c.test/a", "http://c.test/a")).lists, ("http://c.test/a",))
        odd = of(lists_at(*(f"ldap://c.test/{number}" for number in range(9))))
        self.assertEqual(len(odd.passed_over), 3)
        longest = "http://c.test/" + "x" * 1986
        self.assertEqual((len(longest), of(lists_at(longest)).lists), (2000, (longest,)))
        self.assertEqual(of(lists_at(longest + "x")).lists, ())

    def test_only_http_and_only_so_many(self) -> None:
        found = of(lists_at("ldap://c.test/a", "https://c.test/b", "HTTP://c.test/c"))
        self.assertEqual((found.lists, found.named), (("HTTP://c.test/c",), True))
        self.assertEqual([each[:20] for each in found.passed_over], ["ldap://c.test/a (onl", "https://c.test/b (on"])
        many = of(lists_at(*(f"http://c.test/{number}" for number in range(9))))
        self.assertEqual(many.lists, tuple(f"http://c.test/{number}" for number in range(3)))
        self.assertEqual(of(lists_at("http://c.test/" + "x" * 2000)).lists, ())

    def test_what_we_do_not_use_is_said(self) -> None:
        url = x509.UniformResourceIdentifier("http://c.test/a")
        issuer = x509.DirectoryName(CA.root.subject)
        relative = x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
        table = {
            "an indirect CRL": point(url, crl_issuer=[issuer]),
            "a CRL for some reasons only": point(url, reasons=frozenset({x509.ReasonFlags.key_compromise})),
            "a CRL named relative to its issuer": point(relative_name=relative),
        }
        for words, says in table.items():
            self.assertEqual(of(says), Sources(named=True, passed_over=(words,)), words)

    def test_what_is_said_is_bounded(self) -> None:
        issuer = x509.DirectoryName(CA.root.subject)
        points = x509.CRLDistributionPoints([x509.DistributionPoint(None, None, None, [issuer])] * 100)
        self.assertEqual(of(points).passed_over, ("an indirect CRL",))
        other = of(lists_at(*(f"ldap://c.test/{number}" for number in range(9))))
        self.assertEqual([each[:14] for each in other.passed_over], [f"ldap://c.test/{n}"[:14] for n in range(3)])

    def test_must_staple_and_short_life(self) -> None:
        self.assertTrue(of(MUST_STAPLE).must_staple)
        self.assertFalse(of(x509.TLSFeature([x509.TLSFeatureType.status_request_v2])).must_staple)
        self.assertEqual([of(days=(-1, end)).short_lived for end in (8, 9, 10)], [True, True, False])


class QuestionsTests(SynchronousTestCase):
    def test_all_but_the_root(self) -> None:
        leaf = CA.leaf("mx.test")
        path = tuple(each.public_bytes(Encoding.DER) for each in (*leaf.chain, CA.root))
        found = questions(path)
        pairs = [(each.certificate, each.issuer) for each in found]
        self.assertEqual(pairs, [(leaf.chain[0], CA.intermediate), (CA.intermediate, CA.root)])
        self.assertEqual(len({each.key for each in found}), 2)
        self.assertEqual(questions(path[-1:]), ())

    def test_what_cannot_be_read(self) -> None:
        self.assertRaises(ValueError, questions, (b"no certificate", b"nor this"))
