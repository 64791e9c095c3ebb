"""How full the disk may become (shell): mail is refused while there is still room for what must be written."""

from __future__ import annotations

import attrs
from twisted.internet.interfaces import IReactorTime

from fopemta import maillog
from fopemta.interfaces import SpoolFailing, SpoolFull, SpoolTrouble
from fopemta.spool.disk import Disk

_LEAST_INODES = 1000
_CHECK_INTERVAL = 1.0


@attrs.frozen(kw_only=True)
class SpoolLimits:
    """[limits] of the configuration, in octets: what stays free, besides one message of the largest size."""

    spool_free: int = 256_000_000
    message_size: int = 150_000_000


class RoomGauge:
    """Looks at the file system at most once a second."""

    def __init__(self, disk: Disk, path: str, limits: SpoolLimits, clock: IReactorTime) -> None:
        self._disk = disk
        self._path = path
        self._least = limits.spool_free + limits.message_size
        self._clock = clock
        self._next = 0.0
        self._trouble: SpoolTrouble | None = None

    def trouble(self) -> SpoolTrouble | None:
        """Why no mail can be taken, or None.  Called in the reactor thread: statvfs(3) reads no disk."""
        now = self._clock.seconds()
        if now >= self._next or now < self._next - _CHECK_INTERVAL:
            self._next = now + _CHECK_INTERVAL
            self._look()
        return self._trouble

    def _look(self) -> None:
        before, self._trouble = self._trouble, self._measure()
        if self._trouble is not None and before is None:
            maillog.spool_trouble(str(self._trouble))
        elif self._trouble is None and before is not None:
            maillog.spool_well_again()

    def _measure(self) -> SpoolTrouble | None:
        try:
            room = self._disk.room(self._path)
        except OSError as error:
            return SpoolFailing(f"free space is not known: {error}")
        if room.octets < self._least:
            return SpoolFull(f"only {room.octets} octets are free, mail is taken from {self._least}")
        if room.inodes is not None and room.inodes < _LEAST_INODES:
            return SpoolFull(f"only {room.inodes} inodes are free")
        return None
