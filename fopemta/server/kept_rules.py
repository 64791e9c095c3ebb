"""The rules last in force (composition), stored in the state folder, with earlier rules that still bind queued mail.

Stored before new rules take effect.  So neither a crash nor a restart drops a demand that only a rules file contained,
even if that file has changed since.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fopemta import maillog
from fopemta.background import supervise
from fopemta.config.model import Configuration
from fopemta.config.rules import load_rules
from fopemta.plain_file import read_plain, replace_durably
from fopemta.policy.earlier import NO_RULES_TEXT, Earlier, RulesText, followed
from fopemta.policy.rulebook import NO_RULES
from fopemta.private_folder import make_private_folders
from fopemta.settings.errors import ConfigurationErrors
from fopemta.trust.verdict import from_rfc3339

FILE_NAME = "rules-in-force.json"
# Seconds after the start, when the queue has been loaded.
SETTLED = 60.0
_LOST = RulesText(None, "", None)


@attrs.frozen
class RulesInForce:
    """The content of the file."""

    rules: RulesText
    earlier: tuple[Earlier, ...]


class KeptRules:
    """Stored in the folder `state`.  `now` gives the wall time; `oldest` the arrival of the oldest waiting mail:
    infinity if none waits, None if unknown.
    """

    def __init__(self, state: str, now: Callable[[], float], oldest: Callable[[], float | None] = lambda: None) -> None:
        self._path = os.path.join(state, FILE_NAME)
        self._now = now
        self._oldest = oldest

    def at_start(self, configuration: Configuration) -> Configuration:
        """`configuration` with the earlier rules that bind queued mail.  Changes nothing."""
        try:
            found = read(self._path)
        except FileNotFoundError:
            return attrs.evolve(configuration, earlier=())
        except (OSError, ValueError) as error:
            maillog.caution("node.state", _UNREADABLE.format(self._path, error))
            return attrs.evolve(configuration, earlier=(Earlier(self._now(), _LOST),))
        earlier = followed(found.earlier, found.rules, _text_of(configuration), self._now(), None)
        if any(each.rules.book is None for each in earlier):
            maillog.caution("node.state", _UNREADABLE.format(self._path, "this version reads rules differently"))
        return attrs.evolve(configuration, earlier=earlier)

    def following(self, before: Configuration, after: Configuration, lowered: bool) -> Configuration:
        """`after` with the earlier rules that bind queued mail; with none if an operator has ordered that
        (`lowered`).
        """
        if lowered:
            return attrs.evolve(after, earlier=())
        known = before.earlier or ()
        earlier = followed(known, _text_of(before), _text_of(after), self._now(), self._oldest())
        return attrs.evolve(after, earlier=earlier)

    def keep(self, configuration: Configuration) -> None:
        """Store what is about to be in force.  A failure is logged, and the rules take effect all the same: stricter
        rules must not wait for a disk.
        """
        try:
            _write(self._path, RulesInForce(_text_of(configuration), configuration.earlier or ()))
        except OSError as error:
            why = error.strerror or str(error)
            maillog.caution(
                "node.state", f"{self._path}: {why}: after a crash rules may be forgotten that are in force"
            )


class RulesAtStart:
    """Stores the rules of the start before they take effect; and once the queue has been loaded, logs how much mail is
    bound by earlier rules.  An Attendant.
    """

    def __init__(
        self,
        clock: IReactorTime,
        kept: KeptRules,
        configuration: Configuration,
        tell: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._clock = clock
        self._kept = kept
        self._configuration = configuration
        self._tell = tell
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Store, and start the timer."""
        self._kept.keep(self._configuration)
        if self._configuration.earlier:
            self._call = self._clock.callLater(SETTLED, self._tell_now)

    def stop(self) -> None:
        """Cancel the report."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _tell_now(self) -> None:
        supervise(Deferred.fromCoroutine(self._tell()), "counting what keeps to earlier rules")


def oldest_of(briefs: Iterator[bytes]) -> float:
    """The arrival of the first of these, which are in order of age; infinity if there are none."""
    first = next(briefs, None)
    return math.inf if first is None else from_rfc3339(json.loads(first)["arrived"])


def _text_of(configuration: Configuration) -> RulesText:
    if configuration.rules is None or configuration.rulebook is None:
        return NO_RULES_TEXT
    return RulesText(configuration.rules_text, os.path.dirname(configuration.rules), configuration.rulebook)


_UNREADABLE = (
    "{}: the rules in force before cannot be read ({}): mail that arrived under them waits until you restore the file "
    "and restart, or drop their demands by: fopemta reload --allow-lower"
)


# --- the file --------------------------------------------------------------------------------------------------------


def read(path: str) -> RulesInForce:
    """Raises OSError, or ValueError if it is damaged.  Rules in it that this version cannot read have no `book`."""
    try:
        plain = json.loads(read_plain(path)[0])
        if plain["sha256"] != _digest(plain["kept"]):
            raise ValueError("damaged: its checksum does not hold")
        kept = plain["kept"]
        earlier = tuple(Earlier(float(each["until"]), _rules_of(each)) for each in kept["earlier"])
        return RulesInForce(_rules_of(kept["in_force"]), earlier)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"damaged: {error!r}") from error


def _write(path: str, found: RulesInForce) -> None:
    """Replace the file atomically and durably.  Raises OSError."""
    kept = {
        "in_force": _plain(found.rules),
        "earlier": [{"until": each.until, **_plain(each.rules)} for each in found.earlier],
    }
    make_private_folders(os.path.dirname(path))
    replace_durably(path, json.dumps({"sha256": _digest(kept), "kept": kept}).encode())


def _digest(kept: Any) -> str:
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _plain(rules: RulesText) -> dict[str, str | None]:
    return {"text": rules.text, "folder": rules.folder}


def _rules_of(plain: Mapping[str, Any]) -> RulesText:
    text, folder = plain["text"], str(plain["folder"])
    if text is None:
        return _LOST
    try:
        return RulesText(text, folder, load_rules(text, folder) if text else NO_RULES)
    except ConfigurationErrors:
        return RulesText(text, folder, None)
