"""A disk in memory that loses power, fills up and fails: a double for `fopemta.spool.disk.Disk`.

It keeps flushed data apart from written data.  `images` gives the disks that a power cut may leave: unflushed data are
lost, or kept, or any of their 4 KiB pages are, or the length without the data; names not flushed with their folder
exist or not.  Real file systems are kinder in places; a spool must not rely on that.
"""

from __future__ import annotations

import errno
import os
import random
import sys
from collections.abc import Callable, Iterator
from typing import TypeAlias

import attrs

from fopemta.spool.disk import Room

_PAGE = 4096
_TRANSPARENT = (__name__, "fopemta.spool.disk")


@attrs.define(eq=False)
class File:
    """A file: its octets as written, and as they are on the platter."""

    written: bytearray = attrs.Factory(bytearray)
    flushed: bytes = b""


@attrs.define(eq=False)
class Folder:
    """A folder: names as written, as flushed, and the changes between: each is atomic and may be lost alone."""

    written: dict[str, Node] = attrs.Factory(dict)
    flushed: dict[str, Node] = attrs.Factory(dict)
    changes: list[dict[str, Node | None]] = attrs.Factory(list)

    def change(self, names: dict[str, Node | None]) -> None:
        """Set names; None removes one."""
        _apply(self.written, names)
        self.changes.append(names)

    def flush(self) -> None:
        """Make the names durable."""
        self.flushed = dict(self.written)
        self.changes = []


Node: TypeAlias = File | Folder


@attrs.frozen
class Call:
    """A system call.  `site` is the function and line of the program that made it."""

    name: str
    path: str
    site: str


class DoubleDisk:
    """`before` is called before each call and may raise the OSError of that call, `after` is called after each.

    `deaf` holds the sites whose flushes do nothing; `flush_sites` are those that have flushed.  `capacity` in octets.
    """

    def __init__(self, root: Folder | None = None, capacity: int = 2**40) -> None:
        self.root = Folder() if root is None else root
        self.before: Callable[[Call], None] = lambda call: None
        self.after: Callable[[Call], None] = lambda call: None
        self.deaf: set[str] = set()
        self.flush_sites: set[str] = set()
        self.capacity = capacity
        self.inodes = 2**20
        self._open: dict[int, tuple[File, str]] = {}
        self._locked: dict[int, File] = {}
        self._next = 3

    # --- the interface ---------------------------------------------------------------------------------------------

    def make_folder(self, path: str) -> None:
        """Make it with its parents."""
        self._begin("make_folder", path)
        folder = self.root
        for name in _names(path):
            if name not in folder.written:
                folder.change({name: Folder()})
            folder = _as_folder(folder.written[name], path)
        self._end()

    def create(self, path: str) -> int:
        """Make a new file; returns a descriptor."""
        self._begin("create", path)
        folder, name = self._place(path)
        if name in folder.written:
            raise FileExistsError(errno.EEXIST, "exists", path)
        file = File()
        folder.change({name: file})
        return self._opened(file, path)

    def open(self, path: str, writing: bool = False) -> int:
        """Open an existing file; returns a descriptor."""
        self._begin("open", path)
        return self._opened(self._file(path), path)

    def close(self, file: int) -> None:
        """Close a descriptor; closing it twice is an error."""
        self._begin("close", self._open[file][1])
        del self._open[file]
        self._locked.pop(file, None)
        self._end()

    def allocate(self, file: int, size: int) -> None:
        """Reserve space."""
        self._begin("allocate", self._open[file][1])
        octets = self._open[file][0].written
        growth = max(0, size - len(octets))
        if growth > self._free():
            raise OSError(errno.ENOSPC, "no space")
        octets.extend(bytes(growth))
        self._end()

    def write_at(self, file: int, data: bytes, offset: int) -> int:
        """Write; a short count at the end of the space, an error if there is none."""
        self._begin("write_at", self._open[file][1])
        octets = self._open[file][0].written
        room = max(0, len(octets) - offset) + self._free()
        if data and not room:
            raise OSError(errno.ENOSPC, "no space")
        taken = data[:room]
        octets.extend(bytes(max(0, offset - len(octets))))
        octets[offset : offset + len(taken)] = taken
        self._end()
        return len(taken)

    def read_at(self, file: int, size: int, offset: int) -> bytes:
        """Read what was written, flushed or not."""
        self._begin("read_at", self._open[file][1])
        return bytes(self._open[file][0].written[offset : offset + size])

    def size_of(self, file: int) -> int:
        """The size as written."""
        return len(self._open[file][0].written)

    def truncate(self, file: int, size: int) -> None:
        """Cut the file; not durable by itself."""
        self._begin("truncate", self._open[file][1])
        octets = self._open[file][0].written
        del octets[size:]
        octets.extend(bytes(size - len(octets)))
        self._end()

    def flush(self, file: int) -> None:
        """Flush the file, unless the site is deaf."""
        node, path = self._open[file]
        if self._begin("flush", path):
            node.flushed = bytes(node.written)
        self._end()

    def flush_folder(self, path: str) -> None:
        """Flush the folder, unless the site is deaf."""
        if self._begin("flush_folder", path):
            self._folder(path).flush()
        self._end()

    def rename(self, old: str, new: str) -> None:
        """Rename atomically within a folder."""
        self._begin("rename", new)
        folder, name = self._place(old)
        target, new_name = self._place(new)
        node = self._file(old)
        if folder is target:
            folder.change({name: None, new_name: node})
        else:
            target.change({new_name: node})
            folder.change({name: None})
        self._end()

    def link(self, old: str, new: str) -> None:
        """Add a second name."""
        self._begin("link", new)
        folder, name = self._place(new)
        if name in folder.written:
            raise FileExistsError(errno.EEXIST, "exists", new)
        folder.change({name: self._file(old)})
        self._end()

    def unlink(self, path: str) -> None:
        """Remove a name; an open file stays readable."""
        self._begin("unlink", path)
        folder, name = self._place(path)
        self._file(path)
        folder.change({name: None})
        self._end()

    def names(self, path: str) -> list[str]:
        """The names in the folder, sorted."""
        self._begin("names", path)
        return sorted(self._folder(path).written)

    def room(self, path: str) -> Room:
        """The space that the capacity leaves."""
        return Room(self._free(), self.inodes)

    def lock(self, path: str) -> int:
        """Lock the file; only one holder at a time."""
        self._begin("lock", path)
        folder, name = self._place(path)
        if name not in folder.written:
            folder.change({name: File()})
        file = self._file(path)
        if file in self._locked.values():
            raise BlockingIOError(errno.EWOULDBLOCK, "locked", path)
        descriptor = self._opened(file, path)
        self._locked[descriptor] = file
        return descriptor

    # --- what a power cut leaves -----------------------------------------------------------------------------------

    def images(self, random_ones: int = 3, seed: int = 0) -> Iterator[tuple[str, DoubleDisk]]:
        """(what is kept of the unflushed data, disk), the extremes first."""
        yield "nothing", self._image(lambda: False, lambda file: file.flushed)
        yield "everything", self._image(lambda: True, lambda file: bytes(file.written))
        yield "names", self._image(lambda: True, lambda file: file.flushed)
        yield "lengths", self._image(lambda: True, _length_without_data)
        for number in range(random_ones):
            chance = random.Random(seed * 1000 + number)
            yield (
                f"some, {seed}/{number}",
                self._image(lambda c=chance: c.random() < 0.5, lambda file, c=chance: _some_pages(file, c)),  # type: ignore[misc]
            )

    def _image(self, keeps_name: Callable[[], bool], content: Callable[[File], bytes]) -> DoubleDisk:
        copies: dict[Node, Node] = {}

        def copy(node: Node) -> Node:
            if node not in copies:
                if isinstance(node, File):
                    octets = content(node)
                    copies[node] = File(bytearray(octets), octets)
                else:
                    names = dict(node.flushed)
                    for change in node.changes:
                        if keeps_name():
                            _apply(names, change)
                    copied = {name: copy(each) for name, each in names.items()}
                    copies[node] = Folder(copied, dict(copied))
            return copies[node]

        root = copy(self.root)
        assert isinstance(root, Folder)
        return DoubleDisk(root, self.capacity)

    # --- for tests -------------------------------------------------------------------------------------------------

    def content(self, path: str) -> bytes:
        """The octets of a file."""
        return bytes(self._file(path).written)

    def put(self, path: str, octets: bytes) -> None:
        """Make a durable file with these octets."""
        folder, name = self._place(path)
        folder.change({name: File(bytearray(octets), octets)})
        folder.flush()

    def tree(self, path: str = "/") -> list[str]:
        """The paths of all files below."""
        found = []
        for name, node in sorted(self._folder(path).written.items()):
            inner = os.path.join(path, name)
            found += self.tree(inner) if isinstance(node, Folder) else [inner]
        return found

    def is_open(self, path: str) -> bool:
        """Whether a descriptor of it is open."""
        return any(name == path for _, name in self._open.values())

    # --- within ----------------------------------------------------------------------------------------------------

    def _begin(self, name: str, path: str) -> bool:
        """Announce the call; whether a flush works at its site."""
        call = Call(name, path, _site())
        self._call = call
        self.before(call)
        if name.startswith("flush"):
            self.flush_sites.add(call.site)
        return call.site not in self.deaf

    def _end(self) -> None:
        self.after(self._call)

    def _opened(self, file: File, path: str) -> int:
        descriptor, self._next = self._next, self._next + 1
        self._open[descriptor] = (file, path)
        self._end()
        return descriptor

    def _folder(self, path: str) -> Folder:
        folder = self.root
        for name in _names(path):
            if name not in folder.written:
                raise FileNotFoundError(errno.ENOENT, "not there", path)
            folder = _as_folder(folder.written[name], path)
        return folder

    def _place(self, path: str) -> tuple[Folder, str]:
        return self._folder(os.path.dirname(path)), os.path.basename(path)

    def _file(self, path: str) -> File:
        folder, name = self._place(path)
        node = folder.written.get(name)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, "not there", path)
        if isinstance(node, Folder):
            raise IsADirectoryError(errno.EISDIR, "is a folder", path)
        return node

    def _free(self) -> int:
        files: set[File] = {file for file, _ in self._open.values()}
        _gather(self.root, files)
        return self.capacity - sum(len(file.written) for file in files)


def _apply(names: dict[str, Node], change: dict[str, Node | None]) -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _as_folder(node: Node, path: str) -> Folder:
    if isinstance(node, File):
        raise NotADirectoryError(errno.ENOTDIR, "not a folder", path)
    return node


def _gather(folder: Folder, files: set[File]) -> None:
    for node in folder.written.values():
        if isinstance(node, File):
            files.add(node)
        else:
            _gather(node, files)


def _length_without_data(file: File) -> bytes:
    return file.flushed[: len(file.written)].ljust(len(file.written), b"\0")


def _some_pages(file: File, chance: random.Random) -> bytes:
    if file.flushed == file.written:
        return file.flushed
    length = chance.choice((len(file.flushed), len(file.written)))
    old, new = file.flushed.ljust(length, b"\0"), bytes(file.written).ljust(length, b"\0")
    pages = (chance.choice((old, new))[start : start + _PAGE] for start in range(0, length, _PAGE))
    return b"".join(pages)[:length]


def _site() -> str:
    frame = sys._getframe(2)
    while frame.f_globals["__name__"] in _TRANSPARENT and frame.f_back is not None:
        frame = frame.f_back
    room = frame.f_globals["__name__"].rpartition(".")[2]
    return f"{room}.{frame.f_code.co_qualname}:{frame.f_lineno}"
