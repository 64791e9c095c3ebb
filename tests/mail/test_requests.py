"""What is said at the control socket."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.orders import Order, OrderKind
from fopemta.mail.requests import (
    MOST_MESSAGES,
    FlushRequest,
    NotARequest,
    OrdersRequest,
    ReloadRequest,
    StatusRequest,
    orders_json,
    request_of,
)

ID = "0vyKfVczdK5G1f"


class RequestTests(SynchronousTestCase):
    def test_good_ones(self) -> None:
        hold = Order(kind=OrderKind.HOLD)
        some = Order(kind=OrderKind.REMOVE, recipients=frozenset({"bob@example.net"}), report=True, reason="why")
        for said, request in (
            ({"command": "reload"}, ReloadRequest()),
            ({"command": "status"}, StatusRequest()),
            ({"command": "flush", "domain": "Example.ORG"}, FlushRequest("example.org")),
            ({"command": "flush", "domain": "*.Example.ORG."}, FlushRequest("*.example.org")),
            ({"command": "flush", "domain": "@bücher.example"}, FlushRequest("@xn--bcher-kva.example")),
            ({"command": "order", "order": "hold", "messages": [{"id": ID}]}, OrdersRequest(((ID, hold),))),
            (
                {
                    "command": "order", "order": "remove", "report": True, "reason": "why",
                    "messages": [{"id": ID, "recipients": ["bob@example.net"]}],
                },
                OrdersRequest(((ID, some),)),
            ),
        ):  # fmt: skip
            self.assertEqual(request_of(json.dumps(said).encode()), request)

    def test_what_commands_say_is_understood(self) -> None:
        for kind in (each for each in OrderKind if each is not OrderKind.LOWER):
            order = Order(kind=kind, recipients=frozenset({"bücher@example.net"}), reason="Grüße", report=True)
            orders = OrdersRequest(((ID, order), (ID[::-1], order)))
            self.assertEqual(request_of(json.dumps(orders_json(orders)).encode()), orders)

    def test_bad_ones(self) -> None:
        good = {"command": "order", "order": "hold", "messages": [{"id": ID}]}
        for said in (
            None, [], "reload", 7, {}, {"command": None}, {"command": ["reload"]}, {"command": "stop"},
            {"command": "flush"}, {"command": "flush", "domain": 7}, {"command": "flush", "domain": "a b"},
            {"command": "flush", "domain": ""}, good | {"order": "burn"}, good | {"order": "lower"},
            good | {"order": []},
            good | {"messages": []}, good | {"messages": {}}, good | {"messages": [{"id": ID}] * (MOST_MESSAGES + 1)},
            good | {"messages": ["x"]}, good | {"messages": [{"id": "../../etc/passwd"}]}, good | {"messages": [{}]},
            good | {"messages": [{"id": ID, "recipients": "bob"}]},
            good | {"messages": [{"id": ID, "recipients": [7]}]},
            good | {"report": "yes"}, good | {"reason": "a\nb"}, good | {"reason": "x" * 1000}, good | {"reason": None},
        ):  # fmt: skip
            with self.assertRaises(NotARequest, msg=repr(said)):
                request_of(json.dumps(said).encode())

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.binary(max_size=200))
    def test_any_line(self, line: bytes) -> None:
        with self.assertRaises(NotARequest):
            request_of(line)
