"""A drop folder in a test's own folder, and whoever collects it, in one process and by a test's clock."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, maybeDeferred, succeed

from fopemta.cli.dropping import Dropping
from fopemta.inbound.local_intake import LocalIntake
from fopemta.interfaces import HandedIn
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.reply import Reply
from fopemta.pickup.collector import Collector
from fopemta.pickup.folder import DropFolder
from fopemta.queue.made_here import MadeHere
from fopemta.queue.unaccepted import UnacceptedReports
from fopemta.sendmail.dropped import DroppedLetter
from tests.inbound.inbound import Inbound, RecordingQueue

NOW = 1_795_583_385.0
LETTER = DroppedLetter(sender="anna", recipients=("bob@peer.test",))
CONTENT = b"Subject: hello\n\nLines end as here.\n"


class House:
    """`steps` is what happened, in order."""

    def __init__(self, path: str, parts: dict[str, Any] | None = None, **limits: Any) -> None:
        self.path = Path(path)
        self.now = NOW
        self.steps: list[str] = []
        self.inbound = Inbound(parts=parts, **limits)
        self.clock, self.spool = self.inbound.clock, self.inbound.spool
        self.reported: list[tuple[str, HandedIn, bytes]] = []
        # Told of each step on disk before and after it; where it gives True the process is gone at that moment.
        self.dies: Callable[[str], bool] = lambda _: False
        self.folder = DropFolder(path, lambda: self.now)
        self.folder.prepare()
        self.collector: Collector
        self.again()

    def again(self) -> None:
        """Another life of the server, with the same spool and folder."""
        for call in self.clock.getDelayedCalls():
            call.cancel()
        self.queue: RecordingQueue = _TellingQueue(self.steps)
        numbers = iter(range(10_000))
        life = len(self.steps)
        services = attrs.evolve(self.inbound.services, server_tls=None, queue=self.queue)
        config = self.inbound.config
        reports = UnacceptedReports(self.spool, config, lambda: self.now, MadeHere(config, lambda: self.now))

        def report(message_id: str, handed_in: HandedIn, written: float, beginning: bytes) -> Any:
            self.reported.append((message_id, handed_in, beginning))
            return reports.tell(message_id, handed_in, written, beginning)

        self.collector = Collector(
            self.folder, LocalIntake(config, services), self.spool, self.queue, report, self.clock,
            lambda: f"BCDF{life:04d}{next(numbers):04d}", lambda: self.now, lambda: 5 * 86400.0, self._in_thread,
        )  # fmt: skip

    def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """At once."""
        name = call.__name__
        if self.dies(f"before {name}"):
            return Deferred()
        self.steps.append(name)
        result: Deferred[Any] = maybeDeferred(call, *arguments)
        return Deferred() if self.dies(f"after {name}") else result

    def drop(self, letter: DroppedLetter = LETTER, content: bytes = CONTENT) -> str:
        """As the command does it; gives the name of the file."""
        dropping = Dropping(str(self.path), letter, 0)
        dropping.write(content)
        dropping.finish()
        return dropping.name

    def names(self, folder: str) -> list[str]:
        return sorted(os.listdir(self.path / folder))

    @property
    def empty(self) -> bool:
        return not self.names("new") and not self.names("taken")

    def kept(self) -> list[QueuedMessage]:
        return [each.message for each in self.spool.kept.values()]

    def contents(self) -> list[bytes]:
        return [each.content for each in self.spool.kept.values()]

    def answer(self, name: str) -> list[Reply]:
        """What the program hears, as far as it has."""
        heard: list[Reply] = []
        self.collector.collect(name).addCallback(heard.append)
        return heard


class _TellingQueue(RecordingQueue):
    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self._steps = steps

    def accepted(self, message: QueuedMessage) -> None:
        super().accepted(message)
        self._steps.append("accepted")


def says(answers: dict[str, Reply | None]) -> Any:
    """An IRecipients with an answer for each address, None for all others."""

    class Says:
        def verify(self, recipient: Any) -> Deferred[Reply | None]:
            return succeed(answers.get(str(recipient)))

    return Says()
