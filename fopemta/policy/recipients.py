"""Whether a recipient is accepted (pure), by lists, folders, and callouts.

Callout results are three-valued and cached: a positive one for 31 days, though it is refreshed after a week; a negative
one for hours, since mailboxes are created; a missing one for a minute, so that a server that is down is not asked for
every client.
"""

from __future__ import annotations

import enum

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.reply import Reply
from fopemta.routing.route import Unverified

_HOUR, _DAY = 3600.0, 86400.0

# How long a positive result replaces one that cannot be obtained.
GOOD_KEPT = 31 * _DAY


class Said(enum.Enum):
    """The result of a callout for a recipient."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


# Seconds for which a result is used without asking again.
FRESH = {Said.GOOD: 7 * _DAY, Said.BAD: 2 * _HOUR, Said.UNKNOWN: 60.0}

# RFC 3463 3.2: X.1.1 bad destination mailbox; the text of the other server is never passed on to the client.
NO_SUCH_MAILBOX = Reply.of(550, "5.1.1", "No such mailbox here")
NOT_VERIFIED = Reply.of(450, "4.1.1", "The recipient could not be verified, please try again later")
NOT_KNOWN_NOW = Reply.of(451, "4.3.0", "The recipient cannot be looked up, please try again later")


@attrs.frozen
class Remembered:
    """The last result, its time `at` in seconds since the epoch, and when it was last positive (None: not
    remembered).
    """

    said: Said
    at: float
    good_at: float | None = None

    def fresh(self, now: float) -> bool:
        """Whether a new callout is unnecessary.  A time in the future does not count: the clock was wrong."""
        return 0 <= now - self.at < FRESH[self.said]

    def vouched(self, now: float) -> bool:
        """Whether it was positive recently enough."""
        return self.good_at is not None and 0 <= now - self.good_at < GOOD_KEPT

    def worthless(self, now: float) -> bool:
        """Whether it is too old for any use."""
        return not self.fresh(now) and not self.vouched(now)


def remembered_after(before: Remembered | None, said: Said, now: float) -> Remembered:
    """The memory after a callout: a negative result ends a positive one, a missing one does not."""
    if said is Said.GOOD:
        return Remembered(said, now, now)
    return Remembered(said, now, before.good_at if said is Said.UNKNOWN and before is not None else None)


def by_list(listed: bool | None) -> Reply | None:
    """The refusal by a list or folder, or None; `listed` None: it could not be read."""
    if listed is None:
        return NOT_KNOWN_NOW
    return None if listed else NO_SUCH_MAILBOX


def by_callout(known: Remembered, unverified: Unverified, now: float) -> Reply | None:
    """The refusal by the result of a callout, or None.

    If the result is missing, `accept` takes recipients that were positive within 31 days, and `defer` none.
    """
    if known.said is Said.GOOD:
        return None
    if known.said is Said.BAD:
        return NO_SUCH_MAILBOX
    return None if unverified is Unverified.ACCEPT and known.vouched(now) else NOT_VERIFIED


def is_postmaster(recipient: Mailbox) -> bool:
    """Whether it is postmaster (RFC 5321 4.5.1): exists at each domain, in any case of letters."""
    return recipient.local_part.lower() == "postmaster"
