"""Texts of the configuration: words from a list, paths, names, addresses, networks (pure)."""

from __future__ import annotations

import enum
import ipaddress
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import attrs

from fopemta.address.ip import Network
from fopemta.address.mailbox import Mailbox
from fopemta.address.written import (
    NotWritten,
    domain_pattern,
    suggestion,
    written_address,
    written_domain,
    written_local_part,
)
from fopemta.settings.place import NotValid, Place, Reader, array, plain, shown

T = TypeVar("T")

_PRINTABLE = re.compile(r"[ -~]*")
_LONGEST_BANNER = 200
_PORT = re.compile(r"[0-9]{1,5}")
_FINGERPRINT = re.compile(r"(?:sha256:)?((?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2})")


def text_of(value: object) -> str:
    """A text that is not empty and has no control characters.  Raises NotValid."""
    if not isinstance(value, str) or not value:
        raise NotValid(f"must be a text in quotes, not {shown(value)}")
    if not value.isprintable():
        raise NotValid(f"must not hold control characters: {shown(value)}")
    return value


def one_of(words: Mapping[str, Any], form: str = "") -> Reader:
    """Make a reader for one of a few words, each with its value; `form` describes them if they are too many to list."""
    listed = ", ".join(f'"{word}"' for word in words)

    def read(value: object) -> Any:
        if not isinstance(value, str) or value not in words:
            raise NotValid(f"must be one of {listed}, not {shown(value)}")
        return words[value]

    return plain(read, form or any_of(f'"{word}"' for word in words))


def any_of(words: Iterable[str]) -> str:
    """Words in a row: "a, b or c"."""
    *before, last = words
    return f"{', '.join(before)} or {last}" if before else last


@attrs.frozen
class PathReader:
    """Make a reader of paths, relative to the file's folder; `reserved` words have another meaning and are
    unchanged.
    """

    reserved: tuple[str, ...] = ()

    def __call__(self, value: object, place: Place) -> Any:
        """Read it (a Reader)."""
        try:
            text = text_of(value)
        except NotValid as error:
            return place.wrong(str(error))
        return text if text in self.reserved else resolved(text, place.folder)

    @property
    def form(self) -> str:
        """As of `Single`."""
        return any_of(["path", *(f'"{word}"' for word in self.reserved)])


def path(*reserved: str) -> Reader:
    """See `PathReader`."""
    return PathReader(reserved)


def resolved(text: str, folder: str) -> str:
    """The absolute path of `text`, relative to `folder`."""
    return posixpath.normpath(posixpath.join(folder, text))


def banner_of(value: object) -> str:
    """The text after the host name in the greeting: printable ASCII, may be empty.  Raises NotValid."""
    if not isinstance(value, str) or not _PRINTABLE.fullmatch(value) or len(value) > _LONGEST_BANNER:
        raise NotValid(f"must be at most {_LONGEST_BANNER} characters of printable ASCII, not {shown(value)}")
    return value


def _written(read: Callable[[str], T], value: object) -> T:
    """Read by a function of `address.written`; its error is shown with the value."""
    text = text_of(value)
    try:
        return read(text)
    except NotWritten as error:
        raise NotValid(f"must be {error.wanted}, not {shown(value)}{suggestion(error.meant)}") from error


def domain_of(value: object) -> str:
    """A domain in canonical form: lower case, A-labels (RFC 5890), no final dot."""
    return _written(written_domain, value)


def pattern_of(value: object) -> str:
    """A domain, "*.example.org" for all its sub-domains, "@example.org" for both, or an address literal."""
    return _written(domain_pattern, value)


def route_domain_of(value: object) -> str:
    """Like `pattern_of`, or "*" for all domains that no other route names."""
    return "*" if value == "*" else pattern_of(value)


def mailbox_of(value: object) -> Mailbox:
    """A mailbox, `local_part@domain`."""
    return _written(written_address, value)


def local_part_of(value: object) -> str:
    """A local part, without quotes."""
    return _written(written_local_part, value)


def network_of(value: object) -> Network:
    """A network or a single address: "192.0.2.0/24", "2001:db8::/32", "127.0.0.1"."""
    text = text_of(value)
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        try:
            meant = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise NotValid(f'must be a network such as "192.0.2.0/24", not {shown(value)}') from error
        raise NotValid(f'has host bits set: {shown(value)}; the network is "{meant}"') from error


def ip_address_of(value: object) -> str:
    """An IPv4 or IPv6 address in its usual form."""
    text = text_of(value)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise NotValid(f'must be an address such as "192.0.2.1" or "2001:db8::1", not {shown(value)}') from error


def nameserver_of(value: object) -> tuple[str, int]:
    """The address and port of "127.0.0.1:53", "127.0.0.1", "[::1]:53" or "::1"."""
    text = text_of(value)
    host, found_port = (text, 53) if is_address(text) else split_port(text)
    if not is_address(host):
        raise NotValid(f'must be an address such as "127.0.0.1:53" or "[::1]:53", not {shown(value)}')
    return host, found_port or 53


def proxy_of(value: object) -> str:
    """The URL of an HTTP proxy, "http://proxy.example.org:3128", or "off"."""
    text = text_of(value)
    if text == "off":
        return text
    scheme, _, rest = text.partition("://")
    host, found_port = split_port(rest.removesuffix("/"))
    if scheme != "http" or found_port is None or not (is_address(host) or _is_domain(host)):
        raise NotValid(f'must be "off" or a URL such as "http://proxy.example.org:3128", not {shown(value)}')
    return text.removesuffix("/")


def http_url_of(value: object) -> str:
    """The URL of something fetched by plain HTTP, or "off"."""
    text = text_of(value)
    host, _ = split_port(text.partition("://")[2].partition("/")[0])
    if text != "off" and (not text.startswith("http://") or not (is_address(host) or _is_domain(host))):
        raise NotValid(f'must be "off" or a URL such as "http://crl.example.org/ca.crl", not {shown(value)}')
    return text


def fingerprint_of(value: object) -> str:
    """A SHA-256 fingerprint, with or without colons and "sha256:" before it, in lower-case hex without them."""
    match = _FINGERPRINT.fullmatch(text_of(value))
    if match is None:
        raise NotValid(f"must be a SHA-256 fingerprint (64 hex digits), not {shown(value)}")
    return match[1].replace(":", "").lower()


def certificate_identity_of(value: object) -> str:
    """The name in a certificate, or the SHA-256 fingerprint of the certificate or its key."""
    if isinstance(value, str) and _FINGERPRINT.fullmatch(value):
        return fingerprint_of(value)
    return domain_of(value)


@attrs.frozen
class WordOrDomains:
    """One of a few words, each standing for a value, or a list of domains, at least one."""

    words: Mapping[str, Any]

    def __call__(self, value: object, place: Place) -> Any:
        """Read it (a Reader)."""
        if isinstance(value, str):
            return one_of(self.words)(value, place)
        names = array(domain)(value, place)
        return place.wrong("must name at least one") if names == () else names

    @property
    def form(self) -> str:
        """As of `Single`."""
        return any_of([*(f'"{word}"' for word in self.words), "list of domains"])


def _is_domain(text: str) -> bool:
    try:
        return domain_of(text) == text
    except NotValid:
        return False


def split_port(text: str) -> tuple[str, int | None]:
    """Host and port of `host`, `host:port`, `[address]` or `[address]:port`.  Raises NotValid."""
    if text.startswith("["):
        host, closing, rest = text[1:].partition("]")
        if not closing or not is_address(host) or (rest and not rest.startswith(":")):
            raise NotValid(f'must be an address in brackets, as "[2001:db8::1]:25", not {shown(text)}')
        return host, _port_of(rest[1:], text) if rest else None
    if text.count(":") > 1:
        raise NotValid(f'must have an IPv6 address in brackets, as "[2001:db8::1]:25", not {shown(text)}')
    host, colon, port = text.partition(":")
    return host, _port_of(port, text) if colon else None


def _port_of(text: str, whole: str) -> int:
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= 65535:
        raise NotValid(f"must have a port from 1 to 65535 behind its colon, not {shown(whole)}")
    return int(text)


def is_address(text: str) -> bool:
    """Whether `text` is an IP address, without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def words_of(enumeration: type[enum.Enum], form: str = "") -> Reader:
    """One of the values of an enum, which are what people write."""
    return one_of({each.value: each for each in enumeration}, form)


banner = plain(banner_of, "text")
domain = plain(domain_of, "domain")
pattern = plain(pattern_of, "domain or pattern")
route_domain = plain(route_domain_of, "domain or pattern")
postmaster = plain(mailbox_of, "address")
network = plain(network_of, "network")
ip_address = plain(ip_address_of, "IP address")
nameserver = plain(nameserver_of, "IP address with or without port")
proxy = plain(proxy_of, 'URL or "off"')
http_url = plain(http_url_of, 'URL or "off"')
text = plain(text_of, "text")
fingerprint = plain(fingerprint_of, "SHA-256 fingerprint")
certificate_identity = plain(certificate_identity_of, "domain or SHA-256 fingerprint")
