"""Reads a folder of waiting messages (shell): heads and journals, not content.  Changes nothing."""

from __future__ import annotations

import os.path
from collections.abc import Container, Iterator
from typing import TypeAlias

import attrs

from fopemta.formats.layout import MessageFiles
from fopemta.formats.waiting import WaitingMessage, waiting_of
from fopemta.formats.waiting_file import Unsound, parse_journal
from fopemta.mail.identifiers import MESSAGE_ID
from fopemta.spool.disk import OUT_OF_MEANS, Disk, read_file
from fopemta.spool.waiting.folder import read_head_text

_SUFFIXES = ("msg", "tmp", "jnl", "body")


@attrs.frozen
class Remnant:
    """Files of an interrupted move into the folder, or removal from it."""

    id: str
    paths: tuple[str, ...]


@attrs.frozen
class Spoilt:
    """Files that are damaged, or that do not belong here (`id` is None)."""

    id: str | None
    paths: tuple[str, ...]
    why: str


@attrs.frozen
class Unreadable:
    """A file that the disk does not give now; it may be well again later."""

    id: str
    path: str
    why: str


Finding: TypeAlias = WaitingMessage | Remnant | Spoilt | Unreadable


def scan_deferred(disk: Disk, root: str, known: Container[str] = ()) -> Iterator[Finding]:
    """Everything under `root` but the messages that are `known`.

    Raises OSError when the folders cannot be read or descriptors are used up.
    """
    for folder in disk.names(root):
        path = os.path.join(root, folder)
        try:
            names = disk.names(path)
        except NotADirectoryError:
            yield Spoilt(None, (path,), "not a folder of messages")
            continue
        yield from _scan_folder(disk, root, path, names, known)


def read_waiting(disk: Disk, root: str, message_id: str) -> Finding | None:
    """What is there of that id under `root`; None when there is nothing."""
    files = MessageFiles(root, message_id)
    found = _judge(disk, files, {"msg", "jnl", "body"}, files.all)
    return None if isinstance(found, Remnant) else found


def _scan_folder(disk: Disk, root: str, folder: str, names: list[str], known: Container[str]) -> Iterator[Finding]:
    suffixes: dict[str, set[str]] = {}
    for name in names:
        message_id, _, suffix = name.rpartition(".")
        if message_id in suffixes and suffix in _SUFFIXES:
            suffixes[message_id].add(suffix)
        elif suffix in _SUFFIXES and MESSAGE_ID.fullmatch(message_id) is not None:
            suffixes[message_id] = {suffix}
        else:
            yield Spoilt(None, (f"{folder}/{name}",), "not a file of a message")
    for message_id, its in suffixes.items():
        if message_id in known:
            continue
        files = MessageFiles(root, message_id)
        paths = tuple([f"{folder}/{message_id}.{suffix}" for suffix in _SUFFIXES if suffix in its])
        if files.folder != folder:
            yield Spoilt(None, paths, "in the wrong folder")
        else:
            yield _judge(disk, files, its, paths)


def _judge(disk: Disk, files: MessageFiles, suffixes: set[str], paths: tuple[str, ...]) -> Finding:
    try:
        if "msg" not in suffixes:
            finished = "jnl" in suffixes and parse_journal(read_file(disk, files.journal)).finished
            remnant = finished or suffixes == {"tmp"}
            return Remnant(files.message_id, paths) if remnant else Spoilt(files.message_id, paths, "message is gone")
        if "jnl" not in suffixes:
            # Nobody knows whom it has reached, so it must not go out as new.
            return Spoilt(files.message_id, paths, "message without its journal")
        return _read(disk, files, suffixes)
    except ValueError as error:
        return Spoilt(files.message_id, paths, str(error))
    except FileNotFoundError:
        # A spool in use: it has been finished meanwhile.
        return Remnant(files.message_id, ())
    except OSError as error:
        if error.errno in OUT_OF_MEANS:
            raise
        return Unreadable(files.message_id, files.message, str(error))


def _read(disk: Disk, files: MessageFiles, suffixes: set[str]) -> Finding:
    file = disk.open(files.message)
    try:
        head, start = read_head_text(disk, file)
        size = disk.size_of(file) - start
    finally:
        disk.close(file)
    journal = parse_journal(read_file(disk, files.journal))
    waiting = waiting_of(head, journal.lines)
    if waiting.id != files.message_id:
        raise Unsound("another message's file")
    if waiting.finished:
        return waiting
    if waiting.separate:
        if "body" not in suffixes:
            raise Unsound("its content is gone")
        size = _size_of(disk, files.body)
    if size != waiting.size:
        raise Unsound(f"content has {size} octets, should have {waiting.size}")
    return waiting


def _size_of(disk: Disk, path: str) -> int:
    file = disk.open(path)
    try:
        return disk.size_of(file)
    finally:
        disk.close(file)
