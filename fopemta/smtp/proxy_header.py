"""The PROXY protocol, versions 1 and 2 (pure): who the client behind a proxy is.

Read octet-exact and bounded: nothing behind the header is touched.  https://www.haproxy.org/download/2.6/doc/
proxy-protocol.txt, sections 2.1 and 2.2.
"""

from __future__ import annotations

import ipaddress
import re
import struct

import attrs

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_WORD = b"PROXY "
# Section 2.1: the longest header of version 1, its CRLF included.
_LONGEST_V1 = 107
_HEAD_V2 = 16
# Addresses need 36 octets; the rest are TLVs, which we skip.
_LONGEST_V2 = 4096
_V1 = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f.:]{2,45}) ([0-9A-Fa-f.:]{2,45}) ([0-9]{1,5}) ([0-9]{1,5})\r\n")


class NoProxyHeader(Exception):
    """What came is no header of the PROXY protocol."""


@attrs.frozen
class ProxyHeader:
    """`client` is an address, None where the proxy speaks for itself (a health check) or does not know; `port` of it;
    `length` octets of the header.
    """

    client: str | None
    port: int
    length: int


def proxy_header(data: bytes) -> ProxyHeader | None:
    """The header at the start of `data`; None until more has come.  Raises NoProxyHeader."""
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
    if line.startswith(b"PROXY UNKNOWN"):
        return ProxyHeader(None, 0, len(line))
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
    return ProxyHeader(client, port, len(line))


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
        return ProxyHeader(None, 0, length)  # LOCAL
    addresses = data[_HEAD_V2:length]
    if family == 0x11 and size >= 12:
        return ProxyHeader(str(ipaddress.IPv4Address(addresses[:4])), int.from_bytes(addresses[8:10], "big"), length)
    if family == 0x21 and size >= 36:
        return ProxyHeader(str(ipaddress.IPv6Address(addresses[:16])), int.from_bytes(addresses[32:34], "big"), length)
    raise NoProxyHeader("no address of TCP")
