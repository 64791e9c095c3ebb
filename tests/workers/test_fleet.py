"""All workers together: begun, told, asked as one, and ended in good order or by force."""

from __future__ import annotations

import random
import signal
from collections.abc import Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Log
from fopemta.policy.recipients import Remembered, Said
from fopemta.retry.leases import News
from fopemta.retry.standing import Experience, Standing
from fopemta.trust.host_memory import Known
from fopemta.workers import commands
from fopemta.workers.fleet import PATIENCE, Fleet, FleetState
from fopemta.workers.seat import Given, SeatStage
from fopemta.workers.values import Charge, Met, Partition, Wishes
from tests.retry.test_standing import REFUSED
from tests.workers.reactor import MemoryProcess, WorkerReactor
from tests.workers.test_commands import BOB, CONFIG, HOP, HOSTS
from tests.workers.test_login_pace import ScriptedPace

LOG = Log(text="/var/log/mail")
NEWER = attrs.evolve(CONFIG, node=attrs.evolve(CONFIG.node, banner="changed"))
COUNTS = {("bank", "bank.test", "matched"): 3}


class Hosts:
    """See fleet.AnyHosts."""

    def __init__(self) -> None:
        self.known: dict[str, Known] = {name: known for name, known in HOSTS.items() if known is not None}
        self.taken: list[Mapping[str, Known | None]] = []

    def take(self, known: Mapping[str, Known | None]) -> None:
        self.taken.append(known)


class Base(SynchronousTestCase):
    """Three workers, and what the supervisor keeps for them."""

    count = 3

    def setUp(self) -> None:
        self.reactor, self.hosts = WorkerReactor(), Hosts()
        self.counted: list[Any] = []
        self.kept: list[Any] = []
        self.readied = 0
        self.pace = ScriptedPace()
        state = FleetState(self.hosts, self.counted.append, self.recall, self.note, self.fetch, self.pace)
        given = [Given((11,), ((f"/spool/{number}", 20 + number),)) for number in range(1, self.count + 1)]
        reactor: Any = self.reactor
        self.fleet = Fleet(
            reactor, ["-m", "fopemta.server.worker"], given, CONFIG, LOG, state, random.Random(7), self.one_is_ready
        )  # fmt: skip
        self.log: list[LogEvent] = []
        globalLogPublisher.addObserver(self.log.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.log.append)

    def one_is_ready(self) -> None:
        self.readied += 1

    def recall(self, recipient: Mailbox) -> Deferred[Remembered | None]:
        self.kept.append(("recall", recipient))
        return succeed(Remembered(Said.GOOD, 5.0, 5.0))

    def note(self, recipient: Mailbox, known: Remembered) -> Deferred[None]:
        self.kept.append(("note", recipient, known))
        return succeed(None)

    def fetch(self, url: str, issuer: bytes) -> Deferred[str | None]:
        self.kept.append(("fetch", url, issuer))
        return succeed("the server has failed")

    # --- the workers -----------------------------------------------------------------------------------------------

    def begin(self, ready: bool = True) -> None:
        self.fleet.begin()
        self.reactor.settle()
        if ready:
            for number in range(1, self.count + 1):
                self.ready(number)
            self.done()

    def process(self, number: int) -> MemoryProcess:
        """Of a worker, the last it had."""
        pid = self.fleet.seats[number - 1].pid
        return next(each for each in self.reactor.processes if each.pid == pid)

    def ready(self, number: int) -> None:
        self.process(number).end.tell(commands.ReadyCommand)
        self.reactor.settle()

    def die(self, number: int) -> None:
        self.process(number).die(signal.SIGKILL)
        self.reactor.settle()

    def say(self, number: int, command: Any, **arguments: Any) -> None:
        self.process(number).end.tell(command, **arguments)
        self.reactor.settle()

    def ask(self, number: int, command: Any, **arguments: Any) -> Any:
        asked = self.process(number).end.ask(command, **arguments)
        self.reactor.settle()
        return self.successResultOf(asked)

    def done(self) -> dict[int, list[Any]]:
        """What each worker has done since, of those that have done anything."""
        found = {}
        for number in range(1, self.count + 1):
            duty = self.process(number).duty
            if duty.done:
                found[number] = list(duty.done)
            duty.done.clear()
        return found

    def events(self) -> list[str]:
        found = [each["event"] for each in self.log if "event" in each]
        self.log.clear()
        return found


class BeginningTests(Base):
    def test_each_is_told_what_it_must_know(self) -> None:
        self.begin(ready=False)
        charges = {
            number: [
                (
                    "begin",
                    Charge(
                        number=number,
                        configuration=CONFIG,
                        log=LOG,
                        sockets=(4,),
                        partitions=(Partition(f"/spool/{number}", 5),),
                        hosts=self.hosts.known,
                        news=(),
                    ),
                )
            ]
            for number in (1, 2, 3)
        }
        self.assertEqual(self.done(), charges)

    def test_it_is_complete_when_all_let_clients_in(self) -> None:
        self.begin(ready=False)
        found = []
        for number in (2, 1, 3):
            self.ready(number)
            found.append((self.readied, self.fleet.complete))
        self.assertEqual(found, [(1, False), (2, False), (3, True)])
        self.die(2)
        self.assertFalse(self.fleet.complete)

    def test_one_that_begins_again_goes_by_what_is_in_force_and_knows_who_rests(self) -> None:
        self.begin()
        now = self.reactor.seconds()
        away = tuple(Met(HOP, Experience.AWAY, REFUSED, now + wait, now + wait) for wait in range(9))
        self.say(1, commands.Say, wishes=Wishes(met=away))
        self.fleet.current = NEWER
        self.hosts.known = {}
        self.die(2)
        self.done()
        self.reactor.pass_time(0.25)
        [(name, charge)] = self.done()[2]
        standing = charge.news[0].standing
        self.assertEqual((name, charge.number, charge.configuration, charge.hosts), ("begin", 2, NEWER, {}))
        self.assertEqual((len(charge.news), charge.news[0].destination, standing.cause), (1, HOP, REFUSED))


class TellingTests(Base):
    def test_all_that_run_are_told_but_one(self) -> None:
        self.begin()
        self.fleet.tell(commands.Reopen)
        self.reactor.settle()
        self.assertEqual(self.done(), {1: ["reopen"], 2: ["reopen"], 3: ["reopen"]})
        self.die(3)
        self.fleet.tell(commands.TellHosts, but=1, known=HOSTS)
        self.reactor.settle()
        self.assertEqual(self.done(), {2: [("hosts", HOSTS)]})

    def test_logins_of_all_are_counted_together(self) -> None:
        self.begin()
        who = {"client": "192.0.2.1", "name": "bob"}
        self.assertEqual(self.ask(1, commands.BeginLogin, **who), {"seconds": 1.0})
        self.assertEqual(self.ask(2, commands.BeginLogin, **who), {"seconds": 1.0})
        self.assertEqual(self.ask(2, commands.LoginFailed, **who), {"failures": 6})
        self.say(2, commands.LoginSucceeded, **who)
        self.say(2, commands.EndLogin, client="192.0.2.1")
        names = ["begin", "begin", "failed", "succeeded", "end"]
        self.assertEqual([each[0] for each in self.pace.done], names)
        self.die(1)
        self.assertEqual([each[0] for each in self.pace.done], [*names, "end"])

    def test_what_one_learns_is_kept_and_told_to_the_others(self) -> None:
        self.begin()
        self.say(2, commands.Learned, hosts=HOSTS, counts=COUNTS, size=4)
        self.assertEqual((self.hosts.taken, self.counted, self.fleet.size), ([HOSTS], [COUNTS], 4))
        self.assertEqual(self.done(), {1: [("hosts", HOSTS)], 3: [("hosts", HOSTS)]})

    def test_nobody_is_told_of_hosts_when_nothing_was_learned_of_them(self) -> None:
        self.begin()
        self.say(2, commands.Learned, hosts={}, counts=COUNTS, size=0)
        self.assertEqual((self.hosts.taken, self.counted, self.done()), ([], [COUNTS], {}))

    def test_the_size_is_the_sum_of_what_those_have_said_that_live(self) -> None:
        self.begin()
        for number in (1, 2, 3):
            self.say(number, commands.Learned, hosts={}, counts={}, size=10**number)
        self.assertEqual(self.fleet.size, 1110)
        self.die(2)
        self.assertEqual(self.fleet.size, 1010)

    def test_what_is_remembered_here_is_asked_here(self) -> None:
        self.begin()
        known = Remembered(Said.GOOD, 5.0, 5.0)
        self.assertEqual(self.ask(1, commands.RecallCallout, recipient=BOB), {"known": known})
        self.assertEqual(self.ask(2, commands.NoteCallout, recipient=BOB, known=known), {})
        self.assertEqual(self.ask(3, commands.FetchList, url="u", issuer=b"i"), {"why": "the server has failed"})
        self.assertEqual(self.kept, [("recall", BOB), ("note", BOB, known), ("fetch", "u", b"i")])


class LeasesTests(Base):
    def test_places_are_told_to_those_whom_they_concern(self) -> None:
        self.begin()
        self.say(1, commands.Say, wishes=Wishes(wants=((HOP, 2),)))
        self.say(3, commands.Say, wishes=Wishes(wants=((HOP, 2),)))
        new = Standing(4)  # as many as one destination may have
        self.assertEqual(self.done(), {1: [("told", [News(HOP, new, 2)])], 3: [("told", [News(HOP, new, 2)])]})

    def test_leases_of_the_dead_are_free_at_once(self) -> None:
        self.begin()
        self.say(1, commands.Say, wishes=Wishes(wants=((HOP, 4),)))
        self.say(2, commands.Say, wishes=Wishes(wants=((HOP, 1),)))
        self.done()
        self.die(1)
        self.assertEqual(self.done()[2], [("told", [News(HOP, Standing(4), 1)])])

    def test_one_whose_pair_is_closed_holds_its_leases_until_it_is_dead(self) -> None:
        """It may still deliver."""
        self.begin()
        self.say(1, commands.Say, wishes=Wishes(wants=((HOP, 4),)))
        self.say(2, commands.Say, wishes=Wishes(wants=((HOP, 1),)))
        self.done()
        self.process(1).close()
        self.reactor.pass_time(39)
        self.assertEqual(self.done(), {1: ["end"]})
        self.reactor.pass_time(1)
        self.assertEqual(self.done()[2], [("told", [News(HOP, Standing(4), 1)])])


class AskingTests(Base):
    def asked(self, seconds: float = 0.0) -> Any:
        """What each has answered by then, None where nothing has come."""
        answers = self.fleet.ask(commands.FlushDomain, domain="d", etrn=False)
        self.reactor.pass_time(seconds)
        return answers

    def test_the_answers_come_in_the_order_of_the_workers(self) -> None:
        self.begin()
        for number in (1, 2, 3):
            self.process(number).duty.queue.waiting = number
        self.assertEqual(self.successResultOf(self.asked()), [{"messages": 1}, {"messages": 2}, {"messages": 3}])

    def test_there_is_none_of_one_that_does_not_let_clients_in(self) -> None:
        self.begin(ready=False)
        self.ready(1)
        self.assertEqual(self.successResultOf(self.asked()), [{"messages": 0}, None, None])

    def test_there_is_none_of_one_that_dies_before_it_answers(self) -> None:
        self.begin()
        self.process(2).hangs = True
        answers = self.asked()
        self.assertNoResult(answers)
        self.die(2)
        self.assertEqual(self.successResultOf(answers), [{"messages": 0}, None, {"messages": 0}])

    def test_one_that_does_not_answer_is_waited_for_a_minute(self) -> None:
        self.begin()
        self.process(1).hangs = True
        answers = self.asked(PATIENCE - 1)
        self.assertNoResult(answers)
        self.reactor.pass_time(1)
        self.assertEqual(self.successResultOf(answers), [None, {"messages": 0}, {"messages": 0}])
        # It was asked, and answers when it can; nobody minds.
        self.process(1).hangs = False
        self.reactor.settle()
        self.assertEqual(self.done()[1], [("flush", "d")])

    def test_there_is_none_of_one_that_has_a_bug_and_it_ends(self) -> None:
        self.begin()
        self.process(1).duty.breaks = {"prepare"}
        answers = self.fleet.ask(commands.Prepare, config=NEWER)
        self.reactor.settle()
        self.assertEqual(self.successResultOf(answers), [None, {"errors": ()}, {"errors": ()}])
        self.assertEqual(self.done()[1], [("prepare", NEWER), "end"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_all_are_asked_when_all_let_clients_in(self) -> None:
        self.begin(ready=False)
        self.ready(1)
        answers = Deferred.fromCoroutine(self.fleet.ask_all(commands.FlushDomain, domain="d", etrn=False))
        self.reactor.pass_time(5)
        self.assertNoResult(answers)
        self.ready(2)
        self.ready(3)
        self.reactor.pass_time(0.25)
        self.assertEqual(self.successResultOf(answers), [{"messages": 0}] * 3)

    def test_one_that_does_not_begin_is_not_waited_for_for_long(self) -> None:
        self.begin(ready=False)
        self.ready(1)
        answers = Deferred.fromCoroutine(self.fleet.ask_all(commands.FlushDomain, domain="d", etrn=False))
        self.reactor.pass_time(14.75)
        self.assertNoResult(answers)
        self.reactor.pass_time(0.5)
        self.assertEqual(self.successResultOf(answers), [{"messages": 0}, None, None])

    def test_a_flush_that_one_asks_for_is_done_by_all_and_once(self) -> None:
        self.begin()
        for number in (1, 2, 3):
            self.process(number).duty.queue.waiting = number
        self.assertEqual(self.ask(2, commands.FlushAll, domain="d"), {"messages": 6})
        self.assertEqual(self.done(), {number: [("flushed", "d"), ("flush", "d")] for number in (1, 2, 3)})


class EndTests(Base):
    def test_all_end_in_good_order(self) -> None:
        self.begin()
        ended = self.fleet.end(20)
        self.reactor.settle()
        self.assertEqual(self.done(), {1: ["end"], 2: ["end"], 3: ["end"]})
        self.events()
        for number in (1, 2, 3):
            self.assertNoResult(ended)
            self.process(number).die()
        self.reactor.settle()
        self.successResultOf(ended)
        self.assertEqual({each.stage for each in self.fleet.seats}, {SeatStage.ENDED})
        self.assertEqual((self.events(), self.reactor.getDelayedCalls()), ([], []))

    def test_what_one_says_while_it_ends_is_heard(self) -> None:
        self.begin()
        self.fleet.end(20)
        self.reactor.settle()
        self.say(1, commands.Learned, hosts=HOSTS, counts=COUNTS, size=0)
        self.assertEqual((self.hosts.taken, self.counted), ([HOSTS], [COUNTS]))

    def test_those_that_have_not_ended_in_time_are_killed(self) -> None:
        self.begin()
        self.process(2).hangs = True
        ended = self.fleet.end(20)
        self.reactor.settle()
        self.process(1).die()
        self.process(3).die()
        self.events()
        self.reactor.pass_time(19)
        self.assertNoResult(ended)
        self.reactor.pass_time(1)
        self.successResultOf(ended)
        self.assertEqual([each.signals for each in self.reactor.processes], [[], [signal.SIGKILL], []])
        self.assertEqual((self.events(), self.reactor.getDelayedCalls()), (["workers_killed"], []))

    def test_with_nobody_there_it_has_ended(self) -> None:
        self.successResultOf(self.fleet.end(20))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_nobody_is_told_of_places_when_all_have_ended(self) -> None:
        self.begin()
        for number in (1, 2):
            self.say(number, commands.Say, wishes=Wishes(wants=((HOP, 9),)))
        ended = self.fleet.end(20)
        for number in (1, 2, 3):
            self.process(number).die()
        self.successResultOf(ended)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
