"""The PROXY protocol."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.smtp.proxy_header import SIGNATURE, NoProxyHeader, ProxiedFor, ProxyHeader, proxy_header

V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\n"


def v2(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


V4 = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + struct.pack("!HH", 40000, 25)
V6 = bytes.fromhex("20010db8000000000000000000000007") * 2 + struct.pack("!HH", 40001, 25)
PROXY, UNKNOWN = (ProxiedFor.PROXY, "", 0), (ProxiedFor.UNKNOWN, "", 0)
GOOD = {
    V1: (ProxiedFor.CLIENT, "192.0.2.7", 40000),
    b"PROXY TCP6 2001:DB8::7 ::1 40001 25\r\n": (ProxiedFor.CLIENT, "2001:db8::7", 40001),
    b"PROXY UNKNOWN\r\n": UNKNOWN,
    b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n": UNKNOWN,
    v2(1, 0x11, V4): (ProxiedFor.CLIENT, "192.0.2.7", 40000),
    v2(1, 0x21, V6): (ProxiedFor.CLIENT, "2001:db8::7", 40001),
    v2(1, 0x11, V4 + b"\x04\x00\x01x"): (ProxiedFor.CLIENT, "192.0.2.7", 40000),  # with a TLV
    v2(1, 0x00, b""): UNKNOWN,
    v2(1, 0x01, V4): UNKNOWN,
    v2(0, 0x00, b""): PROXY,
    v2(0, 0x11, V4): PROXY,
}
BAD = (
    b"EHLO x\r\n", b"\x16\x03\x01", b"PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n", b"PROXY TCP4 x y 1 2\r\n",
    b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n", b"PROXY TCP4 192.0.2.7 198.51.100.1 70000 25\r\n",
    b"PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n", b"PROXY " + b"x" * 200, b"proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\nEHLO\r\n", v2(1, 0x31, b"x" * 216), v2(1, 0x11, b"xx"), v2(2, 0x11, V4),
    b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
    b"PROXY UNKNOWNX\r\n", b"PROXY UNKNOWN x\ry\r\n", b"PROXY TCP4 192.0.2.7 198.51.100.1 040 25\r\n",
    b"PROXY TCP4 192.0.2.07 198.51.100.1 40 25\r\n", b"PROXY TCP6 fe80::1%x ::1 40 25\r\n",
    v2(1, 0x11, b"x" * 5000), v2(1, 0x12, V4), SIGNATURE + b"\x11\x11\x00\x00",
)  # fmt: skip


class ProxyHeaderTests(SynchronousTestCase):
    def test_good(self) -> None:
        for data, (speaker, address, port) in GOOD.items():
            for rest in (b"", b"EHLO x\r\n"):
                self.assertEqual(proxy_header(data + rest), ProxyHeader(speaker, len(data), address, port), data)

    def test_the_highest_port(self) -> None:
        header = proxy_header(b"PROXY TCP4 192.0.2.1 192.0.2.2 65535 65535\r\n")
        assert header is not None
        self.assertEqual(header.port, 65535)
        for ports in (b"65536 25", b"25 65536"):
            self.assertRaises(NoProxyHeader, proxy_header, b"PROXY TCP4 192.0.2.1 192.0.2.2 " + ports + b"\r\n")

    def test_addresses_in_fewer_octets_than_they_take(self) -> None:
        """Their end would be read from what follows the header."""
        for family, body in ((0x11, V4), (0x21, V6)):
            self.assertIsNotNone(proxy_header(v2(1, family, body)))
            for size in range(len(body)):
                self.assertRaises(NoProxyHeader, proxy_header, v2(1, family, body[:size]) + body[size:])

    def test_the_longest(self) -> None:
        line = b"PROXY UNKNOWN ".ljust(105, b"x") + b"\r\n"
        table = b"\x04".ljust(4096 - len(V4), b"x")
        for longest, too_long in (
            (line, line[:-2] + b"x\r\n"),
            (v2(1, 0x11, V4 + table), v2(1, 0x11, V4 + table + b"x")),
        ):
            header = proxy_header(longest)
            assert header is not None
            self.assertEqual(header.length, len(longest))
            self.assertRaises(NoProxyHeader, proxy_header, too_long)

    def test_a_line_without_end_is_given_up_when_it_is_too_long(self) -> None:
        self.assertIsNone(proxy_header(b"PROXY ".ljust(106, b"x")))
        self.assertRaises(NoProxyHeader, proxy_header, b"PROXY ".ljust(107, b"x"))

    def test_cut_at_every_octet(self) -> None:
        for data in GOOD:
            for cut in range(len(data)):
                self.assertIsNone(proxy_header(data[:cut]), (data, cut))

    def test_bad(self) -> None:
        for data in BAD:
            self.assertRaises(NoProxyHeader, proxy_header, data)

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(st.sampled_from([b"", b"PROXY ", SIGNATURE]), st.binary(max_size=150))
    def test_whatever_octets(self, start: bytes, rest: bytes) -> None:
        try:
            found = proxy_header(start + rest)
        except NoProxyHeader:
            return
        if found is not None:
            self.assertLessEqual(found.length, len(start + rest))
