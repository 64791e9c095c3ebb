"""A queued message under the stable names of `queue list` (pure), in full and in brief.

The brief form omits absent values and duplicates.  A spool stores it for every waiting message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from fopemta.address.mailbox import path_text
from fopemta.mail.queued import QueuedMessage, RecipientState
from fopemta.trust.verdict import ABSENT_FACTS, rfc3339

# Plain values, ready for JSON: id, arrived, size, sender, recipients; `sender` is "" for the null path.
Listed: TypeAlias = dict[str, Any]
# The same, with only address, state, attempts and last for each recipient, and `last` without None values.
Brief: TypeAlias = dict[str, Any]

_OPEN = (RecipientState.QUEUED.value, RecipientState.HELD.value)


def brief(message: QueuedMessage) -> Brief:
    """The brief form of a message with all its recipients, in the envelope's order."""
    return {
        "id": message.id,
        "arrived": rfc3339(message.arrived),
        "size": message.size,
        "sender": path_text(message.envelope.sender),
        "recipients": [
            {
                "address": str(each.address),
                "state": each.state.value,
                "attempts": each.attempts,
                "last": None if each.last is None else each.last.to_brief_json(),
            }
            for each in message.recipients
        ],
    }


def listed(brief: Brief) -> Listed:
    """The full form of a brief one."""
    return {**brief, "recipients": [_recipient(**each) for each in brief["recipients"]]}


def _recipient(address: str, state: str, attempts: int, last: Mapping[str, Any] | None) -> Listed:
    said = ABSENT_FACTS if last is None else {**ABSENT_FACTS, **last}
    return {
        "address": address,
        "state": state,
        "attempts": attempts,
        "next_try": said["next_try"] if state in _OPEN else None,
        # When the time for forced TLS runs out.
        "tls_deadline": said["tls_deadline"],
        "level": said["level"],
        "rules": said["rules"],
        "last": None if last is None else said,
    }


def is_open(recipient: Mapping[str, Any]) -> bool:
    """Whether it is still to be delivered."""
    return recipient["state"] in _OPEN
