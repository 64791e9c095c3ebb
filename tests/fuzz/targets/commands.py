"""Addresses and what else stands in commands; the PROXY header; what is quoted of it; the names of mailboxes."""

from __future__ import annotations

import ipaddress
import posixpath
from collections.abc import Callable
from typing import TypeVar

from fopemta.address.grammar import NotInGrammar, canonical_domain, mailbox
from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import RecipientOptions
from fopemta.mail.login import Challenge
from fopemta.mail.reply import Reply
from fopemta.policy.mailbox_name import maildir_of
from fopemta.report.status import field
from fopemta.report.wording import clean
from fopemta.smtp.commands import Command, SessionFacts, chunk_of, parse
from fopemta.smtp.extensions import Offered
from fopemta.smtp.grammar import host_name, parameters, split_path
from fopemta.smtp.proxy_header import NoProxyHeader, ProxiedFor, ProxyHeader, proxy_header
from fopemta.smtp.sasl import Claim, Login, Plain, Rejected
from fopemta.smtp.sasl_lines import initial_response, response
from fopemta.smtp.scram import ITERATIONS, ClientProof, Named, Scram, false_verifier
from fopemta.smtp.xclient import UNKNOWN, OtherClient, other_client
from fopemta.smtp.xtext import decode_unitext, decode_xtext, encode_unitext, encode_xtext
from tests.fuzz.targets.target import Target

_T = TypeVar("_T")

_LONGEST_PATH = 256
_LONGEST_DOMAIN = 255
# SASLprep may make one letter into several (RFC 4013 2.2: NFKC).
_LONGEST_CREDENTIAL = 1024 * 18


def _text(read: Callable[[str], _T], check: Callable[[_T], None]) -> Callable[[bytes], None]:
    """Of what is UTF-8 at all, as the commands decode it; what is not in the grammar is refused by `read` alone."""

    def read_octets(octets: bytes) -> None:
        try:
            found = read(octets.decode("utf-8"))
        except UnicodeDecodeError:
            return
        except NotInGrammar as flaw:
            assert str(flaw).isprintable()
            assert str(flaw).isascii()
            return
        check(found)

    return read_octets


class _Client:
    """A client to whom all is offered; `home` its domain where it need not name one."""

    def __init__(self, home: str | None) -> None:
        self.offered = Offered(message_size=1000, recipients=3, mechanisms=("PLAIN",), require_tls=True, xclient=True)
        self.utf8 = True
        self.home = home


def _command(octets: bytes) -> None:
    for home in (None, "home.test"):
        client: SessionFacts = _Client(home)
        parsed = parse(octets, client)
        if isinstance(parsed, Reply):
            assert parsed.code >= 400
            assert all(line.isascii() and line.isprintable() for line in parsed.lines)
        else:
            _check_command(parsed)
    chunk = chunk_of(octets)
    assert chunk is None or 0 <= chunk.octets < 2**63


def _check_command(command: Command) -> None:
    assert command.name.isascii()
    assert command.name.isprintable()
    if command.path is not None and command.path.domain:
        assert mailbox(str(command.path)) == command.path
    assert isinstance(command.recipient, RecipientOptions)


def _path(text: str) -> Mailbox:
    path, rest = split_path(text, lenient=not text.startswith("<"))
    for name in parameters(rest):
        assert name == name.upper()
    return mailbox(path)


def _address(found: Mailbox) -> None:
    assert len(found.domain) <= _LONGEST_DOMAIN
    _domain(found.domain)
    if len(str(found).encode()) <= _LONGEST_PATH - 2:
        assert mailbox(str(found)) == found


def _domain(domain: str) -> None:
    assert domain.isascii()
    assert domain.startswith("[") or domain == domain.lower()
    assert canonical_domain(domain) == domain


def _host_name(name: str) -> None:
    assert name.isascii()
    assert name.isprintable()
    assert 0 < len(name) <= _LONGEST_DOMAIN
    assert host_name(name) == name


def _xclient(found: OtherClient) -> None:
    if found.address not in (None, UNKNOWN):
        assert str(ipaddress.ip_address(str(found.address))) == found.address
    assert found.login is None or (found.login.isascii() and found.login.isprintable())


def _xtext(decoded: str) -> None:
    assert decode_xtext(encode_xtext(decoded)) == decoded


def _unitext(decoded: str) -> None:
    assert encode_unitext(decoded).isascii()
    assert decode_unitext(encode_unitext(decoded)) == decoded


def _proxy(octets: bytes) -> None:
    header = _header(octets)
    if not isinstance(header, ProxyHeader):
        return
    assert 0 < header.length <= len(octets)
    # It is known as soon as it is whole, not before, and nothing behind it matters.
    assert _header(octets[: header.length]) == header
    assert _header(octets[: header.length - 1]) is None
    if header.speaker is ProxiedFor.CLIENT:
        # Version 2: nothing of the addresses is read from what follows.
        assert octets[:5] == b"PROXY" or header.length >= (52 if ":" in header.address else 28)
        assert str(ipaddress.ip_address(header.address)) == header.address
        assert 0 <= header.port <= 65535
    else:
        assert (header.address, header.port) == ("", 0)


def _header(octets: bytes) -> ProxyHeader | str | None:
    try:
        return proxy_header(octets)
    except NoProxyHeader:
        return "none"


def _sasl(octets: bytes) -> None:
    """Lines of the client, as they come after AUTH."""
    lines = octets.split(b"\n")
    first = initial_response(lines[0].decode("ascii")) if lines[0].isascii() else None
    responses = [each for each in (first, *map(response, lines[1:])) if not isinstance(each, Reply)]
    for dialogue in (Plain(), Login()):
        for each in responses:
            step = dialogue.respond(each)
            if isinstance(step, Claim):
                assert len(step.name.encode()) <= _LONGEST_CREDENTIAL
                assert len(step.password.encode()) <= _LONGEST_CREDENTIAL
            if not isinstance(step, Challenge):
                break
    _scram(responses)


def _scram(responses: list[bytes | None]) -> None:
    """Nobody knows the password."""
    verifier, scram = false_verifier("anna", b"secret", ITERATIONS), Scram("0123456789")
    for each in responses:
        step = scram.respond(each)
        if isinstance(step, Named):
            scram.challenge(verifier)
        elif isinstance(step, ClientProof):
            assert not step.fits(verifier)
        if isinstance(step, Rejected):
            break


def _quoted(octets: bytes) -> None:
    """In a field of a report: ASCII where that is wanted, in lines that may be sent."""
    for ascii_only in (False, True):
        words = clean(octets.decode("utf-8", "replace"), ascii_only=ascii_only)
        text = field("Diagnostic-Code", "smtp;", *words.split())
        assert text.isascii() or not ascii_only
        assert text.endswith("\n")
        first, *others = text[:-1].split("\n")
        assert first.startswith("Diagnostic-Code: smtp;")
        assert all(line.startswith(" ") for line in others)
        assert all(line.isprintable() and len(line.encode()) <= 998 for line in (first, *others))


def _maildir(found: Mailbox) -> None:
    path = maildir_of("/var/mail/{domain}/{local_part}/Maildir", found)
    if path is not None:
        assert posixpath.normpath(path) == path
        assert path.startswith("/var/mail/")
        assert path.count("/") == 5
        assert "\0" not in path


TARGETS = (
    Target("commands", _command, ("commands",)),
    Target("addresses", _text(_path, _address), ("addresses",), 512),
    Target("domains", _text(canonical_domain, _domain), ("addresses",), 300),
    Target("host-names", _text(host_name, _host_name), ("addresses",), 300),
    Target("xclient", _text(other_client, _xclient), ("xclient",), 512),
    Target("xtext", _text(decode_xtext, _xtext), ("xtext",), 512),
    Target("unitext", _text(decode_unitext, _unitext), ("xtext",), 512),
    Target("proxy", _proxy, ("proxy",), 512),
    Target("sasl", _sasl, (), 2048),
    Target("quoted", _quoted, ("quoted",)),
    Target("maildir-names", _text(mailbox, _maildir), (), 300),
)
