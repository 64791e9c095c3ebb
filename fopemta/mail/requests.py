"""Requests at the control socket (pure): one line of JSON, with answers of one line each.

    {"command": "order", "order": "hold", "messages": [{"id": "0vyK..."}], "reason": "ticket 7"}
    {"command": "flush", "domain": "example.org"}
    {"command": "reload"}
    {"command": "list"}

There is an answer for each message of an order, and for each queued message to "list" (a mail.listed.Brief); the last
answer is {"end": true}, with "error" if the request failed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from fopemta.address.written import NotWritten, domain_pattern
from fopemta.mail.identifiers import is_message_id
from fopemta.mail.orders import Order, OrderKind

# Messages in one request; a command for more sends several requests.
MOST_MESSAGES = 200
LONGEST_REASON = 200
_LONGEST_ADDRESS = 1000


class NotARequest(ValueError):
    """The line is not a valid request; the text says why."""


@attrs.frozen
class OrdersRequest:
    """One order for each of several messages."""

    orders: tuple[tuple[str, Order], ...]


@attrs.frozen
class FlushRequest:
    """Try at once what waits for `domain`; "@domain" includes its sub-domains."""

    domain: str


@attrs.frozen
class ReloadRequest:
    """Reload the configuration files.  `allow_lower`: also if this lowers the TLS demands on queued mail."""

    allow_lower: bool = False


@attrs.frozen
class ForgetHosts:
    """Forget what is remembered about these hosts; no hosts means all."""

    hosts: tuple[str, ...]


@attrs.frozen
class List:
    """List each unfinished message in brief, oldest first."""


@attrs.frozen
class StatusRequest:
    """Ask whether the server is running."""


Request: TypeAlias = OrdersRequest | FlushRequest | ReloadRequest | ForgetHosts | List | StatusRequest


def request_of(line: bytes) -> Request:
    """Parse the request in `line`.  Raises NotARequest."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise NotARequest("not JSON") from None
    command = said.get("command") if isinstance(said, dict) else None
    read = _READERS.get(command) if isinstance(command, str) else None
    if read is None:
        raise NotARequest("not a command of this version")
    return read(said)


def orders_json(orders: OrdersRequest) -> dict[str, Any]:
    """The request for `orders`, which are all of one kind."""
    first = orders.orders[0][1]
    return {
        "command": "order",
        "order": first.kind.value,
        "report": first.report,
        "reason": first.reason,
        "override_tls": first.override_tls,
        "messages": [
            {"id": message_id} | ({} if order.recipients is None else {"recipients": sorted(order.recipients)})
            for message_id, order in orders.orders
        ],
    }


def _orders(said: Mapping[str, Any]) -> OrdersRequest:
    try:
        kind = OrderKind(said["order"])
        if kind is OrderKind.LOWER:
            raise ValueError(kind)  # part of a reload, and not an order of its own
        messages = said["messages"]
        report, reason = said.get("report", False), said.get("reason", "")
        override_tls = said.get("override_tls", False)
    except (KeyError, ValueError):
        raise NotARequest("not an order") from None
    if not isinstance(messages, list) or not 0 < len(messages) <= MOST_MESSAGES:
        raise NotARequest(f"messages must be 1 to {MOST_MESSAGES}")
    if not isinstance(report, bool) or not isinstance(override_tls, bool) or not _is_text(reason, LONGEST_REASON):
        raise NotARequest("report and override_tls must be true or false, reason a text in one line")
    if override_tls and (kind is not OrderKind.RELEASE or not reason):
        raise NotARequest("override_tls is for a release, and needs a reason")
    pattern = Order(kind=kind, report=report, reason=reason, override_tls=override_tls)
    return OrdersRequest(tuple(_order(each, pattern) for each in messages))


def _order(said: object, pattern: Order) -> tuple[str, Order]:
    if not isinstance(said, dict) or not isinstance(said.get("id"), str) or not is_message_id(said["id"]):
        raise NotARequest("each message must have its id")
    recipients = said.get("recipients")
    if recipients is not None and not (
        isinstance(recipients, list) and all(_is_text(each, _LONGEST_ADDRESS) for each in recipients)
    ):
        raise NotARequest("recipients must be addresses")
    chosen = None if recipients is None else frozenset(recipients)
    return said["id"], attrs.evolve(pattern, recipients=chosen)


def _flush(said: Mapping[str, Any]) -> FlushRequest:
    domain = said.get("domain")
    if not isinstance(domain, str):
        raise NotARequest("domain is missing")
    try:
        return FlushRequest(domain_pattern(domain))
    except NotWritten as flaw:
        raise NotARequest(f"domain {flaw}") from flaw


def _reload(said: Mapping[str, Any]) -> ReloadRequest:
    allow_lower = said.get("allow_lower", False)
    if not isinstance(allow_lower, bool):
        raise NotARequest("allow_lower must be true or false")
    return ReloadRequest(allow_lower)


def _forget_hosts(said: Mapping[str, Any]) -> ForgetHosts:
    hosts = said.get("hosts", [])
    if not isinstance(hosts, list) or not all(_is_text(each, _LONGEST_ADDRESS) for each in hosts):
        raise NotARequest("hosts must be names")
    return ForgetHosts(tuple(hosts))


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and (not value or value.isprintable())


_READERS: dict[str, Callable[[Mapping[str, Any]], Request]] = {
    "order": _orders,
    "flush": _flush,
    "reload": _reload,
    "forget_hosts": _forget_hosts,
    "list": lambda _: List(),
    "status": lambda _: StatusRequest(),
}
