"""A command's connection to the running server; blocking and without Twisted, so that it starts quickly."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import click

from fopemta.cli.configuration import configuration_of

# Seconds: an order may wait for a slow disk, a reload for slow files.
_PATIENCE = 120.0


class Refused(Exception):
    """The server refused; the text says why."""


class ControlClient:
    """A connection to the server of the configuration `config`; ends the command with status 1 if there is none."""

    def __init__(self, config: str | None) -> None:
        self._path = configuration_of(config).control.socket
        if self._path == "off":
            _end('the configuration has no control socket (control.socket = "off")', 2)
        try:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(_PATIENCE)
            self._socket.connect(self._path)
        except PermissionError:
            _end(f"only the user that fopemta runs as, and root, may use {self._path}", 1)
        except OSError as error:
            _end(f"the server is not running (nothing answers at {self._path}: {error.strerror or error})", 1)
        self._answers = self._socket.makefile("rb")

    @classmethod
    def if_running(cls, config: str | None) -> ControlClient | None:
        """A connection to the server; None if it is not running, or has no socket."""
        path = configuration_of(config).control.socket
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(path)
            except PermissionError:
                _end(f"only the user that fopemta runs as, and root, may use {path}", 1)
            except OSError:
                return None
        return cls(config)

    def ask(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The answers to a request, the last one with "end".  Raises Refused."""
        for line in self._lines(request):
            answer: dict[str, Any] = json.loads(line)
            if answer.get("error"):
                raise Refused(answer["error"])
            yield answer
            if answer.get("end"):
                return

    def rows_of(self, request: Mapping[str, Any]) -> Iterator[bytes]:
        """A long list of answers, as JSON; ends the command with status 1 if the request is refused."""
        for line in self._lines(request):
            if line.startswith(b'{"end"'):
                if why := json.loads(line).get("error"):
                    _end(why, 1)
                return
            yield line

    def _lines(self, request: Mapping[str, Any]) -> Iterator[bytes]:
        """The lines from the server, which never end; stop after the last answer."""
        try:
            self._socket.sendall(json.dumps(request).encode("ascii") + b"\n")
            while line := self._answers.readline():
                yield line
        except OSError as error:
            _end(f"the server does not answer: {error}", 1)
        _end("the server went away before it had answered all", 1)

    def end_of(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The last answer to a request.  Ends the command with status 1 if it is refused."""
        try:
            *_, last = self.ask(request)
        except Refused as why:
            _end(str(why), 1)
        return last


def _end(why: str, status: int) -> NoReturn:
    click.echo(f"fopemta: {why}", err=True)
    sys.exit(status)
