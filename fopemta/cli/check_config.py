"""`fopemta check-config`: would the server start with this configuration?"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence

import attrs
import click

from fopemta.cli.configuration import config_option, json_option
from fopemta.cli.reach import cautions_about_fetching
from fopemta.config.checks import cautions
from fopemta.config.errors import ConfigurationError, ConfigurationErrors


@attrs.frozen
class _Findings:
    path: str | None
    errors: Sequence[ConfigurationError]
    cautions: Sequence[ConfigurationError] = ()


@click.command("check-config")
@config_option
@json_option
def check_config(config: str | None, as_json: bool) -> None:
    """Read the configuration and say everything that is wrong with it.

    Looks at certificates, endpoints and folders too, and, where mail depends on revocation, whether CRLs can be
    fetched; changes nothing.  Status 0 when the server would start with it, 2 when not.
    """
    findings = _look(config)
    if as_json:
        click.echo(json.dumps(attrs.asdict(findings) | {"good": not findings.errors}))
    else:
        _tell(findings)
    sys.exit(2 if findings.errors else 0)


def _look(config: str | None) -> _Findings:
    from fopemta import configuration_file, preflight

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
            *fetching,
        ),
    )


def _tell(findings: _Findings) -> None:
    for error in findings.errors:
        click.echo(f"error: {error}", err=True)
    for caution in findings.cautions:
        click.echo(f"caution: {caution}", err=True)
    if not findings.errors:
        click.echo(f"{findings.path}: good")
