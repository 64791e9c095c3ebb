"""Looking at servers without sending mail: kinds of server → what is seen, its grade, and what is said of it."""

from __future__ import annotations

import os
from typing import Any

import attrs
import click
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.cli.tlstest_views import Report, lines_of_report, report_json
from fopemta.outbound.probing import Dialogue, Prober
from fopemta.routing.route import Route
from fopemta.routing.values import Host, NextHop
from fopemta.tls.client import ClientTls
from fopemta.trust.demand import Demand, NameSource, Proof
from fopemta.trust.families import FAMILIES
from fopemta.trust.grade import Grade, grade_of, worst
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback
from fopemta.trust.rungs import Rung
from tests.outbound.delivery import CLIENT, Delivery
from tests.outbound.ladder import KINDS, MX
from tests.tls.handshakes import AUTHORITY

HOST = Host(MX, ("192.0.2.1",), 25)
HOP = NextHop("d.test", Route(domain="*"))
BANK = Demand(level=Level.AUTHENTICATED, source="rule bank", proof=Proof(names=NameSource.DOMAIN))


def look(
    kind: str, lowest_rung: str = "compatible", families: ClientTls | None = None, demands: Any = ()
) -> tuple[Report, Any]:
    servers = KINDS[kind]()
    delivery = Delivery(*servers, fallback=Fallback.IMMEDIATE, lowest_rung=lowest_rung)
    prober = Prober(delivery.network, CLIENT, delivery.config, None, delivery.manager.context.now)  # type: ignore[arg-type]
    report = Report(target="d.test", hop=HOP, domain="d.test", demands=demands)

    async def looking() -> None:
        report.add(await prober.look(HOST, "192.0.2.1"), prober)
        if families is not None:
            await report.ask_families(prober, families)

    done: list[Any] = []
    Deferred.fromCoroutine(looking()).addBoth(done.append)
    delivery.network.flush(400 if "hangs" in kind else 40 if servers[0] is None else 0)
    assert done == [None], done
    return report, servers[0]


def said(report: Report) -> list[str]:
    return [click.unstyle(line) for line in lines_of_report(report)]


class DialogueTests(SynchronousTestCase):
    def test_bounded(self) -> None:
        dialogue = Dialogue()
        dialogue.overhear(False, b"x" * 1001 + b"\r\n" + b"y\n" * 300)
        self.assertEqual((len(dialogue.lines), dialogue.lines[0]), (200, "S: " + "x" * 1000))

    def test_where_tls_begins(self) -> None:
        dialogue = Dialogue()
        for ours, line in ((True, b"EHLO x\r\n"), (False, b"250 m"), (False, b"x\r\n"), (True, b"STARTTLS\r\n"),
                           (False, b"220 go\r\n"), (True, b"QUIT\r\n"), (False, b"221\x07bye\r\n")):  # fmt: skip
            dialogue.overhear(ours, line)
        self.assertEqual(
            dialogue.lines,
            ["C: EHLO x", "S: 250 mx", "C: STARTTLS", "S: 220 go", "-- TLS", "C: QUIT", "S: 221\\x07bye"],
        )
        odd = Dialogue()
        odd.overhear(True, b"STARTTLS\r\n")
        odd.overhear(False, b"250 go\r\n")
        self.assertEqual(odd.lines[-1], "-- TLS")
        refused = Dialogue()
        refused.overhear(True, b"STARTTLS\r\n")
        refused.overhear(False, b"454 no\r\n")
        self.assertNotIn("-- TLS", refused.lines)


class GradeTests(SynchronousTestCase):
    def test_table(self) -> None:
        found = {
            (rung, authenticated): grade_of(rung, authenticated).value
            for rung in (*Rung, None)
            for authenticated in (True, False)
        }
        letters = {
            Rung.STRONG_256: "AC", Rung.STRONG_128: "AC", Rung.COMPATIBLE: "BD", Rung.LEGACY: "EE",
            Rung.LENIENT: "EE", Rung.PLAIN: "FF", None: "FF",
        }  # fmt: skip
        wanted = {(rung, flag): pair[not flag] for rung, pair in letters.items() for flag in (True, False)}
        self.assertEqual(found, wanted)
        self.assertIs(grade_of(None, False, reached=False), Grade.NONE)

    def test_of_several_the_worst_that_answers(self) -> None:
        self.assertIs(worst([Grade.A, Grade.C, Grade.NONE, Grade.B]), Grade.C)
        self.assertIs(worst([Grade.NONE]), Grade.NONE)
        self.assertIs(worst([]), Grade.NONE)


class ProbingTests(SynchronousTestCase):
    def test_kinds(self) -> None:
        wanted = {
            "good": ("A", "strong256", None),
            "only AES-128": ("A", "strong128", None),
            "only CBC": ("B", "compatible", None),
            "certificate expired": ("C", "strong256", "cert_expired"),
            "self-signed": ("C", "strong256", "self_signed"),
            "only TLS 1.0": ("F", None, "no_common_protocol"),
            "no STARTTLS": ("F", None, "tls_not_offered"),
            "STARTTLS stripped (XXXXXXXA)": ("F", None, "tls_not_offered"),
            "STARTTLS refused, 454": ("F", None, "tls_refused"),
            "speaks no TLS after 220": ("F", None, "not_tls"),
            "drops after the ClientHello": ("F", None, "connection_dropped"),
            "drops a large ClientHello": ("A", "strong256", None),
            "signs its handshake by SHA-1 alone": ("E", "lenient", "weak_parameters"),
            "sends more than 100 KiB of certificates": ("F", None, "chain_too_large"),
            "refuses its own name": ("C", "strong256", "sni_refused"),
            "hangs after 220": ("F", None, "handshake_timeout"),
            "421 in the greeting": ("F", None, "deferred_by_peer"),
            "not reachable": ("-", None, "connection_refused"),
        }
        found = {}
        for kind in wanted:
            report, _ = look(kind)
            [host] = report_json(report)["hosts"]
            found[kind] = (host["grade"], host["rung"], host["diagnosis"])
        self.assertEqual(found, wanted)
        self.assertEqual(report_json(look("only TLS 1.0", "legacy")[0])["grade"], "E")

    def test_it_never_begins_a_message(self) -> None:
        for kind in ("good", "certificate expired", "no STARTTLS"):
            _, server = look(kind)
            self.assertNotIn("MAIL", [verb for session in server.verbs for verb in session])
            self.assertEqual(server.verbs[-1][-1], "QUIT")

    def test_what_people_see(self) -> None:
        lines = said(look("good", demands=(BANK,))[0])
        for line in (
            f"{MX} [192.0.2.1]:25",
            "  S: 220 peer.test ESMTP",
            "  C: STARTTLS",
            "  -- TLS",
            f"  verdict   good for {MX}, revocation unknown (nothing was looked at)",
            "  levels    opportunistic: goes over TLS; encrypt: goes; authenticated: goes",
            "  rule      bank: waits (name_mismatch)",
            "A  d.test",
        ):
            self.assertIn(line, lines)
        grade = next(line for line in lines if line.startswith("  A"))
        self.assertTrue(
            grade.startswith("  A  authenticated (MX name unproven)  TLSv1.3 TLS_AES_256_GCM_SHA384"), grade
        )

    def test_what_is_wrong_is_named_and_explained(self) -> None:
        lines = "\n".join(said(look("STARTTLS stripped (XXXXXXXA)")[0]))
        self.assertIn("  S: 250 XXXXXXXA", lines)
        self.assertIn("  diagnosis tls_not_offered", lines)
        self.assertIn("a firewall strips it", lines)
        lines = "\n".join(said(look("drops after the ClientHello")[0]))
        self.assertIn("look for a firewall that inspects port 25", lines)

    def test_a_host_that_refuses_its_own_name(self) -> None:
        usual = attrs.evolve(BANK, source="rule usual", proof=Proof())
        folder = self.mktemp()
        os.mkdir(folder)
        client = ClientTls(AUTHORITY.write_root(folder))
        report, _ = look("refuses its own name", demands=(BANK, usual), families=client)
        lines = said(report)
        for line in (
            "  strong256, full hello: sni_refused",
            "  diagnosis sni_refused: TLS without the name",
            "  levels    opportunistic: goes over TLS; encrypt: goes; authenticated: waits",
            "  rule      bank: waits (name_mismatch)",
            "  rule      usual: waits (sni_refused)",
        ):
            self.assertIn(line, lines)
        self.assertTrue(any(line.startswith("  remedy    Ask the recipient's administrator to add") for line in lines))
        self.assertIn(True, report_json(report)["hosts"][0]["accepts"].values())

    def test_every_family(self) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        client = ClientTls(AUTHORITY.write_root(folder))
        report, _ = look("good", families=client)
        accepts = report_json(report)["hosts"][0]["accepts"]
        self.assertEqual(list(accepts), [family.name for family in FAMILIES])
        self.assertEqual([name for name, taken in accepts.items() if not taken][-2:], ["TLSv1.1", "TLSv1.0"])
        accepts = report_json(look("only TLS 1.0", "legacy", client)[0])["hosts"][0]["accepts"]
        self.assertEqual([name for name, taken in accepts.items() if taken], ["TLSv1.0"])

    def test_nothing_of_a_stranger_disturbs_a_terminal(self) -> None:
        KINDS["odd"] = lambda: (odd(),)
        self.addCleanup(KINDS.pop, "odd")
        for line in said(look("odd")[0]):
            self.assertTrue(line.isprintable() or not line, repr(line))


def odd() -> Any:
    from tests.outbound.delivery import peer

    return peer(replies={"greeting": "220 \x1b[2J\x07 hi"})
