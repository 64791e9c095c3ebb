"""From names and addresses to hosts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.answer import Absent, Answer, Found, Unavailable
from fopemta.routing.exchangers import Exchanger
from fopemta.routing.hosts import MOST_ADDRESSES, MOST_HOSTS, OwnAddresses, hosts_of, interleaved
from fopemta.routing.public_address import Reach
from fopemta.routing.routes import literal_address
from fopemta.routing.values import Host, RoutingFailure
from fopemta.trust.diagnosis import Diagnosis

NOBODY = OwnAddresses()


def exchangers(*names: str) -> list[Exchanger]:
    """Each worse than the one before."""
    return [Exchanger(number * 10, name) for number, name in enumerate(names)]


def failure(
    *answers: Answer[tuple[str, ...]], own: OwnAddresses = NOBODY, reach: Reach | None = None
) -> RoutingFailure:
    found = hosts_of("d.test", exchangers(*(f"mx{index}" for index in range(len(answers)))), answers, 25, own, reach)
    assert isinstance(found, RoutingFailure), found
    return found


class HostTests(SynchronousTestCase):
    def test_how_it_is_called_in_logs(self) -> None:
        self.assertEqual(Host("mx.test", ("192.0.2.1",), 25).word, "mx.test")
        self.assertEqual(Host(None, ("192.0.2.1",), 25).word, "192.0.2.1")

    def test_a_literal_has_both_brackets(self) -> None:
        for domain, address in (
            ("[192.0.2.12]", "192.0.2.12"), ("[IPv6:2001:DB8::1]", "2001:db8::1"), ("[192.0.2.12", None),
            ("192.0.2.12]", None), ("192.0.2.12", None), ("[mx.test]", None),
        ):  # fmt: skip
            self.assertEqual(literal_address(domain), address, domain)


class HostsTests(SynchronousTestCase):
    def test_in_order_with_their_addresses(self) -> None:
        answers = [Found(("192.0.2.1",)), Found(("192.0.2.2", "2001:db8::2"))]
        wanted = (Host("a", ("192.0.2.1",), 25), Host("b", ("2001:db8::2", "192.0.2.2"), 25))
        self.assertEqual(hosts_of("d.test", exchangers("a", "b"), answers, 25, NOBODY, None), wanted)

    def test_address_is_no_name(self) -> None:
        found = hosts_of("[192.0.2.1]", [Exchanger(0, "192.0.2.1")], [Found(("192.0.2.1",))], 25, NOBODY, None)
        self.assertEqual(found, (Host(None, ("192.0.2.1",), 25),))

    def test_host_without_address_does_not_spoil_the_others(self) -> None:
        for odd in (Absent(), Unavailable("timeout")):
            found = hosts_of("d.test", exchangers("a", "b"), [odd, Found(("192.0.2.2",))], 25, NOBODY, None)
            self.assertEqual(found, (Host("b", ("192.0.2.2",), 25),))

    def test_none_left(self) -> None:
        table = {
            (Absent(),): (True, "5.1.2"),
            (Absent(), Unavailable("timeout")): (False, "4.4.3"),
            (Unavailable("timeout"),): (False, "4.4.3"),
        }
        found = {answers: failure(*answers) for answers in table}
        self.assertEqual({key: (each.permanent, each.enhanced) for key, each in found.items()}, table)

    def test_C126_C127_families_take_turns_and_a_cut_keeps_both(self) -> None:
        six = tuple(f"2001:db8::{n}" for n in range(1, 9))
        four = tuple(f"192.0.2.{n}" for n in range(1, 8))
        found = hosts_of("d.test", exchangers("a"), [Found(six + four)], 25, NOBODY, None)
        assert not isinstance(found, RoutingFailure)
        self.assertEqual(len(found[0].addresses), MOST_ADDRESSES)
        self.assertEqual(found[0].addresses[:2], ("2001:db8::1", "192.0.2.1"))
        self.assertEqual(interleaved(("192.0.2.1",)), ("192.0.2.1",))

    def test_number_of_hosts_is_bounded(self) -> None:
        names = [f"mx{index}" for index in range(60)]
        found = hosts_of("d.test", exchangers(*names), [Found(("192.0.2.1",))] * 60, 25, NOBODY, None)
        assert not isinstance(found, RoutingFailure)
        self.assertEqual([host.name for host in found], names[:MOST_HOSTS])


class PrivateAddressTests(SynchronousTestCase):
    """What a stranger names does not lead into our own network."""

    def hosts(self, *answers: Answer[tuple[str, ...]], reach: Reach | None) -> tuple[Host, ...] | RoutingFailure:
        names = exchangers(*(f"mx{index}" for index in range(len(answers))))
        return hosts_of("d.test", names, answers, 25, NOBODY, reach)

    def test_next_host(self) -> None:
        found = self.hosts(Found(("10.0.0.1", "::1")), Found(("9.9.9.9",)), reach=Reach())
        self.assertEqual(found, (Host("mx1", ("9.9.9.9",), 25),))

    def test_other_addresses_of_the_same_host(self) -> None:
        found = self.hosts(Found(("127.0.0.1", "9.9.9.9", "::ffff:10.0.0.1")), reach=Reach())
        self.assertEqual(found, (Host("mx0", ("9.9.9.9",), 25),))

    def test_none_left(self) -> None:
        found = failure(Found(("10.0.0.1",)), Found(("::1", "127.0.0.1")), reach=Reach())
        self.assertEqual((found.permanent, found.code, found.enhanced), (True, 550, "5.4.4"))
        self.assertIs(found.diagnosis, Diagnosis.PRIVATE_ADDRESS)
        self.assertEqual(found.text, "no host of d.test has a public address: 10.0.0.1, ::1, 127.0.0.1")

    def test_few_are_shown(self) -> None:
        found = failure(Found(tuple(f"10.0.0.{n}" for n in range(200))), reach=Reach())
        self.assertEqual(found.text.count("10.0.0."), 4)

    def test_host_that_could_not_be_looked_up_may_yet_be_public(self) -> None:
        found = failure(Found(("10.0.0.1",)), Unavailable("timeout"), reach=Reach())
        self.assertEqual((found.permanent, found.enhanced), (False, "4.4.3"))

    def test_our_own_listener_is_a_loop_first(self) -> None:
        own = OwnAddresses(frozenset({("127.0.0.1", 25)}))
        self.assertEqual(failure(Found(("127.0.0.1",)), own=own, reach=Reach()).enhanced, "5.4.6")

    def test_operator_has_named_the_host(self) -> None:
        found = self.hosts(Found(("127.0.0.1",)), reach=None)
        self.assertEqual(found, (Host("mx0", ("127.0.0.1",), 25),))


class OwnAddressTests(SynchronousTestCase):
    """C121: not to ourselves, by whatever name."""

    def test_listening_addresses_are_ours_with_their_port_only(self) -> None:
        own = OwnAddresses(frozenset({("127.0.0.1", 2525)}))
        self.assertTrue(own.are("127.0.0.1", 2525))
        self.assertFalse(own.are("127.0.0.1", 25))
        self.assertFalse(own.are("127.0.0.2", 2525))

    def test_listening_everywhere(self) -> None:
        own = OwnAddresses(frozenset({("*", 25)}), frozenset({"192.0.2.9"}))
        ours = {address: own.are(address, 25) for address in ("127.0.0.3", "::1", "192.0.2.9", "192.0.2.8")}
        self.assertEqual(ours, {"127.0.0.3": True, "::1": True, "192.0.2.9": True, "192.0.2.8": False})

    def test_unspecified_address_is_always_us(self) -> None:
        self.assertTrue(NOBODY.are("0.0.0.0", 25))
        self.assertTrue(NOBODY.are("::", 25))

    def test_loop_ends_at_once(self) -> None:
        own = OwnAddresses(frozenset({("192.0.2.9", 25)}))
        found = failure(Found(("192.0.2.9",)), own=own)
        self.assertEqual((found.permanent, found.enhanced), (True, "5.4.6"))

    def test_only_better_hosts_than_ourselves_are_tried(self) -> None:
        own = OwnAddresses(frozenset({("192.0.2.9", 25)}))
        found = hosts_of(
            "d.test",
            [Exchanger(5, "better"), Exchanger(10, "equal"), Exchanger(10, "us"), Exchanger(20, "worse")],
            [Found((address,)) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.9", "192.0.2.3")],
            25,
            own,
            None,
        )
        self.assertEqual(found, (Host("better", ("192.0.2.1",), 25),))

    def test_host_that_is_us_by_one_address_is_us(self) -> None:
        own = OwnAddresses(frozenset({("192.0.2.9", 25)}))
        found = failure(Found(("192.0.2.1", "192.0.2.9")), own=own)
        self.assertEqual(found.enhanced, "5.4.6")

    def test_better_host_that_cannot_be_looked_up_defers(self) -> None:
        # We are the backup: the main server's address will be known again.
        own = OwnAddresses(frozenset({("192.0.2.9", 25)}))
        found = failure(Unavailable("timeout"), Found(("192.0.2.9",)), own=own)
        self.assertEqual((found.permanent, found.enhanced), (False, "4.4.3"))
        found = failure(Found(("192.0.2.9",)), Unavailable("timeout"), own=own)
        self.assertEqual((found.permanent, found.enhanced), (True, "5.4.6"))

    def test_other_ways_to_write_an_address(self) -> None:
        own = OwnAddresses(frozenset({("192.0.2.9", 25), ("2001:DB8:0:0::1", 25), ("*", 2525)}))
        for address, port in (("::ffff:192.0.2.9", 25), ("2001:db8::1", 25), ("::ffff:127.0.0.1", 2525)):
            self.assertTrue(own.are(address, port), address)
