"""From the verdicts of one transaction to the notices that they require (pure).

RFC 3461 4.1 and 6.2, RFC 5321 6.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Notify, RecipientOptions
from fopemta.mail.queued import QueuedMessage, RecipientStatus
from fopemta.report.kinds import Kind
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.verdict import Result, VerdictRecord


@attrs.frozen
class Notice:
    """One report: its addressee, and its recipients (at least one verdict, each of another recipient)."""

    kind: Kind
    to: Mailbox
    verdicts: tuple[VerdictRecord, ...]


@attrs.frozen
class Silence:
    """A failure that is not reported to anyone, and why; it must be logged."""

    recipient: str
    why: str


def notices(
    message: QueuedMessage, verdicts: Sequence[VerdictRecord], postmaster: Mailbox
) -> tuple[tuple[Notice, ...], tuple[Silence, ...]]:
    """The notices for `verdicts`, which are not yet part of `message`: one of each kind."""
    if not message.envelope.options and all(verdict.result is Result.DELIVERED for verdict in verdicts):
        return (), ()  # nearly all mail
    bundles: dict[tuple[Kind, Mailbox], list[VerdictRecord]] = {}
    silences = []
    for verdict in verdicts:
        status = message.status_of(verdict.recipient)
        said = _decided(message, status, message.envelope.options_of(status.address), verdict, postmaster)
        if isinstance(said, str):
            silences.append(Silence(verdict.recipient, said))
        elif said is not None:
            bundles.setdefault(said, []).append(verdict)
    told = tuple([Notice(kind, to, tuple(about)) for (kind, to), about in bundles.items()])
    return told, tuple(silences)


def warning_due(message: QueuedMessage, status: RecipientStatus, warn_after: float | None, now: float) -> bool:
    """Whether the sender is to be warned of the delay, and was not yet.

    `warn_after` in seconds after arrival, None for never; `now` in seconds since the epoch.
    """
    return (
        warn_after is not None
        and now >= message.arrived + warn_after
        and not status.warned
        and message.envelope.sender is not None
        and message.envelope.options_of(status.address).wants(Notify.DELAY)
    )


def with_warnings(
    message: QueuedMessage, verdicts: Sequence[VerdictRecord], warn_after: float | None, now: float
) -> Sequence[VerdictRecord]:
    """`verdicts` with `warned` set on those that leave a recipient waiting about which the sender was, or is now to be,
    warned.

    The mark stays on every later verdict: only the newest one tells what was reported.
    """
    if all(verdict.result is not Result.DEFERRED for verdict in verdicts):
        return verdicts

    def told(verdict: VerdictRecord) -> bool:
        status = message.status_of(verdict.recipient)
        return status.warned or warning_due(message, status, warn_after, now)

    return [
        attrs.evolve(verdict, warned=True) if verdict.result is Result.DEFERRED and told(verdict) else verdict
        for verdict in verdicts
    ]


def without_warning(verdict: VerdictRecord) -> VerdictRecord:
    """`verdict` whose warning could not be stored after all: the next attempt tries again."""
    return attrs.evolve(verdict, warned=False)


# A notice, or the reason why there is none, for the log; None if none is due.
_Said: TypeAlias = tuple[Kind, Mailbox] | str | None


def _decided(
    message: QueuedMessage,
    status: RecipientStatus,
    options: RecipientOptions,
    verdict: VerdictRecord,
    postmaster: Mailbox,
) -> _Said:
    if verdict.result is Result.FAILED:
        return _of_failure(message, options, verdict, postmaster)
    # RFC 5321 6.1: a notice about a notice could loop for ever.
    sender = message.envelope.sender
    if sender is None:
        return None
    if verdict.result is Result.DEFERRED:
        return (Kind.DELAY, sender) if verdict.warned and not status.warned else None
    return _of_success(options, verdict, sender)


def _of_failure(
    message: QueuedMessage, options: RecipientOptions, verdict: VerdictRecord, postmaster: Mailbox
) -> _Said:
    sender = message.envelope.sender
    if sender is not None:
        return (Kind.FAILURE, sender) if options.wants(Notify.FAILURE) else "the sender wants no notice (NOTIFY)"
    if message.envelope.arrival is not None:
        return "it has the null sender"
    if verdict.diagnosis == Diagnosis.NULL_MX:
        # The domain declares that its addresses are never replied to.
        return "the sender's domain takes no mail (null MX)"
    return Kind.DOUBLE_BOUNCE, postmaster


def _of_success(options: RecipientOptions, verdict: VerdictRecord, sender: Mailbox) -> _Said:
    if Notify.SUCCESS not in options.notify or verdict.carried_dsn:
        return None
    # A local delivery has no TLS, and not even a lack of it, and is final.
    return (Kind.SUCCESS if verdict.rung is None else Kind.RELAYED), sender
