"""The way of a message that is made here to its recipients (shell room, but no I/O): the same steps as any other's.

Without them a report to a name that is an alias would go into a mailbox of that name, which nobody reads, and a copy
or a redirect that rules demand would leave it out.
"""

from __future__ import annotations

from collections.abc import Callable

from fopemta.config.model import Configuration
from fopemta.interfaces import IAliases
from fopemta.mail.envelope import Envelope
from fopemta.policy.acceptance import accept
from fopemta.policy.action import AT_EACH_ATTEMPT, FOR_OUR_OWN
from fopemta.policy.aliases import NO_ALIASES
from fopemta.policy.content import content_facts
from fopemta.policy.rulebook import NO_RULES
from fopemta.policy.steps import House, through_aliases


class MadeHere:
    """By the rules, routes and aliases of now; `now` gives the wall time.  `aliases` is set where there are any."""

    def __init__(self, config: Configuration, now: Callable[[], float]) -> None:
        self.config = config
        self.aliases: IAliases | None = None
        self._now = now

    def envelope(self, envelope: Envelope, content: bytes) -> Envelope:
        """As it is to be stored.  Nobody is refused: what a rule refuses to strangers it cannot refuse to us."""
        house = House(
            self.config.routes,
            self.config.relay.domains,
            NO_ALIASES if self.aliases is None else self.aliases.current(),
        )
        book = (self.config.rulebook or NO_RULES).of(*FOR_OUR_OWN, *AT_EACH_ATTEMPT)
        if not book.rules:
            return through_aliases(envelope, house)
        facts = content_facts(content, True, book.asked, self.config.limits.content) if book.reads_content else None
        return accept(envelope, book, house, facts, len(content), self._now()).envelope
