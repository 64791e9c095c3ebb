"""Envelopes and verdicts as JSON."""

from __future__ import annotations

import json

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.formats.message_json import (
    StoredFacts,
    facts_from_json,
    facts_to_json,
    identity_from_json,
    identity_json,
    outcome_from_json,
    outcome_to_json,
)
from fopemta.mail.envelope import (
    Arrival,
    BodyType,
    Envelope,
    Notify,
    OriginalRecipient,
    RecipientOptions,
    Returned,
    RuleNote,
    TlsSession,
)
from fopemta.trust.evidence import ClientCertificate
from fopemta.trust.verdict import CertificateFacts, Result
from tests.spool.contract import ALICE, BOB, ENVELOPE, ID, REPORT, verdict

FACTS = StoredFacts(ID, 1_700_000_000.123456, 42, ENVELOPE)
READERS = (facts_from_json, outcome_from_json, identity_from_json)

words = st.text(max_size=20)
mailboxes = st.builds(Mailbox, words, st.from_regex(r"[a-z0-9.:\[\]-]{1,20}", fullmatch=True))
clients = st.builds(
    ClientCertificate, names=st.lists(words, max_size=2).map(tuple), subject=words, verified=st.booleans(), fault=words
)
sessions = st.builds(
    TlsSession, words, words, st.integers(0, 512), st.none() | words, st.none() | clients, st.booleans()
)
arrivals = st.builds(Arrival, words, words, words, st.none() | sessions, st.none() | words, words)
options = st.builds(
    RecipientOptions,
    st.frozensets(st.sampled_from(Notify)),
    st.none() | st.builds(OriginalRecipient, words, words),
    st.lists(mailboxes, max_size=2).map(tuple),
)
envelopes = st.builds(
    Envelope,
    st.none() | mailboxes,
    st.lists(mailboxes, min_size=1, max_size=4, unique=True).map(tuple),
    st.sampled_from(BodyType),
    st.none() | arrivals,
    st.booleans(),
    st.booleans(),
    st.none() | st.sampled_from(Returned),
    st.none() | words,
    st.lists(st.tuples(mailboxes, options), max_size=3).map(tuple),
    st.lists(st.builds(RuleNote, words, words, words, words, words), max_size=2).map(tuple),
    st.booleans(),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("id", "envelope", "tls", "x")), inner),
    max_leaves=12,
)


class MessageJsonTests(SynchronousTestCase):
    """There and back, and nothing but ValueError for what is none."""

    def test_half_a_surrogate_pair_loses_nothing(self) -> None:
        said = attrs.evolve(verdict(BOB, Result.DEFERRED), text="it said \udcff")
        text = outcome_to_json(ID, [said])
        self.assertEqual(outcome_from_json(text).verdicts, (said,))
        self.assertTrue(text.isascii())

    def test_there_and_back(self) -> None:
        for facts in (FACTS, attrs.evolve(FACTS, envelope=REPORT, separate=True), attrs.evolve(FACTS, digest="ab")):
            text = facts_to_json(facts)
            self.assertEqual(facts_from_json(text), facts)
            self.assertNotIn(b"\n", text)

    def test_outcomes_there_and_back(self) -> None:
        certificate = CertificateFacts("CN=mx", "CN=ca", "01", "2030-01-01T00:00:00Z", "ab" * 32)
        rich = attrs.evolve(verdict(BOB, Result.FAILED), chain=(certificate,), names=("a", "b"), downgraded=True)
        for finished in (False, True):
            verdicts = (verdict(ALICE, Result.DELIVERED), verdict(BOB, Result.DEFERRED), rich)
            outcome = outcome_from_json(outcome_to_json(ID, verdicts, finished))
            self.assertEqual((outcome.id, outcome.verdicts, outcome.finished), (ID, verdicts, finished))

    def test_fields_of_a_later_program_are_left_out(self) -> None:
        plain = json.loads(facts_to_json(FACTS))
        plain["new"] = plain["envelope"]["new"] = plain["envelope"]["arrival"]["new"] = [1]
        plain["envelope"]["arrival"]["tls"]["new"] = {}
        self.assertEqual(facts_from_json(json.dumps(plain).encode()), FACTS)

    def test_a_recipient_that_stands_there_twice(self) -> None:
        plain = json.loads(facts_to_json(FACTS))
        plain["envelope"]["recipients"] *= 2
        self.assertEqual(facts_from_json(json.dumps(plain).encode()), FACTS)

    def test_an_id_that_could_leave_the_folder_is_none(self) -> None:
        for message_id in ("../../../etc/passwd", "a/b", "", ".", "0BCDFGHJKM0001\n"):
            self.assertRaises(ValueError, identity_from_json, identity_json(message_id))

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(envelopes)
    def test_fuzz_every_envelope_comes_back(self, envelope: Envelope) -> None:
        facts = StoredFacts(ID, 1.5, 0, envelope)
        self.assertEqual(facts_from_json(facts_to_json(facts)), facts)

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(st.binary(max_size=60), anything)
    def test_fuzz_what_is_none_is_a_value_error(self, octets: bytes, plain: object) -> None:
        for text in (octets, json.dumps(plain).encode(), json.dumps({"id": ID, "verdicts": plain}).encode()):
            for read in READERS:
                try:
                    read(text)
                except ValueError:
                    pass
        spoilt = json.loads(facts_to_json(FACTS))
        spoilt["envelope"]["recipients"] = plain
        try:
            facts_from_json(json.dumps(spoilt).encode())
        except ValueError:
            pass
