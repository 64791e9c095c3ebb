"""The plan for a next hop: who demands something of it, and what of that holds for a notice about it."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.routing.plan import own_demand, plan_towards
from fopemta.routing.route import Route, Via
from fopemta.routing.values import NextHop
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.demand import Demand, Demanded, NameSource, Patience, Proof, inheritance, merge, weaker
from fopemta.trust.levels import Level
from fopemta.trust.plan import CertificateFiles, Fallback
from fopemta.trust.rungs import Rung

CLOCK = Patience(hold=86_400, warn_after=3600)
BANK = Demand(
    level=Level.AUTHENTICATED, source="rule bank", proof=Proof(names=("bank.test",), pins=("ab" * 32,), roots="/r.pem"),
    patience=CLOCK, preferred=Level.AUTHENTICATED, tell_sender=True, lowest_rung=Rung.STRONG_128,
)  # fmt: skip
BARE = attrs.evolve(BANK, source="rule bare", bare_report=True, patience=Patience(hold=60, warn_after=7200))
ROUTE = Route(domain="d.test", tls=Level.ENCRYPT)


class PlanTests(SynchronousTestCase):
    def plan(self, *demands: Demand, route: Route = ROUTE, domain: str = "", **client: object):  # type: ignore[no-untyped-def]
        demanded = Demanded(demands=demands, domain=domain)
        return plan_towards(demanded, NextHop("d.test", route), TlsClient(**client))  # type: ignore[arg-type]

    def test_a_hop_that_crosses_no_network_satisfies_every_demand(self) -> None:
        here = Route(domain="d.test", via=Via.SMTP, host="127.0.0.1", crosses_no_network=True)
        self.assertIs(self.plan(BANK, route=here).level, Level.OPPORTUNISTIC)
        self.assertIs(self.plan(BANK, route=attrs.evolve(here, crosses_no_network=False)).level, Level.AUTHENTICATED)

    def test_what_the_client_s_configuration_says(self) -> None:
        found = self.plan(fallback=Fallback.NEVER, lowest_rung="strong256")
        self.assertEqual((found.fallback, found.rungs), (Fallback.NEVER, (Rung.STRONG_256,)))
        self.assertEqual(self.plan(BANK).rungs, (Rung.STRONG_256, Rung.STRONG_128))

    def test_rungs_that_are_tls(self) -> None:
        found = self.plan(route=Route(domain="d.test"))
        self.assertEqual(found.rungs, (*found.tls_rungs, Rung.PLAIN))
        self.assertEqual(self.plan().tls_rungs, self.plan().rungs)

    def test_certificate_of_the_route(self) -> None:
        ours = CertificateFiles("/c.pem", "/c.key")
        self.assertEqual(self.plan(route=attrs.evolve(ROUTE, certificate=ours)).certificate, ours)
        self.assertIsNone(self.plan().certificate)

    def test_domain_only_where_a_proof_asks_for_it(self) -> None:
        by_domain = attrs.evolve(BANK, proof=Proof(names=NameSource.DOMAIN))
        self.assertEqual(self.plan(BANK, domain="r.test").domain, "")
        self.assertEqual(self.plan(by_domain, domain="r.test").domain, "r.test")
        self.assertEqual(self.plan(BANK, by_domain).domain, "d.test")
        hop = NextHop("", attrs.evolve(ROUTE, domain="route.test"))
        self.assertEqual(plan_towards(Demanded(demands=(by_domain,)), hop, TlsClient()).domain, "route.test")

    def test_a_notice_that_inherited_the_domain_s_name_goes_through_a_smart_host_by_the_names_of_the_route(
        self,
    ) -> None:
        by_domain = attrs.evolve(BANK, proof=Proof(names=NameSource.DOMAIN, roots="/r.pem"))
        [inherited] = inheritance((), [Demanded(demands=(by_domain,))], [])
        smart = Route(domain="*", via=Via.SMTP, host="relay.test")
        for route, names in (
            (smart, NameSource.MX), (attrs.evolve(smart, names=("r.test",)), ("r.test",)),
            (attrs.evolve(smart, names=NameSource.DOMAIN), NameSource.DOMAIN), (ROUTE, NameSource.DOMAIN),
        ):  # fmt: skip
            found = self.plan(inherited, route=route)
            self.assertIs(found.level, Level.AUTHENTICATED)
            self.assertIn(Proof(names=names, roots="/r.pem"), found.proofs)
            self.assertEqual(found.domain, "d.test" if names is NameSource.DOMAIN else "")
        # Nothing else is read so: what a rule demands of this very mail, and other names.
        self.assertEqual(self.plan(by_domain, route=smart).proofs, (by_domain.proof,))
        listed = attrs.evolve(inherited, proof=Proof(names=("mx.test",)))
        self.assertEqual(self.plan(listed, route=smart).proofs, (Proof(names=("mx.test",)),))

    def test_all_proofs_must_be_given_and_the_sources_are_those_of_the_level(self) -> None:
        route = attrs.evolve(ROUTE, names=("x.test",))
        found = self.plan(BANK, BARE, route=route)
        self.assertEqual(found.proofs, (Proof(names=("x.test",)), BANK.proof))
        self.assertEqual(found.sources, ("rule bank", "rule bare"))
        self.assertEqual(self.plan(route=route).sources, ("route",))

    def test_a_route_says_what_proves_where_it_says_anything(self) -> None:
        for change in ({"names": ("x.test",)}, {"names": NameSource.DOMAIN}, {"roots": "/r.pem"}, {"pins": ("ab",)}):
            proof = own_demand(Route(domain="d.test", **change)).proof  # type: ignore[arg-type]
            self.assertEqual(proof, Proof(**change), change)  # type: ignore[arg-type]
        self.assertIsNone(own_demand(Route(domain="d.test")).proof)
        self.assertEqual(own_demand(Route(domain="d.test")).source, "default")
        self.assertEqual(own_demand(ROUTE), Demand(level=Level.ENCRYPT, source="route"))


class MergeTests(SynchronousTestCase):
    def test_the_strictest_in_each_respect(self) -> None:
        easy = Demand(level=Level.ENCRYPT, source="route", lowest_rung=Rung.STRONG_256)
        found = merge([easy, BANK, BARE])
        self.assertEqual((found.level, found.preferred), (Level.AUTHENTICATED, Level.AUTHENTICATED))
        self.assertEqual((found.lowest_rung, found.patience), (Rung.STRONG_256, Patience(hold=60, warn_after=3600)))
        self.assertEqual((found.proofs, found.forced), ((BANK.proof,), True))
        self.assertEqual((merge([easy]).forced, merge([easy]).patience), (False, None))
        self.assertRaises(ValueError, merge, [])

    def test_what_is_preferred_is_never_less_than_what_there_must_be(self) -> None:
        wish = Demand(level=Level.OPPORTUNISTIC, source="a", preferred=Level.ENCRYPT)
        self.assertIs(merge([wish]).preferred, Level.ENCRYPT)
        self.assertIs(merge([wish, BANK]).preferred, Level.AUTHENTICATED)
        self.assertIs(merge([wish, Demand(level=Level.ENCRYPT, source="b")]).preferred, Level.ENCRYPT)


class ExceptionTests(SynchronousTestCase):
    """What an exception leaves of a demand."""

    OWN = Demand(level=Level.OPPORTUNISTIC, source="default")

    def test_the_clock_and_the_rung(self) -> None:
        for weakest, clock in ((Level.ENCRYPT, CLOCK), (Level.OPPORTUNISTIC, None), (Level.PLAIN, None)):
            found = Demanded(demands=(BANK,), weakest=weakest, weakened_by="old").merged(self.OWN)
            self.assertEqual((found.patience, found.preferred), (clock, Level.AUTHENTICATED), weakest)
            self.assertIsNone(found.lowest_rung)
        found = Demanded(demands=(BANK,), weakest=Level.AUTHENTICATED, weakened_by="old").merged(self.OWN)
        self.assertEqual((found.patience, found.lowest_rung, found.sources), (CLOCK, Rung.STRONG_128, ("rule bank",)))

    def test_the_source_says_so(self) -> None:
        found = Demanded(demands=(BANK,), weakest=Level.ENCRYPT, weakened_by="old").merged(self.OWN)
        self.assertEqual(found.sources, ("rule bank, weakened by rule old",))

    def test_a_wish_stays_a_wish(self) -> None:
        wish = Demand(level=Level.ENCRYPT, source="a", preferred=Level.AUTHENTICATED)
        found = Demanded(demands=(wish,), weakest=Level.OPPORTUNISTIC, weakened_by="old").merged(self.OWN)
        self.assertEqual((found.level, found.preferred), (Level.OPPORTUNISTIC, Level.AUTHENTICATED))


class WeakerTests(SynchronousTestCase):
    """Whether mail may go where it might not have gone before."""

    def test_in_each_respect(self) -> None:
        some, other = Proof(names=("a.test",)), Proof(roots="/r.pem")
        proven = Demand(level=Level.AUTHENTICATED, source="x", proof=some)
        encrypted = Demand(level=Level.ENCRYPT, source="x", proof=some, preferred=Level.AUTHENTICATED)
        strong = attrs.evolve(encrypted, lowest_rung=Rung.STRONG_256)
        for old, new, wanted in (
            (proven, proven, False),
            (proven, encrypted, True),
            (encrypted, proven, False),
            (encrypted, attrs.evolve(encrypted, preferred=None), True),
            (attrs.evolve(encrypted, preferred=None), encrypted, False),
            # Proofs count where they must be given.
            (proven, attrs.evolve(proven, proof=other), True),
            (proven, attrs.evolve(proven, proof=None), True),
            (encrypted, attrs.evolve(encrypted, proof=other), False),
            (strong, encrypted, True),
            (encrypted, strong, False),
            (strong, attrs.evolve(strong, lowest_rung=Rung.STRONG_128), True),
            (strong, strong, False),
            (attrs.evolve(strong, lowest_rung=Rung.STRONG_128), strong, False),
        ):
            self.assertEqual(weaker(merge([new]), merge([old])), wanted, (old, new))
        both = merge([proven, attrs.evolve(proven, proof=other)])
        self.assertFalse(weaker(both, merge([proven])))
        self.assertTrue(weaker(merge([proven]), both))


class InheritanceTests(SynchronousTestCase):
    """What a notice about a message must keep to."""

    OPPORTUNISTIC = Demand(level=Level.OPPORTUNISTIC, source="default")
    EASY = Demand(level=Level.ENCRYPT, source="rule easy")

    def of(
        self, *demands: Demand, kept: tuple[Demand, ...] = (), routes: tuple[Demand, ...] = ()
    ) -> tuple[Demand, ...]:
        """Each demand is of the way to another recipient."""
        return inheritance(kept, [Demanded(demands=(each,)) for each in demands], routes)

    def test_nothing_where_encryption_is_not_demanded(self) -> None:
        self.assertEqual(self.of(self.OPPORTUNISTIC, routes=(self.OPPORTUNISTIC,)), ())
        self.assertEqual(inheritance((), [], ()), ())

    def test_rules_and_routes_that_demand_it(self) -> None:
        report = attrs.evolve(self.EASY, source="report")
        self.assertEqual(self.of(self.EASY), (report,))
        self.assertEqual(self.of(self.OPPORTUNISTIC, routes=(own_demand(ROUTE),)), (report,))
        # Each once, what the message itself has inherited first.
        kept = attrs.evolve(self.EASY, source="report", level=Level.AUTHENTICATED)
        self.assertEqual(self.of(self.EASY, self.EASY, kept=(kept,), routes=(own_demand(ROUTE),)), (kept, report))

    def test_a_list_of_names_and_a_pin_are_another_s(self) -> None:
        [found] = self.of(BANK, BANK)
        self.assertEqual(found.proof, Proof(names=NameSource.MX, roots="/r.pem"))
        self.assertEqual((found.level, found.source, found.preferred), (Level.AUTHENTICATED, "report", None))
        self.assertEqual((found.patience, found.tell_sender, found.lowest_rung), (CLOCK, False, Rung.STRONG_128))
        [found] = self.of(attrs.evolve(BANK, proof=Proof(names=NameSource.DOMAIN)))
        self.assertEqual(found.proof, Proof(names=NameSource.DOMAIN))
        [found] = self.of(attrs.evolve(BANK, proof=None))
        self.assertIsNone(found.proof)

    def test_a_bare_report_needs_any_tls(self) -> None:
        [found] = self.of(BARE, attrs.evolve(BARE, patience=CLOCK), self.OPPORTUNISTIC)
        self.assertEqual(
            found,
            Demand(
                level=Level.ENCRYPT, source="report", patience=Patience(hold=60, warn_after=3600), bare_report=True
            ),
        )  # fmt: skip

    def test_bare_only_where_all_say_so(self) -> None:
        bank = attrs.evolve(BANK, source="report", proof=Proof(roots="/r.pem"), preferred=None, tell_sender=False)
        self.assertEqual(self.of(BARE, BANK), (bank,))
        easy = attrs.evolve(self.EASY, source="report")
        self.assertEqual(self.of(BARE, self.EASY), (easy,))
        self.assertEqual(self.of(BARE, routes=(own_demand(ROUTE),)), (easy,))
        self.assertEqual(self.of(BARE, kept=(easy,)), (easy,))
