"""From a seed to a scenario: what operators, senders, servers and fate do within some minutes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import attrs

from tests.simulation.inputs import (
    LOCAL,
    RELAYED,
    Become,
    Event,
    Flush,
    Jump,
    Message,
    Order,
    Reload,
    Route,
    Rule,
    Scenario,
    Send,
    Server,
    Setup,
    Stop,
    When,
)

# The events take so many seconds; see `run` for what comes then.
LENGTH = 600.0

BANK, NEAR = "bank.test", ("d1.test", "d2.test", "d3.test", "d4.test")
# Nothing is ever demanded for it by name.
QUIET = "quiet.test"
GATEWAY, COPIES, SPARE = "gateway.test", f"copies@{BANK}", f"spare@{BANK}"
_HOSTS = {
    BANK: ("mx.bank.test", "mx2.bank.test"),
    "sub.bank.test": ("mx.sub.bank.test",),
    RELAYED: ("mx.relay.test",),
    "d1.test": ("mx.d1.test",),
    "d2.test": ("mx.d2.test", "mx.shared.test"),
    # Two domains with one server.
    "d3.test": ("mx.shared.test",),
    "d4.test": ("mx.shared.test",),
    QUIET: ("mx.quiet.test",),
}
_CLIENTS = {"outside": "203.0.113.9", "relay": "10.1.2.3", "login": "203.0.113.77"}
_OTHER_NETWORKS = ("10.2.0.0/16",)

_STARTTLS = ("not offered", "refused", "drop", "garbage", "drop after hello", "injected", "chokes", "alert", "stripped")
_CERTIFICATES = ("self-signed", "other", "expired", "wrong name", "domain", "expiring")
_REPLIES = (
    ("greeting", "421 4.3.2 Not now"), ("greeting", "554 5.7.1 Nobody"), ("greeting", "drop"),
    ("EHLO", "502 5.5.1 What"), ("MAIL", "451 4.3.0 Wait"), ("MAIL", "421 4.3.2 Closing"), ("RCPT", "450 4.2.0 Grey"),
    ("RCPT", "550 5.1.1 Nobody of that name"), ("RCPT", "drop"), ("DATA", "451 4.3.0 Not this"), ("DATA", ""),
    ("end", "451 4.3.0 Later"), ("end", "554 5.7.1 Spam"), ("end", "drop"), ("end", ""),
)  # fmt: skip


# What a scenario is mostly about, and the family that it belongs to.
_UNKNOWN_THERE = Server(replies=(("RCPT", "550 5.1.1 Nobody of that name"),))
_TOLD = ("an alias", "a rule goes", "a network goes", "a notice")
_KINDS = (
    ("mixed", ""), ("mixed", ""), ("mixed", ""), ("crowd", ""), ("crowd", ""), ("many domains", "many domains"),
    ("an alias", "standing for others"), ("a rule goes", "rules that go"), ("a network goes", "networks"),
    ("a notice", "notices"),
)  # fmt: skip


class Generator:
    """`without` names the families of events that are left out; see `OPEN` in the tests."""

    def __init__(self, seed: int, without: frozenset[str] = frozenset()) -> None:
        self._seed = seed
        self._chance = random.Random(seed)
        self._without = without
        self._number = 0
        self._rule_number = 0

    def scenario(self) -> Scenario:
        """The whole of it."""
        chance, kind = self._chance, self._kind()
        setup = self._setup()
        if kind in _TOLD:
            others = setup.rules if chance.random() < 0.3 else ()
            setup = attrs.evolve(setup, rules=(*others, self._bank(kind)))
        domains = dict(_HOSTS)
        if kind == "many domains":
            setup = attrs.evolve(setup, connections=chance.choice((2, 4)), connections_per_destination=1)
            domains |= {f"x{number}.test": (f"mx.x{number}.test",) for number in range(24)}
        if kind == "crowd":
            setup = attrs.evolve(
                setup, connections_per_destination=1, messages_per_connection=chance.choice((1, 3, 100))
            )
        hosts = [*dict.fromkeys(host for names in domains.values() for host in names), GATEWAY]
        self._hosts, self._now = hosts, setup
        servers = {host: self._server() if chance.random() < 0.35 else Server() for host in hosts}
        if kind == "crowd":
            servers["mx.d1.test"] = Server(
                starttls=chance.choice(("good", "not offered", "not offered")), latency=chance.choice((1.0, 3.0))
            )
        if kind == "a rule comes and goes":
            setup = attrs.evolve(setup, rules=())
            for host in domains[BANK]:
                servers[host] = Server(starttls="not offered", replies=(("RCPT", "450 4.2.0 Grey"),))
        if kind == "a certificate ends":
            setup = attrs.evolve(setup, routes=(), rules=(attrs.evolve(self._bank(kind), level="authenticated"),))
            for host in domains[BANK]:
                servers[host] = Server(certificate="expiring")
        if kind in ("an alias", "a rule goes", "a network goes", "a rule comes before MAIL"):
            for host in domains[BANK]:
                servers[host] = Server(starttls=chance.choice(("not offered", "refused", "stripped")))
        if kind == "a notice":
            servers |= dict.fromkeys(domains[BANK], Server())
            servers["mx.d1.test"] = Server(replies=(("RCPT", "450 4.2.0 Grey"),), latency=1.0)
            servers["mx.d2.test"] = servers["mx.shared.test"] = Server(starttls="not offered")
        events = self._events(kind)
        return Scenario(
            seed=self._seed,
            setup=setup,
            servers=tuple(servers.items()),
            domains=tuple(domains.items()),
            events=tuple(sorted(events, key=lambda each: each[0])),
            segment=chance.choice((None, None, None, 700)),
            few_waiting=kind == "many domains",
        )

    def _kind(self) -> str:
        # Drawn apart, so that every other seed tells what it told before.
        drawn = random.Random(f"{self._seed} in between").random()
        if drawn < 0.04 and "rules that come" not in self._without:
            return "a rule comes before MAIL"
        if drawn > 0.96:
            return "a certificate ends"
        if "rules that go" not in self._without and random.Random(f"{self._seed} apart").random() < 0.06:
            return "a rule comes and goes"
        kinds = [kind for kind, family in _KINDS if family not in self._without]
        return self._chance.choice(kinds)

    # --- what operators write --------------------------------------------------------------------------------------

    def _setup(self) -> Setup:
        chance = self._chance
        rules = [self._rule() for _ in range(chance.choice((0, 1, 1, 2, 3)))]
        routes = [Route(domain=RELAYED, host="mx.relay.test")] if chance.random() < 0.5 else []
        if chance.random() < 0.4:
            domain = chance.choice(NEAR[:2])
            names = chance.choice(("mx", "mx", "domain"))
            routes.append(Route(domain=domain, tls=chance.choice(("encrypt", "authenticated")), names=names))
        return Setup(
            rules=tuple(rules),
            routes=tuple(routes),
            aliases=self._aliases(),
            connections_per_destination=chance.choice((1, 2, 5)),
            warn_after=chance.choice((None, 120.0)),
        )

    def _away(self, address: str) -> str:
        """A target of aliases and rules."""
        return f"clerk@{QUIET}" if "standing for others" in self._without else address

    def _aliases(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        if "standing for others" in self._without:
            return (("sales", ("clerk",)), ("desk", ("sales",)), ("team", ("lead", "anna")))
        return (("sales", (f"clerk@{BANK}",)), ("desk", ("sales",)), ("team", (f"lead@{NEAR[0]}", "anna")))

    def _rule(self) -> Rule:
        chance = self._chance
        self._rule_number += 1
        name = f"r{self._rule_number}"
        make = chance.choice(
            (*[self._force] * 6, self._weaker, self._redirect, self._bcc, self._header, self._route, self._hold)
        )
        rule: Rule = make(name)
        if rule.action == "force_tls" and chance.random() < 0.15:
            rule = attrs.evolve(rule, mode="test")
        if rule.action in ("force_tls", "allow_weaker") and rule.expires is None and chance.random() < 0.15:
            rule = attrs.evolve(rule, expires=float(chance.randrange(60, int(LENGTH))))
        return rule

    def _force(self, name: str) -> Rule:
        chance = self._chance
        when = self._when()
        return Rule(
            name=name,
            action="force_tls",
            when=when,
            unless=When(senders=(NEAR[3],)) if chance.random() < 0.1 else When(),
            direction=chance.choice(("", "", "outbound", "inbound")),
            level=chance.choice(("authenticated", "authenticated", "encrypt")),
            names=chance.choice(("mx", "mx", "mx", "domain", "mx.bank.test")),
            roots=chance.choice(("", "", "", "other")),
            lowest_rung=chance.choice(("strong128", "strong128", "strong256", "compatible")),
            optional=bool(when.recipients) and chance.random() < 0.3,
            bare=chance.random() < 0.15,
            hold=chance.choice((240.0, 480.0)),
        )

    def _when(self) -> When:
        chance = self._chance
        recipients = chance.choice(
            ((BANK,), (BANK,), (BANK, "*.bank.test"), ("*.bank.test",), (NEAR[0],), (NEAR[1], NEAR[2]), (RELAYED,), ())
        )
        when = When(recipients=recipients)
        other = chance.random()
        if other < 0.15:
            when = attrs.evolve(when, subject="Secret")
        elif other < 0.25:
            when = attrs.evolve(when, body="contract")
        elif other < 0.32:
            when = attrs.evolve(when, clients=("10.0.0.0/8",))
        elif other < 0.37:
            when = attrs.evolve(when, users=("alice",))
        elif other < 0.42:
            when = attrs.evolve(when, senders=(NEAR[3], LOCAL))
        elif other < 0.47:
            when = attrs.evolve(when, size_over=8000)
        return when

    def _bank(self, kind: str) -> Rule:
        """The rule that a scenario is about."""
        self._rule_number += 1
        direction = self._chance.choice(("", "outbound")) if kind != "a network goes" else "outbound"
        return Rule(
            name=f"r{self._rule_number}",
            action="force_tls",
            when=When(recipients=(BANK,)),
            direction=direction,
            level=self._chance.choice(("authenticated", "encrypt")),
            optional=kind == "a notice",
        )

    def _weaker(self, name: str) -> Rule:
        level = self._chance.choice(("encrypt", "opportunistic"))
        return Rule(name=name, action="allow_weaker", when=When(recipients=(self._chance.choice((BANK, *NEAR)),)),
                    level=level, expires=float(self._chance.randrange(100, 2000)))  # fmt: skip

    def _redirect(self, name: str) -> Rule:
        return Rule(name=name, action="redirect", when=When(recipients=(NEAR[3],)), to=self._away(SPARE))

    def _bcc(self, name: str) -> Rule:
        return Rule(name=name, action="bcc", when=When(recipients=(NEAR[2], NEAR[1])), to=self._away(COPIES))

    def _header(self, name: str) -> Rule:
        return Rule(name=name, action="add_header", when=When(subject="Secret"))

    def _route(self, name: str) -> Rule:
        return Rule(
            name=name, action="route", when=When(recipients=(self._chance.choice((NEAR[1], NEAR[2])),)), host=GATEWAY
        )

    def _hold(self, name: str) -> Rule:
        return Rule(name=name, action="hold", when=When(subject="Secret", recipients=(NEAR[0],)))

    # --- what happens ----------------------------------------------------------------------------------------------

    def _events(self, kind: str) -> list[tuple[float, Event]]:
        chance = self._chance
        found: list[tuple[float, Event]] = []
        count = chance.randrange(4, 12) if kind == "mixed" else chance.randrange(2, 5)
        found += [(self._moment(), Send(message=self._message())) for _ in range(count)]
        if kind == "crowd":
            begin = chance.uniform(1, 300)
            crowd = [Send(message=self._message(to=NEAR[0])) for _ in range(chance.randrange(8, 16))]
            found += [(begin + index * 0.01, each) for index, each in enumerate(crowd)]
            found.append((begin + chance.uniform(2, 20), self._stricter() if chance.random() < 0.6 else self._reload()))
        if kind == "many domains":
            begin = chance.uniform(1, 100)
            for index in range(chance.randrange(3, 7)):
                found.append((begin + index * 0.01, Send(message=self._to_many())))
        found += self._story(kind)
        makers: tuple[Callable[[], Event], ...] = (
            self._become, self._become, self._become, self._reload, self._order, self._order, self._flush, self._stop,
            self._jump,
       )  # fmt: skip
        # In order of time, since a reload changes what was written before.
        moments = sorted(self._moment() for _ in range(chance.randrange(2, 10)))
        return [*found, *[(moment, chance.choice(makers)()) for moment in moments]]

    def _story(self, kind: str) -> list[tuple[float, Event]]:
        """What the scenario is about, for those that are told in order."""
        chance = self._chance
        begin = chance.uniform(1, 100)
        told: list[tuple[float, Event]]
        if kind == "an alias":
            name = chance.choice(("sales", "desk"))
            return [(begin, Send(message=self._plain("outside", LOCAL, name)))]
        if kind in ("a rule goes", "a network goes"):
            after = begin + chance.uniform(1, 60)
            told = [(begin, Send(message=self._plain("relay", BANK)))]
            if kind == "a rule goes":
                self._now = attrs.evolve(self._now, rules=self._now.rules[:-1])
                told.append((after, Reload(setup=self._now, how="sighup")))
                told.append((after + chance.uniform(1, 60), Stop(how=chance.choice(("restart", "crash", "power")))))
            else:
                self._now = attrs.evolve(self._now, networks=_OTHER_NETWORKS)
                told.append((after, Reload(setup=self._now, how=chance.choice(("sighup", "sighup", "reload")))))
            return told
        if kind == "a rule comes and goes":
            # It is put off before the rule comes, and not tried while it is there.
            told = [(begin, Send(message=self._plain("relay", BANK)))]
            self._now = attrs.evolve(self._now, rules=(*self._now.rules, self._bank(kind)))
            told.append((begin + 5, Reload(setup=self._now, how=chance.choice(("sighup", "reload")))))
            self._now = attrs.evolve(self._now, rules=self._now.rules[:-1])
            told.append((begin + 6, Reload(setup=self._now, how=chance.choice(("restart", "crash")))))
            return [*told, (begin + 7, Become(host=_HOSTS[BANK][0], server=Server(starttls="not offered")))]
        if kind == "a rule comes before MAIL":
            self._now = attrs.evolve(self._now, rules=(*self._now.rules, self._bank(kind)))
            # So long that it is read from the disk while the server waits for MAIL.
            told = [(begin, Send(message=attrs.evolve(self._plain("relay", BANK), size=300_000)))]
            return [(begin, Reload(setup=self._now, how="sighup", before_mail=_HOSTS[BANK][0])), *told]
        if kind == "a certificate ends":
            # While the session that has proven it stands idle.
            first, second = (Send(message=self._plain("relay", BANK)) for _ in range(2))
            return [(begin, first), (begin + 0.5, Jump(seconds=LENGTH + 60)), (begin + 0.6, second)]
        if kind == "a notice":
            # The named recipient is done long before the other fails.
            message = self._plain("relay", BANK, also=NEAR[0], sender=chance.choice(NEAR[1:3]))
            return [(begin, Send(message=message)), (begin + 30, Become(host="mx.d1.test", server=_UNKNOWN_THERE))]
        return []

    def _plain(self, client: str, domain: str, name: str = "", also: str = "", sender: str = "") -> Message:
        """A message without anything else that matters."""
        self._number += 1
        token = f"m{self._number}z"
        recipients = [f"{name}+{token}.0@{domain}" if name else f"{token}.0@{domain}"]
        recipients += [f"{token}.1@{also}"] if also else []
        return Message(
            number=self._number,
            client=client,
            address=_CLIENTS[client],
            sender=f"{token}@{sender or QUIET}",
            recipients=tuple((each, "") for each in recipients),
        )

    def _moment(self) -> float:
        # Half of all that happens does so together with something else.
        if self._chance.random() < 0.5:
            return float(self._chance.randrange(1, 12) * 50)
        return round(self._chance.uniform(0.5, LENGTH), 3)

    def _message(self, to: str = "") -> Message:
        chance = self._chance
        self._number += 1
        token = f"m{self._number}z"
        client = chance.choice(("outside", "relay", "relay", "login"))
        sender_domain = (
            LOCAL if client == "login" or "notices" in self._without else chance.choice((BANK, *NEAR, LOCAL))
        )
        count = 1 if to else chance.choice((1, 1, 2, 3, 5))
        recipients = [self._recipient(token, index, client, to) for index in range(count)]
        return Message(
            number=self._number,
            client=client,
            address=_CLIENTS[client],
            sender=f"{token}@{sender_domain}",
            recipients=tuple(dict(recipients).items()),
            subject=chance.choice(("Lunch", "Lunch", "Top Secret")),
            body=chance.choice(("Hello.", "The contract.")),
            size=chance.choice((0, 0, 20_000, 0 if to else 70_000)),
        )

    def _recipient(self, token: str, index: int, client: str, to: str) -> tuple[str, str]:
        chance = self._chance
        notify = chance.choice(("", "", "", "SUCCESS,FAILURE", "NEVER", "DELAY", "FAILURE"))
        if to:
            return f"{token}.{index}@{to}", notify
        name = chance.choice(("sales", "desk", "team", "", ""))
        local = f"{name}+{token}.{index}@{LOCAL}" if name else f"{token}.{index}@{LOCAL}"
        if client == "outside":
            return (chance.choice((local, local, f"{token}.{index}@{RELAYED}")), notify)
        domain = chance.choice((BANK, BANK, "sub.bank.test", *NEAR, RELAYED, LOCAL))
        return (local if domain == LOCAL else f"{token}.{index}@{domain}", notify)

    def _to_many(self) -> Message:
        self._number += 1
        token = f"m{self._number}z"
        recipients = tuple((f"{token}.{number}@x{number}.test", "") for number in range(24))
        return Message(number=self._number, client="relay", address=_CLIENTS["relay"], sender=f"{token}@{LOCAL}",
                       recipients=recipients)  # fmt: skip

    def _server(self) -> Server:
        chance = self._chance
        kind = chance.random()
        if kind < 0.1:
            return Server(reach=chance.choice(("refused", "silent")))
        if kind < 0.45:
            return Server(starttls=chance.choice(_STARTTLS))
        if kind < 0.65:
            return Server(certificate=chance.choice(_CERTIFICATES), latency=chance.choice((0.0, 0.5)))
        if kind < 0.75:
            return Server(suites=chance.choice(("128", "cbc")))
        starttls = chance.choice(("good", "good", "not offered"))
        return Server(replies=(chance.choice(_REPLIES),), starttls=starttls, latency=chance.choice((0.0, 0.2, 2.0)))

    def _become(self) -> Event:
        server = self._server() if self._chance.random() < 0.6 else Server()
        return Become(host=self._chance.choice(self._hosts), server=server)

    def _reload(self) -> Event:
        chance, setup = self._chance, self._now
        changes: list[Callable[[Setup], Setup]] = []
        if "rules that come" not in self._without:
            changes += [self._with_rule, self._with_rule]
        if "rules that go" not in self._without and setup.rules:
            changes += [self._without_rule, self._without_rule]
        if "networks" not in self._without:
            changes.append(self._with_networks)
        if changes:
            setup = chance.choice(changes)(setup)
        self._now = setup
        return Reload(setup=setup, how=chance.choice(("sighup", "sighup", "reload", "allow_lower")))

    def _stricter(self) -> Event:
        """A rule comes for what waits."""
        if "rules that come" in self._without:
            return self._reload()
        rule = attrs.evolve(self._bank("crowd"), when=When(recipients=(NEAR[0],)), direction="")
        self._now = attrs.evolve(self._now, rules=(*self._now.rules, rule))
        return Reload(setup=self._now, how=self._chance.choice(("sighup", "reload", "allow_lower")))

    def _with_rule(self, setup: Setup) -> Setup:
        rule = self._force(f"late{len(setup.rules)}.{self._chance.randrange(1000)}")
        return attrs.evolve(setup, rules=(*setup.rules, rule))

    def _without_rule(self, setup: Setup) -> Setup:
        gone = self._chance.choice(setup.rules)
        return attrs.evolve(setup, rules=tuple(each for each in setup.rules if each is not gone))

    def _with_networks(self, setup: Setup) -> Setup:
        networks: Sequence[str] = self._chance.choice((_OTHER_NETWORKS, ("10.1.0.0/16",), ("10.0.0.0/8",)))
        return attrs.evolve(setup, networks=tuple(networks))

    def _order(self) -> Event:
        kind = self._chance.choice(("hold", "release", "override", "retry", "retry", "remove"))
        return Order(kind=kind, number=self._chance.randrange(20))

    def _flush(self) -> Event:
        return Flush(domain=self._chance.choice((BANK, *NEAR, "@bank.test")))

    def _stop(self) -> Event:
        how = self._chance.choice(("restart", "crash", "power", "power"))
        after = self._chance.choice((0, self._chance.randrange(60), self._chance.randrange(600)))
        return Stop(how=how, after=after, choice=self._chance.randrange(1000))

    def _jump(self) -> Event:
        back = () if "clock set back" in self._without else (-86_400.0, -3600.0)
        return Jump(seconds=self._chance.choice((*back, 300.0, 3600.0, 86_400.0)))
