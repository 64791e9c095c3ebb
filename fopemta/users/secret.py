"""The secret behind false SCRAM salts: made once and kept for ever, or changed salts would reveal which names exist."""

from __future__ import annotations

import os
import secrets

from fopemta.plain_file import read_plain, replace_durably
from fopemta.private_folder import make_private_folders

_NAME = "login-secret"
_LENGTH = 32


class SecretUnusable(Exception):
    """There is no secret and none can be made; the message says why."""


def kept_secret(directory: str) -> bytes:
    """The secret in `directory`, made if missing.  Raises SecretUnusable."""
    path = os.path.join(directory, _NAME)
    try:
        if not os.path.exists(path):
            _make(path, directory)
        secret = read_plain(path, 2 * _LENGTH)[0]
    except OSError as error:
        raise SecretUnusable(f"{error.filename or path}: {error.strerror}") from error
    if len(secret) != _LENGTH:
        raise SecretUnusable(f"{path}: does not hold {_LENGTH} octets; remove it to have a new one made")
    return secret


def _make(path: str, directory: str) -> None:
    make_private_folders(directory)
    replace_durably(path, secrets.token_bytes(_LENGTH))
