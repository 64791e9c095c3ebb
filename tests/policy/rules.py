"""Rules and messages that tests of policy share."""

from __future__ import annotations

import ipaddress
from typing import Any

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Direction
from fopemta.policy.action import Action, ForceTls
from fopemta.policy.facts import ContentFacts, MessageFacts, RecipientFacts, RuleStage
from fopemta.policy.matchers import Body, ClientNetworks, Headers, Recipients, Senders, Users
from fopemta.policy.patterns import address_pattern, name_pattern, text_pattern
from fopemta.policy.rulebook import Rule, Rulebook, RuleResult

NOW = 1_800_000_000.0
BOB = Mailbox("bob", "bank.test")
EVE = Mailbox("eve", "shop.test")


def who(address: Mailbox, *stands_for: Mailbox, direction: Direction = Direction.OUTBOUND) -> RecipientFacts:
    """One recipient, and what else it stands for."""
    return RecipientFacts(address=address, addresses=(address, *stands_for), direction=direction)


MESSAGE = MessageFacts(
    stage=RuleStage.CONTENT,
    client="192.0.2.1",
    login=None,
    tls=None,
    sender=Mailbox("alice", "us.test"),
    recipients=(who(BOB), who(EVE)),
    recipient_count=2,
    size=5000,
    content=ContentFacts(headers=(("Subject", "The secret plan"), ("X-Class", "red")), texts=("hello world",)),
)


def message(**changes: Any) -> MessageFacts:
    return attrs.evolve(MESSAGE, **changes)


def to(*patterns: str) -> Recipients:
    return Recipients(tuple(address_pattern(each) for each in patterns))


def by(*patterns: str) -> Senders:
    return Senders(tuple(address_pattern(each) for each in patterns))


def from_networks(*networks: str) -> ClientNetworks:
    return ClientNetworks(tuple(ipaddress.ip_network(each) for each in networks))


def users(*patterns: str) -> Users:
    return Users(tuple(name_pattern(each) for each in patterns))


def header(name: str, *patterns: str) -> Headers:
    return Headers(name, tuple(text_pattern(each) for each in patterns))


def body(*patterns: str) -> Body:
    return Body(tuple(text_pattern(each) for each in patterns))


def rule(name: str = "r", then: Action | None = None, **facts: Any) -> Rule:
    return Rule(name=name, then=then or ForceTls(), **facts)


def results(*rules: Rule, facts: MessageFacts = MESSAGE, now: float = NOW) -> tuple[RuleResult, ...]:
    return Rulebook(rules).evaluate(facts, now)
