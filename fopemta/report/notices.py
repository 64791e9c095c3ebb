"""Who is told what (pure): from the verdicts of one transaction to the notices that they call for.

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
    """One report: to whom, and about which recipients (at least one verdict, each of another recipient)."""

    kind: Kind
    to: Mailbox
    verdicts: tuple[VerdictRecord, ...]


@attrs.frozen
class Silence:
    """A failure that nobody is told of, and why; the log has to say it."""

    recipient: str
    why: str


def notices(
    message: QueuedMessage, verdicts: Sequence[VerdictRecord], postmaster: Mailbox
) -> tuple[tuple[Notice, ...], tuple[Silence, ...]]:
    """What `verdicts`, which are not folded into `message` yet, call for: one notice for each kind."""
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
    """The sender is to be told of the delay, and has not been yet.

    `warn_after` seconds after arrival, None for never; `now` seconds since the epoch.
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
    """`verdicts` with the mark `warned` on those that leave a recipient waiting whose sender has been told of the delay
    before, or is to be told now.

    The mark stays on every later verdict: the newest one alone says what has been told.
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
    """`verdict`, whose sender could not be told of the delay after all: the next attempt is to try it again."""
    return attrs.evolve(verdict, warned=False)


# Notice, whose words are for the log; or nothing at all.
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
    # RFC 5321 6.1: a notice about a notice would never end.
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
        # Such a domain has said that its addresses are never answered to.
        return "the sender's domain takes no mail (null MX)"
    return Kind.DOUBLE_BOUNCE, postmaster


def _of_success(options: RecipientOptions, verdict: VerdictRecord, sender: Mailbox) -> _Said:
    if Notify.SUCCESS not in options.notify or verdict.carried_dsn:
        return None
    # A local delivery knows no TLS, not even its absence, and is the last.
    return (Kind.SUCCESS if verdict.rung is None else Kind.RELAYED), sender
