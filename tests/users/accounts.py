"""Users for tests: their passwords hashed as cheaply as argon2id allows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import argon2
from twisted.internet.defer import Deferred, execute
from twisted.logger import LogEvent, globalLogPublisher

from fopemta.smtp.scram import Verifier

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ALICE_HASH = CHEAP.hash("secret")
BOB_HASH = CHEAP.hash("other secret")
ALICE_VERIFIER = Verifier.of("secret", b"alice's own salt", 10_000)

ALICE = f"alice password={ALICE_HASH} scram={ALICE_VERIFIER.text()} sender=alice@us.test sender=@alice.test"
BOB = f"bob password={BOB_HASH} sender=bob@us.test"
TEXT = f"# users\n\n{ALICE}\n  {BOB}\n"


def write(path: Path, text: str = TEXT, mode: int = 0o600) -> str:
    """The file, replaced as an editor does that does it well."""
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    os.chmod(beside, mode)
    os.replace(beside, path)
    return str(path)


def caught(call: Callable[[], object]) -> list[LogEvent]:
    """What `call` logs."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        call()
    finally:
        globalLogPublisher.removeObserver(events.append)
    return [each for each in events if "event" in each]


class Threads:
    """Runs what is to run in a thread at once, and counts it; or keeps it until told to, with `held`."""

    def __init__(self, held: bool = False) -> None:
        self.held = held
        self.calls: list[tuple[Any, ...]] = []
        self._kept: list[tuple[Deferred[None], tuple[Any, ...]]] = []

    def run(self, call: Any, *arguments: Any) -> Deferred[Any]:
        """As deferToThread."""
        self.calls.append(arguments)
        if not self.held:
            return execute(call, *arguments)
        waiting: Deferred[None] = Deferred()
        self._kept.append((waiting, arguments))
        return waiting.addCallback(lambda _: call(*arguments))

    def finish_one(self) -> None:
        """The thread that has run for longest ends."""
        self._kept.pop(0)[0].callback(None)

    @property
    def running(self) -> int:
        """Threads at work."""
        return len(self._kept)
