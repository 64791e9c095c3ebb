"""Mail for local domains into Maildirs (shell), off the reactor thread.

A Maildir crosses no network: nothing of a verdict record speaks of TLS here.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from zope.interface import implementer

from fopemta import maillog
from fopemta.address.mailbox import Mailbox, path_text
from fopemta.interfaces import Ended, ICourier, IMessageContent, ISpool, SpoolFailing, SpoolTrouble
from fopemta.local.boxes import Boxes, Letter
from fopemta.mail.envelope import BodyType
from fopemta.mail.header import split
from fopemta.policy.mailbox_name import maildir_of
from fopemta.policy.recipients import is_postmaster
from fopemta.routing.consignment import Consignment
from fopemta.routing.route import Verify
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.verdict import Result, VerdictRecord

PIECE = 256 * 1024
_IN_MEMORY = 1024 * 1024

_DELIVERED_TO = re.compile(rb"^Delivered-To:[ \t]*(\S+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


@attrs.frozen
class _End:
    """How it went for one recipient."""

    result: Result
    code: int
    enhanced: str
    text: str
    diagnosis: Diagnosis | None = None


_DELIVERED = _End(Result.DELIVERED, 250, "2.1.5", "Delivered to the mailbox")
_NO_SUCH_USER = _End(Result.FAILED, 550, "5.1.1", "No such mailbox here", Diagnosis.REFUSED_BY_PEER)
_LOOP = _End(Result.FAILED, 554, "5.4.6", "The message has been delivered here before", Diagnosis.LOOPS_BACK)
_FULL = _End(Result.DEFERRED, 452, "4.2.2", "The mailbox has no room", Diagnosis.LOCAL_TROUBLE)
_TROUBLE = _End(Result.DEFERRED, 451, "4.3.0", "The mailbox cannot be written", Diagnosis.LOCAL_TROUBLE)


@implementer(ICourier)
class MaildirCourier:
    """`now` gives the wall time; `in_thread(call, *arguments)` runs what blocks and fires with its result.

    A crash between writing a mailbox and recording it repeats the delivery: at most once more.
    """

    def __init__(self, spool: ISpool, now: Callable[[], float], in_thread: Callable[..., Deferred[Any]]) -> None:
        self._spool = spool
        self._now = now
        self._in_thread = in_thread
        self._boxes = Boxes(in_thread)

    def deliver(self, consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
        """See ICourier."""
        return Deferred.fromCoroutine(self._deliver(consignment, ended))

    def close(self) -> None:
        """Nothing is kept."""

    async def _deliver(self, consignment: Consignment, ended: Ended) -> Sequence[VerdictRecord]:
        verdicts: list[VerdictRecord] = []
        for recipient in consignment.recipients:
            if verdicts:
                # Written down before the next mailbox is, so that a crash repeats one at most.
                await ended(verdicts)
                verdicts = []
            verdicts.append(self._verdict(consignment, recipient, await self._end_of(consignment, recipient)))
        return verdicts

    async def _end_of(self, consignment: Consignment, recipient: Mailbox) -> _End:
        path = maildir_of(consignment.next_hop.route.maildir, recipient)
        if path is None:
            return _NO_SUCH_USER
        try:
            if _must_be_there(consignment, recipient) and not await self._in_thread(os.path.isdir, path):
                return _NO_SUCH_USER
            return await self._store(path, consignment, recipient)
        except SpoolTrouble:
            return _TROUBLE
        except OSError as error:
            maillog.mailbox_trouble(consignment.message.id, path, error.strerror or "cannot be written")
            return _FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else _TROUBLE
        except Exception:  # noqa: BLE001  a bug of ours must not lose mail: it waits and the log says why
            maillog.failed_unexpectedly(f"delivering {consignment.message.id} to a mailbox")
            return _TROUBLE

    async def _store(self, path: str, consignment: Consignment, recipient: Mailbox) -> _End:
        """Raises SpoolTrouble or OSError."""
        message = consignment.message
        head = f"Return-Path: <{path_text(message.envelope.sender)}>\r\nDelivered-To: {recipient}\r\n".encode()
        binary = message.envelope.body_type is BodyType.BINARY_MIME
        content = await self._spool.content(message.id)
        try:
            start = await _read(content, min(message.size, PIECE))
            if _was_here(start, recipient):
                return _LOOP
            if message.size <= PIECE:
                await self._boxes.store(Letter(path, head + start, binary))
                return _DELIVERED
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
                file.write(head + start)
                left = message.size - len(start)
                while left > 0:
                    file.write(piece := await _read(content, min(left, PIECE)))
                    left -= len(piece)
                await self._boxes.store(Letter(path, file, binary))
        finally:
            content.close()
        return _DELIVERED

    def _verdict(self, consignment: Consignment, recipient: Mailbox, end: _End) -> VerdictRecord:
        return VerdictRecord(
            time=self._now(),
            message=consignment.message.id,
            sender=path_text(consignment.message.envelope.sender),
            recipient=str(recipient),
            attempt=consignment.attempt_of(recipient),
            result=end.result,
            code=end.code,
            enhanced=end.enhanced,
            text=end.text,
            diagnosis=end.diagnosis.value if end.diagnosis else None,
        )


def _must_be_there(consignment: Consignment, recipient: Mailbox) -> bool:
    """Whoever sends from an address that nobody has would make a mailbox of it by the reports on his mail: where
    folders say who is there, only whom an alias or a rule names gets one without having been asked for at RCPT.
    """
    envelope = consignment.message.envelope
    if consignment.next_hop.route.verify is not Verify.MAILDIR or envelope.sender is not None:
        return False
    options = envelope.options_of(recipient)
    return not options.stands_for and not options.by_way_of and not is_postmaster(recipient)


def _was_here(start: bytes, recipient: Mailbox) -> bool:
    header, _ = split(start)
    return str(recipient).lower().encode() in (each.lower() for each in _DELIVERED_TO.findall(header))


async def _read(content: IMessageContent, size: int) -> bytes:
    """So many octets.  Raises SpoolTrouble, also when there are fewer."""
    pieces: list[bytes] = []
    while size > 0:
        piece = await content.read(size)
        if not piece:
            raise SpoolFailing("the content is shorter than it should be")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
