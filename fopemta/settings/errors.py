"""Errors in a configuration (pure)."""

from __future__ import annotations

from collections.abc import Sequence

import attrs


@attrs.frozen
class ConfigurationError:
    """One error: `key` is dotted, as in `listener[0].endpoint` (arrays count from 0), or "" for the whole file."""

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


class ConfigurationErrors(Exception):
    """A configuration is unusable; `errors` holds every reason, in the order of the contract."""

    def __init__(self, errors: Sequence[ConfigurationError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = tuple(errors)
