"""Every key that takes an address or a domain reads it by the one grammar: `address.written`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config import rules
from fopemta.config.load import FILE
from fopemta.policy import aliases, recipient_list
from fopemta.settings.place import WRONG, Place, Reader
from fopemta.settings.section import Section, sections
from fopemta.users.account import NotAnAccount, account_of
from tests.users.accounts import ALICE_HASH

# Keys whose text may look like a domain and is none, with what it is.
OTHER_TEXTS = {
    "node.banner": "text", "node.spool": "path", "node.state": "path", "node.drop": "path",
    "tls.server.client_roots": "path",
    "tls.server.certificates.chain": "path", "tls.server.certificates.key": "path", "tls.client.roots": "path",
    "users.file": "path", "aliases.file": "path", "control.socket": "path", "route.roots": "path",
    "route.certificate.chain": "path", "route.certificate.key": "path", "route.recipients": "path", "log.text": "path",
    "log.json": "path", "rules": "path", "route.etrn_logins": "login names",
    "rule.owner": "text", "rule.reason": "text", "rule.name": "text", "when.users": "login names",
    "when.subject": "text", "when.body": "text", "when.attachments": "file names", "when.headers": "text",
    "force_tls.roots": "path", "require_tls.issuers": "RFC 4514 names", "reject.text": "text", "defer.text": "text",
    "add_header.name": "a header's name", "add_header.value": "text",
}  # fmt: skip
# All others that take one, in the shape in which they do.
TAKE_DOMAINS = {
    "node.hostname", "node.postmaster", "listener.blocklists", "relay.certificates",
    "relay.domains", "route.domain", "route.via", "route.names", "route.etrn_certificates", "when.senders",
    "when.recipients", "force_tls.names", "require_tls.names", "redirect.to", "bcc.to", "route_action.via",
}  # fmt: skip

SHAPES: tuple[Callable[[str], object], ...] = (
    lambda text: text,
    lambda text: [text],
    lambda text: f"u@{text}",
    lambda text: [f"u@{text}"],
    lambda text: f"smtp:{text}",
    lambda text: {"X-Any": [text]},
)
SAME = {
    "example.org": ("Example.ORG", "example.org.", "ｅｘａｍｐｌｅ.org"),
    "xn--bcher-kva.example": ("BÜCHER.example", "bu\u0308cher.example.", "XN--BCHER-KVA.Example"),
}
BAD = ("exam ple.org", "example..org", "example.org:", "-a.example", "☃.example", "example.org,a.org", "[example.org]")


def read(reader: Reader, value: object) -> object:
    place = Place("", "/etc", [])
    found = reader(value, place)
    return WRONG if place.errors else found


def keys() -> Iterator[tuple[str, Reader]]:
    """(name, reader) of every key of both files that is no table by itself."""
    yield from leaves(FILE, "")
    yield from leaves(rules.BLOCK, "rule.")
    yield from leaves(rules.CONDITIONS, "when.")
    for word, action in rules.ACTIONS.items():
        yield from leaves(action, f"{'route_action' if word == 'route' else word}.")


def leaves(section: Section, before: str) -> Iterator[tuple[str, Reader]]:
    tables = {name for name, _ in sections(section)}
    for name, inner in sections(section):
        for word, key in inner.keys.items():
            dotted = f"{name}.{word}" if name else word
            if dotted not in tables and word not in ("when", "unless", "then"):
                yield before + dotted, key.read


def shape_of(reader: Reader) -> Callable[[str], object] | None:
    return next((shape for shape in SHAPES if read(reader, shape("example.org")) is not WRONG), None)


class KeyTests(SynchronousTestCase):
    def test_every_key_that_takes_one_is_known(self) -> None:
        taking = {name for name, reader in keys() if shape_of(reader) is not None}
        self.assertEqual(taking - set(OTHER_TEXTS), TAKE_DOMAINS)
        self.assertEqual(set(OTHER_TEXTS) - taking, set())

    def test_each_reads_all_spellings_as_one(self) -> None:
        for name, reader in keys():
            if name not in TAKE_DOMAINS:
                continue
            shape = shape_of(reader)
            assert shape is not None
            for canonical, others in SAME.items():
                expected = read(reader, shape(canonical))
                self.assertNotEqual(expected, WRONG, name)
                for other in others:
                    self.assertEqual(read(reader, shape(other)), expected, (name, other))

    def test_each_refuses_what_can_match_nothing(self) -> None:
        for name, reader in keys():
            if name not in TAKE_DOMAINS:
                continue
            shape = shape_of(reader)
            assert shape is not None
            for text in BAD:
                self.assertIs(read(reader, shape(text)), WRONG, (name, text))

    def test_an_error_says_what_was_meant(self) -> None:
        for name, reader in keys():
            if name in ("when.recipients", "when.senders", "relay.domains", "route.domain"):
                place = Place("", "/etc", [])
                shape = shape_of(reader)
                assert shape is not None
                reader(shape(".gov"), place)
                self.assertIn('did you mean "*.gov"?', place.errors[0].message, name)


class FileTests(SynchronousTestCase):
    """The files beside the configuration."""

    def test_same_spellings(self) -> None:
        for canonical, others in SAME.items():
            for other in others:
                listed = [recipient_list.parse(f"U@{each}\n") for each in (canonical, other)]
                self.assertEqual(*listed)
                read_aliases = [aliases.parse(f"a: u@{each}\n", lambda _: False) for each in (canonical, other)]
                self.assertEqual(*read_aliases)
                users = [account_of(f"a password={ALICE_HASH} sender=u@{each}").senders for each in (canonical, other)]
                self.assertEqual(*users)

    def test_bad_spellings(self) -> None:
        for text in BAD:
            if "," not in text:
                self.assertIsInstance(aliases.parse(f"a: u@{text}\n", lambda _: False), tuple, text)
            self.assertIsInstance(recipient_list.parse(f"u@{text}\n"), tuple, text)
            self.assertRaises(NotAnAccount, account_of, f"a password={ALICE_HASH} sender=u@{text}")
