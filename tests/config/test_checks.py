"""What must hold between keys, and what is only worth a word."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.checks import cautions, revocation_matters
from fopemta.config.load import load
from fopemta.config.rules import load_rules
from fopemta.policy.blocklist import Blocklist
from tests.config.test_load import SMALLEST, errors_of


class TogetherTests(SynchronousTestCase):
    def test_endpoints_and_domains_stand_once(self) -> None:
        text = SMALLEST + '[[listener]]\nendpoint = "tcp:25"\n[[route]]\ndomain = "EXAMPLE.org"\n'
        self.assertEqual(
            errors_of(text),
            [
                "listener[1].endpoint: is the same as listener[0].endpoint",
                "route[1].domain: is the same as route[0].domain",
            ],
        )

    def test_longest_wait_is_not_shorter_than_the_first(self) -> None:
        self.assertEqual(
            errors_of(SMALLEST + '[retry]\nfirst = "5h"\n'), ["retry.longest: must not be shorter than retry.first"]
        )

    def test_tls_may_be_left_out_towards_this_machine_alone(self) -> None:
        """`local` satisfies Force TLS: towards any other machine it would be no TLS at all."""
        table = {
            "127.0.0.1": True, "127.9.8.7": True, "[::1]": True, "localhost": True, "mail.localhost": True,
            "192.0.2.1": False, "[2001:db8::1]": False, "mx.d.test": False, "localhost.d.test": False,
            "notlocalhost": False, "0.0.0.0": False, "10.0.0.1": False,
        }  # fmt: skip
        wrong = ['route[1].tls: "local" is for a host on this machine: via = "smtp:[127.0.0.1]:port"']
        for host, permitted in table.items():
            route = f'[[route]]\ndomain = "d.test"\nvia = "smtp:{host}:25"\ntls = "local"\n'
            self.check(route, [] if permitted else wrong)

    def check(self, route: str, wrong: list[str]) -> None:
        """A configuration with one more route, and what is wrong with it."""
        if wrong:
            self.assertEqual(errors_of(SMALLEST + route), wrong, route)
        else:
            load(SMALLEST + route, "/etc")

    def test_a_certificate_with_the_domain_s_name_needs_one_domain(self) -> None:
        wrong = ['route[1].names: "domain" does not say which, where the route is for several to one host']
        for domain, permitted in (("d.test", True), ("*.d.test", False), ("*", False)):
            route = f'[[route]]\ndomain = "{domain}"\nvia = "smtp:mx.test"\ntls = "authenticated"\nnames = "domain"\n'
            self.check(route, [] if permitted else wrong)

    def test_where_revocation_matters(self) -> None:
        authenticated = '[[route]]\ndomain = "d.test"\nvia = "smtp:mx.test"\ntls = "{}"\n'
        table = {
            ("soft", ""): False,
            ("hard", ""): True,
            ("off", authenticated.format("authenticated")): False,
            ("soft", authenticated.format("authenticated")): True,
            ("soft", authenticated.format("encrypt")): False,
        }
        for (revocation, route), matters in table.items():
            text = SMALLEST + route + f'[tls.client]\nrevocation = "{revocation}"\n'
            self.assertEqual(revocation_matters(load(text, "/etc")), matters, (revocation, route))
        with_rule = load(SMALLEST + '[tls.client]\nrevocation = "soft"\n', "/etc")
        rules = '[[rule]]\nname = "r"\nwhen = {}\nthen = { action = "force_tls" }\n'
        with_rule = attrs.evolve(with_rule, rulebook=load_rules(rules, "/etc"))
        self.assertTrue(revocation_matters(with_rule))

    def test_two_logs_are_two_places(self) -> None:
        self.assertEqual(
            errors_of(SMALLEST + '[log]\ntext = "a/../b.log"\njson = "b.log"\n'),
            ["log.json: must not be the same place as log.text"],
        )

    def test_a_proxy_s_header_is_believed_of_somebody_or_not_asked_for(self) -> None:
        proxied = SMALLEST.replace('"tcp:25"', '"haproxy:tcp:25"')
        self.assertEqual(
            errors_of(proxied),
            ['listener[0].proxies: is missing: an endpoint "haproxy:..." must know whom to believe'],
        )
        with_proxies = '"\nproxies = ["192.0.2.0/24"]\n'
        self.assertEqual(
            errors_of(SMALLEST.replace('"tcp:25"\n', '"tcp:25' + with_proxies)),
            ['listener[0].proxies: has no use without an endpoint "haproxy:..."'],
        )
        [listener] = load(SMALLEST.replace('"tcp:25"\n', '"haproxy:tcp:25' + with_proxies), "/etc").listeners
        self.assertEqual((listener.proxied, listener.own_endpoint), (True, "tcp:25"))

    def test_block_lists_are_zones_or_tables(self) -> None:
        text = '"tcp:25"\nblocklists = ["BL.test", {zone = "x.test", codes = ["127.0.0.9", "127.0.1.2"]}]\n'
        [listener] = load(SMALLEST.replace('"tcp:25"\n', text), "/etc").listeners
        expected = (Blocklist("bl.test"), Blocklist("x.test", ("127.0.0.9", "127.0.1.2")))
        self.assertEqual(listener.blocklists, expected)
        for codes in ("192.0.2.1", "127.255.255.254", "::1", "x"):
            [error] = errors_of(SMALLEST.replace('"tcp:25"\n', text.replace("127.0.1.2", codes)))
            self.assertTrue(error.startswith("listener[0].blocklists[1].codes[1]: "), error)
        [error] = errors_of(SMALLEST.replace('"tcp:25"\n', text.replace('zone = "x.test", ', "")))
        self.assertEqual(error, "listener[0].blocklists[1].zone: is missing")

    def test_scram_needs_users(self) -> None:
        self.assertEqual(errors_of(SMALLEST + "[users]\nscram = true\n"), ["users.scram: needs users.file"])
        load(SMALLEST + '[users]\nscram = true\nfile = "users"\n', "/etc")

    def test_how_recipients_are_verified_fits_the_way(self) -> None:
        local, elsewhere = 'via = "maildir:/mail/{local_part}"', 'via = "smtp:192.0.2.1"'
        cases = {
            ("d.test", local, "list", ""): ["recipients"],
            ("d.test", local, "callout", ""): ["verify"],
            ("d.test", 'via = "maildir:/mail/all"', "maildir", ""): ["verify"],
            ("d.test", elsewhere, "maildir", ""): ["verify"],
            ("*", elsewhere, "callout", ""): ["verify"],
            ("d.test", elsewhere, "callout", 'etrn = ["192.0.2.0/24"]'): ["verify"],
            ("d.test", elsewhere, "callout", 'recipients = "x"'): ["recipients"],
            ("d.test", elsewhere, "callout", 'unverified = "defer"'): [],
            ("d.test", elsewhere, "list", 'recipients = "x"'): [],
            ("d.test", local, "maildir", ""): [],
        }
        for (domain, way, verify, more), keys in cases.items():
            text = f'[[route]]\ndomain = "{domain}"\n{way}\nverify = "{verify}"\n{more}\n'
            errors = errors_of(SMALLEST + text) if keys else []
            self.assertEqual([each.split(":")[0] for each in errors], [f"route[1].{key}" for key in keys], text)
            if not keys:
                load(SMALLEST + text, "/etc")

    def test_postmaster_is_not_blamed_for_a_broken_route(self) -> None:
        errors = errors_of(SMALLEST.replace("maildir:", "maildri:"))
        self.assertEqual([error.split(":")[0] for error in errors], ["route[0].via"])


class CautionTests(SynchronousTestCase):
    def test_each(self) -> None:
        text = SMALLEST.replace('"tcp:25"', '"tcp:25"\ntls = "required"')
        text += '[relay]\nnetworks = ["0.0.0.0/0"]\n[[route]]\ndomain = "*"\nvia = "maildir:/mail/{domain}"\n'
        found = [caution.key for caution in cautions(load(text, "/etc"), 0.0)]
        self.assertEqual(found, ["listener[0].tls", "relay.networks[0]", "route[1].domain"])

    def test_servers_that_know_no_tls(self) -> None:
        for tls, found in (("off", []), ("opportunistic", []), ("required", ["listener[0].tls"]),
                           ("implicit", ["listener[0].tls"])):  # fmt: skip
            text = SMALLEST.replace('"tcp:25"', f'"tcp:25"\ntls = "{tls}"')
            self.assertEqual([each.key for each in cautions(load(text, "/etc"), 0.0)], found, tls)

    def test_submission_where_nobody_can_log_in(self) -> None:
        text = SMALLEST.replace('"tcp:25"', '"tcp:587"\nkind = "submission"')
        self.assertEqual([each.key for each in cautions(load(text, "/etc"), 0.0)], ["listener[0].kind"])
        self.assertEqual(cautions(load(text + '[users]\nfile = "users"\n', "/etc"), 0.0), ())

    def test_client_certificates_that_strangers_have_not(self) -> None:
        for text, key in (
            (
                SMALLEST.replace('"tcp:25"', '"tcp:25"\nclient_certificates = "require"'),
                "listener[0].client_certificates",
            ),
            (SMALLEST + '[tls.server]\nclient_certificates = "require"\n', "tls.server.client_certificates"),
            (SMALLEST + '[relay]\ncertificates = ["mx.d.test"]\n', "relay.certificates"),
        ):
            self.assertEqual([each.key for each in cautions(load(text, "/etc"), 0.0)], [key])

    def test_none_for_an_ordinary_file(self) -> None:
        self.assertEqual(cautions(load(SMALLEST, "/etc"), 0.0), ())
