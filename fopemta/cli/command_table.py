"""Groups of commands that are imported only when needed: `fopemta --help` answers at once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class CommandEntry(NamedTuple):  # importing attrs would be a third of the time of `fopemta --help`
    """`place` is "module:attribute", `summary` the first sentence of the command's own help (a test compares)."""

    place: str
    summary: str
    hidden: bool = False

    def command(self) -> click.Command:
        """The command itself, imported now."""
        module, _, attribute = self.place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


class CommandTable(click.Group):
    """A click.Group with its commands in a table; pass `table` as the decorator's argument."""

    def __init__(self, *arguments: Any, table: Mapping[str, CommandEntry], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.table = table
        for name, entry in table.items():
            self.add_command(click.Command(name, help=entry.summary, hidden=entry.hidden))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`fopemta help queue list` is the same as `fopemta queue list --help`."""
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Load a command that is about to run or to show its help."""
        name, command, rest = super().resolve_command(ctx, args)
        entry = self.table.get(name or "")
        return name, command if entry is None else entry.command(), rest
