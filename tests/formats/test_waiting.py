"""What a start reads of a waiting message is what reading it in full would give."""

from __future__ import annotations

import attrs
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.formats.message_json import facts_to_json, outcome_to_json
from fopemta.formats.waiting import waiting_of
from fopemta.formats.waiting_file import Unsound, message_of
from fopemta.mail.listed import brief
from fopemta.mail.plain_json import decoded
from fopemta.mail.queued import Unfinished
from fopemta.trust.verdict import Result
from tests.formats.test_message_json import FACTS
from tests.spool.contract import BOB, CAROL, ID, verdict

HEAD = facts_to_json(FACTS)
OUTCOMES = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from((BOB, CAROL)),
            st.sampled_from(list(Result)),
            st.one_of(st.none(), st.integers(1_600_000_000, 1_800_000_000)),
            st.booleans(),
        ),
        max_size=3,
    ),
    max_size=4,
)


class WaitingTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(OUTCOMES)
    def test_same_as_in_full(self, outcomes: list[list[tuple[Mailbox, Result, int | None, bool]]]) -> None:
        verdicts = [
            [attrs.evolve(verdict(who, result), next_try=moment, held=held) for who, result, moment, held in each]
            for each in outcomes
        ]
        lines = [outcome_to_json(ID, each) for each in verdicts]
        waiting = waiting_of(HEAD, tuple(lines))
        message = message_of(FACTS, lines)
        self.assertEqual((waiting.entry, waiting.message), (Unfinished.of(message), message))
        self.assertEqual(waiting.brief, orjson.dumps(brief(message)))
        self.assertEqual((waiting.size, waiting.separate), (FACTS.size, FACTS.separate))

    def test_a_finished_one_is_told_of_no_more(self) -> None:
        line = outcome_to_json(ID, [verdict(BOB, Result.DELIVERED)], True)
        waiting = waiting_of(HEAD, (line,))
        self.assertEqual((waiting.entry, waiting.brief, waiting.finished), (None, None, True))

    def test_half_a_surrogate_pair_is_no_damage(self) -> None:
        said = attrs.evolve(verdict(BOB, Result.DEFERRED), text="it said \udcff")
        waiting = waiting_of(HEAD, (outcome_to_json(ID, [said]),))
        self.assertEqual(decoded(waiting.brief or b"")["recipients"][0]["last"]["text"], "it said \udcff")

    def test_a_line_that_says_more_is_read_in_full(self) -> None:
        plain = outcome_to_json(ID, [verdict(BOB, Result.DEFERRED), verdict(CAROL, Result.DEFERRED)])
        more = plain[:-1] + b',"more":1}'
        self.assertEqual(waiting_of(HEAD, (more,)).entry, waiting_of(HEAD, (plain,)).entry)

    def test_what_is_no_message_is_unsound(self) -> None:
        for head, line in (
            (b"[]", b"{}"),
            (b"{}", b"{}"),
            (b"\xff", b"{}"),
            (HEAD, b"[]"),
            (HEAD, b'{"verdicts":[{}]}'),
            (HEAD, b'{"verdicts":[{"recipient":"bob@example.net","attempt":1,"result":"deferred","next_try":"soon"}]}'),
            (HEAD, b'{"verdicts":7}'),
            (HEAD.replace(b'"size":', b'"size":"x","s":'), b'{"verdicts":[]}'),
        ):
            self.assertRaises(Unsound, waiting_of, head, (line,))
