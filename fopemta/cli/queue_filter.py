"""Select the messages of the queue that a command is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from fopemta.address.mailbox import Mailbox
from fopemta.mail.listed import Listed
from fopemta.mail.queued import RecipientState

if TYPE_CHECKING:
    from fopemta.policy.patterns import AddressPattern

F = TypeVar("F", bound=Callable[..., Any])


@attrs.frozen(kw_only=True)
class Filter:
    """A message must match every value given."""

    sender: AddressPattern | None = None
    recipient: AddressPattern | None = None
    domain: AddressPattern | None = None
    state: str | None = None
    rule: str | None = None
    diagnosis: str | None = None

    @property
    def empty(self) -> bool:
        """Whether it matches everything."""
        return self == Filter()

    def recipients(self, message: Listed) -> list[Listed]:
        """The message's recipients that match; none if its sender does not."""
        if self.sender is not None and not _fits(self.sender, message["sender"]):
            return []
        return [each for each in message["recipients"] if self._fits_recipient(each)]

    def _fits_recipient(self, recipient: Listed) -> bool:
        last = recipient["last"]
        address = recipient["address"]
        return (
            all(each is None or _fits(each, address) for each in (self.recipient, self.domain))
            and (self.state is None or recipient["state"] == self.state)
            and (self.rule is None or self.rule in recipient["rules"])
            and (self.diagnosis is None or (last is not None and last["diagnosis"] == self.diagnosis))
        )


def filter_options(command: F) -> F:
    """Add the options of a Filter, as keyword arguments with its names."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _addresses(_context: click.Context, _option: click.Parameter, text: str | None) -> AddressPattern | None:
    """In the spelling of rules."""
    if text is None:
        return None
    from fopemta.policy.patterns import BadPattern, address_pattern

    try:
        return address_pattern(text or "<>")
    except BadPattern as flaw:
        raise click.BadParameter(f"{text!r} {flaw}") from flaw


def _domains(context: click.Context, option: click.Parameter, text: str | None) -> AddressPattern | None:
    if text is not None and (text.startswith("/") or "@" in text[1:]):
        raise click.BadParameter(f"{text!r} is no domain")
    return _addresses(context, option, text)


def _known(_context: click.Context, _option: click.Parameter, word: str | None) -> str | None:
    """Refuse a word that no record can have: it would match nothing, and look like an answer."""
    if word is None:
        return None
    from difflib import get_close_matches

    from fopemta.trust.diagnosis import Diagnosis

    words = [each.value for each in Diagnosis]
    if word not in words:
        near = get_close_matches(word.lower(), words, 3, 0.5)
        raise click.BadParameter(f"there is no {word!r}" + (f"; there is {', '.join(near)}" if near else ""))
    return word


def _fits(pattern: AddressPattern, text: str) -> bool:
    from fopemta.address.grammar import NotInGrammar, mailbox

    try:
        return pattern.matches(mailbox(text) if text else None)
    except NotInGrammar:  # longer than a client could write it, but an alias may have it
        local_part, _, domain = text.rpartition("@")
        return pattern.matches(Mailbox(local_part, domain))


_OPTIONS = (
    click.option("--sender", metavar="ADDRESS", callback=_addresses, help='Sender, as in rules; "" for none.'),
    click.option("--recipient", metavar="ADDRESS", callback=_addresses, help="Recipient, as in rules."),
    click.option("--domain", metavar="DOMAIN", callback=_domains, help="Recipient domain; @DOMAIN: with sub-domains."),
    click.option("--state", type=click.Choice([each.value for each in RecipientState]), help="In this state."),
    click.option("--rule", metavar="NAME", help="The rule applied at the last attempt."),
    click.option(
        "--diagnosis", metavar="WORD", callback=_known, help='Result of the last attempt, such as "cert_expired".'
    ),
)
