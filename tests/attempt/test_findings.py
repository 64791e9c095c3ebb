"""What an attempt found, and what of it is told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.attempt.cursor import Step
from fopemta.attempt.findings import Finding, local_trouble, most_telling
from fopemta.routing.values import Host
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.rungs import Rung

STEP = Step(Host("mx.test", ("192.0.2.1",), 25), "192.0.2.1", Rung.STRONG_256)


def finding(diagnosis: Diagnosis | None, step: Step | None = STEP, text: str = "") -> Finding:
    return Finding(code=451, enhanced="4.0.0", text=text, diagnosis=diagnosis, step=step)


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
