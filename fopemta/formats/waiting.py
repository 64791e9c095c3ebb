"""What a start needs of a waiting message (pure): when it is due, without making values of all that it says.

A start reads perhaps 100,000 of them; their envelopes and verdicts are read when their turn comes.
"""

from __future__ import annotations

import sys

import attrs

from fopemta.formats.brief import brief_of, packed
from fopemta.formats.message_json import facts_from_json
from fopemta.formats.waiting_file import Unsound, message_of
from fopemta.mail.listed import Brief
from fopemta.mail.plain_json import decoded
from fopemta.mail.queued import QueuedMessage, RecipientState, Unfinished
from fopemta.trust.verdict import from_rfc3339


@attrs.frozen
class WaitingMessage:
    """A sound message: `entry` and `brief` (its JSON), both None when its journal says that it is finished and only its
    files are still there.

    `head` and `lines` are the JSON of its facts and of its outcomes; `size` octets of content, in a file of its own
    where it is `separate`.
    """

    id: str
    entry: Unfinished | None
    brief: bytes | None
    size: int
    separate: bool
    head: bytes
    lines: tuple[bytes, ...]

    @property
    def finished(self) -> bool:
        """No recipient is left."""
        return self.entry is None

    @property
    def message(self) -> QueuedMessage:
        """The whole of it.  Raises Unsound."""
        try:
            return message_of(facts_from_json(self.head), self.lines)
        except ValueError as error:
            raise Unsound(str(error)) from error


def waiting_of(head: bytes, lines: tuple[bytes, ...]) -> WaitingMessage:
    """What a sound head and a sound journal say.  Raises Unsound."""
    try:
        facts = decoded(head)
        brief = brief_of(facts, map(decoded, reversed(lines)))
        entry = None if brief is None else _unfinished(brief, float(facts["arrived"]))
        kept = None if brief is None else packed(brief)
        separate = bool(facts.get("separate", False))
        return WaitingMessage(str(facts["id"]), entry, kept, int(facts["size"]), separate, head, lines)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise Unsound(f"not what it should be: {error!r}") from error


def _unfinished(brief: Brief, arrived: float) -> Unfinished:
    domains = {sys.intern(each["address"].rpartition("@")[2]) for each in brief["recipients"] if _is_queued(each)}
    verdicts = [each["last"] for each in brief["recipients"] if each["last"] is not None]
    bound = any(verdict.get("rules") for verdict in verdicts)
    return Unfinished(brief["id"], arrived, _due(brief), tuple(sorted(domains)), bound)


def _due(brief: Brief) -> float | None:
    """As `QueuedMessage.due`."""
    queued = [each["last"] for each in brief["recipients"] if _is_queued(each)]
    moments = [None if last is None else last.get("next_try") for last in queued]
    return min([0.0 if each is None else from_rfc3339(each) for each in moments], default=None)


def _is_queued(recipient: Brief) -> bool:
    return bool(recipient["state"] == RecipientState.QUEUED.value)
