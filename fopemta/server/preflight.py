"""Check this machine before fopemta starts (composition): files, certificates, endpoints.

The loader checks only the configuration's text; this checks what it refers to.  Nothing is changed, locked or listened
on.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from OpenSSL import SSL
from twisted.internet.endpoints import serverFromString

from fopemta.config.endpoints import Spot, spots_of
from fopemta.config.model import Configuration, Listener, ListenerTls, ServerVersion, TlsServer
from fopemta.plain_file import open_to_others
from fopemta.policy import aliases, recipient_list
from fopemta.policy.action import ForceTls
from fopemta.recipients import files as recipient_files
from fopemta.routing.route import Verify
from fopemta.routing.routes import is_local
from fopemta.server.own_addresses import Missing, missing_here
from fopemta.settings.errors import ConfigurationError
from fopemta.tls import groups
from fopemta.tls.credentials import CredentialsError
from fopemta.tls.credentials import load as load_credentials
from fopemta.tls.roots import SYSTEM, RootsError, trust
from fopemta.tls.server import ServerTls
from fopemta.trust.listener_offer import offer_of
from fopemta.users import user_file

# unix(7): sun_path has 108 octets, the last one is zero.
_LONGEST_SOCKET = 107


def check(configuration: Configuration, adopting: bool = True) -> tuple[ConfigurationError, ...]:
    """Everything that would keep `configuration` from running here.

    `adopting`: this process is the one that systemd may have passed sockets to.
    """
    return (
        *_endpoints(configuration, adopting),
        *_certificates(configuration),
        *_offers(configuration),
        *_roots(configuration),
        *_routes(configuration),
        *_folders(configuration),
        *_control(configuration.control.socket),
        *_users(configuration),
        *_recipients(configuration),
    )


def _endpoints(configuration: Configuration, adopting: bool) -> Iterator[ConfigurationError]:
    for index, listener in enumerate(configuration.listeners):
        if listener.own_endpoint.startswith("systemd:") and not adopting:
            continue
        try:
            serverFromString(_NoReactor(), listener.own_endpoint)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            why = _how_to_write(listener.own_endpoint) or error or type(error).__name__
            words = f"Twisted cannot use {listener.endpoint!r}: {why}"
            yield ConfigurationError(f"listener[{index}].endpoint", words)


def addresses(configuration: Configuration, missing: Missing = missing_here) -> Iterator[ConfigurationError]:
    """Listeners at addresses that this machine lacks, or with conflicting ports: checked at start, but not at a reload,
    since an interface that is down for a moment is no error in the configuration.
    """
    taken: list[tuple[int, Spot]] = []
    for index, listener in enumerate(configuration.listeners):
        key, spots = f"listener[{index}].endpoint", spots_of(listener.own_endpoint)
        other = next((first for first, spot in taken if any(spot.takes(each) for each in spots)), None)
        if other is not None:
            yield ConfigurationError(key, f"listener[{other}] listens there already")
        troubles = [trouble for each in spots if (trouble := missing(each.family, each.address)) is not None]
        if troubles:
            yield ConfigurationError(key, troubles[0])
        taken += [(index, each) for each in spots]


def missing_sources(configuration: Configuration, missing: Missing = missing_here) -> Iterator[ConfigurationError]:
    """Source addresses that this machine lacks; mail would wait for them."""
    for index, address in enumerate(configuration.delivery.source_addresses):
        trouble = missing(6 if ":" in address else 4, address)
        if trouble is not None:
            yield ConfigurationError(f"delivery.source_addresses[{index}]", trouble)


def readable_keys(configuration: Configuration) -> Iterator[ConfigurationError]:
    """Private keys that other users may read: permitted, but hardly meant."""
    routes = enumerate(configuration.routes)
    files = [
        (f"tls.server.certificates[{at}].key", each) for at, each in enumerate(configuration.tls_server.certificates)
    ]
    files += [(f"route[{at}].certificate.key", each.certificate) for at, each in routes if each.certificate is not None]
    for key, each in files:
        try:
            mode = os.stat(each.key).st_mode
        except OSError:
            continue  # reported elsewhere
        if mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
            yield ConfigurationError(
                key, f"{each.key}: others may read or change this private key (mode {mode & 0o777:o})"
            )


def _how_to_write(endpoint: str) -> str:
    """An IPv6 address has colons, which separate the parts of an endpoint."""
    kind, _, rest = endpoint.partition(":")
    port, found, address = rest.partition(":interface=")
    if kind != "tcp6" or not found or "\\" in address or ":" not in address:
        return ""
    escaped = address.replace(":", "\\:")
    written = f"tcp6:{port}:interface={escaped}"
    return f"the colons of the address are written with a backslash before them, in single quotes: '{written}'"


class _NoReactor:
    """For making endpoints without using them."""


def _certificates(configuration: Configuration) -> Iterator[ConfigurationError]:
    for index, files in enumerate(configuration.tls_server.certificates):
        try:
            ServerTls([load_credentials(files)])  # OpenSSL has its own requirements of keys
        except CredentialsError as error:
            yield ConfigurationError(f"tls.server.certificates[{index}]", str(error))


def _offers(configuration: Configuration) -> tuple[ConfigurationError, ...]:
    """TLS offers of listeners that this OpenSSL or the lowest version makes impossible."""
    spoken = [each for each in enumerate(configuration.listeners) if each[1].tls is not ListenerTls.OFF]
    found = [error for index, listener in spoken for error in _offer(configuration.tls_server, listener, index)]
    # An error in [tls.server] is reported once, however many listeners use it.
    return tuple(dict.fromkeys(found))


def _offer(server: TlsServer, listener: Listener, index: int) -> Iterator[ConfigurationError]:
    if server.lowest is ServerVersion.TLS_1_3 and not offer_of(server, listener).tls13:
        key = f"listener[{index}].suites" if listener.suites else "tls.server.suites"
        yield ConfigurationError(key, 'holds none of TLS 1.3, and lowest is "TLSv1.3"')
    wanted = listener.groups or (server.groups if listener.profile is None else ())
    missing = [each for each in wanted if each not in groups.had(wanted)]
    if missing:
        key = f"listener[{index}].groups" if listener.groups else "tls.server.groups"
        yield ConfigurationError(key, f"OpenSSL here has no {', '.join(missing)}")


def _routes(configuration: Configuration) -> Iterator[ConfigurationError]:
    for index, route in enumerate(configuration.routes):
        try:
            if route.roots is not None:
                _trusted(route.roots)
            if route.certificate is not None:
                load_credentials(route.certificate)
        except RootsError as error:
            yield ConfigurationError(f"route[{index}].roots", str(error))
        except CredentialsError as error:
            yield ConfigurationError(f"route[{index}].certificate", str(error))


def _roots(configuration: Configuration) -> Iterator[ConfigurationError]:
    for index, rule in enumerate(configuration.rulebook.rules if configuration.rulebook else ()):
        roots = rule.then.roots if isinstance(rule.then, ForceTls) else None
        try:
            if roots is not None:
                _trusted(roots)
        except RootsError as error:
            yield ConfigurationError(f"rules: rule[{index}].then.roots", str(error))
    try:
        _trusted(configuration.tls_client.roots)
    except RootsError as error:
        yield ConfigurationError("tls.client.roots", str(error))
    try:
        _trusted(configuration.tls_server.client_roots)
    except RootsError as error:
        yield ConfigurationError("tls.server.client_roots", str(error))


def _trusted(roots: str) -> None:
    """Load them once into an unused Context.  Raises RootsError."""
    if roots != SYSTEM:  # OpenSSL's own places are never an error, and take 5 ms to read
        trust(SSL.Context(SSL.TLS_METHOD), roots)


def _users(configuration: Configuration) -> Iterator[ConfigurationError]:
    """A missing file has no users; `fopemta users add` makes it."""
    if configuration.users.file == "off":
        return
    try:
        user_file.read(configuration.users.file)
    except FileNotFoundError:
        pass
    except user_file.UserFileUnsound as unsound:
        for reason in unsound.reasons:
            yield ConfigurationError("users.file", reason)


def _recipients(configuration: Configuration) -> Iterator[ConfigurationError]:
    routes, file = configuration.routes, configuration.aliases.file
    for index, route in enumerate(routes):
        if route.verify is Verify.LIST:
            yield from _unsound(f"route[{index}].recipients", route.recipients, recipient_list.parse)
    if file != "off":
        local = partial(is_local, routes=routes)
        yield from _unsound("aliases.file", file, partial(aliases.parse, is_local=local))


def _unsound(key: str, path: str, parse: Callable[[str], Any]) -> Iterator[ConfigurationError]:
    try:
        recipient_files.read(path, parse)
    except recipient_files.FileUnsound as unsound:
        for reason in unsound.reasons:
            yield ConfigurationError(key, reason)


def _folders(configuration: Configuration) -> Iterator[ConfigurationError]:
    """Missing folders are made; only a place to make them in must exist."""
    wanted = {"node.spool": configuration.node.spool, "node.state": configuration.node.state}
    for index, route in enumerate(configuration.routes):
        if route.maildir is not None:
            wanted[f"route[{index}].via"] = os.path.dirname(route.maildir.partition("{")[0])
    for key, folder in wanted.items():
        trouble = _trouble_with(folder) or (_open_to_others(folder) if key in ("node.spool", "node.state") else None)
        if trouble is not None:
            yield ConfigurationError(key, trouble)
    for name, path in (("text", configuration.log.text), ("json", configuration.log.json)):
        if path not in ("stdout", "off") and (trouble := _trouble_with_log(path)) is not None:
            yield ConfigurationError(f"log.{name}", trouble)


def _trouble_with_log(path: str) -> str | None:
    """Why no log can, or should, be written there; None if it can."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return f"{folder}: there is no such folder"
    if os.path.lexists(path) and not os.path.isfile(path):
        return f"{path}: is there and is no plain file"
    return _open_to_others(path)


def _open_to_others(path: str) -> str | None:
    """A folder that others may write to: they could redirect our log, or read what is in the mail."""
    found = open_to_others(path)
    return None if found is None else f"{found}: any user of this machine may write there (chmod o-w {found})"


def _control(path: str) -> Iterator[ConfigurationError]:
    """Paths where a socket can never be; what may change is a warning when the server starts."""
    if path == "off":
        return
    if (size := len(os.fsencode(path))) > _LONGEST_SOCKET:
        words = f"a socket's path can have {_LONGEST_SOCKET} octets at most, this one has {size}: {path}"
        yield ConfigurationError("control.socket", words)
    elif os.path.exists(path) and not stat.S_ISSOCK(os.stat(path).st_mode):
        yield ConfigurationError("control.socket", f"{path}: is there and is no socket")


def _trouble_with(folder: str) -> str | None:
    """Why `folder` cannot be written to, or made; None if it can."""
    nearest = folder
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        return f"{nearest}: is not a folder"
    if not os.access(nearest, os.W_OK | os.X_OK, effective_ids=True):
        return f"{nearest}: this user may not write there" + ("" if nearest == folder else f" (to make {folder})")
    return None
