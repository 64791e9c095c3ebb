"""The briefs of waiting messages, in memory (shell, reactor thread): what `queue list` says, without reading a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import attrs

from fopemta.formats.brief import brief_after

# What has been recorded since is folded in once it takes a quarter of the brief's room: outcomes that come one by one
# cost what they say, and not what a message with thousands of recipients is.
_SHARE = 4
LARGEST = 64 * 1024
_ON_DISK = b""


@attrs.define(eq=False)
class _Later:
    """Outcomes that are not folded in yet, oldest first, as JSON; `size` octets together."""

    outcomes: list[bytes] = attrs.Factory(list)
    size: int = 0


class KeptBriefs:
    """By message id, the JSON of a `mail.listed.Brief` each; `briefs` are those found at start.

    Of a message with thousands of recipients a brief is as large as they are many: those above 64 KiB are not kept, and
    `read` gives one from the message's files, None when it cannot.
    """

    def __init__(
        self, briefs: Mapping[str, bytes], read: Callable[[str], bytes | None] = lambda message_id: None
    ) -> None:
        self._read = read
        self._briefs: dict[str, bytes] = {}
        self._later: dict[str, _Later] = {}
        for message_id, brief in briefs.items():
            self.keep(message_id, brief)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._briefs

    def __iter__(self) -> Iterator[str]:
        return iter(self._briefs)

    def get(self, message_id: str) -> bytes | None:
        """With everything that has been recorded; None for a message that is not here."""
        if message_id in self._later:
            self._fold(message_id)
        brief = self._briefs.get(message_id)
        return self._read(message_id) if brief == _ON_DISK else brief

    def keep(self, message_id: str, brief: bytes) -> None:
        """A message waits from now on."""
        self._briefs[message_id] = brief if len(brief) <= LARGEST else _ON_DISK

    def recorded(self, message_id: str, outcome: bytes) -> None:
        """An outcome has been written down, `outcome` its JSON; nothing is to be done for a message that has gone."""
        if self._briefs.get(message_id, _ON_DISK) == _ON_DISK:
            return
        later = self._later.setdefault(message_id, _Later())
        later.outcomes.append(outcome)
        later.size += len(outcome)
        if later.size * _SHARE >= len(self._briefs[message_id]):
            self._fold(message_id)

    def drop(self, message_id: str) -> bool:
        """Forget it; whether it was here."""
        self._later.pop(message_id, None)
        return self._briefs.pop(message_id, None) is not None

    def _fold(self, message_id: str) -> None:
        self.keep(message_id, brief_after(self._briefs[message_id], self._later.pop(message_id).outcomes))
