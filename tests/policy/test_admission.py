"""Who may send where."""

from __future__ import annotations

import ipaddress

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.policy.admission import Admission, names_domain
from fopemta.routing.route import Route, Via
from fopemta.trust.evidence import ClientCertificate

ROUTES = (
    Route(domain="local.test", via=Via.MAILDIR, maildir="/m"),
    Route(domain="*.local.test", via=Via.MAILDIR, maildir="/m"),
    Route(domain="customer.test", via=Via.SMTP, host="192.0.2.1"),
)
POSTMASTER = Mailbox("pm", "admin.test")


def admission(*networks: str) -> Admission:
    nets = tuple(ipaddress.ip_network(each) for each in networks)
    return Admission(nets, ("customer.test", "*.branch.test"), ROUTES, POSTMASTER)


def taken(address: str, may_relay: bool = False) -> bool:
    local_part, _, domain = address.rpartition("@")
    return admission().judge_recipient(Mailbox(local_part, domain), may_relay) is None


class AdmissionTests(SynchronousTestCase):
    def test_strangers(self) -> None:
        table = {
            "bob@local.test": True,
            "bob@sub.local.test": True,
            "bob@customer.test": True,
            "bob@a.branch.test": True,
            "postmaster@local.test": True,
            "pm@admin.test": True,
            "bob@admin.test": False,
            "bob@far.test": False,
            "bob@branch.test": False,
            "bob@xlocal.test": False,
            "bob@xbranch.test": False,
            "bob@local.test.far.test": False,
            "bob@[192.0.2.1]": False,
            "bob@[127.0.0.1]": False,
            # In a domain of our own the local part is ours to read, and it names no other address.
            "bob%far.test@local.test": True,
            "bob@far.test@local.test": True,
            "bob@local.test@far.test": False,
            "far.test!bob@local.test": True,
            # The customer's server might read one in it.
            "bob%far.test@customer.test": False,
            "bob@far.test@a.branch.test": False,
            "far.test!bob@customer.test": False,
        }
        self.assertEqual({address: taken(address) for address in table}, table)

    def test_our_own_clients_may_send_anywhere(self) -> None:
        self.assertTrue(taken("bob@far.test", may_relay=True))
        self.assertTrue(taken("bob@[192.0.2.1]", may_relay=True))
        self.assertTrue(taken("bob%far.test@customer.test", may_relay=True))

    def test_refusal(self) -> None:
        reply = admission().judge_recipient(Mailbox("bob", "far.test"), False)
        assert reply is not None
        self.assertEqual((reply.code, reply.enhanced), (550, "5.7.1"))

    def test_networks(self) -> None:
        inside = admission("192.0.2.0/24", "2001:db8::/32")
        table = {
            "192.0.2.9": True,
            "192.0.3.9": False,
            "2001:db8::9": True,
            "2001:db9::9": False,
            "::ffff:192.0.2.9": True,
            "::ffff:192.0.3.9": False,
            "unknown": False,
            "": False,
        }
        self.assertEqual({client: inside.may_relay(client) for client in table}, table)

    def test_nobody_by_default(self) -> None:
        self.assertFalse(admission().may_relay("127.0.0.1"))

    def test_patterns(self) -> None:
        table = {"a.test": True, "x.a.test": False, "b.test": False, "x.b.test": True, "x.y.b.test": True}
        self.assertEqual({domain: names_domain(("a.test", "*.b.test"), domain) for domain in table}, table)


class FlushTests(SynchronousTestCase):
    """Who may have the queue of a domain of ours started (ETRN)."""

    ROUTE = Route(
        domain="cust.test", etrn=(ipaddress.ip_network("192.0.2.10/32"),), etrn_logins=("cust",),
        etrn_certificates=("mx.cust.test", "ab" * 32),
    )  # fmt: skip
    GOOD = ClientCertificate(names=("mx.cust.test",), verified=True)

    def permitted(
        self, domain: str, client: str, login: str | None = None, certificate: ClientCertificate | None = None
    ) -> bool:
        ours = (ipaddress.ip_network("192.0.2.200/32"),)
        found = Admission(ours, ("relay.test",), (self.ROUTE,), POSTMASTER)
        return found.judge_flush(domain, client, login, certificate) is None

    def test_by_network_login_or_certificate(self) -> None:
        unproven = attrs.evolve(self.GOOD, verified=False, fault="expired")
        for client, login, certificate, wanted in (
            ("192.0.2.1", None, None, False),
            ("192.0.2.10", None, None, True),
            ("192.0.2.200", None, None, True),
            ("192.0.2.1", "cust", None, True),
            ("192.0.2.1", "other", None, False),
            ("192.0.2.1", None, self.GOOD, True),
            ("192.0.2.1", None, unproven, False),
            ("192.0.2.1", None, ClientCertificate(names=("mx.other.test",), verified=True), False),
            ("192.0.2.1", None, ClientCertificate(key_sha256="ab" * 32), True),
        ):
            self.assertEqual(self.permitted("cust.test", client, login, certificate), wanted, (client, login))

    def test_of_which_domains(self) -> None:
        for domain, wanted in (("cust.test", True), ("relay.test", True), ("far.test", False)):
            self.assertEqual(self.permitted(domain, "192.0.2.200"), wanted, domain)
        for domain in ("relay.test", "far.test"):
            self.assertFalse(self.permitted(domain, "192.0.2.10", "cust", self.GOOD), domain)
