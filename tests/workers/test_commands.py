"""What the commands carry comes out as it went in, however large it is."""

from __future__ import annotations

import ipaddress
import pickle
from typing import Any

from twisted.internet.task import Clock
from twisted.protocols.amp import Boolean, Command, Integer, Unicode
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Delivery, Listener, Log, Node, Workers
from fopemta.config.rules import load_rules
from fopemta.mail.orders import Obeyed, Order, OrderKind, OrderResult
from fopemta.policy.action import ForceTls
from fopemta.policy.admission import Relay
from fopemta.policy.recipients import Remembered, Said
from fopemta.retry.leases import News
from fopemta.retry.standing import Experience, Standing
from fopemta.routing.route import Route, Via
from fopemta.routing.values import NextHop
from fopemta.testing.transport import connect
from fopemta.trust.host_memory import Known
from fopemta.trust.rungs import Hello, Rung
from fopemta.workers import commands
from fopemta.workers.link import Link
from fopemta.workers.values import Charge, Met, Partition, Wishes
from fopemta.workers.worker_end import WorkerEnd
from tests.config.test_rules import ALL
from tests.policy.rules import MESSAGE
from tests.retry.test_standing import REFUSED
from tests.workers.reactor import ScriptedDuty

# An AMP value has two octets for its length.
LONGEST = 0xFFFF

HOP = NextHop("bank.test", Route(domain="*"))
BOB = Mailbox("bob", "bank.test")
CONFIG = Configuration(
    node=Node(hostname="mx.us.test", postmaster=Mailbox("postmaster", "us.test")),
    listeners=(Listener(endpoint="tcp:25", proxies=(ipaddress.ip_network("192.0.2.0/24"),)),),
    relay=Relay(networks=(ipaddress.ip_network("2001:db8::/32"),)),
    routes=(Route(domain="us.test", via=Via.MAILDIR, maildir="/m/{local_part}"),),
    delivery=Delivery(connections_per_destination=4),
    workers=Workers(count=2),
    rules="/etc/rules.toml",
    rulebook=load_rules(ALL, "/etc"),
)
RESTING = Standing(1, 2, 2000.0, REFUSED)
HOSTS = {"mx.bank.test": Known(Rung.STRONG_128, Hello.FULL, 1.0, 2), "mx.gone.test": None}
CHARGE = Charge(
    number=2,
    configuration=CONFIG,
    log=Log(text="/var/log/mail"),
    sockets=(4, 5),
    partitions=(Partition("/spool/workers/2", 6), Partition("/spool/workers/3", 7)),
    hosts={"mx.bank.test": Known(Rung.STRONG_128, Hello.FULL, 1.0, 2)},
    news=(News(HOP, RESTING),),
)
WISHES = Wishes(((HOP, 3),), ((HOP, 1),), (Met(HOP, Experience.AWAY, REFUSED, 1.0, 2.0),), (HOP,))

ARGUMENTS: dict[type[Command], dict[str, Any]] = {
    commands.Begin: {"charge": CHARGE},
    commands.Tell: {"news": [News(HOP, RESTING, 2, 1), News(HOP, Standing(5))]},
    commands.TellHosts: {"known": HOSTS},
    commands.GiveOrder: {
        "message": "0vyKfVczdK5G1f",
        "order": Order(kind=OrderKind.REMOVE, recipients=frozenset({"bob@bank.test"}), report=True, reason="ü"),
    },
    commands.FlushDomain: {"domain": "@bank.test", "etrn": True},
    commands.FlushAll: {"domain": "@bank.test"},
    commands.ListSome: {"listing": 7, "begins": True},
    commands.FreedBy: {"config": CONFIG},
    commands.Prepare: {"config": CONFIG},
    commands.Take: {"config": CONFIG, "lowered_by": "alice"},
    commands.Alive: {},
    commands.Reopen: {},
    commands.Stop: {},
    commands.ReadyCommand: {},
    commands.Say: {"wishes": WISHES},
    commands.Learned: {"hosts": HOSTS, "counts": {("bank", "bank.test", "matched"): 3}, "size": 7},
    commands.RecallCallout: {"recipient": BOB},
    commands.NoteCallout: {"recipient": BOB, "known": Remembered(Said.GOOD, 5.0, 5.0)},
    commands.BeginLogin: {"client": "192.0.2.1", "name": "x" * 70_000},
    commands.EndLogin: {"client": "192.0.2.1"},
    commands.LoginFailed: {"client": "192.0.2.1", "name": "bob"},
    commands.LoginSucceeded: {"client": "192.0.2.1", "name": "bob"},
    commands.FetchList: {"url": "http://ca.test/crl", "issuer": b"\x30\x00" * 40_000},
}
ANSWERS: dict[type[Command], dict[str, Any]] = {
    commands.GiveOrder: {"result": OrderResult(Obeyed.DONE, ("bob@bank.test",))},
    commands.FlushDomain: {"messages": 3},
    commands.FlushAll: {"messages": 3},
    commands.ListSome: {"lines": [("0BCD", b"{}"), ("0BCF", b"x" * 100_000)]},
    commands.FreedBy: {"recipients": 2},
    commands.Prepare: {"errors": ["tls.server.certificates: gone"]},
    commands.RecallCallout: {"known": None},
    commands.BeginLogin: {"seconds": 0.0},
    commands.LoginFailed: {"failures": 6},
    commands.FetchList: {"why": "there is no CRL at its place"},
}


def carried(value: Any) -> tuple[list[bytes], Any]:
    """The names of the pieces that a value goes in, and what comes out."""
    strings: dict[bytes, bytes] = {}
    commands.ValueArgument().toBox(b"v", strings, {"v": value}, None)
    found: dict[str, Any] = {}
    commands.ValueArgument().fromBox(b"v", strings, found, None)
    return list(strings), found["v"]


def of_pickled_size(size: int) -> bytes:
    """A value whose pickle is of that many octets."""
    values = (b"x" * number for number in range(size - 60, size))
    return next(each for each in values if len(pickle.dumps(each, pickle.HIGHEST_PROTOCOL)) == size)


class ValueTests(SynchronousTestCase):
    def test_a_value_goes_in_as_few_pieces_as_there_can_be(self) -> None:
        sizes = (100, LONGEST, LONGEST + 1, 2 * LONGEST, 2 * LONGEST + 1, 11 * LONGEST)
        found = []
        for size in sizes:
            value = of_pickled_size(size)
            names, after = carried(value)
            self.assertEqual(after, value)
            self.assertEqual(names, [b"v.%d" % number for number in range(len(names))])
            found.append(len(names))
        self.assertEqual(found, [1, 1, 2, 2, 3, 11])

    def test_a_configuration_comes_with_rules_that_work(self) -> None:
        assert CONFIG.rulebook is not None
        # What has been worked out of it once changes nothing.
        CONFIG.rulebook.of(ForceTls)
        before = CONFIG.rulebook.evaluate(MESSAGE, 1.8e9)
        _, after = carried(CONFIG)
        self.assertEqual(after, CONFIG)
        self.assertEqual(after.rulebook.evaluate(MESSAGE, 1.8e9), before)
        self.assertEqual(after.rulebook.of(ForceTls), CONFIG.rulebook.of(ForceTls))

    def test_the_hash_of_a_next_hop_stays_at_home(self) -> None:
        # Another process hashes texts otherwise: a hash that came along would find nothing there.
        fresh = NextHop("bank.test", Route(domain="*"))
        before = pickle.dumps(fresh)
        hash(fresh)
        self.assertEqual(pickle.dumps(fresh), before)
        self.assertEqual({HOP: 1}[carried(fresh)[1]], 1)


class CommandTests(SynchronousTestCase):
    def test_the_table_has_every_command(self) -> None:
        found = {
            each
            for each in vars(commands).values()
            if isinstance(each, type) and issubclass(each, Command) and each is not Command
        }
        self.assertEqual(set(ARGUMENTS), found)
        self.assertEqual(set(ANSWERS), {each for each in found if each.response})

    def test_arguments_and_answers_come_out_as_they_went_in(self) -> None:
        for command, arguments in ARGUMENTS.items():
            box = command.makeArguments(arguments, None)
            self.assertEqual(command.parseArguments(box, None), arguments, command)
        for command, answer in ANSWERS.items():
            box = command.makeResponse(answer, None)
            self.assertEqual(command.parseResponse(box, None), answer, command)

    def test_what_needs_no_answer_asks_for_none(self) -> None:
        silent = {each for each in ARGUMENTS if not each.requiresAnswer}
        self.assertEqual(
            silent,
            {
                commands.Tell, commands.TellHosts, commands.Reopen, commands.Stop, commands.ReadyCommand, commands.Say,
                commands.EndLogin, commands.LoginSucceeded,
            },
        )  # fmt: skip

    def test_texts_and_numbers_are_what_amp_has_for_them(self) -> None:
        kinds = {type(kind) for each in ARGUMENTS for _, kind in [*each.arguments, *each.response]}
        self.assertEqual(kinds, {commands.ValueArgument, Unicode, Integer, Boolean})

    def test_a_large_value_goes_over_the_wire_in_segments(self) -> None:
        duty, asking, clock = ScriptedDuty(), Link(), Clock()
        pump = connect(WorkerEnd(duty, clock), asking, clock)
        pump.client.segment = 4096
        text = "[[rule]]\nname = '{}'\n[rule.then]\naction = 'force_tls'\n[rule.when]\nrecipients = ['d{}.test']\n"
        large = load_rules("".join(text.format(number, number) for number in range(3000)), "/etc")
        config = Configuration(node=CONFIG.node, listeners=(), rulebook=large)
        self.assertGreater(len(pickle.dumps(config)), 2 * LONGEST)
        duty.errors = ("x" * 200_000,)
        answer = asking.ask(commands.Prepare, config=config)
        pump.flush()
        self.assertEqual(self.successResultOf(answer), {"errors": ("x" * 200_000,)})
        self.assertEqual(duty.done, [("prepare", config)])
