"""Messages as rules read them, as they are put into seven bits, and as `fopemta headers` reads where they have been."""

from __future__ import annotations

import json

from click.testing import CliRunner

from fopemta.cli.headers import headers
from fopemta.mail import lines
from fopemta.mail.received_chain import read_hop
from fopemta.mail.seven_bit import CannotConvert, seven_bit
from fopemta.mime.flaws import BOUNDS
from fopemta.mime.parameters import structured
from fopemta.mime.transfer import encoding_of, unencoded
from fopemta.mime.words import field_text
from fopemta.policy.content import content_facts
from fopemta.policy.facts import ContentFacts
from tests.fuzz.targets.target import Target

# What stands in place of an exception that nobody has thought of.
_UNREAD = "the message cannot be read"


def _content(octets: bytes) -> None:
    facts = content_facts(octets, True)
    _check_facts(facts)
    # A part of it is never known to be all.
    part = content_facts(octets, False)
    _check_facts(part)
    assert part.texts_gap is not None
    assert part.attachments_gap is not None


def _check_facts(facts: ContentFacts) -> None:
    gaps = (facts.headers_gap, facts.texts_gap, facts.attachments_gap, *(gap for _, gap in facts.header_gaps))
    assert all(gap is None or (gap.for_good and gap.why != _UNREAD) for gap in gaps), gaps
    for shown, otherwise in (
        (facts.headers, facts.headers_otherwise),
        (facts.texts, facts.texts_otherwise),
        (facts.attachments, facts.attachments_otherwise),
    ):
        assert len(set(shown)) == len(shown)
        assert not set(shown) & set(otherwise)


def _seven_bit(octets: bytes) -> None:
    try:
        converted = seven_bit(octets)
    except CannotConvert:
        return
    assert converted.isascii()
    assert lines.are_legal(converted)
    assert seven_bit(converted) == converted


def _field(octets: bytes) -> None:
    """The value of a header field, its folds LF and blanks."""
    text = field_text(octets)
    assert text.shown not in text.otherwise
    found = structured(octets, BOUNDS)
    assert sum(map(len, found.parameters.values())) <= BOUNDS.parameters + 1
    for values in found.parameters.values():
        for value in values:
            assert value.text is not None
    encoding = encoding_of(octets)
    assert encoding == encoding.lower()
    for name in ("base64", "quoted-printable", encoding):
        decoded = unencoded(octets, name)
        assert len(decoded.octets) <= len(octets)


def _received(octets: bytes) -> None:
    hop = read_hop(octets.decode("latin-1"))
    assert hop.bits is None or hop.bits >= 0
    assert hop.weak is None or hop.version or hop.cipher


def _headers(octets: bytes) -> None:
    """The whole command, for people and for programs."""
    for options in (["-"], ["-", "--json"]):
        done = CliRunner().invoke(headers, options, input=octets)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code in (0, 1), done.output
        assert all(line.isprintable() for line in done.output.split("\n"))
    said = json.loads(done.output)
    for hop in said["hops"]:
        assert hop["weak"] is None or hop["version"] or hop["cipher"]


TARGETS = (
    Target("content", _content, ("headers", "mime", "html")),
    Target("header-field", _field, ("headers", "mime"), 1024),
    Target("seven-bit", _seven_bit, ("seven-bit",)),
    Target("received", _received, ("received",), 1024),
    Target("headers-command", _headers, ("received",), 2048),
)
