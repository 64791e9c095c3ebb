"""`fopemta check-config`: would the server start with this configuration?"""

from __future__ import annotations

import json
import os
import pwd
import sys
import time
from collections.abc import Sequence

import attrs
import click

from fopemta.cli.acting import acting_as
from fopemta.cli.configuration import config_option, json_option
from fopemta.cli.reach import cautions_about_fetching
from fopemta.config.checks import cautions
from fopemta.config.model import Configuration
from fopemta.settings.errors import ConfigurationError, ConfigurationErrors


@attrs.frozen
class _Findings:
    path: str | None
    errors: Sequence[ConfigurationError]
    cautions: Sequence[ConfigurationError] = ()
    paths: Sequence[tuple[str, str]] = ()


@click.command("check-config")
@config_option
@json_option
@click.option(
    "--as", "user", metavar="USER", help="Try what this user may; root tries the owner of the spool's folder."
)
def check_config(config: str | None, as_json: bool, user: str | None) -> None:
    """Check the configuration and report every error.

    Also checks certificates, endpoints and folders and, if mail depends on revocation, whether CRLs can be fetched;
    changes nothing.  Status 0 if the server would start with it, else 2.
    """
    with acting_as(user if user is not None else _owner_of_spool(config)) as acting:
        findings = _look(config)
    if as_json:
        click.echo(json.dumps(attrs.asdict(findings) | {"good": not findings.errors}))
    else:
        _tell(findings, acting)
    sys.exit(2 if findings.errors else 0)


def _look(config: str | None) -> _Findings:
    from fopemta.server import configuration_file, preflight
    from fopemta.server.changeable import changeable

    path = None
    try:
        path = configuration_file.find(config, os.environ)
        configuration = configuration_file.read(path)
    except ConfigurationErrors as wrong:
        return _Findings(path, wrong.errors)
    errors = (*preflight.check(configuration, adopting=False), *preflight.addresses(configuration))
    fetching = () if errors else cautions_about_fetching(configuration)
    return _Findings(
        path,
        errors,
        (
            *cautions(configuration, time.time()),
            *preflight.missing_sources(configuration),
            *preflight.readable_keys(configuration),
            *changeable(path, configuration),
            *fetching,
        ),
        _paths(configuration),
    )


def _paths(configuration: Configuration) -> Sequence[tuple[str, str]]:
    """The paths in use: relative ones count from the file's own folder."""
    named = [("spool", configuration.node.spool), ("state", configuration.node.state)]
    named += [("drop", configuration.node.drop)]
    named += [("control", configuration.control.socket), ("users", configuration.users.file)]
    named += [("aliases", configuration.aliases.file), ("rules", configuration.rules or "off")]
    return [(what, where) for what, where in named if where != "off"]


def _owner_of_spool(config: str | None) -> str | None:
    """The user that the server runs as, if root asks; None if unknown."""
    from fopemta.server import configuration_file

    if os.geteuid() != 0:
        return None
    try:
        spool = configuration_file.read(configuration_file.find(config, os.environ)).node.spool
        uid = os.stat(spool).st_uid
        return pwd.getpwuid(uid).pw_name if uid else None
    except (ConfigurationErrors, OSError, KeyError):
        return None


def _tell(findings: _Findings, acting: str | None) -> None:
    if acting is not None:
        click.echo(f"tried as the user {acting}")
    for what, where in findings.paths:
        click.echo(f"{what:<9} {where}")
    for error in findings.errors:
        click.echo(f"error: {error}", err=True)
    for caution in findings.cautions:
        click.echo(f"caution: {caution}", err=True)
    if not findings.errors:
        click.echo(f"{findings.path}: good")
