"""The file that sendmail leaves for the server."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.envelope import BodyType, Notify, Returned
from fopemta.sendmail.dropped import (
    HEAD_SIZE,
    LARGEST_ENVELOPE,
    LONGEST_TEXT,
    MOST_RECIPIENTS,
    PLACEHOLDER,
    Damaged,
    DroppedLetter,
    Head,
    head_of,
    letter_of,
)

LETTER = DroppedLetter(
    sender="anna", recipients=("bob@us.test", "ü@us.test"), full_name='Anna "A" Müller', body=BodyType.EIGHT_BIT_MIME,
    notify=frozenset({Notify.DELAY, Notify.FAILURE}), returned=Returned.HEADERS, envelope_id="id+7",
)  # fmt: skip
LEAST = DroppedLetter(sender="", recipients=("root",))

PLAIN = {"sender": "a", "recipients": ["b"]}
DAMAGED: dict[str, object] = {
    "no object": [],
    "no sender": {"recipients": ["b"]},
    "no recipients": {"sender": "a"},
    "none": {**PLAIN, "recipients": []},
    "too many": {**PLAIN, "recipients": ["b"] * (MOST_RECIPIENTS + 1)},
    "a text for a list": {**PLAIN, "recipients": "b"},
    "no text": {**PLAIN, "recipients": [7]},
    "a line of its own": {**PLAIN, "sender": "a\nReceived: x"},
    "too long": {**PLAIN, "full_name": "x" * (LONGEST_TEXT + 1)},
    "octets that are no text": {**PLAIN, "sender": "\udc80"},
    "binary": {**PLAIN, "body": "BINARYMIME"},
    "no such body": {**PLAIN, "body": "9BIT"},
    "never and more": {**PLAIN, "notify": ["NEVER", "DELAY"]},
    "no such notice": {**PLAIN, "notify": ["SOMETIMES"]},
    "notify is a number": {**PLAIN, "notify": 7},
    "no such return": {**PLAIN, "returned": "SOME"},
    "an id that is no text": {**PLAIN, "envelope_id": 7},
}


class HeadTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        for head in (Head(0, 0, 0), Head(LARGEST_ENVELOPE, 10**15 - 1, 2**32 - 1), Head(17, 150_000_000, 0xABC)):
            self.assertEqual(len(head.octets()), HEAD_SIZE)
            self.assertEqual(head_of(head.octets()), head)
            self.assertEqual(head.file_size, HEAD_SIZE + head.envelope + head.content)

    def test_what_is_none(self) -> None:
        good = Head(17, 5, 1).octets()
        for octets in (
            b"", PLACEHOLDER, good[:-1], good + b"\n", good.upper(), b"x" * HEAD_SIZE, good.replace(b"1 0", b"2 0", 1),
            Head(LARGEST_ENVELOPE + 1, 0, 0).octets(),
        ):  # fmt: skip
            self.assertRaises(Damaged, head_of, octets)


class LetterTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        for letter in (LETTER, LEAST):
            self.assertEqual(letter_of(letter.octets()), letter)

    def test_no_line_break_is_in_it(self) -> None:
        self.assertNotIn(b"\n", LETTER.octets())

    def test_what_is_not_said_has_its_default(self) -> None:
        self.assertEqual(
            letter_of(json.dumps({**PLAIN, "later": 1}).encode()), DroppedLetter(sender="a", recipients=("b",))
        )

    def test_a_recipient_counts_once(self) -> None:
        self.assertEqual(letter_of(b'{"sender":"","recipients":["b","a","b"]}').recipients, ("b", "a"))

    def test_the_bounds_are_within(self) -> None:
        plain = {**PLAIN, "full_name": "x" * LONGEST_TEXT, "recipients": [str(each) for each in range(MOST_RECIPIENTS)]}
        self.assertEqual(len(letter_of(json.dumps(plain).encode()).recipients), MOST_RECIPIENTS)

    def test_damage(self) -> None:
        for name, plain in DAMAGED.items():
            with self.assertRaises(Damaged, msg=name):
                letter_of(json.dumps(plain).encode())
        for octets in (b"", b"{", b"\xff", b"[" * 100_000):
            self.assertRaises(Damaged, letter_of, octets)
