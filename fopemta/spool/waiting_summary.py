"""What a start needs of a waiting message (pure in style): when it is due, without making values of all that it says.

A start reads perhaps 100,000 of them; their envelopes and verdicts are read when their turn comes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from fopemta.mail.queued import QueuedMessage, Unfinished
from fopemta.spool.message_json import facts_from_json
from fopemta.spool.waiting_file import Unsound, message_of
from fopemta.trust.verdict import Result, from_rfc3339

_raw_decode = json.JSONDecoder().raw_decode
# A line that says more than this is read in full.
_PLAIN_KEYS = {"id", "verdicts"}


@attrs.frozen
class Waiting:
    """A sound message.  `finished`: its journal says so, only its files are still there.

    `head` and `lines` are the JSON of its facts and of its outcomes; `size` octets of content, in a file of its own
    where it is `separate`.
    """

    entry: Unfinished
    finished: bool
    size: int
    separate: bool
    head: bytes
    lines: tuple[bytes, ...]

    @property
    def message(self) -> QueuedMessage:
        """The whole of it.  Raises Unsound."""
        try:
            return message_of(facts_from_json(self.head), self.lines)
        except ValueError as error:
            raise Unsound(str(error)) from error


def waiting_of(head: bytes, lines: tuple[bytes, ...], finished: bool) -> Waiting:
    """What a sound head and a sound journal say.  Raises Unsound."""
    try:
        facts = _decode(head.decode("ascii"))
        envelope = facts["envelope"]
        plain = not envelope.get("held")
        due = None if finished else _due(envelope["recipients"], lines) if plain else _NOT_PLAIN
        if due is _NOT_PLAIN:
            due = message_of(facts_from_json(head), lines).due
        domains = {sys.intern(each.rpartition("@")[2]) for each in facts["envelope"]["recipients"]}
        # A verdict that rules had no say in has no such field.
        bound = any(b'"rules":' in line for line in lines)
        entry = Unfinished(str(facts["id"]), float(facts["arrived"]), due, tuple(sorted(domains)), bound)
        return Waiting(entry, finished, int(facts["size"]), bool(facts.get("separate", False)), head, lines)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise Unsound(f"not what it should be: {error!r}") from error


def _decode(text: str) -> Any:
    """Blanks around it need not be looked for: we wrote it, and its checksum is right."""
    return _raw_decode(text)[0]


_NOT_PLAIN = float("-inf")


def _due(recipients: Sequence[str], lines: Sequence[bytes]) -> float | None:
    """`QueuedMessage.due`, or _NOT_PLAIN."""
    newest: dict[str, Mapping[str, Any]] = {}
    wanted = len(set(recipients))
    for line in reversed(lines):
        outcome = _decode(line.decode("ascii"))
        if not outcome.keys() <= _PLAIN_KEYS:
            return _NOT_PLAIN
        for verdict in reversed(outcome["verdicts"]):
            newest.setdefault(verdict["recipient"], verdict)
        if len(newest) >= wanted:
            break
    waiting = [each for each in newest.values() if each["result"] == Result.DEFERRED.value and not each.get("held")]
    moments = [_next_try(each) for each in waiting]
    if len(newest) < wanted:
        moments.append(0.0)  # somebody was never tried
    return min(moments, default=None)


def _next_try(verdict: Mapping[str, Any]) -> float:
    moment = verdict.get("next_try")
    return 0.0 if moment is None else from_rfc3339(moment)
