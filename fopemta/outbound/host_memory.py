"""What is remembered about hosts (shell): in a file of the state folder, written by another thread."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from fopemta import maillog
from fopemta.background import supervise
from fopemta.interfaces import IHostMemory
from fopemta.plain_file import read_plain
from fopemta.private_folder import make_private_folders
from fopemta.routing.values import Host
from fopemta.trust.host_memory import Known, Start, after_success, start_with
from fopemta.trust.rungs import Hello, Rung

FILE_NAME = "hosts.json"
# Entries not confirmed for this long are dropped, and beyond the limit the oldest.
_KEPT = 30 * 86_400.0
MOST = 10_000
_INTERVAL = 30.0


@implementer(IHostMemory)
class HostTable:
    """In memory only; `now` gives the wall time.  `learned` is called with each change, None for a dropped entry."""

    def __init__(
        self, now: Callable[[], float], learned: Callable[[str, Known | None], None] = lambda *_: None
    ) -> None:
        self._now = now
        self.learned = learned
        self._known: OrderedDict[str, Known] = OrderedDict()

    @property
    def known(self) -> Mapping[str, Known]:
        """All entries."""
        return dict(self._known)

    def take(self, known: Mapping[str, Known | None]) -> None:
        """Take over what other processes have learned."""
        for key, each in known.items():
            self._set(key, each)

    def start_of(self, host: Host, rungs: Sequence[Rung]) -> Start | None:
        """See IHostMemory."""
        return start_with(self._known.get(key_of(host)), rungs, self._now())

    def succeeded(self, host: Host, rung: Rung, hello: Hello, remembered: bool) -> None:
        """See IHostMemory."""
        key = key_of(host)
        before = self._known.get(key)
        after = after_success(before, rung, hello, Start(rung, hello) if remembered else None, self._now())
        if after != before:
            self._set(key, after)
            self.learned(key, after)

    def failed(self, host: Host) -> None:
        """See IHostMemory."""
        key = key_of(host)
        if key in self._known:
            self._set(key, None)
            self.learned(key, None)

    def forget(self, hosts: Iterable[str]) -> int:
        """See IHostMemory."""
        wanted = {each.lower() for each in hosts}
        gone = [each for each in self._known if not wanted or each in wanted or each.rpartition(":")[0] in wanted]
        for key in gone:
            self._set(key, None)
            self.learned(key, None)
        return len(gone)

    def _set(self, key: str, known: Known | None) -> None:
        self._known.pop(key, None)
        if known is not None:
            self._known[key] = known
            self._trim()

    def _trim(self) -> None:
        while len(self._known) > MOST:
            self._known.popitem(last=False)


class HostMemory(HostTable):
    """Stored in the folder `state`; `in_thread` runs a call off the reactor thread, `now` gives the wall time.  An
    Attendant.
    """

    def __init__(
        self, state: str, clock: IReactorTime, now: Callable[[], float], in_thread: Callable[..., Deferred[Any]]
    ) -> None:
        super().__init__(now)
        self._path = os.path.join(state, FILE_NAME)
        self._clock = clock
        self._in_thread = in_thread
        self._changed = False
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Read the file.  A damaged one is moved aside: its loss costs only a few handshakes."""
        try:
            found = read(self._path)
        except (OSError, ValueError) as error:
            maillog.caution("node.state", f"{self._path} cannot be read, and is started again: {error}")
            _put_aside(self._path)
            found = {}
        oldest_first = sorted(found.items(), key=lambda item: item[1].at)
        self._known.update(each for each in oldest_first if each[1].at > self._now() - _KEPT)
        self._trim()
        self._call = self._clock.callLater(_INTERVAL, self._tick)

    def stop(self) -> None:
        """Write the file."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        if self._changed:
            _write(self._path, dict(self._known))

    def _set(self, key: str, known: Known | None) -> None:
        super()._set(key, known)
        self._changed = True

    def _tick(self) -> None:
        self._call = self._clock.callLater(_INTERVAL, self._tick)
        if self._changed:
            self._changed = False
            supervise(self._in_thread(_write, self._path, dict(self._known)), "remembering hosts")


def key_of(host: Host) -> str:
    """By name if it has one: all its addresses count as one server."""
    return f"{host.name or host.addresses[0]}:{host.port}"


def read(path: str) -> dict[str, Known]:
    """The entries in a file; none if it does not exist.  Raises OSError, or ValueError if it is damaged."""
    try:
        plain = json.loads(read_plain(path)[0])
    except FileNotFoundError:
        return {}
    try:
        return {
            str(key): Known(
                Rung(each["rung"]), Hello(each["hello"]), float(each["at"]), max(0, int(each.get("confirmed", 0)))
            )
            for key, each in plain.items()
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not what it should be: {error!r}") from error


def write(path: str, known: Mapping[str, Known]) -> None:
    """Replace the file atomically.  Raises OSError."""
    plain = {
        key: {"rung": each.rung.value, "hello": each.hello.value, "at": each.at, "confirmed": each.confirmed}
        for key, each in known.items()
    }
    make_private_folders(os.path.dirname(path))
    temporary = f"{path}.tmp"
    with open(temporary, "w", encoding="ascii") as file:
        json.dump(plain, file)
    os.replace(temporary, path)


def _write(path: str, known: Mapping[str, Known]) -> None:
    try:
        write(path, known)
    except OSError as error:
        maillog.caution("node.state", f"{path}: what hosts can do cannot be remembered: {error.strerror}")


def _put_aside(path: str) -> None:
    try:
        os.replace(path, f"{path}.damaged")
    except OSError:
        pass  # it could not be read either, which has been logged
