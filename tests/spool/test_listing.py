"""In which order what is in a spool is told."""

from __future__ import annotations

from collections.abc import Callable

import orjson
from twisted.trial.unittest import SynchronousTestCase

from fopemta.formats.brief import in_order
from fopemta.mail.identifiers import derived_id, message_id
from fopemta.trust.verdict import rfc3339

START = 1_700_000_000.0


def briefs(found: dict[str, float]) -> Callable[[str], bytes | None]:
    """What is known of each id: when its message has arrived."""
    said = {name: orjson.dumps({"id": name, "arrived": rfc3339(arrived)}) for name, arrived in found.items()}
    return said.get


class OrderTests(SynchronousTestCase):
    def test_one_whose_id_tells_no_time_stands_where_it_belongs(self) -> None:
        early, late = (message_id(int((START + each) * 1e6), 7) for each in (0, 2))
        report = derived_id("report")
        self.assertEqual(in_order([late, report, early], briefs({report: START + 1})), [early, report, late])
        self.assertEqual(in_order([late, report, early], briefs({report: START + 3})), [early, late, report])

    def test_only_of_such_more_must_be_known(self) -> None:
        name = message_id(int(START * 1e6), 7)
        self.assertEqual(in_order([name, derived_id("gone")], briefs({})), [name])
