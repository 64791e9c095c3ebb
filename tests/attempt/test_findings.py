"""What an attempt found, and what of it is told."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.attempt.cursor import Step
from fopemta.attempt.findings import (
    WEAK_RUNGS,
    Scribe,
    Session,
    StepFinding,
    local_trouble,
    most_telling,
    of_failure,
    of_result,
)
from fopemta.config.rules import load_rules
from fopemta.mail.envelope import Envelope
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.reply import Reply
from fopemta.routing.consignment import Consignment
from fopemta.routing.route import Route, Via
from fopemta.routing.routes import next_hop
from fopemta.routing.values import Host
from fopemta.settings.errors import ConfigurationErrors
from fopemta.smtp.client_effects import Phase, RecipientResult, SessionFailed
from fopemta.smtp.server_offer import ServerOffer
from fopemta.trust.demand import Proof
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.grade import Grade, grade_of
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback, TlsPlan
from fopemta.trust.rungs import Hello, Rung
from fopemta.trust.verdict import Result

STEP = Step(Host("mx.test", ("192.0.2.1",), 25), "192.0.2.1", Rung.STRONG_256)


def finding(diagnosis: Diagnosis | None, step: Step | None = STEP, text: str = "") -> StepFinding:
    return StepFinding(code=451, enhanced="4.0.0", text=text, diagnosis=diagnosis, step=step)


BOB = Mailbox("bob", "d.test")
MESSAGE = QueuedMessage.fresh("BCDFGHJK", 100.0, 10, Envelope(None, (BOB,)))
SESSION = Session(STEP, None, (), None, None)


class WeakRungTests(SynchronousTestCase):
    """A rung that is better than plain text and no more is told of, and nobody can demand it."""

    def test_each_has_its_diagnosis_and_no_rule_can_name_it(self) -> None:
        weak = {rung for rung in Rung if grade_of(rung, authenticated=True) is Grade.E}
        self.assertEqual(set(WEAK_RUNGS), weak)
        sound = set(Rung) - weak - {Rung.PLAIN}
        for rung in Rung:
            text = f'[[rule]]\nname = "r"\nthen = {{ action = "force_tls", lowest_rung = "{rung.value}" }}\n'
            if rung in sound:
                load_rules(text, "/etc")
            else:
                self.assertRaises(ConfigurationErrors, load_rules, text, "/etc")


class ReplyTests(SynchronousTestCase):
    """What is told of a reply that is to be asked for again: code and enhanced code never contradict each other."""

    def test_table(self) -> None:
        later, refused, nonsense = Diagnosis.DEFERRED_BY_PEER, Diagnosis.REFUSED_BY_PEER, Diagnosis.PROTOCOL_ERROR
        for reply, wanted in (
            (Reply.of(450, "4.2.0", "later"), (450, "4.2.0", "later", later)),
            (Reply.of(421, None, "closing"), (421, "4.0.0", "closing", later)),
            (Reply.of(500, None, "what?"), (451, "4.0.0", "500 what?", refused)),
            (Reply.of(503, "5.5.1", "order"), (451, "4.5.1", "503 5.5.1 order", refused)),
            (Reply.of(552, "5.5.3", "too many"), (452, "4.5.3", "552 5.5.3 too many", refused)),
            (Reply.of(354, None, "go on"), (451, explain(nonsense).held, "354 go on", nonsense)),
        ):
            failure = SessionFailed(Phase.RCPT, Diagnosis.PROTOCOL_ERROR, "text", reply)
            found = of_failure(STEP, failure, SESSION)
            self.assertEqual((found.code, found.enhanced, found.text, found.diagnosis), wanted)

    def test_a_session_that_broke_without_a_reply(self) -> None:
        for phase, rung in ((Phase.HANDSHAKE, STEP.rung), (Phase.GREETING, None)):
            failure = SessionFailed(phase, Diagnosis.CONNECTION_DROPPED, "gone")
            found = of_failure(STEP, failure)
            self.assertEqual((found.code, found.text, found.diagnosis), (451, "gone", Diagnosis.CONNECTION_DROPPED))
            self.assertEqual((found.enhanced, found.rung), (explain(Diagnosis.CONNECTION_DROPPED).held, rung))
            self.assertFalse(found.downgraded)


class SessionTests(SynchronousTestCase):
    def test_whether_less_is_spoken_than_might_be(self) -> None:
        """Plain text where no TLS was offered is no step down."""
        for why in (None, *Diagnosis):
            session = Session(STEP, None, (), None, why)
            self.assertEqual(session.downgraded, why not in {None, Diagnosis.TLS_NOT_OFFERED}, why)

    def test_what_keeps_us_from_asking(self) -> None:
        """For good where another form of the message would be needed, else for now."""
        for diagnosis, code in (
            (Diagnosis.MESSAGE_TOO_LARGE, 554),
            (Diagnosis.SMTPUTF8_NOT_OFFERED, 554),
            (Diagnosis.DEMAND_CHANGED, 451),
            (Diagnosis.LOCAL_TROUBLE, 451),
        ):
            found, row = (
                of_result(SESSION, RecipientResult(BOB, False, Phase.MAIL, None, diagnosis)),
                explain(diagnosis),
            )
            enhanced = row.given_up if code == 554 else row.held
            self.assertEqual((found.code, found.enhanced, found.text), (code, enhanced, row.sender), diagnosis)

    def test_a_recipient_who_was_accepted(self) -> None:
        for reply, enhanced in ((Reply.of(250, None, "Ok"), "2.0.0"), (Reply.of(250, "2.1.5", "Ok"), "2.1.5")):
            for offer in (ServerOffer(), ServerOffer(dsn=True)):
                result = RecipientResult(BOB, True, Phase.FINAL, reply)
                found = of_result(attrs.evolve(SESSION, offer=offer), result)
                self.assertEqual((found.code, found.enhanced, found.text), (250, enhanced, "Ok"))
                self.assertEqual((found.diagnosis, found.carried_dsn), (None, offer.dsn))


class ScribeTests(SynchronousTestCase):
    def test_what_was_wrong_with_tls_that_was_good_enough(self) -> None:
        evidence = HandshakeEvidence(
            protocol="TLSv1.2", cipher="X", bits=128, group=None, chain=(), chain_errors=(), server_name=None
        )
        nameless = attrs.evolve(STEP, hello=next(each for each in Hello if not each.named))
        for found, wanted in (
            (attrs.evolve(finding(None), evidence=evidence), None),
            (attrs.evolve(finding(None), rung=Rung.LEGACY), None),
            (attrs.evolve(finding(None), evidence=evidence, rung=Rung.LEGACY), Diagnosis.WEAK_PROTOCOL),
            (attrs.evolve(finding(None), evidence=evidence, rung=Rung.LENIENT), Diagnosis.WEAK_PARAMETERS),
            (attrs.evolve(finding(None, nameless), evidence=evidence), Diagnosis.SNI_REFUSED),
            (attrs.evolve(finding(None), why_plain=Diagnosis.TLS_REFUSED), Diagnosis.TLS_REFUSED),
            # A failure says more.
            (attrs.evolve(finding(Diagnosis.REFUSED_BY_PEER), evidence=evidence, rung=Rung.LEGACY),
             Diagnosis.REFUSED_BY_PEER),
        ):  # fmt: skip
            consignment = Consignment(MESSAGE, next_hop("d.test", ()), (BOB,))
            record = Scribe(consignment, None, 5.0).verdict(BOB, Result.DELIVERED, found)
            self.assertEqual(record.diagnosis, wanted.value if wanted else None, found)

    def test_what_has_proven_the_name_of_the_host(self) -> None:
        """What was found on the way to it; else the rule that names it, else the route."""
        mx, pin = Proof(), Proof(pins=("ab" * 32,))
        listed = Proof(names=("mx.test",))
        to_host = Route(domain="d.test", via=Via.SMTP, host="mx.test")
        for found, proofs, routes, wanted in (
            (None, (), (), None),
            (None, (mx,), (), None),
            (None, (listed,), (), "rule"),
            (None, (pin,), (), "rule"),
            (None, (listed, mx), (), None),
            (None, (), (to_host,), "route"),
            (None, (listed,), (to_host,), "rule"),
            ("dnssec", (), (), "dnssec"),
            ("dnssec", (listed,), (to_host,), "dnssec"),
        ):
            plan = TlsPlan(Level.AUTHENTICATED, (Rung.STRONG_256,), Fallback.NEVER, proofs=proofs)
            step = attrs.evolve(STEP, host=attrs.evolve(STEP.host, proven_by=found))
            consignment = Consignment(MESSAGE, next_hop("d.test", routes), (BOB,))
            record = Scribe(consignment, plan, 5.0).verdict(BOB, Result.DEFERRED, finding(None, step))
            self.assertEqual(record.mx_proven_by, wanted, (found, proofs, routes))

    def test_only_what_is_demanded_otherwise_by_now_is_tried_again_at_once(self) -> None:
        consignment = Consignment(MESSAGE, next_hop("d.test", ()), (BOB,))
        for diagnosis in Diagnosis:
            record = Scribe(consignment, None, 5.0).verdict(BOB, Result.DEFERRED, finding(diagnosis))
            self.assertEqual(record.next_try, 5.0 if diagnosis is Diagnosis.DEMAND_CHANGED else None, diagnosis)


class WeightTests(SynchronousTestCase):
    def test_what_a_server_said_then_tls_then_that_nobody_was_there(self) -> None:
        nobody = {
            Diagnosis.CONNECTION_REFUSED, Diagnosis.CONNECTION_TIMEOUT, Diagnosis.HOST_UNREACHABLE,
            Diagnosis.DNS_UNAVAILABLE,
        }  # fmt: skip
        said = {None, Diagnosis.REFUSED_BY_PEER, Diagnosis.DEFERRED_BY_PEER}
        for diagnosis in (None, *Diagnosis):
            wanted = 0 if diagnosis in nobody else 2 if diagnosis in said else 1
            self.assertEqual(finding(diagnosis).weight, wanted, diagnosis)
            self.assertEqual(finding(diagnosis, step=None).weight, 0)

    def test_the_latest_of_the_weightiest(self) -> None:
        found = [
            finding(Diagnosis.CERT_EXPIRED, text="one"),
            finding(Diagnosis.CERT_EXPIRED, text="two"),
            finding(Diagnosis.CONNECTION_REFUSED, text="three"),
        ]
        self.assertEqual(most_telling(found).text, "two")
        self.assertEqual(most_telling([*found, finding(Diagnosis.DEFERRED_BY_PEER, text="four")]).text, "four")

    def test_trouble_of_our_own(self) -> None:
        found = local_trouble()
        self.assertEqual((found.code, found.enhanced, found.diagnosis), (451, "4.3.0", Diagnosis.LOCAL_TROUBLE))
        self.assertEqual(found.weight, 0)
