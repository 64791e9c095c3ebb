"""What stands around a server: who sends it mail, where its mail goes, and a long way to there."""

from __future__ import annotations

import json
import subprocess
import time
from math import inf
from types import TracebackType
from typing import Any, Self

from benchmarks import tree
from benchmarks.servers import Server

# A server that takes less than this share of a processor, for so many seconds, has nothing more to do.
_IDLE = 0.04
_QUIET = 2.0


class Sink:
    """Where mail goes, from `began` on until so many messages or recipients have come.

    At `port` of 127.0.0.1 and, in order, of so many further addresses (`benchmarks.servers.sink_address`).
    """

    def __init__(
        self,
        server: Server,
        messages: int = 0,
        recipients: int = 0,
        addresses: int = 0,
        port: int | None = None,
        patience: float = 240.0,
        tls: bool = False,
    ) -> None:
        certificate = ["-c", str(server.ground.folder / "both.pem")] if tls else []
        # The number that is not given is one that never comes.
        counts = ["-n", str(messages or -1), "-N", str(recipients or 2**60), "-A", str(addresses)]
        self._command = [
            server.ground.tool("tlssink"),
            *counts,
            "-T",
            str(patience),
            *certificate,
            str(port or server.sink),
        ]
        self._wanted, self._patience = messages or recipients, patience
        self._by = "msgs" if messages else "rcpts"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        self.began = time.monotonic()
        return self

    def last(self) -> float:
        """When the last of them came, by the monotonic clock; `inf` when not all have."""
        found = json.loads(self._process.communicate(timeout=self._patience + 10)[0])
        return float(found["t_last"]) if found[self._by] >= self._wanted else inf

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._process)


class LongWay:
    """From `address`, `port` to `onwards` of 127.0.0.1, so many seconds each way."""

    def __init__(self, server: Server, seconds: float, address: str, port: int, onwards: int) -> None:
        way = ["-d", str(seconds * 1000), address, str(port), "127.0.0.1", str(onwards)]
        self._command = [server.ground.tool("delay"), *way]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._process)


class Load:
    """Clients at work from now on: 20 sessions with 10 messages each, unless `arguments` of smtpload say otherwise."""

    def __init__(self, server: Server, messages: int, *arguments: object, patience: float = 240.0) -> None:
        self._patience = patience
        command = [
            "-q",
            "-l",
            4096,
            "-s",
            20,
            "-r",
            10,
            "-m",
            messages,
            "-T",
            patience,
            *arguments,
            "127.0.0.1",
            server.port,
        ]
        self._process = subprocess.Popen(
            [server.ground.tool("smtpload"), *map(str, command)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def found(self) -> dict[str, Any]:
        """What they found, once all has been sent: "ok", "fail", "t_first", "max_ms" ..."""
        try:
            return json.loads(self._process.communicate(timeout=self._patience + 10)[0].splitlines()[-1])  # type: ignore[no-any-return]
        finally:
            _end(self._process)

    def all_sent(self) -> dict[str, Any]:
        """As `found`; RuntimeError when one was refused."""
        found = self.found()
        if found["fail"]:
            raise RuntimeError(f"{found['fail']} messages could not be handed over: {found['err']}")
        return found


def settled(server: Server, patience: float = 240.0) -> float:
    """Wait until the server has nothing more to do, or patience ends; its CPU seconds."""
    end = time.monotonic() + patience
    before, since = tree.cpu(server.pid), time.monotonic()
    while time.monotonic() < min(since + _QUIET, end):
        time.sleep(0.25)
        spent = tree.cpu(server.pid)
        if spent - before > _IDLE * _QUIET:
            before, since = spent, time.monotonic()
    return tree.cpu(server.pid)


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
