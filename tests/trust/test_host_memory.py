"""Where on the ladder to begin with a host that is known."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.host_memory import FIRST_PROBE, LONGEST_PROBE, Known, Start, after_success, start_with
from fopemta.trust.rungs import Hello, Rung

NOW = 1_800_000_000.0
TOP, SECOND, THIRD = Rung.STRONG_256, Rung.STRONG_128, Rung.COMPATIBLE
ALL = (TOP, SECOND, THIRD)
FULL, SMALL = Hello.FULL, Hello.SMALL


class StartTests(SynchronousTestCase):
    def test_table(self) -> None:
        for known, rungs, later, wanted in (
            (None, ALL, 0, None),
            (Known(SECOND, FULL, NOW), ALL, 60, Start(SECOND, FULL)),
            (Known(THIRD, SMALL, NOW), ALL, 60, Start(THIRD, SMALL)),
            (Known(TOP, SMALL, NOW), ALL, 60, Start(TOP, SMALL)),
            # The top, as with everybody.
            (Known(TOP, FULL, NOW), ALL, 60, None),
            # A plan that stops above it: the memory never lowers a floor.
            (Known(THIRD, FULL, NOW), (TOP, SECOND), 60, None),
            (Known(SECOND, FULL, NOW), (TOP,), 60, None),
            # After an hour the host may have been mended; before its time the clock was another.
            (Known(SECOND, FULL, NOW), ALL, FIRST_PROBE, None),
            (Known(SECOND, FULL, NOW), ALL, FIRST_PROBE - 1, Start(SECOND, FULL)),
            # Found again it is believed for longer, and never for more than a day.
            (Known(SECOND, FULL, NOW, 1), ALL, 2 * FIRST_PROBE - 1, Start(SECOND, FULL)),
            (Known(SECOND, FULL, NOW, 1), ALL, 2 * FIRST_PROBE, None),
            (Known(SECOND, FULL, NOW, 9999), ALL, LONGEST_PROBE - 1, Start(SECOND, FULL)),
            (Known(SECOND, FULL, NOW, 9999), ALL, LONGEST_PROBE, None),
            (Known(SECOND, FULL, NOW), ALL, -60, None),
        ):
            self.assertEqual(start_with(known, rungs, NOW + later), wanted, (known, rungs, later))

    def test_plain_text_is_never_remembered(self) -> None:
        self.assertIsNone(start_with(Known(Rung.PLAIN, FULL, NOW), ALL, NOW))


class AfterSuccessTests(SynchronousTestCase):
    def test_table(self) -> None:
        old, due = Known(SECOND, FULL, NOW - 1000), Known(SECOND, FULL, NOW - FIRST_PROBE)
        for known, rung, hello, began, wanted in (
            (None, TOP, FULL, None, None),
            (None, TOP, SMALL, None, Known(TOP, SMALL, NOW)),
            (None, THIRD, FULL, None, Known(THIRD, FULL, NOW)),
            # It has been mended.
            (old, TOP, FULL, None, None),
            # Begun there because of the memory: nothing new was found out, and the hour goes on.
            (old, SECOND, FULL, Start(SECOND, FULL), old),
            # Found by a walk that went on beside the first: that is no second time.
            (old, SECOND, FULL, None, old),
            # Found again from the top, in its time.
            (due, SECOND, FULL, None, Known(SECOND, FULL, NOW, 1)),
            (attrs.evolve(due, confirmed=5, at=NOW - LONGEST_PROBE), SECOND, FULL, None, Known(SECOND, FULL, NOW, 5)),
            # Something else was found: it begins anew.
            (attrs.evolve(due, confirmed=3), THIRD, FULL, None, Known(THIRD, FULL, NOW)),
            (old, THIRD, FULL, None, Known(THIRD, FULL, NOW)),
        ):
            self.assertEqual(after_success(known, rung, hello, began, NOW), wanted)
