"""Which of the rules that were in force before still matter."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.rules import load_rules
from fopemta.policy.earlier import Earlier, RulesText, followed

FORCE = '[[rule]]\nname = "{}"\nwhen = {{ recipients = ["bank.test"] }}\nthen = {{ action = "force_tls" }}\n'
HOLD = '[[rule]]\nname = "h"\nwhen = { recipients = ["bank.test"] }\nthen = { action = "hold" }\n'


def rules(text: str) -> RulesText:
    return RulesText(text, "/etc", load_rules(text, "/etc"))


A, B, C, NONE, HOLDS = (rules(each) for each in (*map(FORCE.format, "abc"), "", HOLD))
MOVED = rules("# a comment\n" + FORCE.format("a") + HOLD)
LOST, UNREADABLE = RulesText(None, "", None), RulesText("rule = 3", "/etc", None)


class EarlierTests(SynchronousTestCase):
    def test_which_are_kept(self) -> None:
        """Before, after, oldest mail; what was kept and what is kept then, each with its moment."""
        table: list[tuple[list[tuple[float, RulesText]], RulesText, RulesText, float | None, list[object]]] = [
            ([], A, B, None, [(9.0, A)]),
            ([(1.0, A)], B, C, None, [(1.0, A), (9.0, B)]),
            # Nothing has changed that says how mail travels.
            ([(1.0, A)], B, B, None, [(1.0, A)]),
            ([], A, MOVED, None, []),
            # Of the same rules the last time counts; those of today need not be kept.
            ([(1.0, A), (2.0, B)], A, C, None, [(2.0, B), (9.0, A)]),
            ([(1.0, A)], B, A, None, [(9.0, B)]),
            # They demand nothing.
            ([], NONE, A, None, []), ([], HOLDS, A, None, []),
            # No mail is left that came in their time.
            ([(1.0, A), (3.0, B)], C, C, 2.0, [(3.0, B)]),
            ([(1.0, A)], C, C, 1.0, [(1.0, A)]),
            # What cannot be read is kept as long as such mail waits, whatever is in force.
            ([(1.0, LOST), (2.0, LOST)], A, A, None, [(1.0, LOST), (2.0, LOST)]),
            ([(1.0, LOST)], A, A, 2.0, []),
            ([(1.0, UNREADABLE), (2.0, UNREADABLE)], A, A, None, [(2.0, UNREADABLE)]),
            ([(1.0, A)], UNREADABLE, B, None, [(1.0, A), (9.0, UNREADABLE)]),
        ]  # fmt: skip
        for kept, before, after, oldest, wanted in table:
            found = followed([Earlier(*each) for each in kept], before, after, 9.0, oldest)
            self.assertEqual([(each.until, each.rules) for each in found], wanted)

    def test_whom_they_bind(self) -> None:
        """Mail that came before; and mail of which the clock says that it has not come yet."""
        for arrived, now, binds in (
            (4.0, 9.0, True),
            (5.0, 9.0, False),
            (6.0, 9.0, False),
            (6.0, 6.0, False),
            (6.0, 5.5, True),
        ):
            self.assertIs(Earlier(5.0, A).binds(arrived, now), binds, (arrived, now))
