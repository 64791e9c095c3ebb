"""The last gate before the wire: who gets a permit, and that there is no other way."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

import fopemta
from fopemta.address.mailbox import Mailbox
from fopemta.trust.demand import NameSource, Proof
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.levels import Level
from fopemta.trust.permit import Ground, Judged, NoPermit, Permit, permitted, rung_of
from fopemta.trust.plan import Fallback, Judgement, TlsPlan
from fopemta.trust.rungs import OFFERS, Rung

BOB, EVE = Mailbox("bob", "bank.test"), Mailbox("eve", "bank.test")
EVERY = tuple(Rung)
STRONG = (Rung.STRONG_256, Rung.STRONG_128)
GOOD = Judgement(True, ("mx.bank.test",), "pkix", None, "good for mx.bank.test")
BAD = Judgement(False, ("mx.bank.test",), None, Diagnosis.NAME_MISMATCH, "wanted another")
LISTED = Proof(names=("mx.bank.test",))
BY_DOMAIN = Proof(names=NameSource.DOMAIN)


def evidence(cipher: str = "TLS_AES_256_GCM_SHA384", protocol: str = "TLSv1.3", **more: Any) -> HandshakeEvidence:
    facts: dict[str, Any] = {"bits": 256, "group": None, "chain": (b"x",), "chain_errors": (), "server_name": "mx"}
    return HandshakeEvidence(protocol=protocol, cipher=cipher, **{**facts, **more})


def plan(level: Level, rungs: tuple[Rung, ...] = EVERY, **more: Any) -> TlsPlan:
    kept = tuple(each for each in rungs if each is not Rung.PLAIN or level <= Level.OPPORTUNISTIC)
    return TlsPlan(level, kept, Fallback.IMMEDIATE, **more)


def ask(
    wanted: TlsPlan | None, shown: HandshakeEvidence | None, judgement: Judgement | None = None, **more: Any
) -> Permit | NoPermit:
    judged = None
    if judgement is not None and shown is not None:
        proofs = more.pop("proofs", () if wanted is None else wanted.proofs)
        domain = more.pop("domain", "" if wanted is None else wanted.domain)
        about = more.pop("about", shown)
        judged = Judged(evidence=about, judgement=judgement, proofs=proofs, domain=domain)
    return permitted(Ground(recipients=more.pop("recipients", frozenset({BOB})), plan=wanted, judged=judged), shown)


class PermittedTests(SynchronousTestCase):
    def granted(self, found: Permit | NoPermit, wanted: bool, case: object) -> None:
        self.assertIs(isinstance(found, Permit), wanted, (case, found))

    def test_whole_table_of_levels_and_of_what_was_shown(self) -> None:
        shown: dict[str, tuple[HandshakeEvidence | None, Judgement | None]] = {
            "plain": (None, None),
            "unjudged": (evidence(), None),
            "bad": (evidence(), BAD),
            "good": (evidence(), GOOD),
        }
        permits = {
            Level.PLAIN: {"plain", "unjudged", "bad", "good"},
            Level.OPPORTUNISTIC: {"plain", "unjudged", "bad", "good"},
            Level.ENCRYPT: {"unjudged", "bad", "good"},
            Level.AUTHENTICATED: {"good"},
        }
        for level, (name, (found, judgement)) in itertools.product(Level, shown.items()):
            self.granted(ask(plan(level), found, judgement), name in permits[level], (level, name))

    def test_plain_text_only_where_it_is_on_the_ladder(self) -> None:
        without = TlsPlan(Level.OPPORTUNISTIC, STRONG, Fallback.NEVER)
        self.granted(ask(without, None), False, "opportunistic, but never plain")

    def test_what_was_negotiated_is_on_a_rung_that_is_permitted(self) -> None:
        weak = evidence("ECDHE-RSA-AES128-SHA", "TLSv1.2")
        for level, rungs, wanted in (
            (Level.ENCRYPT, STRONG, False), (Level.AUTHENTICATED, STRONG, False),
            (Level.ENCRYPT, EVERY, True), (Level.AUTHENTICATED, EVERY, True),
            # Whoever may speak plain text may speak any TLS.
            (Level.OPPORTUNISTIC, (*STRONG, Rung.PLAIN), True),
        ):  # fmt: skip
            self.granted(ask(plan(level, rungs), weak, GOOD), wanted, (level, rungs))
        for odd in (evidence("NULL-SHA", "TLSv1.2"), evidence("", ""), evidence("TLS_AES_256_GCM_SHA384", "SSLv3")):
            self.granted(ask(plan(Level.ENCRYPT), odd, GOOD), False, odd)

    def test_every_suite_that_is_offered_has_its_rung(self) -> None:
        for rung, offer in OFFERS.items():
            if rung is Rung.LENIENT:
                continue
            for suites, protocol in ((offer.tls13, "TLSv1.3"), (offer.tls12, "TLSv1.2")):
                for suite in suites:
                    wanted = Rung.COMPATIBLE if rung is Rung.LEGACY else rung
                    self.assertIs(rung_of(evidence(suite, protocol)), wanted, (suite, protocol))
            for suite in offer.tls12:
                self.assertIs(rung_of(evidence(suite, "TLSv1.1")), Rung.LEGACY)
                self.assertIs(rung_of(evidence(suite, "TLSv1")), Rung.LEGACY)
        self.assertIsNone(rung_of(evidence("TLS_AES_256_GCM_SHA384", "TLSv1.2")))

    def test_what_openssl_itself_refuses_is_no_better_for_its_cipher(self) -> None:
        lenient = evidence("ECDHE-RSA-AES256-GCM-SHA384", "TLSv1.2", lenient=True)
        self.assertIs(rung_of(lenient), Rung.LENIENT)
        self.granted(ask(plan(Level.ENCRYPT, (*STRONG, Rung.COMPATIBLE)), lenient), False, "encrypt")
        self.granted(ask(plan(Level.AUTHENTICATED, (*STRONG, Rung.COMPATIBLE)), lenient, GOOD), False, "authenticated")
        self.granted(ask(TlsPlan(Level.OPPORTUNISTIC, tuple(Rung), Fallback.IMMEDIATE), lenient), True, "any will do")

    def test_a_judgement_counts_for_this_connection_and_these_demands(self) -> None:
        wanted = plan(Level.AUTHENTICATED, proofs=(LISTED, BY_DOMAIN), domain="bank.test")
        shown = evidence()
        for case, more, granted in (
            ("as asked", {}, True),
            ("more was proven than is asked", {"proofs": (LISTED, BY_DOMAIN, Proof(roots="/x"))}, True),
            ("one proof is missing", {"proofs": (LISTED,)}, False),
            ("none was asked", {"proofs": ()}, False),
            ("another domain", {"domain": "shop.test"}, False),
            # As good, and not the same: another connection's.
            ("another connection", {"about": evidence()}, False),
        ):
            self.granted(ask(wanted, shown, GOOD, **dict(more)), granted, case)

    def test_evidence_that_was_never_read_proves_nothing(self) -> None:
        broken = evidence(judging_error="it broke")
        self.granted(ask(plan(Level.AUTHENTICATED), broken, GOOD), False, "judging failed")

    def test_why_not_is_told(self) -> None:
        found = ask(plan(Level.AUTHENTICATED), evidence(), BAD)
        self.assertEqual(found, NoPermit(Diagnosis.NAME_MISMATCH, "wanted another"))
        found = ask(plan(Level.ENCRYPT), None)
        self.assertEqual(found, NoPermit(Diagnosis.TLS_NOT_OFFERED, "encrypt TLS is demanded, and there is none"))
        found = ask(plan(Level.AUTHENTICATED), evidence())
        self.assertEqual(found, NoPermit(Diagnosis.JUDGING_FAILED, "the certificate of this connection was not judged"))
        found = ask(plan(Level.AUTHENTICATED, proofs=(LISTED,)), evidence(), GOOD, proofs=())
        self.assertEqual(
            found,
            NoPermit(Diagnosis.JUDGING_FAILED, "the certificate was judged under other demands than the present ones"),
        )
        nameless = attrs.evolve(BAD, diagnosis=None, text="")
        found = ask(plan(Level.AUTHENTICATED), evidence(), nameless)
        self.assertEqual(found, NoPermit(Diagnosis.JUDGING_FAILED, "the server is not authenticated"))

    def test_an_absent_fact_gives_none(self) -> None:
        for case, found in (
            ("what is demanded now", ask(None, evidence(), GOOD)),
            ("for nobody", ask(plan(Level.PLAIN), None, recipients=frozenset())),
        ):
            self.granted(found, False, case)
            assert isinstance(found, NoPermit)
            self.assertIs(found.diagnosis, Diagnosis.DEMAND_CHANGED)

    def test_an_exception_gives_none(self) -> None:
        class Broken:
            @property
            def plan(self) -> TlsPlan:
                raise ZeroDivisionError

        found = permitted(Broken(), None)  # type: ignore[arg-type]
        assert isinstance(found, NoPermit)
        self.assertIs(found.diagnosis, Diagnosis.JUDGING_FAILED)

    def test_it_names_whom_it_is_for_and_how(self) -> None:
        plain, secure = ask(plan(Level.PLAIN), None), ask(plan(Level.ENCRYPT), evidence())
        assert isinstance(plain, Permit)
        assert isinstance(secure, Permit)
        for permit, tls in ((plain, False), (secure, True)):
            self.assertTrue(permit.covers((BOB,), tls))
            self.assertFalse(permit.covers((BOB,), not tls))
            self.assertFalse(permit.covers((BOB, EVE), tls))
            self.assertFalse(permit.covers((EVE,), tls))
        self.assertEqual((plain.level, secure.level), (Level.PLAIN, Level.ENCRYPT))


class NoOtherWayTests(SynchronousTestCase):
    def test_nobody_else_can_make_one(self) -> None:
        permit = ask(plan(Level.PLAIN), None)
        assert isinstance(permit, Permit)
        self.assertRaises(
            TypeError, Permit, recipients=frozenset({BOB}), level=Level.PLAIN, evidence=None, seal=object()
        )
        # Nor make another of one that he has: it would need the seal, which stands in no public name.
        self.assertNotIn("seal", [name for name in dir(permit) if not name.startswith("_")])

    def test_the_tree_has_one_maker_one_asker_and_one_that_begins(self) -> None:
        """Who calls `Permit(...)`, `permitted(...)` and a session's `begin(...)` with a permit."""
        root = Path(fopemta.__file__).parent
        makers, askers, beginners, evolvers = [], [], [], []
        for path in sorted(root.rglob("*.py")):
            name = str(path.relative_to(root))
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                makers += [name] if called == "Permit" else []
                askers += [name] if called == "permitted" else []
                words = ast.dump(node)
                beginners += [name] if called == "begin" and "permit" in words else []
                evolvers += [name] if called == "evolve" and "permit" in words.lower() else []
        self.assertEqual(makers, ["trust/permit.py"])
        self.assertEqual(askers, ["outbound/protocol.py"])
        self.assertEqual(beginners, ["outbound/protocol.py"])
        self.assertEqual(evolvers, [])

    def test_mail_is_written_in_one_place(self) -> None:
        """The verb stands where a session makes the commands of a transaction, behind its permit."""
        root = Path(fopemta.__file__).parent
        writers = {
            str(path.relative_to(root))
            for path in sorted(root.rglob("*.py"))
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and node.value in ("MAIL FROM:<", b"MAIL FROM:<")
        }
        self.assertEqual(writers, {"smtp/client_session.py"})
