"""The conditions of rules (pure): each says which fact it reads, and answers yes, no or "cannot tell", and why."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Protocol

import attrs

from fopemta.address.ip import Network
from fopemta.address.mailbox import Mailbox, path_text
from fopemta.policy.facts import STAGE_OF, Attachment, Fact, Gap, MessageFacts, RuleStage
from fopemta.policy.patterns import AddressPattern, NamePattern, TextPattern, first_match


class Answer(enum.Enum):
    """An answer that is unknown for now defers; for one unknown for good, the stricter reading counts."""

    YES = "yes"
    NO = "no"
    NOT_FOR_NOW = "cannot be told for now"
    NOT_FOR_GOOD = "cannot be told"


@attrs.frozen
class MatchFinding:
    """A matcher's answer; `why` is for the operator: `subject has "invoice"`."""

    answer: Answer
    why: str


class Matcher(Protocol):
    """A condition of a rule."""

    @property
    def reads(self) -> Fact:
        """The fact that it reads."""

    def look(self, facts: MessageFacts) -> MatchFinding:
        """Evaluate the condition.  Not called before the stage of its fact."""


def stage_of(matcher: Matcher) -> RuleStage:
    """The earliest stage at which it can be evaluated."""
    return STAGE_OF[matcher.reads]


def yes(why: str) -> MatchFinding:
    """A finding that it matches."""
    return MatchFinding(Answer.YES, why)


def no(why: str) -> MatchFinding:
    """A finding that it does not match."""
    return MatchFinding(Answer.NO, why)


def _unless(gap: Gap | None, otherwise: str | None, why_not: str) -> MatchFinding:
    """No, if all is known and no mail reader shows a match; else unknown.  `otherwise` is what some readers show."""
    if otherwise is not None:
        return MatchFinding(Answer.NOT_FOR_GOOD, f"{otherwise}, as some readers show it")
    if gap is None:
        return no(why_not)
    return MatchFinding(Answer.NOT_FOR_GOOD if gap.for_good else Answer.NOT_FOR_NOW, gap.why)


@attrs.frozen
class Senders:
    """The envelope sender matches one of these."""

    patterns: tuple[AddressPattern, ...]
    reads: Fact = Fact.SENDER

    def look(self, facts: MessageFacts) -> MatchFinding:
        """See Matcher."""
        text = path_text(facts.sender)
        for pattern in self.patterns:
            if pattern.matches(facts.sender):
                return yes(f"sender <{text}> is {pattern.text}")
        return no(f"sender <{text}> is none of {_listed(self.patterns)}")


@attrs.frozen
class Recipients:
    """At least one recipient matches one of these, by its address or by one that it stands for."""

    patterns: tuple[AddressPattern, ...]
    reads: Fact = Fact.RECIPIENT

    def names(self, address: Mailbox) -> bool:
        """Whether the rule names this address."""
        return any(pattern.matches(address) for pattern in self.patterns)

    def look(self, facts: MessageFacts) -> MatchFinding:
        """See Matcher."""
        found = [(each.address, one) for each in facts.recipients for one in each.addresses if self.names(one)]
        if not found:
            return no(f"no recipient is one of {_listed(self.patterns)}")
        recipient, named = found[0]
        others = len({each for each, _ in found}) - 1
        more = f" and {others} more" if others else ""
        instead = "" if recipient == named else f", for whom <{recipient}> gets it,"
        return yes(f"recipient <{named}>{instead}{more} is named by {_listed(self.patterns)}")


@attrs.frozen
class ClientNetworks:
    """The client's address is in one of these networks."""

    networks: tuple[Network, ...]
    reads: Fact = Fact.CLIENT

    def look(self, facts: MessageFacts) -> MatchFinding:
        """See Matcher.  A message made here has no client."""
        if facts.client is None:
            return no("the message was made here")
        try:
            address = ipaddress.ip_address(facts.client)
        except ValueError:
            return no(f"client {facts.client} is no IP address")
        for network in self.networks:
            if address in network:
                return yes(f"client {address} is in {network}")
        return no(f"client {address} is in none of the networks")


@attrs.frozen
class Users:
    """The login is one of these names; `*` for any login."""

    patterns: tuple[NamePattern, ...]
    reads: Fact = Fact.LOGIN

    def look(self, facts: MessageFacts) -> MatchFinding:
        """See Matcher."""
        if facts.login is None:
            return no("there is no login")
        for pattern in self.patterns:
            if pattern.matches(facts.login):
                return yes(f"login {facts.login} is {pattern.text}")
        return no(f"login {facts.login} is none of {_listed(self.patterns)}")


@attrs.frozen
class Headers:
    """A header of that name contains one of these texts."""

    name: str
    patterns: tuple[TextPattern, ...]
    reads: Fact = Fact.HEADERS

    def look(self, facts: MessageFacts) -> MatchFinding:
        """See Matcher."""
        content = facts.content
        assert content is not None
        name = self.name.lower()
        found = self._found(name, content.headers)
        if found is not None:
            return yes(found)
        none = f"{self.name} has none of {_listed(self.patterns)}"
        return _unless(content.gap_of(name), self._found(name, content.headers_otherwise), none)

    def _found(self, name: str, headers: Iterable[tuple[str, str]]) -> str | None:
        found = (first_match(self.patterns, value) for each, value in headers if each.lower() == name)
        return next((f"{self.name} has {pattern.text}" for pattern in found if pattern is not None), None)


@attrs.frozen
class Body:
    """A text part contains one of these texts."""

    patterns: tuple[TextPattern, ...]
    reads: Fact = Fact.BODY

    def look(self, facts: MessageFacts) -> MatchFinding:
        """See Matcher."""
        content = facts.content
        assert content is not None
        found = self._found(content.texts)
        if found is not None:
            return yes(found)
        none = f"the body has none of {_listed(self.patterns)}"
        return _unless(content.texts_gap, self._found(content.texts_otherwise), none)

    def _found(self, texts: Iterable[str]) -> str | None:
        found = (first_match(self.patterns, text) for text in texts)
        return next((f"the body has {pattern.text}" for pattern in found if pattern is not None), None)


@attrs.frozen
class Attachments:
    """An attachment has one of these names, or one of these media types (those with a slash)."""

    patterns: tuple[NamePattern, ...]
    reads: Fact = Fact.ATTACHMENTS

    def look(self, facts: MessageFacts) -> MatchFinding:
        """See Matcher."""
        content = facts.content
        assert content is not None
        found = self._found(content.attachments)
        if found is not None:
            return yes(found)
        none = f"no attachment is one of {_listed(self.patterns)}"
        return _unless(content.attachments_gap, self._found(content.attachments_otherwise), none)

    def _found(self, attachments: Iterable[Attachment]) -> str | None:
        for attachment in attachments:
            for pattern in self.patterns:
                if pattern.matches(attachment.media_type if "/" in pattern.text.strip("/") else attachment.name):
                    return f"attachment {attachment.name or attachment.media_type} is {pattern.text}"
        return None


@attrs.frozen
class SizeOver:
    """The content has more octets than this."""

    octets: int
    reads: Fact = Fact.SIZE

    def look(self, facts: MessageFacts) -> MatchFinding:
        """See Matcher."""
        words = f"{facts.size} octets"
        return yes(f"{words} are more than {self.octets}") if facts.size > self.octets else no(f"only {words}")


@attrs.frozen
class RecipientsOver:
    """The message has more recipients than this."""

    count: int
    reads: Fact = Fact.RECIPIENTS

    def look(self, facts: MessageFacts) -> MatchFinding:
        """See Matcher."""
        found = facts.recipient_count
        return (
            yes(f"{found} recipients are more than {self.count}")
            if found > self.count
            else no(f"only {found} recipients")
        )


def _listed(patterns: Sequence[AddressPattern | TextPattern | NamePattern]) -> str:
    shown = ", ".join(each.text for each in patterns[:3])
    return f"{shown} and {len(patterns) - 3} more" if len(patterns) > 3 else shown
