"""The roots that a Context trusts (shell): the system's store, a PEM file, or a folder."""

from __future__ import annotations

import os
import re

from OpenSSL import SSL

from fopemta.plain_file import check_plain

# The file names that OpenSSL finds in a folder: the hash of the subject's name, a dot, a number (`openssl rehash`).
HASHED = re.compile(r"[0-9a-f]{8}\.\d+")

SYSTEM = "system"


class RootsError(Exception):
    """The roots cannot be used; the text tells the operator why and names the file."""


def trust(context: SSL.Context, roots: str) -> None:
    """Trust `roots`: "system", a PEM file, or a folder of certificates named by hash.  Raises RootsError.

    "system" is OpenSSL's default path; the wheels of `cryptography` include an OpenSSL built elsewhere, for which
    pyOpenSSL knows the places of the distributions (Debian: /etc/ssl/certs/ca-certificates.crt and the folder).
    SSL_CERT_FILE and SSL_CERT_DIR are honoured.
    """
    if roots == SYSTEM:
        context.set_default_verify_paths()
        return
    try:
        if os.path.isdir(roots):
            _check_hashed(roots)
            context.load_verify_locations(None, roots)
        else:
            check_plain(roots)
            context.load_verify_locations(roots)
    except OSError as error:
        raise RootsError(f"{roots}: {error.strerror}") from error
    except SSL.Error as error:
        raise RootsError(f"{roots}: holds no PEM certificates that can be read") from error


def _check_hashed(folder: str) -> None:
    # OpenSSL silently ignores every other name, and would then trust no authority.
    named = [name for name in os.listdir(folder) if HASHED.fullmatch(name)]
    for name in named:
        # OpenSSL opens them when it judges a certificate.
        check_plain(os.path.join(folder, name))
    if not named:
        raise RootsError(f"{folder}: holds no certificate named by its hash; run `openssl rehash {folder}`")
