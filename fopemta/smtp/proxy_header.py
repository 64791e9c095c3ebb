"""The PROXY protocol, versions 1 and 2 (pure): the address of the client behind a proxy.

Length is bounded, and nothing after the header is read.  Sections are those of
https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt.
"""

from __future__ import annotations

import enum
import ipaddress
import re
import struct

import attrs

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_WORD = b"PROXY "
# Section 2.1: the longest header of version 1, its CRLF included.
_LONGEST_V1 = 107
_HEAD_V2 = 16
# Addresses need 36 octets; the rest are TLVs, which are skipped.
_LONGEST_V2 = 4096
# No leading zeros: some readers take such numbers as octal.
_PORT = rb"(0|[1-9][0-9]{0,4})"
_V1 = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f.:]{2,45}) ([0-9A-Fa-f.:]{2,45}) %b %b\r\n" % (_PORT, _PORT))
# Everything after UNKNOWN is to be ignored.
_V1_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")


class NoProxyHeader(Exception):
    """The input is not a header of the PROXY protocol."""


class ProxiedFor(enum.Enum):
    """On whose behalf the connection is made."""

    PROXY = "proxy"  # its own, such as a health check
    CLIENT = "client"
    UNKNOWN = "unknown"  # a client that the proxy cannot identify


@attrs.frozen
class ProxyHeader:
    """`address` and `port` of the client, "" and 0 if unknown or absent; `length` of the header in octets."""

    speaker: ProxiedFor
    length: int
    address: str = ""
    port: int = 0


def proxy_header(data: bytes) -> ProxyHeader | None:
    """The header at the start of `data`; None if more input is needed.  Raises NoProxyHeader."""
    if data.startswith(SIGNATURE):
        return _version_2(data)
    if SIGNATURE.startswith(data) or _WORD.startswith(data):
        return None
    if not data.startswith(_WORD):
        raise NoProxyHeader("neither version of the signature")
    end = data.find(b"\r\n")
    if end < 0 and len(data) < _LONGEST_V1:
        return None
    if end < 0 or end + 2 > _LONGEST_V1:
        raise NoProxyHeader("the line is too long")
    return _version_1(data[: end + 2])


def _version_1(line: bytes) -> ProxyHeader:
    if _V1_UNKNOWN.fullmatch(line) is not None:
        return ProxyHeader(ProxiedFor.UNKNOWN, len(line))
    match = _V1.fullmatch(line)
    if match is None:
        raise NoProxyHeader("the line is not well formed")
    family = ipaddress.IPv4Address if match[1] == b"4" else ipaddress.IPv6Address
    try:
        client = str(family(match[2].decode("ascii")))
        family(match[3].decode("ascii"))
    except ValueError as error:
        raise NoProxyHeader("an address is none") from error
    port = int(match[4])
    if port > 65535 or int(match[5]) > 65535:
        raise NoProxyHeader("a port is none")
    return ProxyHeader(ProxiedFor.CLIENT, len(line), client, port)


def _version_2(data: bytes) -> ProxyHeader | None:
    if len(data) < _HEAD_V2:
        return None
    version_command, family, size = struct.unpack("!BBH", data[12:_HEAD_V2])
    if version_command >> 4 != 2 or version_command & 15 > 1 or size > _LONGEST_V2:
        raise NoProxyHeader("not version 2, or too long")
    length = _HEAD_V2 + size
    if len(data) < length:
        return None
    if version_command & 15 == 0:
        return ProxyHeader(ProxiedFor.PROXY, length)  # LOCAL: whatever addresses follow are to be ignored
    if family >> 4 == 0:
        return ProxyHeader(ProxiedFor.UNKNOWN, length)  # AF_UNSPEC
    addresses = data[_HEAD_V2:length]
    if family == 0x11 and size >= 12:
        client, port = str(ipaddress.IPv4Address(addresses[:4])), addresses[8:10]
    elif family == 0x21 and size >= 36:
        client, port = str(ipaddress.IPv6Address(addresses[:16])), addresses[32:34]
    else:
        raise NoProxyHeader("no address of TCP")
    return ProxyHeader(ProxiedFor.CLIENT, length, client, int.from_bytes(port, "big"))
