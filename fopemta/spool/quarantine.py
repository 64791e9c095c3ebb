"""Puts what is damaged aside, with its reason (shell): nothing is deleted, and nothing else is stopped by it."""

from __future__ import annotations

import os.path

from fopemta import maillog
from fopemta.formats.layout import MessageFiles, SpoolLayout
from fopemta.mail.damage import PutAside
from fopemta.spool.disk import Disk, new_file


class Quarantine:
    """The folder `corrupt/`.  Blocks.  What is put there is told to the log, and kept in `damage` until it is taken."""

    def __init__(self, disk: Disk, layout: SpoolLayout) -> None:
        self._disk = disk
        self._layout = layout
        self._damage: list[PutAside] = []

    def take_damage(self) -> list[PutAside]:
        """What was put aside since this was asked last.  May be called in any thread."""
        # Taken one by one: another thread may be adding to it.
        return [self._damage.pop(0) for _ in range(len(self._damage))]

    def put_file(self, path: str, why: str) -> None:
        """Move a file there.  Raises OSError: then it is still where it was."""
        name = self._free_name(os.path.basename(path))
        place = os.path.join(self._layout.corrupt, name)
        new_file(self._disk, f"{place}.reason", self._reason(path, why))
        try:
            # Not renamed: after a power cut it must be in one of the two folders at least.
            self._disk.link(path, place)
        except OSError:
            # A folder has no second name.  It stays, and so must no reason for it: there would be one more each start.
            self._disk.unlink(f"{place}.reason")
            raise
        self._disk.flush_folder(self._layout.corrupt)
        self._disk.unlink(path)
        self.tell(path, why)

    def put_message(self, root: str, message_id: str, why: str) -> None:
        """Move all files of a waiting message there.  Raises OSError."""
        files = MessageFiles(root, message_id)
        there = self._disk.names(files.folder)
        for path in files.all:
            if os.path.basename(path) in there:
                self.put_file(path, why)

    def put_octets(self, name: str, octets: bytes, where: str, why: str) -> None:
        """Keep a copy of a part of a file, once.  Raises OSError."""
        place = os.path.join(self._layout.corrupt, name)
        if name in self._disk.names(self._layout.corrupt):
            return
        new_file(self._disk, f"{place}.reason", self._reason(where, why))
        new_file(self._disk, place, octets)
        self._disk.flush_folder(self._layout.corrupt)
        self.tell(where, why)

    def tell(self, what: str, why: str) -> None:
        """Of damage of which nothing is left to be put here."""
        maillog.corrupt(what, why)
        self._damage.append(PutAside(what, why))

    def _free_name(self, name: str) -> str:
        taken = set(self._disk.names(self._layout.corrupt))
        number, free = 1, name
        while free in taken or f"{free}.reason" in taken:
            number, free = number + 1, f"{name}.{number}"
        return free

    def _reason(self, where: str, why: str) -> bytes:
        return f"{where}: {why}\n".encode("utf-8", "backslashreplace")
