"""A waiting message in brief, from the JSON of its files (pure): no values are made between.

A spool may hold 100,000 of them; making messages and verdicts of each would take four times as long.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fopemta.address.mailbox import Mailbox
from fopemta.mail.identifiers import message_id, tells_arrival
from fopemta.mail.listed import Brief
from fopemta.mail.plain_json import decoded, encoded, kept
from fopemta.mail.queued import RecipientState, state_after
from fopemta.trust.verdict import Result, from_rfc3339, rfc3339


def brief_of(facts: Mapping[str, Any], newest: Iterable[Mapping[str, Any]]) -> Brief | None:
    """The same as `mail.listed.brief` of the message; None when its journal says that it is finished.

    `facts` is what its head says, `newest` what the lines of its journal say, the newest first: no more of them are
    taken than needed.  Both are decoded JSON; raises ValueError, KeyError, TypeError or AttributeError when it is not
    what it should be.
    """
    envelope, arrived = facts["envelope"], facts["arrived"]
    state = RecipientState.HELD if envelope.get("held") else RecipientState.QUEUED
    recipients = {
        address: {"address": address, "state": state.value, "attempts": 0, "last": None}
        for address in map(_path, envelope["recipients"])
    }
    if not _fold(recipients, newest):
        return None
    sender = envelope["sender"]
    return {
        "id": facts["id"],
        "arrived": rfc3339(arrived),
        "size": facts["size"],
        "sender": "" if sender is None else _path(sender),
        "recipients": list(recipients.values()),
    }


def logged_brief(meta: bytes, outcomes: Sequence[bytes]) -> bytes:
    """The JSON of the brief of a message in the log; `meta` is the JSON of its facts, `outcomes` likewise, the oldest
    first.
    """
    brief = brief_of(decoded(meta), map(decoded, reversed(outcomes)))
    assert brief is not None  # nothing says that it is finished
    return packed(brief)


def packed(brief: Brief) -> bytes:
    """The JSON of a brief, to be kept."""
    return kept(encoded(brief))


def brief_after(before: bytes, outcomes: Sequence[bytes]) -> bytes:
    """The JSON of a brief once `outcomes`, the oldest first, are written down; all of them are JSON."""
    brief = decoded(before)
    _fold({each["address"]: each for each in brief["recipients"]}, map(decoded, reversed(outcomes)))
    return packed(brief)


def _fold(recipients: Mapping[str, dict[str, Any]], newest: Iterable[Mapping[str, Any]]) -> bool:
    """Put the newest verdict on each into `recipients`; False for a message that is finished."""
    untold = set(recipients)
    for number, outcome in enumerate(newest):
        if number == 0 and outcome.get("finished"):
            return False
        for verdict in reversed(outcome["verdicts"]):
            address = verdict["recipient"]
            if address in untold:
                untold.remove(address)
                its = recipients[address]
                its["state"] = _STATES[verdict["result"], verdict.get("held", False)]
                its["attempts"], its["last"] = max(its["attempts"], verdict["attempt"]), verdict
        if not untold:
            break
    return True


_STATES = {(result.value, held): state_after(result, held).value for result in Result for held in (False, True)}


@functools.lru_cache(maxsize=1024)  # many messages are from, or for, few
def _path(stored: str) -> str:
    """The address as the envelope stores it, local part unquoted, as it is written."""
    local_part, _, domain = stored.rpartition("@")
    return str(Mailbox(local_part, domain))


def place_of(said: Brief) -> str:
    """Where a message stands among ids that tell when it has arrived."""
    name: str = said["id"]
    return name if tells_arrival(name) else message_id(int(from_rfc3339(said["arrived"]) * 1e6), 0)


def place_of_brief(line: bytes) -> str:
    """The same, of a brief in JSON."""
    return place_of(decoded(line))


def in_order(names: Iterable[str], brief_of_name: Callable[[str], bytes | None]) -> list[str]:
    """Ids, the oldest first; of the few that do not tell when their messages have arrived, the brief is asked."""
    places = {}
    for name in names:
        if tells_arrival(name):
            places[name] = name
        elif (said := brief_of_name(name)) is not None:
            places[name] = place_of(decoded(said))
    return sorted(places, key=places.__getitem__)
