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
from fopemta.cli.table import lines_of

if TYPE_CHECKING:
    from fopemta.policy.rulebook import Rule
    from fopemta.queue.rule_counts import Counts

_HEADINGS = ("RULE", "ACTION", "DESTINATION", "MATCHED", "DELIVERED", "REFUSED", "WOULD FAIL", "WEAKENED")


@click.group()
def rules() -> None:
    """Report how often rules match."""


@rules.command("report")
@config_option
@json_option
def report(config: str | None, as_json: bool) -> None:
    """Count the matches of each rule, and the results.

    Counts messages for rules that act on arrival, else recipients: how many were delivered, or refused for lack of TLS,
    and how many a rule in test mode would have held; by destination.
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
    rows = list(_rows(counted, known))
    if not rows:
        click.echo("There are no rules, and nothing was counted.")
        return
    for line in lines_of(_HEADINGS, rows):
        click.echo(line)


def _rows(counted: Sequence[Counts], known: dict[str, Rule]) -> Iterator[Sequence[str]]:
    """Rules in the order of the file, then those that no longer exist; each with its destinations."""
    names = [*known, *dict.fromkeys(each.rule for each in counted if each.rule not in known)]
    for name in names:
        of_rule = sorted((each for each in counted if each.rule == name), key=lambda each: -each.matched)
        for number, each in enumerate(of_rule):
            head = (name, _action(known.get(name))) if number == 0 else ("", "")
            numbers = (each.matched, each.delivered, each.refused, each.would_fail, each.weakened)
            yield (*head, each.destination or "-", *(str(count) if count else "-" for count in numbers))
        if not of_rule:
            yield (name, _action(known.get(name)), "-", "never", "-", "-", "-", "-")


def _action(rule: Rule | None) -> str:
    if rule is None:
        return "(gone)"
    return rule.action_word if rule.mode.value == "enforce" else f"{rule.action_word} (test)"
