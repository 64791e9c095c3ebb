"""The table of forms, each against rules about it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.rules import load_rules
from fopemta.policy.content import content_facts
from fopemta.policy.facts import ContentFacts
from fopemta.policy.matchers import Answer, Attachments, Body, Headers, Matcher
from fopemta.policy.patterns import name_pattern, text_pattern
from tests.policy.content_forms import ATTACHED, BODIES, FILES, SUBJECTS, WORDS
from tests.policy.rules import message

TEXTS = tuple(map(text_pattern, WORDS))
CONDITIONS: tuple[tuple[Matcher, dict[str, tuple[bytes, Answer]]], ...] = (
    (Headers("Subject", TEXTS), SUBJECTS),
    (Body(TEXTS), BODIES),
    (Attachments(tuple(map(name_pattern, FILES))), ATTACHED),
)


def facts(octets: bytes) -> ContentFacts:
    return content_facts(octets, True)


class FormTests(SynchronousTestCase):
    def test_table(self) -> None:
        self.assertGreaterEqual(sum(len(forms) for _, forms in CONDITIONS), 60)
        wrong = []
        for condition, forms in CONDITIONS:
            for name, (octets, wanted) in forms.items():
                found = condition.look(message(content=facts(octets)))
                if found.answer is not wanted:
                    wrong.append(f"{type(condition).__name__} {name}: {found} instead of {wanted}")
        self.assertEqual(wrong, [])

    def test_the_trace_header_in_front_changes_nothing(self) -> None:
        trace = b"Received: from c.test by us.test; Mon, 30 Nov 2026 18:00:00 +0000\r\n"
        for condition, forms in CONDITIONS:
            for name, (octets, wanted) in forms.items():
                found = condition.look(message(content=facts(trace + octets))).answer
                self.assertIs(found, wanted, name)

    def test_only_what_is_asked_for_is_read_and_says_the_same(self) -> None:
        when = {"subject": SUBJECTS, "body": BODIES, "attachments": ATTACHED}
        for key, forms in when.items():
            book = load_rules(
                f'[[rule]]\nname = "r"\nwhen = {{ {key} = {list(FILES if key == "attachments" else WORDS)} }}\n'
                'then = { action = "hold" }\n',
                "/etc",
            )
            for name, (octets, wanted) in forms.items():
                read = content_facts(octets, True, book.asked)
                self.assertIs(book.evaluate(message(content=read), 0.0)[0].answer, wanted, name)
                if key == "subject":
                    self.assertEqual((read.texts, read.attachments), ((), ()), name)
                    self.assertLessEqual({each for each, _ in read.headers}, {"subject"}, name)
                else:
                    self.assertEqual(read.headers, (), name)
