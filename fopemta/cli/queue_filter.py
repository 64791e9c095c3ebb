"""Which messages of the queue a command is about."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import attrs
import click

from fopemta.mail.listed import Listed
from fopemta.mail.queued import RecipientState

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

    def recipients(self, message: Listed) -> list[Listed]:
        """The message's recipients that fit; none when its sender does not."""
        if self.sender is not None and not _fits(self.sender, message["sender"]):
            return []
        return [each for each in message["recipients"] if self._fits_recipient(each)]

    def _fits_recipient(self, recipient: Listed) -> bool:
        last = recipient["last"]
        return (
            (self.recipient is None or _fits(self.recipient, recipient["address"]))
            and (self.domain is None or _fits(self.domain, recipient["address"].rpartition("@")[2]))
            and (self.state is None or recipient["state"] == self.state)
            and (self.rule is None or self.rule in recipient["rules"])
            and (self.diagnosis is None or (last is not None and last["diagnosis"] == self.diagnosis))
        )


def filter_options(command: F) -> F:
    """The options of a Filter, as keyword arguments under its names."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def as_queued(_context: click.Context, _option: click.Parameter, domain: str | None) -> str | None:
    """A domain in letters of any script, as the queue has it; a pattern as it is."""
    if domain is None or domain.isascii():
        return domain
    from fopemta.smtp.grammar import NotInGrammar, canonical_domain

    try:
        return canonical_domain(domain)
    except NotInGrammar:
        return domain


def _known(_context: click.Context, _option: click.Parameter, word: str | None) -> str | None:
    """A word that no record can have would fit nothing, and look like an answer."""
    if word is None:
        return None
    from difflib import get_close_matches

    from fopemta.trust.diagnosis import Diagnosis

    words = [each.value for each in Diagnosis]
    if word not in words:
        near = get_close_matches(word.lower(), words, 3, 0.5)
        raise click.BadParameter(f"there is no {word!r}" + (f"; there is {', '.join(near)}" if near else ""))
    return word


def _fits(pattern: str, text: str) -> bool:
    return fnmatchcase(text.lower(), pattern.lower().removeprefix("<").removesuffix(">"))


_OPTIONS = (
    click.option("--sender", metavar="ADDRESS", help='From this sender; * and ? stand for others, "" for none.'),
    click.option("--recipient", metavar="ADDRESS", help="To this recipient; * and ? stand for others."),
    click.option("--domain", metavar="DOMAIN", callback=as_queued, help="To this domain; * and ? stand for others."),
    click.option("--state", type=click.Choice([each.value for each in RecipientState]), help="In this state."),
    click.option("--rule", metavar="NAME", help="To which this rule applied at the last attempt."),
    click.option(
        "--diagnosis", metavar="WORD", callback=_known, help='Whose last attempt ended so, as "cert_expired".'
    ),
)
