"""`fopemta rules`: how often each rule matched, and the results."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import attrs
import click

from fopemta.cli.configuration import config_option, configuration_of, json_option
from fopemta.cli.table import escaped, lines_of

if TYPE_CHECKING:
    from fopemta.policy.rulebook import Rule
    from fopemta.queue.rule_counts import Counts

_HEADINGS = ("RULE", "MATCHED", "DELIVERED", "REFUSED", "FAILING", "WEAKENED", "LIFTED")
# Of a destination, so that a line has 80 columns.
_WIDEST = 22


@click.group()
def rules() -> None:
    """Report how often rules match."""


@rules.command("report")
@config_option
@json_option
def report(config: str | None, as_json: bool) -> None:
    """Count the matches of each rule, and the results.

    Counts messages for rules that act on arrival, else recipients: how many were delivered, or refused for lack of TLS;
    by destination.  FAILING are those that a rule in test mode would have held, WEAKENED those for whom an exception
    counted, LIFTED those delivered after --override-tls.
    """
    from fopemta.queue.rule_counts import read

    configuration = configuration_of(config)
    try:
        counted = read(configuration.node.state)
    except (OSError, sqlite3.Error) as error:
        click.echo(f"fopemta: what was counted in {configuration.node.state} cannot be read: {error}", err=True)
        sys.exit(2)
    known = {rule.name: rule for rule in (configuration.rulebook.rules if configuration.rulebook else ())}
    if as_json:
        for each in counted:
            rule = known.get(each.rule)
            mode = None if rule is None else rule.mode.value
            click.echo(json.dumps(attrs.asdict(each) | {"mode": mode}))
        return
    lines = list(_lines(counted, known))
    if not lines:
        click.echo("There are no rules, and nothing was counted.")
        return
    for line in lines:
        click.echo(line)


def _lines(counted: Sequence[Counts], known: dict[str, Rule]) -> Iterator[str]:
    """Rules in the order of the file, then those that no longer exist; below each its destinations."""
    names = [*known, *dict.fromkeys(each.rule for each in counted if each.rule not in known)]
    rows: list[Sequence[str]] = []
    # By the number of the row before which they stand: rules that never matched have none.
    heads: dict[int, list[str]] = {}
    for name in names:
        of_rule = sorted((each for each in counted if each.rule == name), key=lambda each: -each.matched)
        head = f"{escaped(name)}: {_action(known.get(name))}" + ("" if of_rule else ", never matched")
        heads.setdefault(len(rows), []).append(head)
        rows += [_row(each) for each in of_rule]
    if rows or heads:
        headings, *written = lines_of(_HEADINGS, rows)
        yield headings
        for number in range(len(written) + 1):
            yield from heads.get(number, ())
            if number < len(written):
                yield written[number]


def _row(each: Counts) -> Sequence[str]:
    numbers = (each.matched, each.delivered, each.refused, each.would_fail, each.weakened, each.overridden)
    destination = each.destination or "-"
    if len(destination) > _WIDEST:
        destination = f"{destination[: _WIDEST - 3]}..."
    return (f"  {destination}", *(str(count) if count else "-" for count in numbers))


def _action(rule: Rule | None) -> str:
    if rule is None:
        return "(gone)"
    return rule.action_word if rule.mode.value == "enforce" else f"{rule.action_word} (test)"
