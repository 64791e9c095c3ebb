"""What may cross the wire, said from the inputs alone: an oracle that shares no code with the product.

It demands what certainly must hold, and leaves open what is a matter of taste or of the moment.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import attrs

from tests.simulation.history import Acceptance, History, Transaction
from tests.simulation.inputs import LOCAL, RELAYED, Message, Rule, Setup, When

OPPORTUNISTIC, ENCRYPT, AUTHENTICATED = 1, 2, 3
_LEVELS = {"plain": 0, "opportunistic": OPPORTUNISTIC, "encrypt": ENCRYPT, "authenticated": AUTHENTICATED}
_RUNGS = ("strong256", "strong128", "compatible", "legacy")
_TOKEN = re.compile(r"m(\d+)z")


@attrs.frozen
class Need:
    """One demand on a connection.  `host` "" is the one that is connected to; `forced` names the rule that asks."""

    level: int
    host: str = ""
    domain: str = ""
    roots: str = ""
    lowest: str = "compatible"
    forced: str = ""
    bare: bool = False


def rung_of(cipher: str) -> int:
    """How strong a suite is: an index of _RUNGS."""
    if "AES_256" in cipher or "CHACHA20" in cipher or "AES256-GCM" in cipher:
        return 0
    return 1 if "AES_128" in cipher or "AES128-GCM" in cipher else 2


def names_of(kind: str, host: str) -> tuple[str, ...]:
    """The names in a certificate."""
    if kind == "wrong name":
        return ("elsewhere.test",)
    return (host, host.partition(".")[2]) if kind == "domain" else (host,)


def proves(transaction: Transaction, need: Need, begin: float, expires: float) -> bool:
    """The certificate is good for what is asked."""
    assert transaction.tls is not None
    kind = transaction.tls.certificate
    trusted = kind == "other" if need.roots else kind not in ("other", "self-signed")
    if not trusted or kind == "expired" or (kind == "expiring" and transaction.wall > begin + expires + 1):
        return False
    wanted = need.domain or need.host or transaction.host
    return wanted in names_of(kind, transaction.host)


def satisfies(transaction: Transaction, need: Need, begin: float, expires: float) -> bool:
    """The connection gives what is demanded."""
    if need.level <= OPPORTUNISTIC:
        return True
    if transaction.tls is None or rung_of(transaction.tls.cipher) > _RUNGS.index(need.lowest):
        return False
    return need.level <= ENCRYPT or proves(transaction, need, begin, expires)


# --- rules -----------------------------------------------------------------------------------------------------------


def fits(pattern: str, address: str) -> bool:
    """user@domain, domain, or *.domain."""
    domain = address.rpartition("@")[2]
    if "@" in pattern:
        return pattern == address
    return domain.endswith(pattern[1:]) if pattern.startswith("*.") else domain == pattern


def is_in(address: str, networks: tuple[str, ...]) -> bool:
    """A client's address is in one of them."""
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(each) for each in networks)


@attrs.frozen
class Facts:
    """Of one message, found once, when it is accepted.  `stands_for` by final recipient, itself included."""

    message: Message
    wall: float
    stands_for: dict[str, frozenset[str]]
    outside: bool
    said: frozenset[str]

    def direction(self, final: str) -> str:
        """Ruled for each recipient."""
        ours = final.rpartition("@")[2] in (LOCAL, RELAYED)
        return "inbound" if self.outside and ours else "outbound"


def holds(when: When, facts: Facts, addresses: frozenset[str]) -> bool:
    """Every condition is met."""
    message = facts.message
    return (
        (not when.senders or any(fits(each, message.sender) for each in when.senders))
        and (not when.recipients or any(fits(each, one) for each in when.recipients for one in addresses))
        and (not when.clients or is_in(message.address, when.clients))
        and (not when.users or message.client == "login")
        and when.subject.lower() in message.subject.lower()
        and when.body.lower() in message.body.lower()
        and (not when.size_over or message.size > when.size_over)
    )


def concerns(rule: Rule, facts: Facts, final: str) -> bool:
    """It is in force, matches, and is about this recipient: named, or bound with those who are."""
    if rule.mode != "enforce" or (rule.direction and rule.direction != facts.direction(final)):
        return False
    if rule.unless != When() and holds(rule.unless, facts, facts.said):
        return False
    if names(rule, facts, final):
        return holds(rule.when, facts, facts.stands_for[final])
    return rule.action == "force_tls" and not rule.optional and holds(rule.when, facts, facts.said)


def names(rule: Rule, facts: Facts, final: str) -> bool:
    """It speaks of this recipient, by any of its addresses."""
    wanted = rule.when.recipients
    return not wanted or any(fits(each, one) for each in wanted for one in facts.stands_for[final])


def needs(setup: Setup, facts: Facts, final: str, wall: float, begin: float, lifted: bool) -> Iterator[Need]:
    """What a setup demands of the way to one recipient."""
    domain = final.rpartition("@")[2]
    force = [
        Need(_LEVELS[rule.level], rule.names if rule.names not in ("mx", "domain") else "",
             domain if rule.names == "domain" else "", rule.roots, rule.lowest_rung, rule.name, rule.bare)
        for rule in setup.rules
        if rule.action == "force_tls" and not lifted
        and (rule.expires is None or facts.wall < begin + rule.expires) and concerns(rule, facts, final)
    ]  # fmt: skip
    weakest = next(
        (_LEVELS[rule.level] for rule in setup.rules
         if rule.action == "allow_weaker" and concerns(rule, facts, final) and rule.expires is not None
         and max(facts.wall, wall) < begin + rule.expires + 1),
        None,
   )  # fmt: skip
    elsewhere = any(rule.action == "route" and concerns(rule, facts, final) for rule in setup.rules)
    route = [] if elsewhere else [
        Need(_LEVELS[each.tls], domain=domain if each.names == "domain" else "")
        for each in setup.routes if each.tls and each.domain == domain
    ]  # fmt: skip
    for each in (*force, *route):
        if weakest is None or each.level <= weakest:
            yield each
        else:
            yield attrs.evolve(each, level=weakest, lowest="compatible")


def for_a_notice(found: list[Need], recipient: str) -> list[Need]:
    """What a notice inherits: its recipient has servers of its own."""
    forced = [each for each in found if each.forced and each.level > OPPORTUNISTIC]
    if forced and all(each.bare for each in forced):
        return [Need(ENCRYPT)]
    domain = recipient.rpartition("@")[2]
    return [attrs.evolve(each, host="", domain=domain if each.domain else "") for each in found if not each.bare]


# --- who gets a message ----------------------------------------------------------------------------------------------


def expanded(address: str, setup: Setup) -> list[str]:
    """By aliases, as often as it takes."""
    local, _, domain = address.rpartition("@")
    targets = dict(setup.aliases).get(local.partition("+")[0]) if domain == LOCAL else None
    if targets is None:
        return [address]
    return [one for each in targets for one in expanded(each if "@" in each else f"{each}@{LOCAL}", setup)]


def facts_of(acceptance: Acceptance, setup: Setup) -> Facts:
    """As the server had to find them by `setup`."""
    message, said = acceptance.message, frozenset(acceptance.recipients)
    outside = message.client != "login" and not is_in(message.address, setup.networks)
    before = Facts(message, acceptance.wall, {each: frozenset({each}) for each in said}, outside, said)
    now = dict(before.stands_for)
    for action in ("redirect", "bcc"):
        for rule in [each for each in setup.rules if each.action == action and holds(each.when, before, said)]:
            named = [each for each in now if any(fits(wanted, each) for wanted in rule.when.recipients)]
            if action == "bcc":
                now.setdefault(rule.to, said | {rule.to})
            for each in named if action == "redirect" else []:
                now[rule.to] = now.get(rule.to, frozenset({rule.to})) | now.pop(each)
    finals: dict[str, frozenset[str]] = {}
    for each, origins in now.items():
        for final in expanded(each, setup):
            finals[final] = finals.get(final, frozenset({final})) | origins
    everybody = said | frozenset(finals)
    return attrs.evolve(before, stands_for=finals, said=everybody if not outside else said)


# --- the judgement ---------------------------------------------------------------------------------------------------


class Oracle:
    """`begin` is the beginning on the clock on the wall, `expires` when certificates of the kind "expiring" do."""

    def __init__(self, history: History, begin: float, expires: float) -> None:
        self._history = history
        self._times = (begin, expires)
        self._begin = begin
        self.by_number = {each.message.number: each for each in history.acceptances if not each.refused}
        self._facts = {
            number: facts_of(each, self.setup_at(each.begun))
            for number, each in self.by_number.items()
            # Where a reload came while it was taken either setup is right.
            if each.tick is None or self.setup_at(each.begun) == self.setup_at(each.tick)
        }

    def setup_at(self, tick: int) -> Setup:
        """The one in force."""
        return next(each.setup for each in reversed(self._history.changes) if each.tick <= tick)

    def finals(self, number: int) -> list[str]:
        """To whom a message must go; empty where that cannot be said."""
        return list(self._facts[number].stands_for) if number in self._facts else []

    def needs_at(self, number: int, final: str, tick: int, wall: float) -> list[Need]:
        """The strictest of all that was in force since it came, or since demands were lowered."""
        acceptance, facts = self.by_number[number], self._facts[number]
        setups = [self.setup_at(acceptance.begun)]
        for change in self._history.changes:
            if acceptance.begun < change.tick <= tick:
                setups = [*([] if change.lowered else setups), change.setup]
        lifted = any(each.id == acceptance.id and each.tick <= tick for each in self._history.lifted)
        return [
            each for setup in dict.fromkeys(setups) for each in needs(setup, facts, final, wall, self._begin, lifted)
        ]

    def wire(self) -> Iterator[str]:
        """Complaints about what has crossed."""
        for transaction in self._history.transactions:
            yield from self._notice(transaction) if not transaction.sender else self._delivery(transaction)

    def _delivery(self, transaction: Transaction) -> Iterator[str]:
        match = _TOKEN.search(transaction.sender)
        number = int(match[1]) if match else -1
        if number not in self._facts:
            return
        for address in dict.fromkeys(each for each, _ in transaction.recipients):
            if address not in self._facts[number].stands_for:
                yield f"message {number} goes to {address}, to whom nobody has sent it"
                continue
            found = self.needs_at(number, address, transaction.tick, transaction.wall)
            yield from self._broken(f"message {number} to {address}", transaction, found)

    def _notice(self, transaction: Transaction) -> Iterator[str]:
        for recipient, _ in transaction.recipients:
            match = _TOKEN.match(recipient)
            number = int(match[1]) if match else -1
            if number not in self._facts:
                continue
            acceptance, facts = self.by_number[number], self._facts[number]
            # Those rules alone that surely were in force when it was made: at acceptance, and unless demands were
            # lowered, or lifted, since.
            loose = any(each.lowered and each.tick <= transaction.tick for each in self._history.changes) or any(
                each.id == acceptance.id for each in self._history.lifted
            )
            stored = self.setup_at(acceptance.begun)
            found = [] if loose else [
                each for final in facts.stands_for
                for each in needs(stored, facts, final, transaction.wall, self._begin, False)
            ]  # fmt: skip
            text = transaction.content.decode("utf-8", "replace")
            if any(each.forced and each.level > OPPORTUNISTIC for each in found) and f"{facts.message.body} m" in text:
                yield f"a notice about message {number} carries its body (at {transaction.at:.3f})"
            own = [*for_a_notice(found, recipient), *self._as_message(recipient, transaction)]
            yield from self._broken(f"a notice about message {number} to {recipient}", transaction, own)

    def _as_message(self, recipient: str, transaction: Transaction) -> Iterator[Need]:
        """What is demanded of the way to a notice's recipient as of that of all other mail."""
        setup = self.setup_at(transaction.tick)
        nobody = Message(number=0, client="login", address="127.0.0.1", sender="", recipients=(), subject="", body="")
        facts = Facts(nobody, transaction.wall, {recipient: frozenset({recipient})}, False, frozenset({recipient}))
        simple = [each for each in setup.rules if each.when == When(recipients=each.when.recipients)]
        rules = tuple(each for each in simple if each.expires is None and each.unless == When() and not each.bare)
        if not any(each.action in ("allow_weaker", "route") for each in setup.rules):
            yield from needs(attrs.evolve(setup, rules=rules), facts, recipient, transaction.wall, self._begin, False)

    def _broken(self, what: str, transaction: Transaction, found: list[Need]) -> Iterator[str]:
        for need in dict.fromkeys(found):
            if not satisfies(transaction, need, *self._times):
                how = "in the clear" if transaction.tls is None else f"over {transaction.tls}"
                yield f"{what} went {how} to {transaction.host} at {transaction.at:.3f}, against {need}"
                return
