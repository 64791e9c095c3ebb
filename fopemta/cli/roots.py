"""`fopemta roots`: the trusted authorities of the configuration: the default ones, those for clients, and those of each
rule.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs
import click

from fopemta.cli.configuration import config_option, configuration_of, json_option
from fopemta.cli.table import escaped, lines_of
from fopemta.config.model import ClientCertificates, Configuration
from fopemta.policy.action import ForceTls

if TYPE_CHECKING:
    from fopemta.trust.root_programme import Programme, Root


@attrs.frozen
class _Looked:
    """The roots that the configuration names at `key`; `error` if they cannot be read."""

    key: str
    place: str
    programme: Programme
    error: str | None = None


@click.group()
def roots() -> None:
    """List and check the trusted certificate authorities."""


@roots.command("list")
@config_option
@json_option
def list_(config: str | None, as_json: bool) -> None:
    """List every authority, the earliest expiry first."""
    looked = _look(config)
    for each in looked:
        if as_json:
            for root in each.programme.roots:
                click.echo(json.dumps({"key": each.key, "place": each.place} | _facts(root)))
            continue
        click.echo(f"{each.key}: {escaped(each.place)}")
        rows = [_row(root) for root in each.programme.roots]
        for line in lines_of(("EXPIRES", "CONDITION", "SHA-256", "SUBJECT"), rows) if rows else ():
            click.echo(line)
    _end(looked)


@roots.command("check")
@config_option
@json_option
def check(config: str | None, as_json: bool) -> None:
    """Check the authorities for expiry.

    Shows their number, the newest and the oldest, which have expired, and which will within 90 days.  Status 1 if no
    root is valid today.
    """
    looked = _look(config)
    for each in looked:
        if as_json:
            click.echo(json.dumps(_summary(each)))
        elif each.error is None:
            for line in _words(each):
                click.echo(line)
    _end(looked)


def _look(config: str | None) -> list[_Looked]:
    from fopemta.tls.root_certificates import certificates_of
    from fopemta.tls.roots import RootsError
    from fopemta.trust.root_programme import Programme, programme_of

    looked = []
    for key, named in _named(configuration_of(config)):
        try:
            place, ders = certificates_of(named)
            with warnings.catch_warnings():
                # Some roots predate the requirement that serial numbers be positive.
                warnings.simplefilter("ignore")
                looked.append(_Looked(key, place, programme_of(ders, time.time())))
        except RootsError as error:
            looked.append(_Looked(key, named, Programme(()), str(error)))
    return looked


def _named(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """Every key that names roots, with its value."""
    yield "tls.client.roots", configuration.tls_client.roots
    asked = [configuration.tls_server.client_certificates]
    asked += [each.client_certificates for each in configuration.listeners if each.client_certificates is not None]
    if any(each is not ClientCertificates.IGNORE for each in asked):
        yield "tls.server.client_roots", configuration.tls_server.client_roots
    for rule in configuration.rulebook.rules if configuration.rulebook is not None else ():
        if isinstance(rule.then, ForceTls) and rule.then.roots is not None:
            yield f"rule {rule.name}: roots", rule.then.roots


def _end(looked: list[_Looked]) -> None:
    for each in looked:
        if each.error is not None:
            click.echo(f"fopemta: {each.key}: {escaped(each.error)}", err=True)
    sys.exit(0 if all(each.programme.usable for each in looked) else 1)


def _facts(root: Root) -> dict[str, str]:
    facts: dict[str, str] = attrs.asdict(root.facts)
    return facts | {"condition": root.condition.value}


def _row(root: Root) -> tuple[str, ...]:
    from fopemta.trust.root_programme import day

    ends = day(root.ends) if root.ends else "-"
    return ends, root.condition.value, root.facts.sha256[:16], root.facts.subject or "-"


def _summary(each: _Looked) -> dict[str, object]:
    from fopemta.trust.root_programme import Condition

    programme = each.programme
    listed: dict[str, object] = {
        condition.name.lower(): [_facts(root) for root in programme.of(condition)]
        for condition in Condition
        if condition is not Condition.GOOD
    }
    summary: dict[str, object] = {
        "key": each.key,
        "place": each.place,
        "error": each.error,
        "count": len(programme.roots),
        "usable": len(programme.usable),
        "newest": _facts(programme.newest) if programme.newest else None,
        "oldest": _facts(programme.oldest) if programme.oldest else None,
    }
    return summary | listed


def _words(each: _Looked) -> Iterator[str]:
    from fopemta.trust.root_programme import Condition, day

    programme = each.programme
    yield f"{each.key}: {escaped(each.place)}"
    yield f"  {len(programme.roots)} roots, {len(programme.usable)} of them of use today"
    for word, root in (("newest", programme.newest), ("oldest", programme.oldest)):
        if root is not None:
            yield f"  {word}: {escaped(root.facts.subject)}, since {day(root.begins)}"
    for condition in (Condition.EXPIRED, Condition.EXPIRES_SOON, Condition.NOT_YET_VALID, Condition.UNREADABLE):
        for root in programme.of(condition):
            when = f" ({day(root.ends)})" if root.ends else ""
            yield f"  {condition.value}{when}: {escaped(root.facts.subject or root.facts.sha256)}"
