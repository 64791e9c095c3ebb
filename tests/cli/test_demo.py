"""What the demo says of an attempt."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.cli.demo import _result


class ResultTests(SynchronousTestCase):
    def test_the_next_try_follows_in_the_same_sentence(self) -> None:
        verdict = {"result": "deferred", "code": 451, "enhanced": "4.7.4", "next_try": "2026-11-25T05:09:45.120Z"}
        for text in ("It does not offer encryption.", "It does not offer encryption"):
            self.assertEqual(
                _result({**verdict, "text": text}),
                "deferred: 451 4.7.4 It does not offer encryption; next try 2026-11-25T05:09:45Z",
            )
        self.assertEqual(_result({**verdict, "text": "No.", "next_try": None}), "deferred: 451 4.7.4 No.")
