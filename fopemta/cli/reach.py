"""Test whether CRLs can be fetched from here, with a reactor of its own and the server's own fetcher."""

from __future__ import annotations

from typing import Any

import attrs

from fopemta.config.checks import revocation_matters
from fopemta.config.model import Configuration
from fopemta.settings.errors import ConfigurationError

_PATIENCE = 10.0


def cautions_about_fetching(configuration: Configuration) -> tuple[ConfigurationError, ...]:
    """A warning if mail depends on revocation and `fetch.probe` cannot be fetched.  Once in a process: it runs the
    reactor.
    """
    if configuration.fetch.probe == "off" or not revocation_matters(configuration):
        return ()
    why = _why_not(configuration)
    return () if why is None else (ConfigurationError("fetch.probe", f"CRLs cannot be fetched: {why}"),)


def _why_not(configuration: Configuration) -> str | None:
    """The obstacle; None if the probe was answered."""
    from fopemta.answer import Unavailable
    from fopemta.cli.ask import asked
    from fopemta.lookup.dns.nameservers import system_nameservers
    from fopemta.lookup.dns.resolver import Resolver
    from fopemta.lookup.fetch import Fetcher

    dns = configuration.dns
    settings = attrs.evolve(configuration.fetch, timeout=min(_PATIENCE, configuration.fetch.timeout))

    def fetched(reactor: Any) -> Any:
        servers, patience = dns.nameservers or system_nameservers(), min(_PATIENCE, dns.timeout)
        resolver = Resolver(reactor, servers, patience, records=dns.records)
        return Fetcher(reactor, resolver, settings, configuration.tls_client.fetch_private).get(settings.probe)

    answer = asked(fetched) or Unavailable("interrupted")
    return answer.reason if isinstance(answer, Unavailable) else None
