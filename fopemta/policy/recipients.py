"""Whether a recipient is taken, from what is known of it (pure): lists, folders, and what its own server says.

A callout's answers are three-valued, and are remembered: a good one for 31 days, though after a week it is asked for
anew; a bad one for hours, since mailboxes are made; none at all for a minute, so that a server that is down is not run
into by every client.
"""

from __future__ import annotations

import enum

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.reply import Reply
from fopemta.routing.route import Unverified

_HOUR, _DAY = 3600.0, 86400.0

# How long a good answer stands in for one that cannot be had.
GOOD_KEPT = 31 * _DAY


class Said(enum.Enum):
    """What a recipient's own server says of it."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


# Seconds in which an answer is used without asking again.
FRESH = {Said.GOOD: 7 * _DAY, Said.BAD: 2 * _HOUR, Said.UNKNOWN: 60.0}

# RFC 3463 3.2: X.1.1 bad destination mailbox; no word of what another server said goes to the client.
NO_SUCH_MAILBOX = Reply.of(550, "5.1.1", "No such mailbox here")
NOT_VERIFIED = Reply.of(450, "4.1.1", "The recipient could not be verified, please try again later")
NOT_KNOWN_NOW = Reply.of(451, "4.3.0", "The recipient cannot be looked up, please try again later")


@attrs.frozen
class Remembered:
    """The last answer, `at` seconds since the epoch, and when it was last good (None: not within memory)."""

    said: Said
    at: float
    good_at: float | None = None

    def fresh(self, now: float) -> bool:
        """Nobody has to be asked again.  What lies in the future was written by a clock that was wrong."""
        return 0 <= now - self.at < FRESH[self.said]

    def vouched(self, now: float) -> bool:
        """It was good, and that is not too long ago."""
        return self.good_at is not None and 0 <= now - self.good_at < GOOD_KEPT

    def worthless(self, now: float) -> bool:
        """Nothing can come of it any more."""
        return not self.fresh(now) and not self.vouched(now)


def remembered_after(before: Remembered | None, said: Said, now: float) -> Remembered:
    """What is known once a callout has had its answer: a bad one ends what was good, none at all does not."""
    if said is Said.GOOD:
        return Remembered(said, now, now)
    return Remembered(said, now, before.good_at if said is Said.UNKNOWN and before is not None else None)


def by_list(listed: bool | None) -> Reply | None:
    """Of a recipient that a list, or a folder, speaks for; None: it could not be looked at."""
    if listed is None:
        return NOT_KNOWN_NOW
    return None if listed else NO_SUCH_MAILBOX


def by_callout(known: Remembered, unverified: Unverified, now: float) -> Reply | None:
    """Of a recipient whose own server has been asked, or need not be.

    Where nobody could say, `accept` takes those that were good within 31 days, and `defer` nobody.
    """
    if known.said is Said.GOOD:
        return None
    if known.said is Said.BAD:
        return NO_SUCH_MAILBOX
    return None if unverified is Unverified.ACCEPT and known.vouched(now) else NOT_VERIFIED


def is_postmaster(recipient: Mailbox) -> bool:
    """RFC 5321 4.5.1: there at each domain, in whatever case."""
    return recipient.local_part.lower() == "postmaster"
