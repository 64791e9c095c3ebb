"""Commands and what stands in them: XCLIENT, xtext, the PROXY header, and what a report quotes of all that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.families.family import Family, repeated, tolerant
from fopemta.address.grammar import NotInGrammar
from fopemta.report.status import field
from fopemta.smtp.line_buffer import LineBuffer
from fopemta.smtp.proxy_header import NoProxyHeader, proxy_header
from fopemta.smtp.xclient import other_client
from fopemta.smtp.xtext import decode_unitext, decode_xtext

# As with addresses: beyond what a command line or a header may have.
_LONGEST = 1 << 17
_SEGMENT = 1460


def _text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    return tolerant(lambda octets: read(octets.decode("utf-8")), NotInGrammar)


def _proxied(octets: bytes) -> None:
    """As it comes, in segments: what came before is looked at again each time."""
    for end in range(_SEGMENT, len(octets) + _SEGMENT, _SEGMENT):
        try:
            if proxy_header(octets[:end]) is not None:
                return
        except NoProxyHeader:
            return


def _lines(octets: bytes) -> None:
    lines = LineBuffer(2048)
    for start in range(0, len(octets), _SEGMENT):
        lines.feed(octets[start : start + _SEGMENT])
        while lines.next_line() is not None:
            pass


FAMILIES = (
    Family("xclient.names", repeated(b"NAME=a "), _text(other_client), _LONGEST),
    Family("xclient.escapes", repeated(b"+41", b"LOGIN="), _text(other_client), _LONGEST),
    Family("xclient.address", repeated(b":", b"ADDR=IPV6:"), _text(other_client), _LONGEST),
    Family("xtext.escapes", repeated(b"+2B"), _text(decode_xtext), _LONGEST),
    Family("xtext.plus", repeated(b"+"), _text(decode_xtext), _LONGEST),
    Family("xtext.unitext", repeated(rb"\x{1F600}"), _text(decode_unitext), _LONGEST),
    Family("xtext.open", repeated(rb"\x{"), _text(decode_unitext), _LONGEST),
    Family("proxy.unknown", repeated(b"x", b"PROXY UNKNOWN "), _proxied),
    Family("proxy.digits", repeated(b"1", b"PROXY TCP4 "), _proxied),
    Family("proxy.tlvs", repeated(b"\4\0\0", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"), _proxied),
    Family("quoted.words", repeated(b"a "), lambda octets: field("Diagnostic-Code", *octets.decode().split(" "))),
    Family("quoted.long-word", repeated(b"a"), lambda octets: field("Diagnostic-Code", octets.decode())),
    Family("commands.lines", repeated(b"\r\n"), _lines),
    Family("commands.endless", repeated(b"x"), _lines),
    Family("commands.returns", repeated(b"\r"), _lines),
)
