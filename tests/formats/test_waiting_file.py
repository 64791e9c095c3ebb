"""Heads and journals of waiting messages."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.formats.message_json import facts_to_json, outcome_to_json
from fopemta.formats.waiting_file import (
    Unsound,
    message_of,
    newest_lines,
    pack_head,
    pack_line,
    parse_head_text,
    parse_journal,
)
from fopemta.mail.queued import QueuedMessage
from fopemta.trust.verdict import Result
from tests.formats.test_message_json import FACTS
from tests.spool.contract import BOB, CAROL, ENVELOPE, ID, verdict

HEAD = pack_head(FACTS)
LINES = [outcome_to_json(ID, [verdict(BOB, Result.DEFERRED, attempt=number)]) for number in (1, 2, 3)]


class HeadTests(SynchronousTestCase):
    """The first line of ID.msg."""

    def test_there_and_back(self) -> None:
        self.assertEqual(parse_head_text(HEAD + b"content"), (facts_to_json(FACTS), len(HEAD)))

    def test_more_is_wanted_until_the_line_ends(self) -> None:
        for end in range(15, len(HEAD)):
            self.assertIsNone(parse_head_text(HEAD[:end]))

    def test_any_wrong_octet_is_found(self) -> None:
        for position in range(len(HEAD) - 1):
            spoilt = bytearray(HEAD)
            spoilt[position] ^= 0x11
            self.assertRaises(Unsound, parse_head_text, bytes(spoilt))

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(st.binary(max_size=80))
    def test_fuzz_nothing_but_unsound(self, octets: bytes) -> None:
        for data in (octets, b"fopemta-message 1 " + octets, HEAD[:40] + octets):
            try:
                parse_head_text(data)
            except Unsound:
                pass


class JournalTests(SynchronousTestCase):
    """ID.jnl."""

    def test_a_cut_anywhere_leaves_the_lines_before_it(self) -> None:
        data = b"".join(map(pack_line, LINES))
        first = len(pack_line(LINES[0]))
        for end in range(first, len(data)):
            journal = parse_journal(data[:end])
            self.assertEqual(list(journal.lines), LINES[: len(journal.lines)])
            self.assertEqual(journal.length, len(b"".join(map(pack_line, journal.lines))))
        for end in range(first):
            self.assertRaises(Unsound, parse_journal, data[:end])

    def test_a_line_ends_with_lf_alone(self) -> None:
        lines = (b'{"id":"a\rb"}', b"\x0b\x0c\x85")
        data = b"".join(map(pack_line, lines))
        self.assertEqual((parse_journal(data).lines, parse_journal(data).length), (lines, len(data)))
        self.assertEqual(tuple(newest_lines(data)), lines[::-1])

    def test_damage_before_a_good_line_is_damage(self) -> None:
        data = bytearray(b"".join(map(pack_line, LINES)))
        data[20] ^= 1
        self.assertRaises(Unsound, parse_journal, bytes(data))

    def test_only_the_word_finished_finishes(self) -> None:
        for verdicts, finished in ((verdict(BOB, Result.DELIVERED), True), (verdict(BOB, Result.DEFERRED), False)):
            line = outcome_to_json(ID, [verdicts], finished)
            self.assertIs(parse_journal(pack_line(line)).finished, finished)

    def test_each_recipient_has_his_newest_verdict(self) -> None:
        fresh = QueuedMessage.fresh(FACTS.id, FACTS.arrived, FACTS.size, ENVELOPE)
        self.assertEqual(message_of(FACTS, ()), fresh)
        carol = outcome_to_json(ID, [verdict(CAROL, Result.DELIVERED)])
        message = message_of(FACTS, [LINES[0], carol, LINES[1], LINES[2]])
        one_by_one = fresh
        for each in (
            verdict(BOB, Result.DEFERRED, attempt=1),
            verdict(CAROL, Result.DELIVERED),
            verdict(BOB, Result.DEFERRED, attempt=2),
            verdict(BOB, Result.DEFERRED, attempt=3),
        ):
            one_by_one = one_by_one.after([each])
        self.assertEqual(message, one_by_one)
