"""The certificates that `tls.roots` makes OpenSSL trust (shell), read again for display and for watching."""

from __future__ import annotations

import binascii
import os
import re
from collections.abc import Iterator

from fopemta.plain_file import read_plain
from fopemta.tls.file_state import FileState, state_of
from fopemta.tls.roots import HASHED, SYSTEM, RootsError

# The usual places of the distributions: Debian, Red Hat (two), SUSE, Alpine and the BSDs.
_SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_SYSTEM_FOLDERS = ("/etc/ssl/certs", "/etc/pki/tls/certs")
_BLOCK = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----(.*?)-----END (?:X509 )?CERTIFICATE-----", re.DOTALL)


def certificates_of(roots: str) -> tuple[str, tuple[bytes, ...]]:
    """The file or folder of `roots` ("system", a file, a folder), and its certificates in DER.

    Raises RootsError if there is nothing to read.
    """
    place = _system_place() if roots == SYSTEM else roots
    try:
        found = tuple(der for path in _files(place) for der in _ders(path))
    except OSError as error:
        raise RootsError(f"{place}: {error.strerror}") from error
    if not found:
        raise RootsError(f"{place}: holds no PEM certificates that can be read")
    return place, found


def look_at(roots: str) -> object:
    """A value that changes whenever `roots` change.  Does not raise: missing roots have a value, too."""
    places = [roots] if roots != SYSTEM else _system_places()
    return tuple((place, state_of(place), _entries(place)) for place in places)


def _system_places() -> list[str]:
    """Every place that OpenSSL reads: the file and folder of the environment, or those of the distribution."""
    named = [each for each in (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")) if each]
    return [*named, *_SYSTEM_FILES, *_SYSTEM_FOLDERS]


def _entries(place: str) -> tuple[tuple[str, FileState | None], ...]:
    """A folder with the state of each file in it."""
    try:
        names = sorted(os.listdir(place))
    except OSError:
        return ()
    return tuple((name, state_of(os.path.join(place, name))) for name in names if HASHED.fullmatch(name))


def _system_place() -> str:
    """The place that OpenSSL uses: the environment takes precedence."""
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    if named:
        return named
    for path in _SYSTEM_FILES:
        if os.path.exists(path):
            return path
    raise RootsError("this system keeps no roots where they are usually kept; name a file in [tls.client] roots")


def _files(place: str) -> Iterator[str]:
    if not os.path.isdir(place):
        yield place
        return
    for name in sorted(os.listdir(place)):
        if HASHED.fullmatch(name):
            yield os.path.join(place, name)


def _ders(path: str) -> Iterator[bytes]:
    text = read_plain(path)[0]
    for block in _BLOCK.finditer(text):
        try:
            yield binascii.a2b_base64(block[1])
        except binascii.Error:
            yield b""  # counted, as unreadable
