"""Which messages of the queue a command is about."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import attrs
import click

from fopemta.mail.address import path_text
from fopemta.mail.queued import QueuedMessage, RecipientState, RecipientStatus

F = TypeVar("F", bound=Callable[..., Any])


@attrs.frozen(kw_only=True)
class Filter:
    """Every fact that is given must fit; addresses and domains may hold * and ?."""

    sender: str | None = None
    recipient: str | None = None
    domain: str | None = None
    state: str | None = None
    rule: str | None = None
    diagnosis: str | None = None

    @property
    def empty(self) -> bool:
        """It lets all pass."""
        return self == Filter()

    def recipients(self, message: QueuedMessage) -> tuple[RecipientStatus, ...]:
        """The message's recipients that fit; none when its sender does not."""
        if self.sender is not None and not _fits(self.sender, path_text(message.envelope.sender)):
            return ()
        return tuple(each for each in message.recipients if self._fits_recipient(each))

    def _fits_recipient(self, status: RecipientStatus) -> bool:
        last = status.last
        return (
            (self.recipient is None or _fits(self.recipient, str(status.address)))
            and (self.domain is None or _fits(self.domain, status.address.domain))
            and (self.state is None or status.state.value == self.state)
            and (self.rule is None or (last is not None and self.rule in last.rules))
            and (self.diagnosis is None or (last is not None and last.diagnosis == self.diagnosis))
        )


def filter_options(command: F) -> F:
    """The options of a Filter, as keyword arguments under its names."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _fits(pattern: str, text: str) -> bool:
    return fnmatchcase(text.lower(), pattern.lower().removeprefix("<").removesuffix(">"))


_OPTIONS = (
    click.option("--sender", metavar="ADDRESS", help='From this sender; * and ? stand for others, "" for none.'),
    click.option("--recipient", metavar="ADDRESS", help="To this recipient; * and ? stand for others."),
    click.option("--domain", metavar="DOMAIN", help="To this domain; * and ? stand for others."),
    click.option("--state", type=click.Choice([each.value for each in RecipientState]), help="In this state."),
    click.option("--rule", metavar="NAME", help="To which this rule applied at the last attempt."),
    click.option("--diagnosis", metavar="WORD", help='Whose last attempt ended so, as "cert_expired".'),
)
