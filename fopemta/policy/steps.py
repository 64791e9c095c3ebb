"""From the recipients named by a client to the final ones (pure): aliases, redirects and copies, step by step.

A recipient that replaces another stands for it: the demands of rules on the one also apply to the other, and reports
requested for the one cover the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import NO_OPTIONS, Envelope, Notify, RecipientOptions
from fopemta.policy.admission import names_domain
from fopemta.policy.aliases import NO_ALIASES, Aliases, expand
from fopemta.routing.route import Route
from fopemta.routing.routes import is_local
from fopemta.trust.levels import Level

# The result for one recipient: the final recipients, each with the addresses between.
Leads = Mapping[Mailbox, tuple[Mailbox, ...]]


# The most replaced addresses stored in one message: rules may lead many recipients to an alias of many; a message with
# more is refused.
MOST_NOTED = 100_000


class TooManyRecipients(Exception):
    """The recipients lead to more addresses than the limit."""


@attrs.frozen
class House:
    """The domains served here: local ones and relay domains by `routes`, and the aliases at local domains."""

    routes: tuple[Route, ...]
    relay_domains: tuple[str, ...]
    aliases: Aliases = NO_ALIASES
    # Whether any route demands TLS; few sites have one, and every message asks.
    demands_tls: bool = attrs.field(init=False)

    @demands_tls.default
    def _some_route_does(self) -> bool:
        return any(each.tls is not None and each.tls >= Level.ENCRYPT for each in self.routes)

    def is_local(self, domain: str) -> bool:
        """Whether mail for the domain is delivered on this machine."""
        return is_local(domain, self.routes)

    def keeps(self, domain: str) -> bool:
        """Whether the domain is local or a relay domain, so that its mail does not leave."""
        return self.is_local(domain) or names_domain(self.relay_domains, domain)


def through_aliases(envelope: Envelope, house: House) -> Envelope:
    """The envelope with aliases replaced by their targets."""
    if not house.aliases:
        return envelope
    return led_on(envelope, lambda each: expand(each, house.aliases, house.is_local), house)


def led_on(envelope: Envelope, leads_of: Callable[[Mailbox], Leads], house: House) -> Envelope:
    """The envelope with each recipient replaced by those that `leads_of` returns.

    Raises TooManyRecipients, as do all functions that use it.
    """
    gathered: dict[Mailbox, _Gathered] = {}
    noted = 0
    for recipient in envelope.recipients:
        said = envelope.options_of(recipient)
        leads = leads_of(recipient)
        if len(leads) > 1:
            noted += len(leads) * (1 + len(said.stands_for) + len(said.by_way_of))
            _check(noted)
        for target, between in leads.items():
            gathered.setdefault(target, _Gathered()).take(recipient, said, target, between)
    if tuple(gathered) == envelope.recipients and all(each.unchanged for each in gathered.values()):
        return envelope
    return _of_all(envelope, {target: each.options(target) for target, each in gathered.items()}, house)


def with_copies(envelope: Envelope, copies: Iterable[Mailbox], house: House) -> Envelope:
    """The envelope with `copies` added to its recipients.

    A copy stands for all recipients, so it gets the strictest demand of the message; the sender did not send it, and
    gets no reports about it.
    """
    known = dict(envelope.options)
    everybody = {each: known.get(each, NO_OPTIONS) for each in envelope.recipients}
    added = [each for each in dict.fromkeys(copies) if each not in everybody]
    if not added:
        return envelope
    named = dict.fromkeys(one for each, said in everybody.items() for one in said.stands_for or (each,))
    between = dict.fromkeys(one for each, said in everybody.items() for one in (each, *said.by_way_of))
    if len(added) > 1:
        _check(len(added) * (len(named) + len(between)))
    copied = RecipientOptions(
        notify=frozenset({Notify.NEVER}),
        stands_for=tuple(named),
        by_way_of=tuple(each for each in between if each not in named),
    )
    made = Envelope(None, tuple(added), options=tuple((each, copied) for each in added))
    made = through_aliases(made, house)
    # An alias may lead to an existing recipient.
    order = tuple(dict.fromkeys((*envelope.recipients, *made.recipients)))
    return _of_all(envelope, dict(made.options) | everybody, house, order)


def _check(noted: int) -> None:
    if noted > MOST_NOTED:
        raise TooManyRecipients


@attrs.define
class _Gathered:
    """The merged options of one final recipient."""

    said: list[RecipientOptions] = attrs.Factory(list)
    stands_for: dict[Mailbox, None] = attrs.Factory(dict)
    between: dict[Mailbox, None] = attrs.Factory(dict)
    unchanged: bool = True

    def take(self, recipient: Mailbox, said: RecipientOptions, target: Mailbox, between: tuple[Mailbox, ...]) -> None:
        """`recipient`, with options `said`, leads to `target`."""
        self.unchanged = self.unchanged and not self.said and recipient == target
        self.said.append(said)
        self.stands_for.update(dict.fromkeys(said.stands_for or (recipient,)))
        self.between.update(dict.fromkeys((*said.by_way_of, recipient, *between)))

    def options(self, target: Mailbox) -> RecipientOptions:
        """The merged options of `target`."""
        if self.unchanged:
            return self.said[0]
        stands_for = tuple(self.stands_for)
        by_way_of = tuple(each for each in self.between if each not in self.stands_for and each != target)
        return RecipientOptions.of_all(self.said, () if stands_for == (target,) else stands_for, by_way_of)


def _of_all(
    envelope: Envelope,
    everybody: Mapping[Mailbox, RecipientOptions],
    house: House,
    order: tuple[Mailbox, ...] | None = None,
) -> Envelope:
    """The envelope with these recipients; for each it is determined again whether its mail leaves."""
    recipients = tuple(everybody) if order is None else order
    options = []
    away = {each: not house.keeps(each) for each in {each.domain for each in recipients}}
    for each in recipients:
        said = everybody[each]
        leaves = envelope.from_outside and away[each.domain]
        if said.leaves is not leaves:
            said = attrs.evolve(said, leaves=leaves)
        if said != NO_OPTIONS:
            options.append((each, said))
    return attrs.evolve(
        envelope, recipients=recipients, options=tuple(options), named=envelope.named or len(envelope.recipients)
    )
