"""The ways a route or a listener can name: `via` and `endpoint` (pure)."""

from __future__ import annotations

import re
import string
from typing import Any

import attrs

from fopemta.config.model import PROXIED, Via
from fopemta.config.place import WRONG, NotValid, Place, plain, shown
from fopemta.config.words import domain_of, is_address, one_of, resolved, split_port, text_of
from fopemta.mail.address import canonical_ip_address
from fopemta.trust.levels import Level

_LOCAL = "local"
_LEVELS = one_of({level.word: level for level in Level} | {_LOCAL: None})
_PLACEHOLDERS = frozenset({"local_part", "domain"})
_ENDPOINT = re.compile(r"(tcp|tcp6):(?:port=)?([0-9]{1,5})((?::(?:interface|backlog)=.+)*)")
_INTERFACE = re.compile(r":interface=((?:[^:\\]|\\.)*)")
_FORMS = '"mx", "smtp:host", "smtp:host:port", "smtp:[address]:port" or "maildir:path"'


@attrs.frozen
class Way:
    """What `via` says, under the names of `config.model.Route`."""

    via: Via
    host: str | None = None
    port: int | None = None
    maildir: str | None = None


@attrs.frozen
class RouteTls:
    """What `tls` of a route says, under the names of `config.model.Route`."""

    tls: Level | None = None
    is_local: bool = False


def route_tls(value: object, place: Place) -> RouteTls:
    """Read [[route]] tls: a level, or "local" for a hop that crosses no network."""
    if value == _LOCAL:
        return RouteTls(is_local=True)
    found: Any = _LEVELS(value, place)
    if found is not WRONG:
        return RouteTls(tls=found)
    return found  # type: ignore[return-value]  # WRONG, as every reader may say


def via(value: object, place: Place) -> Way:
    """Read [[route]] via."""
    try:
        return _way(text_of(value), place.folder)
    except NotValid as error:
        return place.wrong(str(error))  # type: ignore[no-any-return]  # WRONG, as every reader may say


def _way(text: str, folder: str) -> Way:
    kind, colon, rest = text.partition(":")
    if text == "mx":
        return Way(Via.MX)
    if kind == "smtp" and colon:
        host, port = split_port(rest)
        return Way(Via.SMTP, host if is_address(host) else domain_of(host), port)
    if kind == "maildir" and rest:
        return Way(Via.MAILDIR, maildir=resolved(_checked_template(rest), folder))
    if kind == "lmtp":
        raise NotValid(f"lmtp is not supported by this version; must be {_FORMS}")
    raise NotValid(f"must be {_FORMS}, not {shown(text)}")


def _checked_template(text: str) -> str:
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(text)]
    except ValueError as error:
        raise NotValid(f"has a brace without its partner: {shown(text)}") from error
    for name, spec, conversion in fields:
        if name is not None and (name not in _PLACEHOLDERS or spec or conversion):
            raise NotValid(f"may hold {{local_part}} and {{domain}} only: {shown(text)}")
    return text


def endpoint_of(value: object) -> str:
    """A Twisted server endpoint string, as far as it can be told without Twisted; `service` parses it for good."""
    whole = text_of(value)
    text = whole.removeprefix(PROXIED)
    if text.startswith(("ssl:", "tls:")):
        raise NotValid('brings TLS of its own; write "tcp:..." here and tls = "implicit" beside it')
    if text.startswith("systemd:"):
        return whole
    match = _ENDPOINT.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        raise NotValid(f'must be as "tcp:25:interface=192.0.2.1", "tcp6:25" or "systemd:...", not {shown(whole)}')
    return whole


def listening_address(text: str) -> tuple[str, int] | None:
    """The address and port of an endpoint that `endpoint_of` let pass, "*" for every interface; None where only
    systemd knows.
    """
    match = _ENDPOINT.fullmatch(text.removeprefix(PROXIED))
    if match is None:
        return None
    interface = _INTERFACE.search(match[3])
    # Endpoint strings escape the colons of an address.
    address = interface[1].replace("\\:", ":") if interface else ""
    return ("*" if address in ("", "0.0.0.0", "::") else address), int(match[2])


@attrs.frozen
class Spot:
    """Where an endpoint listens: "*" is every address of the family."""

    family: int
    address: str
    port: int

    def takes(self, other: Spot) -> bool:
        """Only one of the two can be bound."""
        if (self.family, self.port) != (other.family, other.port) or self.port == 0:
            return False
        return self.address == other.address or "*" in (self.address, other.address)


def spots_of(text: str) -> tuple[Spot, ...]:
    r"""Where an endpoint listens that `endpoint_of` let pass; none where only systemd knows.

    "tcp6:..." is IPv6 alone; "tcp:PORT:interface=\\:\\:" is both, as the kernel has it.
    """
    match, listening = _ENDPOINT.fullmatch(text.removeprefix(PROXIED)), listening_address(text)
    if match is None or listening is None:
        return ()
    address, port = canonical_ip_address(listening[0]), listening[1]
    if match[1] == "tcp6" or ":" in address:
        return (Spot(6, address, port),)
    both = address == "*" and r"\:" in match[3]
    return (Spot(4, address, port), Spot(6, address, port)) if both else (Spot(4, address, port),)


endpoint = plain(endpoint_of)
