"""What every spool must do: a mixin for the tests of each backend.

It assumes no files, no process and no place: a backend's test case makes the spool and drives its work to an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import orjson
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from fopemta.address.mailbox import Mailbox
from fopemta.interfaces import IIncoming, IMessageContent, ISpool, UnknownMessage
from fopemta.mail.envelope import Arrival, BodyType, Envelope, TlsSession
from fopemta.mail.listed import brief
from fopemta.mail.queued import QueuedMessage, Unfinished
from fopemta.trust.verdict import Result, VerdictRecord
from tests.every_field import filled

T = TypeVar("T")

ALICE = Mailbox("alice", "example.org")
BOB = Mailbox("bob", "example.net")
CAROL = Mailbox("car ol", "xn--exmple-cua.net")
ENVELOPE = Envelope(
    ALICE,
    (BOB, CAROL),
    BodyType.EIGHT_BIT_MIME,
    Arrival("2001:db8::1", "mx.example.org", "ESMTPS", TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, "us")),
)
REPORT = Envelope(None, (ALICE,))
ID = "0BCDFGHJKM0001"
OTHER_ID = "0BCDFGHJKM0002"


def verdict(recipient: Mailbox, result: Result, message: str = ID, attempt: int = 1) -> VerdictRecord:
    """A verdict with a few facts in it."""
    return VerdictRecord(
        time=1_700_000_000.0,
        message=message,
        sender=str(ALICE),
        recipient=str(recipient),
        attempt=attempt,
        result=result,
        host="mx.example.net",
        code=250 if result is Result.DELIVERED else 451,
        enhanced="2.0.0" if result is Result.DELIVERED else "4.3.0",
        text="as it is \u2014 said",
        next_try=1_700_000_300.0 if result is Result.DEFERRED else None,
    )


class SpoolContract:
    """Mixed into a SynchronousTestCase; `self.spool` is started and empty."""

    spool: ISpool

    def settle(self, work: Deferred[T]) -> T:
        """What `work` fires with once the backend has finished it; a failure is raised."""
        results: list[T | Failure] = []
        work.addBoth(results.append)
        self.drive()
        self.assertEqual(len(results), 1, "no result")
        result = results[0]
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def drive(self) -> None:
        """Let the backend do what it has been asked."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        raise NotImplementedError

    def reopen(self) -> Sequence[QueuedMessage]:
        """Stop the spool and open it again as `self.spool`; the messages that `start` tells of."""
        entries = self.restart()
        messages = [self.settle(self.spool.load(entry.id)) for entry in entries]
        self.assertEqual(entries, [Unfinished.of(message) for message in messages])
        self.assert_listed(*messages)
        return messages

    def restart(self) -> Sequence[Unfinished]:
        """Stop the spool and open it again as `self.spool`; what `start` fires with."""
        raise NotImplementedError

    def put(self, content: bytes = b"Subject: x\r\n\r\nhello\r\n", message_id: str = ID) -> QueuedMessage:
        incoming = self.spool.receive(message_id)
        incoming.write(content)
        return self.settle(incoming.commit(ENVELOPE))

    def read(self, message_id: str, size: int = 65536) -> bytes:
        content = self.settle(self.spool.content(message_id))
        pieces = []
        while piece := self.settle(content.read(size)):
            self.assertLessEqual(len(piece), size)
            pieces.append(piece)
        content.close()
        content.close()
        return b"".join(pieces)

    def assert_listed(self, *messages: QueuedMessage) -> None:
        self.assertEqual(
            [orjson.loads(each) for each in self.spool.listing()],
            [orjson.loads(orjson.dumps(brief(each))) for each in messages],
        )

    def assert_unknown(self, message_id: str) -> None:
        for ask in (self.spool.load, self.spool.content, self.spool.defer):
            self.assertRaises(UnknownMessage, self.settle, ask(message_id))
        self.assertRaises(UnknownMessage, self.settle, self.spool.record(message_id, [], False))

    def test_keeps_the_promises_of_its_interface(self) -> None:
        verifyObject(ISpool, self.spool)
        incoming = self.spool.receive(ID)
        verifyObject(IIncoming, incoming)
        self.settle(incoming.commit(ENVELOPE))
        verifyObject(IMessageContent, self.settle(self.spool.content(ID)))

    def test_nothing_is_damaged(self) -> None:
        self.put()
        self.reopen()
        self.assertEqual(list(self.spool.put_aside()), [])

    def test_a_committed_message_is_fresh_and_whole(self) -> None:
        message = self.put(b"a\r\n\x00\xff")
        self.assertEqual(message, QueuedMessage.fresh(ID, message.arrived, 5, ENVELOPE))
        self.assertEqual(self.settle(self.spool.load(ID)), message)
        self.assertEqual(self.read(ID), b"a\r\n\x00\xff")

    def test_content_cut_anywhere_is_joined(self) -> None:
        incoming = self.spool.receive(ID)
        for piece in (b"a", b"", b"\r", b"\nb", bytearray(b"\r\n")):
            incoming.write(piece)
        self.settle(incoming.commit(ENVELOPE))
        self.assertEqual(self.read(ID, size=2), b"a\r\nb\r\n")

    def test_an_empty_message_is_a_message(self) -> None:
        self.assertEqual(self.put(b"").size, 0)
        self.assertEqual(self.read(ID), b"")

    def test_a_message_larger_than_any_buffer(self) -> None:
        block = bytes(range(256)) * 256
        incoming = self.spool.receive(ID)
        for _ in range(64):
            incoming.write(block)
        self.assertEqual(self.settle(incoming.commit(ENVELOPE)).size, 64 * len(block))
        self.assertEqual(self.read(ID), block * 64)
        self.assertEqual([each.size for each in self.reopen()], [64 * len(block)])
        self.assertEqual(self.read(ID), block * 64)
        self.settle(self.spool.defer(ID))
        self.assertEqual(self.read(ID), block * 64)

    def test_an_aborted_message_leaves_nothing(self) -> None:
        incoming = self.spool.receive(ID)
        incoming.write(b"x" * 1_000_000)
        incoming.abort()
        self.assert_unknown(ID)
        self.assertEqual(self.reopen(), [])

    def test_an_unknown_message_is_said_to_be_unknown(self) -> None:
        self.assert_unknown(ID)

    def test_outcomes_are_folded_in(self) -> None:
        message = self.put()
        verdicts = [verdict(BOB, Result.DELIVERED), verdict(CAROL, Result.DEFERRED)]
        self.settle(self.spool.record(ID, verdicts, False))
        self.assertEqual(self.settle(self.spool.load(ID)), message.after(verdicts))
        self.assert_listed(message.after(verdicts))
        self.assertEqual(self.reopen(), [message.after(verdicts)])
        again = [verdict(CAROL, Result.DEFERRED, attempt=2)]
        self.settle(self.spool.record(ID, again, False))
        self.assertEqual(self.reopen(), [message.after(verdicts).after(again)])

    def test_no_field_is_lost_on_any_way(self) -> None:
        """Of envelope and verdicts, in memory and after a restart, as it was accepted and as it waits."""
        envelope = filled(Envelope)
        incoming = self.spool.receive(ID)
        incoming.write(b"x")
        message = self.settle(incoming.commit(envelope))
        self.assertEqual(message, QueuedMessage.fresh(ID, message.arrived, 1, envelope))
        for held in (False, True):
            verdicts = [filled(VerdictRecord, recipient=str(each), held=held) for each in envelope.recipients]
            self.settle(self.spool.record(ID, verdicts, False))
            message = message.after(verdicts)
            self.assertEqual([each.last for each in message.recipients], verdicts)
            self.assertEqual(self.settle(self.spool.load(ID)), message)
            self.assertEqual(self.reopen(), [message])
            self.settle(self.spool.defer(ID))
            self.assertEqual(self.settle(self.spool.load(ID)), message)
            self.assertEqual(self.reopen(), [message])

    def test_a_finished_message_is_gone(self) -> None:
        self.put()
        self.put(message_id=OTHER_ID)
        self.settle(self.spool.record(ID, [verdict(BOB, Result.DELIVERED), verdict(CAROL, Result.FAILED)], True))
        self.assert_unknown(ID)
        self.assertEqual([each.id for each in self.reopen()], [OTHER_ID])
        self.assert_unknown(ID)

    def test_content_that_is_being_read_outlives_its_message(self) -> None:
        """Two couriers may carry one message; the end of one is not the other's trouble."""
        for message_id, content in ((ID, b"short"), (OTHER_ID, b"long" * 500_000)):
            self.put(content, message_id)
            reader = self.settle(self.spool.content(message_id))
            self.settle(self.spool.record(message_id, [], True))
            self.assertEqual(self.settle(reader.read(len(content))), content)
            self.assertEqual(self.settle(reader.read(1)), b"")
            reader.close()

    def test_a_deferred_message_is_the_same_message(self) -> None:
        message = self.put()
        first = [verdict(BOB, Result.DELIVERED), verdict(CAROL, Result.DEFERRED)]
        self.settle(self.spool.record(ID, first, False))
        self.settle(self.spool.defer(ID))
        self.settle(self.spool.defer(ID))
        self.assertEqual(self.settle(self.spool.load(ID)), message.after(first))
        self.assert_listed(message.after(first))
        self.assertEqual(self.read(ID), b"Subject: x\r\n\r\nhello\r\n")
        self.assertEqual(self.reopen(), [message.after(first)])
        self.assertEqual(self.read(ID), b"Subject: x\r\n\r\nhello\r\n")
        second = [verdict(CAROL, Result.DEFERRED, attempt=2)]
        self.settle(self.spool.record(ID, second, False))
        self.assertEqual(self.settle(self.spool.load(ID)), message.after(first).after(second))
        self.assert_listed(message.after(first).after(second))
        self.assertEqual(self.reopen(), [message.after(first).after(second)])
        self.settle(self.spool.record(ID, [verdict(CAROL, Result.DELIVERED, attempt=3)], True))
        self.assert_unknown(ID)
        self.assert_listed()
        self.assertEqual(self.reopen(), [])

    def test_what_ends_while_it_is_listed_is_left_out(self) -> None:
        self.put()
        self.advance(1)
        self.put(message_id=OTHER_ID)
        listing = self.spool.listing()
        self.assertEqual(orjson.loads(next(listing))["id"], ID)
        self.settle(self.spool.record(OTHER_ID, [], True))
        self.assertEqual(list(listing), [])

    def test_a_message_made_here_is_kept_once(self) -> None:
        message = self.settle(self.spool.submit(ID, REPORT, b"report"))
        self.assertEqual(message, QueuedMessage.fresh(ID, message.arrived, 6, REPORT))
        self.assertIsNone(self.settle(self.spool.submit(ID, REPORT, b"report")))
        self.assertEqual(self.reopen(), [message])
        self.assertIsNone(self.settle(self.spool.submit(ID, REPORT, b"report")))
        self.assertEqual(self.read(ID), b"report")

    def test_start_tells_the_oldest_first(self) -> None:
        ids = [f"0BCDFGHJKM{number:04}" for number in range(1, 6)]
        for message_id in ids:
            self.advance(1)
            self.put(message_id=message_id)
        self.settle(self.spool.defer(ids[2]))
        self.settle(self.spool.defer(ids[0]))
        self.assertEqual([each.id for each in self.reopen()], ids)
