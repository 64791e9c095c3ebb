"""The world of a run: one server, put together by the product's own composition root, and everybody around it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from fopemta.scheduling import destinations
from fopemta.scheduling.roster import LEAST_BULK
from fopemta.server import configuration_file, service
from fopemta.server.machine import Machine
from fopemta.testing.disk import Call, DoubleDisk
from fopemta.testing.dns import ScriptedResolver
from fopemta.testing.network import SILENT
from tests.simulation import texts
from tests.simulation.certificates import BEGIN_WALL, own_files
from tests.simulation.clients import Client, Command
from tests.simulation.history import Acceptance, Change, Ending, History, Lifted, Verdict
from tests.simulation.inputs import (
    Become,
    Event,
    Flush,
    Jump,
    Message,
    Order,
    Reload,
    Scenario,
    Send,
    Server,
    Setup,
    Stop,
)
from tests.simulation.network import Life, Net
from tests.simulation.peers import Host

# Long enough for a command that has to read the spool.
_PATIENCE = 5.0
_FEW_WAITING = 12
_SUBMISSION = 587


class World:
    """`folder` holds configuration, state and mailboxes; the spool is on a disk in memory."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.history = History()
        self.net = Net(scenario.segment)
        self.net.each_turn = self._turned
        self._noise = random.Random(scenario.seed)
        self._folder = folder
        self._shift = BEGIN_WALL
        self._tick = 0
        self._disk = DoubleDisk()
        self.hosts: dict[str, Host] = {}
        self._addresses: dict[str, str] = {}
        self._resolver = ScriptedResolver()
        self._make_hosts()
        self.life: Life | None = None
        self._service: Any = None
        self._setup = scenario.setup
        # What is to come of the process: (how, calls and turns that are left, which image).
        self._doom: list[Any] | None = None
        self._image: DoubleDisk | None = None
        # A reload that waits for a host to be greeted, and whether it has been.
        self._ambush: Reload | None = None
        self._greeted = False
        self._buried = False

    # --- time ------------------------------------------------------------------------------------------------------

    def tick(self) -> int:
        """The next one."""
        self._tick += 1
        return self._tick

    def seconds(self) -> float:
        """Since the beginning."""
        return float(self.net.seconds())

    def wall(self) -> float:
        """The clock on the wall."""
        return self._shift + self.seconds()

    # --- the server ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Write the files, and start the server for the first time."""
        for name, octets in (*own_files().items(), ("users", texts.USERS.encode())):
            (self._folder / name).write_bytes(octets)
            (self._folder / name).chmod(0o600)
        self._write(self._setup)
        globalLogPublisher.addObserver(self._observe)
        self.start()

    def end(self) -> None:
        """Nothing stays."""
        if self.life is not None:
            self.stop()
        globalLogPublisher.removeObserver(self._observe)
        self.net.connections.clear()

    def _write(self, setup: Setup) -> None:
        for name, text in texts.files(setup, BEGIN_WALL).items():
            (self._folder / name).write_text(text)

    def start(self) -> None:
        """A new process."""
        life = self.life = Life(self.net)
        path = str(self._folder / "fopemta.toml")
        with _scaled_down(self.scenario.few_waiting):
            self._service = service.build(path, configuration_file.read(path), life, self._machine(life))  # type: ignore[arg-type]
            self._service.recovered = _nothing
            self._service.privilegedStartService()
            self._service.startService()
        self._change(self._setup)
        self._disk.after = self._called
        self.net.settle()

    def _change(self, setup: Setup, lowered: bool = False) -> None:
        self.history.changes.append(Change(self.tick(), setup, lowered))

    def _machine(self, life: Life) -> Machine:
        disk = self._disk
        return Machine(
            now=self.wall,
            noise=random.Random(self._noise.random()),
            disk=lambda: disk,
            segment_size=64 * 1024,
            spool_threads=lambda _: _Threads(life, self._noise),  # type: ignore[arg-type]
            in_threads=lambda _: _in_thread(life),
            resolver=lambda *_: self._resolver,
            caller=lambda reactor: reactor,
            addresses=lambda: frozenset({life.address}),
        )

    def stop(self) -> None:
        """In good order."""
        assert self.life is not None
        done: list[Any] = []
        self._service.stopService().addBoth(done.append)
        self.net.settle()
        moment = self.seconds()
        while not done and not self.life.dead and self.seconds() < moment + 120:
            self.net.run_until(self.seconds() + 1)
        assert done or self.life.dead, "the server does not stop"
        if any(each.life is self.life and each.ours is each.client and not each.over for each in self.net.connections):
            # Deliveries that did not end in the time that they have: what the server had taken is repeated.
            self.history.endings.append(Ending(self.seconds(), False))
        self._bury()

    def _bury(self) -> None:
        """The process is gone; what is left of it is the disk."""
        assert self.life is not None
        self._buried |= self.life.dead
        if not self.life.dead:
            self.life.die()
            self._image = next(image for name, image in self._disk.images(0) if name == "everything")
        assert self._image is not None
        # A process that was killed has not given back how it found the signals.
        self._service._signals.end()
        self._disk, self._image, self._doom = self._image, None, None
        self.life = self._service = None

    def _called(self, call: Call) -> None:
        self._turned()

    def _turned(self) -> None:
        """One call of the disk, or turn of the network, less to live."""
        if self._ambush is not None and self._greeted:
            event, self._ambush = self._ambush, None
            self.reload(attrs.evolve(event, before_mail=""))
        if self._doom is None or self.life is None or self.life.dead:
            return
        self._doom[1] -= 1
        if self._doom[1] < 0:
            how, _, choice = self._doom
            wanted = "everything" if how == "crash" else None
            images = list(self._disk.images(3, choice)) if wanted is None else self._disk.images(0)
            named = [image for name, image in images if wanted in (None, name)]
            self._image = named[choice % len(named)]
            self.life.die()
            self.history.endings.append(Ending(self.seconds(), how == "power"))

    # --- everybody else --------------------------------------------------------------------------------------------

    def _make_hosts(self) -> None:
        for number, (name, server) in enumerate(self.scenario.servers):
            address = self._addresses[name] = f"45.1.{number // 200}.{number % 200 + 1}"
            self.hosts[name] = Host(self, name, server)
            self._resolver.hosts[name] = (address,)
            self._reach(name, server)
        for domain, names in self.scenario.domains:
            self._resolver.mx[domain] = tuple((10 * (index + 1), name) for index, name in enumerate(names))

    def _reach(self, name: str, server: Server) -> None:
        found: Any = {"up": self.hosts[name], "silent": SILENT}.get(server.reach)
        if found is None:
            self.net.servers.pop(self._addresses[name], None)
        else:
            self.net.servers[self._addresses[name]] = (found, server.latency)

    def begun(self, message: Message, recipients: list[str]) -> Acceptance:
        """A client is about to send the content."""
        acceptance = Acceptance(message, self.tick(), recipients=list(recipients))
        self.history.acceptances.append(acceptance)
        return acceptance

    def answered(self, acceptance: Acceptance, reply: str) -> None:
        """A client has its answer to the end of its message."""
        if reply.startswith("250"):
            acceptance.tick, acceptance.wall = self.tick(), self.wall()
            acceptance.id = reply.rsplit(" ", 1)[1]
        else:
            acceptance.refused = True

    def _observe(self, event: LogEvent) -> None:
        name = event.get("event")
        if self.life is None or self.life.dead:
            return
        if name == "attempt":
            self.history.verdicts.append(Verdict(self.tick(), self.seconds(), event["verdict"].to_json()))
        elif name == "reported":
            # Twisted's observer for older programs takes the name "message" for itself.
            about = event["message"] or event["log_legacy"].event["message"]
            self.history.reports.append((self.tick(), about, event["report"], event["recipient"]))
        elif event.get("log_failure") is not None or name == "failed_unexpectedly":
            failure = event.get("log_failure")
            trace = failure.getTraceback() if failure is not None else ""
            if name is None and self._buried:
                return  # garbage of a process that has ended
            self.history.bugs.append(f"{formatEvent(event)}: {trace[-1500:]}")

    # --- events ----------------------------------------------------------------------------------------------------

    def perform(self, event: Event) -> None:
        """One event, and what follows at that moment."""
        if self.life is None and not isinstance(event, Become | Jump):
            self.start()
        _PERFORMERS[type(event)](self, event)
        self.net.settle()
        self._revive()

    def _revive(self) -> None:
        if self.life is not None and self.life.dead:
            self._bury()
            self.net.run_until(self.seconds() + 5)
            self.start()

    def wait_until(self, moment: float) -> None:
        """Let time pass."""
        self.net.run_until(max(moment, self.seconds()))
        self._revive()

    def send(self, event: Send) -> None:
        """A client connects."""
        message = event.message
        assert self.life is not None
        port = self.life.ports.get(_SUBMISSION if message.client == "login" else 25)
        if port is None or not port.accepting:
            return
        client = Client(self, message)
        session = port.factory.buildProtocol(None)
        self.net.join(self.life, client, session, self.life.address, message.address, inbound=True)

    def become(self, event: Become) -> None:
        """A server of others changes."""
        self.hosts[event.host].become(event.server)
        self._reach(event.host, event.server)

    def reload(self, event: Reload) -> None:
        """The operator changes the files and says so."""
        if event.before_mail:
            self._ambush, self._greeted = event, False
            return
        before, self._setup = self._setup, event.setup
        if event.how in ("restart", "crash"):
            self._begin_anew(event)
            return
        self._write(event.setup)
        if event.how == "sighup":
            self._service.reload()
            self.net.settle()
            self._change(event.setup)
            return
        answer = self.ask({"command": "reload", "allow_lower": event.how == "allow_lower"})
        if not answer or answer[-1].get("errors"):
            self._setup = before
            self._write(before)
        else:
            self._change(event.setup, lowered=event.how == "allow_lower")

    def _begin_anew(self, event: Reload) -> None:
        """The server ends, and finds other files when it starts."""
        if event.how == "restart":
            self.stop()
        else:
            self._bury()
            self.history.endings.append(Ending(self.seconds(), False))
        self._write(event.setup)
        self.start()

    def greeted(self, host: str) -> None:
        """A host has answered EHLO."""
        self._greeted = self._greeted or (self._ambush is not None and self._ambush.before_mail == host)

    def order(self, event: Order) -> None:
        """The operator wants something of one message."""
        known = [each.id for each in self.history.acceptances if each.id]
        if not known:
            return
        message_id = known[event.number % len(known)]
        request: dict[str, Any] = {"command": "order", "order": event.kind, "messages": [{"id": message_id}]}
        if event.kind == "override":
            request |= {"order": "release", "override_tls": True, "reason": "it must go"}
            # From the moment on at which it is asked for; that it is too late for some is no matter.
            self.history.lifted.append(Lifted(self.tick(), message_id))
        for answer in self.ask(request):
            if event.kind == "remove" and not answer.get("end"):
                # Whoever was on the way is seen to afterwards, and not told here.
                self.history.removed += [(message_id, each) for each in (*answer["recipients"], "")]

    def calm(self) -> None:
        """Nobody ends the process any more, and it runs."""
        self._doom = self._ambush = None
        if self.life is None:
            self.start()

    def release(self, message_id: str) -> None:
        """What is held goes on."""
        self.ask({"command": "order", "order": "release", "messages": [{"id": message_id}]})

    def flush(self, event: Flush) -> None:
        """All mail for a domain is to be tried."""
        self.ask({"command": "flush", "domain": event.domain})

    def doom(self, event: Stop) -> None:
        """The process ends."""
        if event.how == "restart":
            self.stop()
            self.start()
        else:
            self._doom = [event.how, event.after, event.choice]
            if event.after == 0:
                self._turned()

    def jump(self, event: Jump) -> None:
        """Somebody sets the clock."""
        self._shift += event.seconds

    def ask(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """What the server answers at its control socket; nothing where it has none, or ends meanwhile."""
        assert self.life is not None
        port = self.life.ports.get(0)
        if port is None or self.life.dead:
            return []
        command = Command(request)
        connection = self.net.join(self.life, command, port.factory.buildProtocol(None), "", "", inbound=True)
        self.net.settle()
        moment = self.seconds()
        while not command.done and not self.life.dead and self.seconds() < moment + _PATIENCE:
            self.net.run_until(self.seconds() + 0.1)
        connection.client.loseConnection()
        self.net.settle()
        return command.answers

    # --- at the end ------------------------------------------------------------------------------------------------

    def look(self) -> History:
        """What is seen at last."""
        history = self.history
        answers = self.ask({"command": "list"})
        history.queue = [each for each in answers if not each.get("end")]
        for path in sorted((self._folder / "mail").glob("*/new/*")):
            history.mailboxes.append((path.parent.parent.name, path.read_bytes()))
        return history


_PERFORMERS: dict[type, Callable[[World, Any], None]] = {
    Send: World.send, Become: World.become, Reload: World.reload, Order: World.order, Flush: World.flush,
    Stop: World.doom, Jump: World.jump,
}  # fmt: skip


class _scaled_down:
    """With so few messages as a run has, a share must be smaller than in earnest to matter."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._before = destinations.CROWD

    def __enter__(self) -> None:
        destinations.CROWD = _FEW_WAITING * LEAST_BULK if self._wanted else self._before

    def __exit__(self, *_: object) -> None:
        """The limit is read at each use: the end of the world puts it back."""


def _nothing() -> None:
    """Garbage is collected between runs, by `run`."""


def _in_thread(life: Life) -> Callable[..., Deferred[Any]]:
    """Work off the reactor thread: done at once, unless the process has ended."""
    return lambda call, *arguments: Deferred() if life.dead else maybeDeferred(call, *arguments)


class _Threads:
    """The spool's threads: each piece of work is done a little later."""

    def __init__(self, life: Life, noise: random.Random) -> None:
        self._life = life
        self._noise = noise

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to end."""

    def log(self, work: Callable[[], Any]) -> Deferred[Any]:
        """In order, as one thread does."""
        return self._later(work, 0.0)

    def files(self, work: Callable[[], Any]) -> Deferred[Any]:
        """In any order."""
        return self._later(work, self._noise.choice((0.0, 0.0, 0.004)))

    def _later(self, work: Callable[[], Any], delay: float) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        answer.addCallback(lambda _: work())
        self._life.callLater(delay, answer.callback, None)
        return answer
