"""The certificates that `tls.roots` has OpenSSL trust (shell): read once more, to be looked at and watched."""

from __future__ import annotations

import binascii
import os
import re
from collections.abc import Iterator

from fopemta.plain_file import read_plain
from fopemta.tls.file_state import FileState, state_of
from fopemta.tls.roots import HASHED, SYSTEM, RootsError

# Where the distributions keep theirs: Debian, Red Hat (two), SUSE, Alpine and the BSDs.
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
    """The file or folder that `roots` ("system", a file, a folder) stands for, and its certificates in DER.

    Raises RootsError when there is nothing to read.
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
    """What differs once `roots` is something else than it was.  Does not raise: roots that are gone differ, too."""
    places = [roots] if roots != SYSTEM else _system_places()
    return tuple((place, state_of(place), _entries(place)) for place in places)


def _system_places() -> list[str]:
    """All that OpenSSL reads: the environment's file and folder, or those of the distribution with their folders."""
    named = [each for each in (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")) if each]
    return [*named, *_SYSTEM_FILES, *_SYSTEM_FOLDERS]


def _entries(place: str) -> tuple[tuple[str, FileState | None], ...]:
    """A folder changes with any file in it."""
    try:
        names = sorted(os.listdir(place))
    except OSError:
        return ()
    return tuple((name, state_of(os.path.join(place, name))) for name in names if HASHED.fullmatch(name))


def _system_place() -> str:
    """As OpenSSL has it: the environment comes first."""
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
