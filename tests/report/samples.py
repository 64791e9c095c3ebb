"""A message, its verdicts and its reports, as the tests of this room want them."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import Message

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Arrival, Envelope
from fopemta.mail.queued import QueuedMessage
from fopemta.report.delivery_report import delivery_report
from fopemta.report.enclosure import Enclosed
from fopemta.report.facts import Facts
from fopemta.report.kinds import Kind
from fopemta.report.notices import Notice
from fopemta.trust.verdict import Result, VerdictRecord

NOW = 1_795_583_385.0
HOUR = 3600.0
FACTS = Facts(hostname="mx.us.test", postmaster="postmaster@us.test", report_id="RPRT1", now=NOW, lifetime=432000.0)
ALICE = Mailbox("alice", "us.test")
BOB = Mailbox("bob", "b.test")
EVE = Mailbox("eve", "b.test")
POSTMASTER = Mailbox("postmaster", "us.test")
ARRIVAL = Arrival("192.0.2.7", "client.us.test", "ESMTPS")
ORIGINAL = b"From: Alice <alice@us.test>\r\nTo: bob@b.test\r\nSubject: Lunch\r\n\r\nAt noon?\r\n"
MESSAGE = QueuedMessage.fresh("MSG1", NOW - 100.0, len(ORIGINAL), Envelope(ALICE, (BOB, EVE), arrival=ARRIVAL))


def message_with(**changes: object) -> QueuedMessage:
    """MESSAGE with another envelope."""
    envelope = attrs.evolve(MESSAGE.envelope, **changes)
    return QueuedMessage.fresh(MESSAGE.id, MESSAGE.arrived, MESSAGE.size, envelope)


def verdict(recipient: str = "bob@b.test", **changes: object) -> VerdictRecord:
    """A refusal, unless `changes` say otherwise."""
    values: dict[str, object] = {
        "time": NOW, "message": "MSG1", "sender": "alice@us.test", "recipient": recipient, "attempt": 1,
        "result": Result.FAILED, "code": 550, "enhanced": "5.1.1", "text": "No such user here", "host": "mx1.b.test",
        "address": "192.0.2.1", "port": 25, "diagnosis": "refused_by_peer", "rung": "strong256", "protocol": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256, "level": "opportunistic",
    }  # fmt: skip
    return VerdictRecord(**{**values, **changes})  # type: ignore[arg-type]


def deferred(recipient: str = "bob@b.test", **changes: object) -> VerdictRecord:
    """A server that wants us to come again; its sender is warned of the delay."""
    values = {
        "result": Result.DEFERRED, "code": 451, "enhanced": "4.7.1", "text": "Greylisted", "attempt": 7,
        "diagnosis": "deferred_by_peer", "warned": True,
    }  # fmt: skip
    return verdict(recipient, **{**values, **changes})


def delivered(recipient: str = "bob@b.test", **changes: object) -> VerdictRecord:
    """Taken by a server that offers no DSN."""
    values = {
        "result": Result.DELIVERED, "code": 250, "enhanced": "2.0.0", "text": "Ok: queued as 7", "diagnosis": None,
        "carried_dsn": False,
    }  # fmt: skip
    return verdict(recipient, **{**values, **changes})


def in_mailbox(recipient: str = "bob@b.test") -> VerdictRecord:
    """Delivered on this machine."""
    return delivered(
        recipient, text="delivered", host=None, address=None, port=None, rung=None, protocol=None, carried_dsn=None
    )


def report(
    *verdicts: VerdictRecord,
    kind: Kind = Kind.FAILURE,
    to: Mailbox = ALICE,
    message: QueuedMessage = MESSAGE,
    original: bytes = ORIGINAL,
    facts: Facts = FACTS,
    most: Enclosed = Enclosed.WHOLE,
) -> bytes:
    """The report about `verdicts`, a refusal of bob unless some are given."""
    notice = Notice(kind, to, verdicts or (verdict(),))
    return delivery_report(facts, notice, message, original, most=most)


def parsed(content: bytes) -> tuple[Message, ...]:
    """The report and its parts, read by the standard library."""
    whole = message_from_bytes(content, policy=policy.default)
    return (whole, *whole.get_payload())  # type: ignore[arg-type]


def groups(part: Message) -> list[Message]:
    """The fields of a delivery-status part: those of the message, then those of each recipient."""
    if part.get_content_type() == "message/delivery-status":
        return part.get_payload()  # type: ignore[return-value]
    # The library knows nothing of message/global-delivery-status and has taken the first group for a message.
    return [message_from_bytes(each, policy=policy.SMTPUTF8) for each in _raw(part).split(b"\r\n\r\n") if each]


def _raw(part: Message) -> bytes:
    inner = part.get_payload(0)
    return inner.as_bytes(policy=policy.SMTPUTF8)  # type: ignore[union-attr]
