"""What `via` and `tls` of a route say, read (pure)."""

from __future__ import annotations

import string
from typing import Any

import attrs

from fopemta.routing.route import Via
from fopemta.settings.place import WRONG, NotValid, Place, shown
from fopemta.settings.words import domain_of, is_address, one_of, resolved, split_port, text_of
from fopemta.trust.levels import Level

_LOCAL = "local"
_LEVELS = one_of({level.word: level for level in Level} | {_LOCAL: None})
_PLACEHOLDERS = frozenset({"local_part", "domain"})
_FORMS = '"mx", "smtp:host", "smtp:host:port", "smtp:[address]:port" or "maildir:path"'


@attrs.frozen
class Way:
    """What `via` says, under the names of `routing.route.Route`."""

    via: Via
    host: str | None = None
    port: int | None = None
    maildir: str | None = None


@attrs.frozen
class RouteTls:
    """What `tls` of a route says, under the names of `routing.route.Route`."""

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
