"""What fuzzing begins with, and what it has found, is read again in each run of the tests."""

from __future__ import annotations

from collections import defaultdict

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.families.family import all_families
from fopemta.trust.crl import judge_crl
from fopemta.trust.ocsp import judge_ocsp
from fopemta.trust.revocation import Status
from tests.fuzz.__main__ import CORPUS
from tests.fuzz.authority import NOW, signed_list, signed_response, signing
from tests.fuzz.targets.target import all_targets


class CorpusTests(SynchronousTestCase):
    def test_every_input_is_read_as_it_should_be(self) -> None:
        targets = all_targets()
        for path in sorted(CORPUS.glob("*/*")):
            try:
                targets[path.parent.name].read(path.read_bytes())
            except Exception as error:
                raise AssertionError(f"{path.relative_to(CORPUS)}: {error!r}") from error

    def test_every_target_has_inputs_and_all_inputs_a_target(self) -> None:
        self.assertEqual({path.parent.name for path in CORPUS.glob("*/*")}, set(all_targets()))

    def test_every_parser_with_hostile_families_is_fuzzed(self) -> None:
        groups = {each.name.partition(".")[0] for each in all_families()}
        covered = defaultdict(list)
        for target in all_targets().values():
            for group in target.families:
                covered[group].append(target.name)
        self.assertEqual(groups, set(covered))

    def test_what_is_signed_when_it_is_read_is_sound(self) -> None:
        authority, now = signing(), NOW.timestamp()
        for name, signed, judge, status in (
            ("crl/empty", signed_list, judge_crl, Status.GOOD),
            ("crl/another", signed_list, judge_crl, Status.GOOD),
            ("crl/revoked", signed_list, judge_crl, Status.REVOKED),
            ("ocsp/good", signed_response, judge_ocsp, Status.GOOD),
            ("ocsp/revoked", signed_response, judge_ocsp, Status.REVOKED),
        ):
            finding = judge(signed((CORPUS / name).read_bytes()), authority.leaf, authority.issuer, now)
            self.assertEqual(finding.status, status, (name, finding))
