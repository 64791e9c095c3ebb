"""Who may come in, and how often: the count of all listeners together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Limits, Node, Workers
from fopemta.inbound.clients import Clients
from fopemta.mail.reply import Reply

CONFIG = Configuration(node=Node(hostname="mx.us.test", postmaster=Mailbox("pm", "us.test")), listeners=(), routes=())
A, B, SIX, SAME_SIX = "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"


def configured(**limits: Any) -> Configuration:
    return attrs.evolve(CONFIG, limits=Limits(**limits))


def said(reply: Reply | None) -> tuple[int, str | None] | None:
    return None if reply is None else (reply.code, reply.enhanced)


class ClientsTests(SynchronousTestCase):
    def clients(self, **limits: Any) -> Clients:
        self.clock = Clock()
        return Clients(configured(**limits), self.clock)

    def test_at_a_time(self) -> None:
        clients = self.clients(connections_per_client=2)
        full = (421, "4.7.0")
        steps: list[tuple[str, str, Any]] = [
            ("come", A, None), ("come", A, None), ("come", A, full), ("come", B, None), ("own", A, None),
            ("go", A, None), ("come", A, full), ("go", A, None), ("come", A, None),
            ("come", SIX, None), ("come", SAME_SIX, None), ("come", SIX, full), ("go", SAME_SIX, None),
            ("come", SIX, None),
        ]  # fmt: skip
        for number, (what, client, expected) in enumerate(steps):
            answer = clients.gone(client) if what == "go" else clients.connecting(client, what == "own")
            self.assertEqual(said(answer), expected, (number, what, client))

    def test_one_of_several_workers_lets_its_share_in(self) -> None:
        config = attrs.evolve(configured(connections_per_client=5, messages_per_minute=1), workers=Workers(count=4))
        clients = Clients(config, Clock())
        self.assertEqual([said(clients.connecting(A, False)) for _ in range(3)], [None, None, (421, "4.7.0")])
        self.assertEqual([said(clients.message(A)) for _ in range(2)], [None, (450, "4.7.1")])
        # 0 is no limit for them either.
        self.assertEqual({said(clients.recipient(A)) for _ in range(99)}, {None})

    def test_a_flush_elsewhere_counts_as_one_here(self) -> None:
        clients = self.clients(etrn_interval=60)
        clients.flushed("d.test")
        self.assertEqual([said(clients.flush(each)) for each in ("d.test", "e.test")], [(458, "4.7.0"), None])
        self.clock.advance(60)
        self.assertIsNone(clients.flush("d.test"))

    def test_nothing_is_kept_of_those_who_are_gone(self) -> None:
        clients = self.clients(connections_per_client=1)
        for client in (A, B, SIX):
            clients.connecting(client, False)
            clients.connecting(client, False)
            clients.gone(client)
        self.assertEqual(clients._open, {})

    def test_each_rate_has_its_reply_and_its_own_count(self) -> None:
        clients = self.clients(
            connections_per_minute=1, messages_per_minute=2, recipients_per_minute=3, handshakes_per_minute=4
        )
        questions: dict[Callable[[str], Reply | None], tuple[int, int, str]] = {
            lambda client: clients.connecting(client, False): (1, 421, "4.7.0"),
            clients.message: (2, 450, "4.7.1"),
            clients.recipient: (3, 452, "4.5.3"),
            clients.handshake: (4, 454, "4.7.0"),
        }
        for ask, (limit, code, enhanced) in questions.items():
            answers = [said(ask(A)) for _ in range(limit + 2)]
            self.assertEqual(answers, [None] * limit + [(code, enhanced)] * 2)
            self.assertIsNone(ask(B))
        self.clock.advance(60)
        self.assertEqual([ask(A) for ask in questions], [None] * 4)

    def test_by_default_only_connections_at_a_time_are_limited(self) -> None:
        clients = self.clients()
        for ask in (clients.message, clients.recipient, clients.handshake):
            self.assertEqual({ask(A) for _ in range(10_000)}, {None})
        for _ in range(10_000):
            self.assertIsNone(clients.connecting(A, False))
            clients.gone(A)

    def test_width_of_a_client(self) -> None:
        clients = self.clients(connections_per_client=1, client_ipv4=24, client_ipv6=128)
        answers = [said(clients.connecting(each, False)) for each in (A, B, SIX, SAME_SIX)]
        self.assertEqual(answers, [None, (421, "4.7.0"), None, None])

    def test_reload(self) -> None:
        """What has not changed goes on being counted; those who are here stay counted by the old width."""
        limits = {"messages_per_minute": 1, "recipients_per_minute": 1, "connections_per_client": 1}
        clients = self.clients(**limits)
        for ask in (clients.message, clients.recipient):
            ask(A)
        clients.connecting(A, False)
        clients.reconfigure(configured(**{**limits, "recipients_per_minute": 2, "client_ipv4": 8}))
        self.assertEqual(said(clients.message(A)), (450, "4.7.1"))
        self.assertEqual([said(clients.recipient(A)) for _ in range(3)], [None, None, (452, "4.5.3")])
        self.assertIsNone(clients.connecting(B, False))
        clients.gone(A)
        clients.gone(B)
        self.assertEqual(clients._open, {})
