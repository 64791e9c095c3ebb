"""Who is told what."""

from __future__ import annotations

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.envelope import Notify, RecipientOptions
from fopemta.mail.queued import QueuedMessage
from fopemta.report.kinds import Kind
from fopemta.report.notices import Silence, notices, warning_due, with_warnings, without_warning
from fopemta.trust.verdict import VerdictRecord
from tests.report.samples import (
    ALICE,
    BOB,
    HOUR,
    MESSAGE,
    POSTMASTER,
    deferred,
    delivered,
    in_mailbox,
    message_with,
    verdict,
)

NOTIFY = {
    "": frozenset[Notify](),
    "never": frozenset({Notify.NEVER}),
    "success": frozenset({Notify.SUCCESS}),
    "failure": frozenset({Notify.FAILURE}),
    "delay": frozenset({Notify.DELAY}),
    "all": frozenset({Notify.SUCCESS, Notify.FAILURE, Notify.DELAY}),
}
EVENTS = {
    "failed": verdict(),
    "delayed": deferred(),
    "in mailbox": in_mailbox(),
    "handed on": delivered(),
    "handed on, DSN too": delivered(carried_dsn=True),
}


def asking(notify: str, **changes: object) -> QueuedMessage:
    """A message whose RCPT for bob said so."""
    options = ((BOB, RecipientOptions(NOTIFY[notify])),) if notify else ()
    return message_with(options=options, **changes)


def told(message: QueuedMessage, *verdicts: VerdictRecord) -> list[tuple[str, str, str]]:
    return [
        (each.kind.value, str(each.to), " ".join(about.recipient for about in each.verdicts))
        for each in notices(message, verdicts, POSTMASTER)[0]
    ]


def marked(
    message: QueuedMessage, verdict: VerdictRecord, now: float, warn_after: float | None = 4 * HOUR
) -> VerdictRecord:
    (marked,) = with_warnings(message, [verdict], warn_after, now)
    return marked


class TableTests(SynchronousTestCase):
    """NOTIFY x event x sender."""

    def table(self, **changes: object) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for event, notify in product(EVENTS, NOTIFY):
            kinds = told(asking(notify, **changes), EVENTS[event])
            found.setdefault(event, {})[notify or "unset"] = " ".join(f"{kind}>{to}" for kind, to, _ in kinds)
        return {event: {notify: kinds for notify, kinds in row.items() if kinds} for event, row in found.items()}

    def test_of_an_ordinary_sender(self) -> None:
        failure, delay = "failure>alice@us.test", "delay>alice@us.test"
        self.assertEqual(
            self.table(),
            {
                "failed": {"unset": failure, "failure": failure, "all": failure},
                # The mark alone decides about delays: it is only set where NOTIFY allows it.
                "delayed": dict.fromkeys(("unset", "never", "success", "failure", "delay", "all"), delay),
                "in mailbox": dict.fromkeys(("success", "all"), "success>alice@us.test"),
                "handed on": dict.fromkeys(("success", "all"), "relayed>alice@us.test"),
                "handed on, DSN too": {},
            },
        )

    def test_C104_null_sender_is_told_nothing(self) -> None:
        self.assertEqual(self.table(sender=None), {event: {} for event in EVENTS})

    def test_C104_notice_of_our_own_that_fails_goes_to_postmaster(self) -> None:
        double = dict.fromkeys(("unset", *list(NOTIFY)[1:]), "double_bounce>postmaster@us.test")
        nothing: dict[str, dict[str, str]] = {event: {} for event in EVENTS}
        self.assertEqual(self.table(sender=None, arrival=None), {**nothing, "failed": double})

    def test_C135_notice_to_a_domain_without_mail_is_dropped(self) -> None:
        message = message_with(sender=None, arrival=None)
        said = notices(message, [verdict(diagnosis="null_mx")], POSTMASTER)
        self.assertEqual(said, ((), (Silence("bob@b.test", "the sender's domain takes no mail (null MX)"),)))

    def test_warnings_are_due_where_notify_allows_and_never_to_nobody(self) -> None:
        late = MESSAGE.arrived + 5 * HOUR
        due = {
            (notify or "unset", sender): marked(asking(notify, sender=sender), deferred(warned=False), late).warned
            for notify, sender in product(NOTIFY, (ALICE, None))
        }
        self.assertEqual({key for key, warned in due.items() if warned},
                         {("unset", ALICE), ("delay", ALICE), ("all", ALICE)})  # fmt: skip


class SilenceTests(SynchronousTestCase):
    """A failure that nobody hears of stands in the log."""

    def silences(self, message: QueuedMessage, *verdicts: VerdictRecord) -> list[tuple[str, str]]:
        return [(each.recipient, each.why) for each in notices(message, verdicts, POSTMASTER)[1]]

    def test_every_failure_is_told_or_has_a_reason(self) -> None:
        for notify, sender in product(NOTIFY, (ALICE, None)):
            message = asking(notify, sender=sender)
            self.assertEqual(
                len(told(message, verdict())) + len(self.silences(message, verdict())), 1, (notify, sender)
            )

    def test_what_is_no_failure_needs_no_reason(self) -> None:
        for event in ("delayed", "in mailbox", "handed on"):
            self.assertEqual(self.silences(asking("never"), EVENTS[event]), [], event)

    def test_reasons(self) -> None:
        self.assertEqual(
            self.silences(asking("never"), verdict()), [("bob@b.test", "the sender wants no notice (NOTIFY)")]
        )
        self.assertEqual(
            self.silences(message_with(sender=None), verdict()), [("bob@b.test", "it has the null sender")]
        )


class BundleTests(SynchronousTestCase):
    def test_recipients_of_one_kind_share_a_notice(self) -> None:
        verdicts = (verdict(), verdict("eve@b.test"))
        self.assertEqual(told(MESSAGE, *verdicts), [("failure", "alice@us.test", "bob@b.test eve@b.test")])

    def test_kinds_are_kept_apart(self) -> None:
        message = asking("success")
        self.assertEqual(
            told(message, in_mailbox(), verdict("eve@b.test")),
            [("success", "alice@us.test", "bob@b.test"), ("failure", "alice@us.test", "eve@b.test")],
        )

    def test_C141_only_the_recipient_without_never_is_told_of(self) -> None:
        for diagnosis in ("refused_by_peer", "queue_lifetime_over", "message_too_large", "null_mx", "loops_back"):
            verdicts = [verdict(each, diagnosis=diagnosis) for each in ("bob@b.test", "eve@b.test")]
            self.assertEqual(told(asking("never"), *verdicts), [("failure", "alice@us.test", "eve@b.test")], diagnosis)

    def test_C140_failure_is_told_however_it_was_asked_for(self) -> None:
        both = message_with(options=((BOB, RecipientOptions(frozenset({Notify.FAILURE, Notify.DELAY}))),))
        for message in (asking("failure"), both, asking("")):
            self.assertEqual(len(told(message, verdict())), 1)


class WarningTests(SynchronousTestCase):
    """Once per recipient and message, whatever happens in between."""

    def test_due_from_the_moment_on(self) -> None:
        moments = [MESSAGE.arrived + hours * HOUR for hours in (0, 3.99, 4, 5, 100)]
        self.assertEqual(
            [marked(MESSAGE, deferred(warned=False), now).warned for now in moments], [False, False, True, True, True]
        )

    def test_due_for_one_who_waits_without_an_attempt_too(self) -> None:
        late = MESSAGE.arrived + 5 * HOUR
        self.assertTrue(warning_due(MESSAGE, MESSAGE.recipients[0], 4 * HOUR, late))
        after = MESSAGE.after([deferred()])
        self.assertFalse(warning_due(after, after.recipients[0], 4 * HOUR, late))

    def test_off(self) -> None:
        self.assertFalse(marked(MESSAGE, deferred(warned=False), MESSAGE.arrived + 100 * HOUR, warn_after=None).warned)

    def test_clock_that_jumps_back_warns_of_nothing(self) -> None:
        self.assertFalse(marked(MESSAGE, deferred(warned=False), MESSAGE.arrived - 30 * 24 * HOUR).warned)

    def test_only_what_still_waits(self) -> None:
        for each in (verdict(), delivered(), in_mailbox()):
            self.assertEqual(marked(MESSAGE, each, MESSAGE.arrived + 5 * HOUR), each)

    def test_told_once_and_the_mark_stays(self) -> None:
        first = marked(MESSAGE, deferred(warned=False), MESSAGE.arrived + 5 * HOUR)
        self.assertEqual(told(MESSAGE, first), [("delay", "alice@us.test", "bob@b.test")])
        after = MESSAGE.after([first])
        second = marked(after, deferred(warned=False, attempt=8), MESSAGE.arrived + 9 * HOUR)
        self.assertEqual((second.warned, told(after, second)), (True, []))
        third = marked(after.after([second]), deferred(warned=False, attempt=9), MESSAGE.arrived + 13 * HOUR)
        self.assertEqual((third.warned, told(after.after([second]), third)), (True, []))
        self.assertEqual(told(after.after([third]), verdict()), [("failure", "alice@us.test", "bob@b.test")])

    def test_each_recipient_for_itself(self) -> None:
        after = MESSAGE.after([deferred()])
        both = [deferred(each, warned=False) for each in ("bob@b.test", "eve@b.test")]
        both = list(with_warnings(after, both, 4 * HOUR, MESSAGE.arrived + 9 * HOUR))
        self.assertEqual(told(after, *both), [("delay", "alice@us.test", "eve@b.test")])

    def test_what_could_not_be_told_is_told_at_the_next_attempt(self) -> None:
        missed = MESSAGE.after([without_warning(deferred())])
        again = marked(missed, deferred(warned=False), MESSAGE.arrived + 9 * HOUR)
        self.assertEqual(told(missed, again), [("delay", "alice@us.test", "bob@b.test")])


class KindTests(SynchronousTestCase):
    def test_every_kind_has_its_words(self) -> None:
        self.assertEqual(
            {each.value: (each.action, each.status_class) for each in Kind},
            {
                "failure": ("failed", "5"),
                "delay": ("delayed", "4"),
                "success": ("delivered", "2"),
                "relayed": ("relayed", "2"),
                "double_bounce": ("failed", "5"),
            },
        )
        self.assertEqual(len({each.subject for each in Kind}), len(Kind))
